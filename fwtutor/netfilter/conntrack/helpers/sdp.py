"""The description of a session (SDP) in a SIP message: who describes where he wants to be sent sound or pictures is expected there.

Of each of the first three streams of a kind there is a port for (``m=audio 4000``), two connections are expected: the stream at the even
port, and what is said about it (RTCP) at the next. The address is that of the stream's own ``c=`` line, or else the session's; unless it
is the one the message comes from, nobody is expected there, and only the other end of the conversation is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.expectation import Expectation, Follow, Place
from fwtutor.netfilter.conntrack.expectations import ALREADY
from fwtutor.netfilter.conntrack.helpers import siptext
from fwtutor.netfilter.conntrack.helpers.sipmessage import Message
from fwtutor.netfilter.conntrack.helpers.siptext import LETTER, LINE, Field, digits
from fwtutor.netfilter.packet import UDP

STREAMS = 3
"""That are looked at, at most."""
AUDIO, VIDEO, IMAGE = 1, 2, 3
KINDS = {b"audio ": AUDIO, b"video ": VIDEO, b"image ": IMAGE}
VERSION, OWNER, CONNECTION, MEDIA = b"v=", b"o=", b"c=", b"m="
_KIND = re.compile(LETTER + rb"* [0-9]*")


def line(text: bytes, at: int, name: bytes, family: int, *, until_media: bool = False) -> Field | None:
    """The next line behind ``at``; one that is not ``found`` cannot be read."""
    for begun in LINE.finditer(text, at):
        start = begun.start(1)
        word = text[start : start + 2].lower()
        if until_media and word == MEDIA:
            return None
        if word == name:
            return _read(text, start + 2, name, family)
    return None


def _read(text: bytes, at: int, name: bytes, family: int) -> Field:
    unreadable = Field(False, at)
    if name == VERSION:
        end = digits(text, at)
        return Field(True, at, end) if end > at else unreadable
    if name == MEDIA:
        kind = _KIND.match(text, at)
        return Field(True, at, kind.end()) if kind else unreadable
    needle = b"IN IP%d " % family
    ends = [end for end in (text.find(b"\r", at), text.find(b"\n", at)) if end >= 0]
    found = text.find(needle, at, min([*ends, len(text)]))
    if found < 0 or found >= len(text) - len(needle):
        return unreadable
    begin = found + len(needle)
    read = siptext.plain_address(text, begin, family)
    return Field(True, begin, read[1], read[0]) if read else unreadable


class Stream(NamedTuple):
    """Somebody wants to be sent something."""

    kind: int
    address: int
    port: int
    start: int
    """Of the port in the message."""
    end: int


def process(message: Message) -> str:
    """Expect what a message describes; why it is dropped."""
    text, family = message.text, message.family
    session = line(text, 0, VERSION, family)
    if session is None or not session.found:
        return ""
    connection = line(text, session.start, CONNECTION, family, until_media=True)
    common = connection.address if connection and connection.found else None
    shown, at, streams = common, session.start, 0
    while streams < STREAMS:
        text = message.text
        media = line(text, at, MEDIA, family)
        if media is None or not media.found:
            break
        kind = KINDS.get(text[media.start : media.start + 6]) if media.end - media.start >= 6 else None
        if kind is None:
            at = media.end
            continue
        at = media.start + 6
        port, _ = siptext.number(text, at)
        if not port:
            continue
        if not siptext.LOWEST <= port <= 65535:
            return f"it wants to be sent something to port {port}"
        own = line(text, at, CONNECTION, family, until_media=True)
        named = own.address if own and own.found else common
        if named is None:
            return "it does not say to which address something shall be sent"
        fault, shown = _expect(message, Stream(kind, named, port, at, media.end))
        if not fault and own and own.found and message.job.translated:
            fault = _put_address(message, at, CONNECTION, shown, True)
        if fault:
            return fault
        streams += 1
    if not message.job.translated or shown is None:
        return ""
    return _put_session(message, session.start, shown)


# --- who is expected ---------------------------------------------------------------------------------------------


def _expect(message: Message, stream: Stream) -> tuple[str, int]:
    """Expect who sends a stream. Why the message is dropped, and the address the other side is told."""
    job = message.job
    if stream.address != job.here.src:
        return "", stream.address
    shown, port, direct = stream.address, stream.port, False
    while (other := _other(message, shown, port, stream.kind)) is not None:
        if direct or not job.translated or _saved(other) == (other.tuple.dst, other.tuple.dport):
            if direct:
                fault = _put_port(message, stream, port & ~1)
                return fault, shown
            return "", shown
        # Both ends are behind this box: they are told of each other's own addresses.
        (shown, port), direct = _saved(other), True
    base = port & ~1
    if direct:
        fault = _put_port(message, stream, base)
        if fault:
            return fault, shown
    pair = [job.draft(UDP, job.back.src, shown, base + place, stream.kind) for place in (0, 1)]
    if not job.translated or direct:
        return _expect_pair(message, pair), shown
    own = shown
    shown = own if job.here.src == job.back.dst else job.back.dst
    follows = [Follow(1 - job.direction, one.tuple.dport, own) for one in pair]
    pair = [one._replace(tuple=one.tuple._replace(dst=shown), follows=follow) for one, follow in zip(pair, follows, strict=True)]
    # There are no other ports to try: who is expected at the same place by the same server is so in the same words, ALREADY.
    fault = _propose(message, pair[0])
    if not fault:
        fault = _propose(message, pair[1])
        if fault:
            job.expectations.withdraw(pair[0])
    return fault, shown


def _saved(one: Expectation) -> tuple[int, int]:
    """Where it really goes; nowhere, where nothing is translated."""
    follows = one.follows
    return (0, 0) if follows is None or follows.address is None else (follows.address, follows.port)


def _other(message: Message, dst: int, port: int, kind: int) -> Expectation | None:
    """Who is expected there already, on another conversation's account."""
    job = message.job
    key = job.back._replace(dst=dst, protocol=UDP, sport=0, dport=port)
    one = job.expectations.find(Place(key.family, dst, UDP, port), key, job.entry.zone)
    if one is None or one.master == job.entry.id or one.helper != job.helper.name or one.kind != kind:
        return None
    return one if job.expectations.master_protocol(one) == job.entry.original.protocol else None


def _expect_pair(message: Message, pair: list[Expectation]) -> str:
    """Whoever is expected already, by another stream or conversation, is so for this one, too."""
    first = _propose(message, pair[0])
    if first not in ("", ALREADY):
        return first
    second = _propose(message, pair[1])
    if second in ("", ALREADY):
        return ""
    if not first:
        message.job.expectations.withdraw(pair[0])
    return second


def _propose(message: Message, one: Expectation) -> str:
    return message.job.propose(one, shared=True)


# --- what the other side is told ---------------------------------------------------------------------------------


def _put_port(message: Message, stream: Stream, port: int) -> str:
    return message.put(stream.start, stream.end, str(port).encode()) or put_length(message)


def _put_address(message: Message, at: int, name: bytes, shown: int, until_media: bool) -> str:
    place = line(message.text, at, name, message.family, until_media=until_media)
    if place is None or not place.found:
        return f"its line {name.decode()} cannot be read"
    return message.put(place.start, place.end, format_address(message.family, shown).encode()) or put_length(message)


def _put_session(message: Message, at: int, shown: int) -> str:
    said = format_address(message.family, shown).encode()
    for name in (OWNER, CONNECTION):
        place = line(message.text, at, name, message.family, until_media=True)
        if place is None or not place.found:
            if name == OWNER:
                return "its line o= cannot be read"
            break
        fault = message.put(place.start, place.end, said)
        if fault:
            return fault
    return put_length(message)


def put_length(message: Message) -> str:
    """The length of what is described, which has changed, into the message's header."""
    text, family = message.text, message.family
    session = line(text, 0, VERSION, family)
    length = siptext.field(text, 0, siptext.LENGTH, family)
    if session is None or not session.found or length is None or not length.found:
        return "its length has changed, and it does not say which it had"
    return message.put(length.start, length.end, str(len(text) - session.start + 2).encode())
