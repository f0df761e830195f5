"""Reassembly: with connection tracking on, rules and tracker see whole datagrams, and fragments wait until there is one.

What waits is kept in the firewall's memory, by the fields that belong together (RFC 791), for net.ipv4.ipfrag_time.
"""

from __future__ import annotations

from itertools import pairwise
from struct import pack_into
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.ipoptions import in_later_fragments
from fwtutor.netfilter.packet import Packet, checksum

TIME = "net.ipv4.ipfrag_time"
"""Seconds that fragments wait for the rest, from the first of their datagram to come."""
LONGEST = 65535
_ECN = 3
"""The bits of TOS that tell of congestion; all of them: it was met."""
ARRIVING, OWN, DELIVERED = "arriving", "own", "delivered"
"""Where fragments are gathered: before PREROUTING and OUTPUT for connection tracking, before INPUT for the box's own stack."""


class Key(NamedTuple):
    """What the fragments of a datagram have in common, and where they were gathered."""

    where: str
    src: int
    dst: int
    protocol: int
    id: int
    on: str = ""
    """The interface, where that matters."""


class Piece(NamedTuple):
    """One fragment, from ``start`` to ``end`` of the datagram's payload (bytes)."""

    start: int
    end: int
    packet: Packet
    mark: int


class Waiting(NamedTuple):
    """The fragments of a datagram so far."""

    until: int
    """ns: when they are given up."""
    interface: str
    """Where the last came in, "" for the box's own."""
    pieces: tuple[Piece, ...]
    """In order of their place."""
    runs: tuple[tuple[int, int], ...]
    """(start, end) of stretches without a hole, as far as they grew in order; what lies within one was there already."""
    length: int
    """The furthest end seen."""
    complete: bool
    """The last fragment is here, and so ``length`` is the datagram's."""
    tied: tuple[Entry, int] | None = None
    """The entry its first part came tied to (as by loopback), and in which direction. That of the others nobody keeps."""


class Whole(NamedTuple):
    """A datagram put together."""

    packet: Packet
    sizes: tuple[int, ...]
    """Of its fragments, in bytes of payload."""
    largest: int
    """The largest fragment in bytes, with the header it had."""
    mark: int
    """That of the first fragment."""


def is_fragment(packet: Packet) -> bool:
    return packet.mf or packet.offset > 0


def key_of(packet: Packet, where: str) -> Key:
    return Key(where, packet.src, packet.dst, packet.protocol, packet.id)


def nothing_yet(until: int) -> Waiting:
    """No fragment has come."""
    return Waiting(until, "", (), (), 0, False)


def gather(waiting: Waiting, packet: Packet, mark: int) -> tuple[Waiting | None, Whole | None]:
    """Add a fragment: (what waits then, the whole datagram if that is complete).

    A fragment that was there already is ignored. One that overlaps others, is empty, or does not agree with where the datagram
    ends spoils it: all of it is thrown away.
    """
    start, end = packet.offset, packet.offset + packet.length - packet.l4
    length, complete = waiting.length, waiting.complete
    if packet.mf:
        # All but the last come in multiples of eight bytes; what is over is not looked at.
        end &= ~7
        if end > length:
            if complete:
                return None, None
            length = end
    else:
        if end < length or (complete and end != length):
            return None, None
        length, complete = end, True
    if end == start:
        return None, None
    runs = insert(waiting.runs, start, end)
    if runs is None:
        return None, None
    if runs == waiting.runs:
        return waiting._replace(length=length, complete=complete), None
    pieces = tuple(sorted((*waiting.pieces, Piece(start, end, packet, mark))))
    if not complete or pieces[0].start or pieces[-1].end != length or any(a.end != b.start for a, b in pairwise(pieces)):
        return waiting._replace(pieces=pieces, runs=runs, length=length, complete=complete), None
    return None, _join(pieces)


def insert(runs: tuple[tuple[int, int], ...], start: int, end: int) -> tuple[tuple[int, int], ...] | None:
    """The runs with a fragment more; the same when it was there; None when it overlaps."""
    if runs and runs[-1][1] == start:
        return (*runs[:-1], (runs[-1][0], end))
    for first, last in runs:
        if first <= start and end <= last:
            return runs
        if start < last and first < end:
            return None
    return tuple(sorted((*runs, (start, end))))


def congestion(pieces: tuple[Piece, ...]) -> int | None:
    """What the fragments' ECN bits add to the datagram's: that one met congestion. None: some know of ECN and some do not (RFC 3168)."""
    seen = {piece.packet.tos & _ECN for piece in pieces}
    if 0 in seen:
        return 0 if len(seen) == 1 else None
    return _ECN if _ECN in seen else 0


def _join(pieces: tuple[Piece, ...]) -> Whole | None:
    first = pieces[0].packet
    ecn = congestion(pieces)
    if ecn is None:
        return None
    header = bytearray(first.raw[: first.l4])
    length = len(header) + pieces[-1].end
    if length > LONGEST:
        return None
    sizes = tuple(piece.end - piece.start for piece in pieces)
    # The datagram may not be fragmented further only when its largest fragment, header and all, said so.
    largest = max(piece.packet.l4 + size for piece, size in zip(pieces, sizes, strict=True))
    may_not = any(piece.packet.df and piece.packet.l4 + size == largest for piece, size in zip(pieces, sizes, strict=True))
    header[1] |= ecn
    pack_into("!H", header, 2, length)
    pack_into("!H", header, 6, 0x4000 if may_not else 0)
    header[10:12] = b"\0\0"
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    payload = b"".join(piece.packet.raw[piece.packet.l4 : piece.packet.l4 + size] for piece, size in zip(pieces, sizes, strict=True))
    return Whole(Packet(bytes(header) + payload), sizes, largest, pieces[0].mark)


def apart(packet: Packet, sizes: tuple[int, ...], known: bool) -> list[bytes]:
    """Cut a datagram again where it was cut when it came; ``known`` as in ``answers.fragments``."""
    raw, size = packet.raw, packet.l4
    first, later = raw[:size], in_later_fragments(raw[:size]) if known else raw[:size]
    cut, at = [], 0
    for number, length in enumerate(sizes):
        header = bytearray(later if at else first)
        pack_into("!H", header, 2, size + length)
        more = 0x2000 if number < len(sizes) - 1 else 0
        pack_into("!H", header, 6, more | at // 8)
        header[10:12] = b"\0\0"
        header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
        cut.append(bytes(header) + raw[size + at : size + at + length])
        at += length
    return cut
