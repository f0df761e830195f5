"""The SIP helper: it reads requests and answers about calls and registrations, and expects sound, pictures and calls.

What it expects is of two kinds. Streams, as described in (``sdp``) INVITE, UPDATE, ACK, PRACK and in their answers; a new INVITE, a BYE,
or an answer that refuses (300 and more) takes them all back. And calls to somebody who registers, from his registrar only: at first
that only holds a place; the registrar's answer (200), if it names the same address again, lets them in, for as long as it says, and any
number of them. Where addresses are translated, ``sipnat`` rewrites those in the message that are the connection's own.

An ICMP error about a datagram of the client's side is read as if it were one itself: nothing begins where it should, but the connection is
kept for an hour on its account, and, translated, addresses that it quotes may be rewritten.

Over TCP a segment may hold several messages; what is not whole is let pass unread. With each packet that carries something the connection
is kept for an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import EXPECTED, SECOND
from fwtutor.netfilter.conntrack.expectation import Follow
from fwtutor.netfilter.conntrack.helpers import sdp, sipnat, siptext
from fwtutor.netfilter.conntrack.helpers.helper import Helper, Job, Kind
from fwtutor.netfilter.conntrack.helpers.numbers import WORD
from fwtutor.netfilter.conntrack.helpers.sipmessage import Message
from fwtutor.netfilter.conntrack.helpers.siptext import Field, Where
from fwtutor.netfilter.packet import TCP, UDP
from fwtutor.netfilter.rations import JIFFY

LASTS = 3600
"""Seconds a connection is kept at least after something was said on it."""
SHORTEST = len(b"SIP/2.0 200")
HEADER = 8
"""Of UDP."""
END = b"\r\n\r\n"
SIGNALLING = 0


class Sequence(NamedTuple):
    """What CSeq says."""

    number: int
    behind: int
    """Where the method's name begins."""


def read(job: Job) -> str:
    packet = job.packet
    if job.entry.original.protocol == UDP:
        at = packet.l4 + HEADER
        size = len(packet.raw) - at
        if size > 0:
            job.keep(LASTS)
        return _read_message(Message(job, at, size)) if size >= SHORTEST else ""
    if not job.established or not packet.has_l4:
        return ""
    at = packet.l4 + packet.doff
    if at >= len(packet.raw):
        return ""
    job.keep(LASTS)
    return _read_stream(job, at) if len(packet.raw) - at >= SHORTEST else ""


def _read_stream(job: Job, at: int) -> str:
    longer = 0
    while True:
        left = job.packet.raw[at:]
        size = _size(left)
        if size is None:
            break
        if size > len(left):
            # What was rewritten before it in this segment moves no numbers then.
            return ""
        message = Message(job, at, size)
        fault = _read_message(message)
        if fault:
            return fault
        longer += message.size - size
        at += message.size
    if job.translated and longer:
        job.move_numbers(longer)
    return ""


def _size(text: bytes) -> int | None:
    """Of the first message, up to where it says it ends; None when it does not."""
    length = siptext.field(text, 0, siptext.LENGTH, 4)
    if length is None or not length.found:
        return None
    content, end = siptext.number(text, length.start)
    if end == length.start or content > len(text):
        return None
    head = text.find(END, end)
    return None if head < 0 else head + len(END) + content


def _read_message(message: Message) -> str:
    answer = message.text[:8].upper() == b"SIP/2.0 "
    fault = _read_answer(message) if answer else _read_request(message)
    return fault or (sipnat.translate(message) if message.job.translated else "")


def _sequence(message: Message) -> Sequence | None:
    text = message.text
    found = siptext.field(text, 0, siptext.CSEQ, message.family)
    if found is None or not found.found:
        return None
    value, end = siptext.number(text, found.start)
    return Sequence(value, found.end + 1) if end > found.start else None


NO_SEQUENCE = "its CSeq cannot be read"

# --- requests ----------------------------------------------------------------------------------------------------


def _read_request(message: Message) -> str:
    text, here = message.text, message.job.here
    via = siptext.uri(text, siptext.VIA[UDP], message.family)
    if via is not None and via.address == here.src and via.port != here.sport:
        message.remember(via=via.port)
    for name, handler in REQUESTS.items():
        rest = text[len(name) : len(name) + 2]
        if text[: len(name)].upper() == name and rest[:1] == b" " and siptext.is_letter(rest[1:]):
            sequence = _sequence(message)
            return NO_SEQUENCE if sequence is None else handler(message, sequence.number)
    return ""


def _invite(message: Message, number: int) -> str:
    _flush(message)
    fault = sdp.process(message)
    if not fault:
        message.remember(invited=number)
    return fault


def _describe(message: Message, number: int) -> str:
    return sdp.process(message)


def _bye(message: Message, number: int) -> str:
    _flush(message)
    return ""


def _flush(message: Message) -> None:
    """The streams are over: the youngest goes first."""
    expectations = message.job.expectations
    for one in reversed(expectations.of(message.job.entry.id)):
        if one.kind != SIGNALLING:
            expectations.withdraw(one)


def _register(message: Message, number: int) -> str:
    job, text = message.job, message.text
    # Who was expected himself is not registered.
    if job.entry.status & EXPECTED:
        return ""
    contact = siptext.uri(text, siptext.CONTACT, message.family)
    if contact is None or contact.address != job.here.src or not _same_transport(message, contact):
        return ""
    expires = _expires(message, contact, _general_expires(message))
    if expires is None:
        return "its expires= is no number"
    fault = _expect_calls(message, contact) if expires else ""
    if not fault:
        message.remember(registered=number)
    return fault


def _expect_calls(message: Message, contact: Field) -> str:
    job = message.job
    one = job.draft(
        job.entry.original.protocol, job.back.src, contact.address, contact.port, SIGNALLING,
        child_helper=job.helper.name, permanent=True, inactive=True,
    )  # fmt: skip
    if not job.translated:
        return job.propose(one)
    shown = contact.address if job.here.src == job.back.dst else job.back.dst
    port = job.back.dport if contact.port == (message.memory.via or job.here.sport) else contact.port
    follows = Follow(1 - job.direction, contact.port, contact.address)
    told, fault = job.propose_near(one._replace(tuple=one.tuple._replace(dst=shown, dport=port), follows=follows))
    if told and (shown, told) != (contact.address, contact.port):
        fault = message.put(contact.start, contact.end, sipnat.end_text(message.family, shown, told))
    return fault


def _general_expires(message: Message) -> int:
    found = siptext.field(message.text, 0, siptext.EXPIRES, message.family)
    return siptext.number(message.text, found.start)[0] if found is not None and found.found else 0


def _expires(message: Message, contact: Field, general: int) -> int | None:
    """Seconds, as said of this address or in general. None: it cannot be read."""
    found = siptext.number_parameter(message.text, contact.end, b"expires=")
    if found is None:
        return general
    return found.port if found.found else None


def _same_transport(message: Message, contact: Field) -> bool:
    said = siptext.word_parameter(message.text, contact.end, b"transport=")
    return said is None or said[:3] == (b"TCP" if message.job.entry.original.protocol == TCP else b"UDP")


# --- answers -----------------------------------------------------------------------------------------------------


def _read_answer(message: Message) -> str:
    text = message.text
    code = siptext.number(text, 8)[0]
    if not code:
        return "its code is no number"
    sequence = _sequence(message)
    if sequence is None:
        return NO_SEQUENCE
    for name in (b"INVITE", b"UPDATE", b"PRACK"):
        if text[sequence.behind : sequence.behind + len(name)].upper() == name:
            return _described(message, sequence.number, code)
    if text[sequence.behind : sequence.behind + 8].upper() == b"REGISTER":
        return _registered(message, sequence.number, code)
    return ""


def _described(message: Message, number: int, code: int) -> str:
    if 100 <= code < 300:
        return sdp.process(message)
    if message.memory.invited == number:
        _flush(message)
    return ""


def _registered(message: Message, number: int, code: int) -> str:
    job = message.job
    if message.memory.registered != number or 100 <= code < 200:
        return ""
    where, general = Where(), _general_expires(message)
    while 200 <= code < 300 and (contact := siptext.uri(message.text, siptext.CONTACT, message.family, where)) is not None:
        where = Where(contact.end, True)
        if contact.address != job.here.dst or not _same_transport(message, contact):
            continue
        expires = _expires(message, contact, general)
        if expires is None:
            return "its expires= is no number"
        if not expires:
            break
        if _let_in(message, contact, expires):
            return ""
    for one in job.expectations.of(job.entry.id, SIGNALLING)[-1:]:
        job.expectations.withdraw(one)
    return ""


def _let_in(message: Message, contact: Field, seconds: int) -> bool:
    """Whether somebody is expected there: he may come now, for so long."""
    job = message.job
    wanted = contact.address, job.entry.original.protocol, contact.port
    for one in reversed(job.expectations.of(job.entry.id, SIGNALLING)):
        if (one.tuple.dst, one.tuple.protocol, one.tuple.dport) == wanted:
            # Counted in ticks, of 32 bits.
            job.expectations.replace(one, one._replace(inactive=False, expires=job.at + (seconds * (SECOND // JIFFY) & WORD) * JIFFY))
            return True
    return False


REQUESTS: dict[bytes, Callable[[Message, int], str]] = {
    b"INVITE": _invite, b"UPDATE": _describe, b"ACK": _describe, b"PRACK": _describe, b"BYE": _bye, b"REGISTER": _register,
}  # fmt: skip

SIP = Helper(
    "sip", frozenset((family, protocol) for family in (4, 6) for protocol in (TCP, UDP)),
    (Kind("signalling", 1, 180), Kind("audio", 4, 180), Kind("video", 4, 180), Kind("image", 2, 180)), read, errors=True, flattens=True,
)  # fmt: skip
