"""Reassembly of IPv6 datagrams, as connection tracking and the stack do it (RFC 8200), and cutting them up again.

Unlike IPv4's it spares a datagram the fragments that do not fit: only an overlap spoils it. What cannot be a fragment of anything
passes as it is: one that does not end at a multiple of eight, and a first one without a whole transport header.
"""

from __future__ import annotations

from itertools import pairwise
from struct import pack, pack_into
from typing import NamedTuple

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.defrag import LONGEST, Key, Piece, Waiting, Whole, congestion, insert
from fwtutor.netfilter.packet import ICMPV6, TCP, UDP, Packet

_HEADER = 8
"""Bytes of the Fragment header."""
_LEAST = {TCP: 20, UDP: 8, ICMPV6: 8}
"""Bytes of transport header the first fragment must hold; of other protocols one."""


class Gathered(NamedTuple):
    """What becomes of a fragment."""

    waiting: Waiting | None
    """What waits then."""
    whole: Whole | None = None
    """The datagram it completed."""
    alone: bool = False
    """It passes as it is."""
    refused: str = ""
    """Why it is thrown away; what waits may go on waiting."""


def is_fragment(packet: Packet) -> bool:
    return packet.fragment > 0


def cut_short(packet: Packet) -> bool:
    """Whether a Fragment header is there, but not all of it; where it would begin, at least."""
    if not packet.fragment:
        return packet.broken and packet.protocol == exthdrs.FRAGMENT and packet.l4 <= packet.length
    return packet.fragment > packet.length - _HEADER


def key_of(packet: Packet, where: str, interface: str) -> Key:
    """``interface``: what is known only on a link waits there."""
    scoped = packet.dst >> 120 == 0xFF or packet.dst >> 118 == 0x3FA
    return Key(where, packet.src, packet.dst, exthdrs.FRAGMENT, packet.id, interface if scoped else "")


def gather(waiting: Waiting, packet: Packet, mark: int, tracked: bool = True) -> Gathered:
    """Add a fragment with a whole Fragment header; ``tracked``: for connection tracking, not for the stack."""
    raw, header = packet.raw, packet.fragment
    field = raw[header + 2] << 8 | raw[header + 3]
    start, more = field & 0xFFF8, field & 1
    end = _end(packet)
    if end > LONGEST:
        return Gathered(waiting, refused="a fragment that ends where no datagram can")
    length, complete = waiting.length, waiting.complete
    if not more:
        if end < length or (complete and end != length):
            return Gathered(waiting, refused="a last fragment that others contradict")
        length, complete = end, True
    elif end & 7:
        return Gathered(None, alone=True)
    elif end > length:
        if complete:
            return Gathered(waiting, refused="a fragment beyond the last one")
        length = end
    waiting = waiting._replace(length=length, complete=complete)
    if end == start:
        return Gathered(waiting, refused="a fragment of nothing")
    runs = insert(waiting.runs, start, end)
    if runs is None:
        return Gathered(None, refused="it overlaps other fragments, and so all of them are thrown away")
    if runs == waiting.runs:
        return Gathered(waiting)
    pieces = tuple(sorted((*waiting.pieces, Piece(start, end, packet, mark))))
    if not complete or pieces[0].start or pieces[-1].end != length or any(a.end != b.start for a, b in pairwise(pieces)):
        return Gathered(waiting._replace(pieces=pieces, runs=runs))
    whole = _join(pieces, tracked)
    return Gathered(None, whole, refused="" if whole else "its fragments make no datagram")


def lacks_headers(packet: Packet) -> bool:
    """A first fragment without all of the headers (RFC 8200, section 4.5): the tracker lets it pass, the stack refuses it."""
    if packet.offset or packet.broken or packet.protocol == exthdrs.NONE:
        return False
    return packet.l4 + _LEAST.get(packet.protocol, 1) > packet.length


def fault(packet: Packet) -> exthdrs.Fault | None:
    """What the stack says about a fragment that cannot be one of anything, or None."""
    raw, header = packet.raw, packet.fragment or packet.l4
    if cut_short(packet) or raw[4:6] == b"\0\0":
        return exthdrs.Fault("its Fragment header is cut short", exthdrs.HEADER_FIELD, header)
    field = raw[header + 2] << 8 | raw[header + 3]
    if not field & 0xFFF9:
        return None
    if lacks_headers(packet):
        return exthdrs.Fault("its first fragment lacks headers", exthdrs.INCOMPLETE, 0)
    end = _end(packet)
    if end > LONGEST:
        return exthdrs.Fault("it ends where no datagram can", exthdrs.HEADER_FIELD, header + 2)
    return exthdrs.Fault("it ends where no fragment can", exthdrs.HEADER_FIELD, 4) if field & 1 and end & 7 else None


def begin_of_reading(packet: Packet) -> tuple[int, int]:
    """Where the stack begins to read what is delivered: (the place of the byte that names the header, the header's own).

    Hop-by-hop options were read when it came in, and what was in front of fragments, before they were put together.
    """
    if packet.joined is not None:
        return packet.joined
    if packet.raw[6] == exthdrs.HOP_BY_HOP:
        return exthdrs.FIXED, exthdrs.FIXED + exthdrs.length(exthdrs.HOP_BY_HOP, packet.raw, exthdrs.FIXED)
    return 6, exthdrs.FIXED


def waits(packet: Packet, to_host: bool) -> bool:
    """Whether the stack comes to a Fragment header, and it is one of a datagram in pieces."""
    if packet.joined is not None or not packet.fragment:
        return False
    what, _, at = exthdrs.read(packet.raw, *begin_of_reading(packet), packet.dst, to_host)
    return what == exthdrs.FRAGMENT and at == packet.fragment and not is_atomic(packet) and fault(packet) is None


def is_atomic(packet: Packet) -> bool:
    """Whether its Fragment header says that it is all of a datagram."""
    return packet.fragment > 0 and not (packet.raw[packet.fragment + 2] << 8 | packet.raw[packet.fragment + 3]) & 0xFFF9


def _end(packet: Packet) -> int:
    """Where in the datagram the fragment ends, by the length its IPv6 header names."""
    raw, header = packet.raw, packet.fragment
    offset = (raw[header + 2] << 8 | raw[header + 3]) & 0xFFF8
    return offset + (raw[4] << 8 | raw[5]) - (header + _HEADER - exthdrs.FIXED)


def _join(pieces: tuple[Piece, ...], tracked: bool) -> Whole | None:
    first = pieces[0].packet
    ecn = congestion(pieces)
    if ecn is None:
        return None
    header = bytearray(first.raw[: first.fragment])
    named = exthdrs.named_by(first.raw, first.fragment)
    header[named] = first.raw[first.fragment]
    if tracked:
        # Connection tracking leaves the stack with the name of the first header (behind hop-by-hop options), and the place of the last.
        named = exthdrs.FIXED if first.raw[6] == exthdrs.HOP_BY_HOP else 6
    length = len(header) + pieces[-1].end
    if length - exthdrs.FIXED > LONGEST:
        return None
    header[1] |= ecn << 4
    pack_into("!H", header, 4, length - exthdrs.FIXED)
    begins = [(piece.packet, piece.packet.fragment + _HEADER) for piece in pieces]
    payload = b"".join(packet.raw[at : at + piece.end - piece.start] for (packet, at), piece in zip(begins, pieces, strict=True))
    sizes = tuple(piece.end - piece.start for piece in pieces)
    sizes = (sizes[0] + len(header), *sizes[1:])
    whole = Packet(bytes(header) + payload)
    whole.joined = named, len(header)
    return Whole(whole, sizes, max(packet.length for packet, _ in begins), pieces[0].mark)


def apart(packet: Packet, mtu: int, sizes: tuple[int, ...], id: int) -> list[bytes] | None:
    """A datagram cut to ``mtu``: where it was cut when it came (``sizes``, the first with all that was before it), if those fit.

    None: it cannot be cut at all. The kernel draws the ``id`` by lot.
    """
    raw = packet.raw
    place = exthdrs.fragmentable(raw)
    if place is None or mtu < place[1] + _HEADER + 8:
        return None
    field, begin = place
    room = mtu - begin - _HEADER
    cuts: list[int] = []
    if sizes:
        cuts = [sizes[0] - begin, *sizes[1:]]
        if not 0 <= cuts[0] <= room or any(cut > room for cut in cuts) or any(cut & 7 for cut in cuts[:-1]):
            cuts = []
    if not cuts:
        step = room & ~7
        total = len(raw) - begin
        cuts = [min(step, total - at) if total - at > room else total - at for at in _steps(total, step, room)]
    header, following = bytearray(raw[:begin]), raw[field]
    header[field] = exthdrs.FRAGMENT
    pieces, at = [], 0
    for number, size in enumerate(cuts):
        pack_into("!H", header, 4, begin - exthdrs.FIXED + _HEADER + size)
        more = number < len(cuts) - 1
        pieces.append(bytes(header) + pack("!BBHI", following, 0, at | more, id) + raw[begin + at : begin + at + size])
        at += size
    return pieces


def _steps(total: int, step: int, room: int) -> list[int]:
    places = [0]
    while total - places[-1] > room:
        places.append(places[-1] + step)
    return places
