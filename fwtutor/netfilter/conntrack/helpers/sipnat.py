"""What a SIP message names of its own connection's ends, translated: in the request's first line, Via, Contact, From and To."""

from __future__ import annotations

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.entry import REPLY
from fwtutor.netfilter.conntrack.helpers import siptext
from fwtutor.netfilter.conntrack.helpers.sipmessage import Message
from fwtutor.netfilter.conntrack.helpers.siptext import Field, Where
from fwtutor.netfilter.packet import UDP


def end_text(family: int, address: int, port: int) -> bytes:
    """``address:port``."""
    return f"{bare(family, address, brackets=True)}:{port}".encode()


def bare(family: int, address: int, *, brackets: bool) -> str:
    text = format_address(family, address)
    return f"[{text}]" if family == 6 and brackets else text


def translate(message: Message) -> str:
    """Why the message is dropped, "" if it is not."""
    text, family, protocol = message.text, message.family, message.job.entry.original.protocol
    request = text[:7].upper() != b"SIP/2.0"
    asked = siptext.request_uri(text, family) if request else None
    fault = _name(message, asked) if asked else ""
    fault = fault or _via(message, siptext.uri(message.text, siptext.VIA[protocol], family), request)
    where, one = Where(), None
    while not fault and (one := siptext.uri(message.text, siptext.CONTACT, family, where)) is not None:
        fault = _name(message, one)
        # The next is looked for where this one ended before it became longer or shorter: one that follows too soon is passed over.
        where = Where(one.end, True)
    for header in (siptext.FROM, siptext.TO):
        one = None if fault else siptext.uri(message.text, header, family)
        fault = fault or (_name(message, one) if one else "")
    return fault or _to_the_port_of_via(message)


def _name(message: Message, one: Field) -> str:
    """An address and a port, if they are an end of this connection, as the other side knows them."""
    here, back = message.job.here, message.job.back
    if (one.address, one.port) == (here.src, here.sport):
        new = back.dst, back.dport
    elif (one.address, one.port) == (here.dst, here.dport):
        new = back.src, message.memory.via or back.sport
    else:
        return ""
    if new == (one.address, one.port):
        return ""
    return message.put(one.start, one.end, end_text(message.family, *new))


def _via(message: Message, via: Field | None, request: bool) -> str:
    """The first Via, and what it says besides, if it is about this connection."""
    here, back, family = message.job.here, message.job.back, message.family
    if via is None or (via.address, via.port) != ((here.src, here.sport) if request else (here.dst, here.dport)):
        return ""
    before = message.size
    fault = _name(message, via)
    # All that follows is looked for behind the Via's end as it was moved once.
    behind = via.end + message.size - before
    if fault:
        return fault
    found = siptext.address_parameter(message.text, behind, b"maddr=", family, True)
    if found and found.address == here.src != back.dst:
        fault = message.put(found.start, found.end, bare(family, back.dst, brackets=True).encode())
    found = None if fault else siptext.address_parameter(message.text, behind, b"received=", family, False)
    if found and found.address == here.dst != back.src:
        fault = message.put(found.start, found.end, bare(family, back.src, brackets=False).encode())
    found = None if fault else siptext.number_parameter(message.text, behind, b"rport=")
    if found and found.found and siptext.LOWEST <= found.port <= 65535 and found.port == here.dport != back.sport:
        fault = message.put(found.start, found.end, str(back.sport).encode())
    return fault


def _to_the_port_of_via(message: Message) -> str:
    """An answer goes to the port that the client wants it at, though it asked from another."""
    job, port = message.job, message.memory.via
    if job.direction != REPLY or not port:
        return ""
    if job.entry.original.protocol != UDP:
        return "its client wants answers at another port, which is nothing for TCP"
    at = job.packet.l4 + 2
    return job.exchange(at, at + 2, port.to_bytes(2, "big"))
