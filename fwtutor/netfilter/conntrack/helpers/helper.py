"""What every helper is, and what it has to work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES
from fwtutor.netfilter.conntrack.entry import ESTABLISHED, NAT_MASK, REPLY, SECOND, Entry, Tuple
from fwtutor.netfilter.conntrack.expectation import ANY_PORT, Expectation, Follow
from fwtutor.netfilter.conntrack.expectations import TAKEN, Expectations
from fwtutor.netfilter.conntrack.shifting import Shift, shifted
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.packet import UDP, Packet, checksum

Draw = Callable[[int], int]
"""A number from 0 to below another one, by lot."""
TRIES = 128
"""Ports that are tried at most for somebody who is expected."""
LONGEST = 65535
"""Bytes of a packet."""
TOO_LONG = "with the translated address it would be too long"


class Kind(NamedTuple):
    """One kind of connection a helper expects."""

    name: str
    most: int
    """How many of it may be expected at once on account of one connection."""
    seconds: int
    """How long each of them is."""


class Helper(NamedTuple):
    """One of the helpers the kernel has."""

    name: str
    protocols: frozenset[tuple[int, int]]
    """(family, protocol) of the connections it can read."""
    kinds: tuple[Kind, ...]
    read: Callable[[Job], str]
    """Reads one packet. Returns why the packet is dropped, "" if it is not."""
    errors: bool = False
    """Whether it takes ICMP errors about a connection for what is said on it."""
    flattens: bool = False
    """Whether it has what it reads in one piece first: what came in fragments does not leave in the same ones."""


class Job:
    """One packet of a connection, as it leaves the box, before its helper."""

    __slots__ = (
        "_draw", "_new_id", "at", "direction", "entry", "expectations", "helper", "lasts", "memory", "packet", "shift", "state",
    )  # fmt: skip

    def __init__(
        self, packet: Packet, entry: Entry, direction: int, state: str, at: int, helper: Helper, expectations: Expectations,
        new_id: Callable[[], int], draw: Draw,
    ) -> None:  # fmt: skip
        self.packet, self.entry, self.direction, self.state, self.at = packet, entry, direction, state, at
        self.helper, self.expectations, self._new_id, self._draw = helper, expectations, new_id, draw
        self.memory: Any = None if entry.help is None else entry.help.memory
        """What the helper keeps: it may put another value in its place."""
        self.shift: Shift | None = None if entry.help is None else entry.help.shift
        self.lasts = 0
        """Seconds the connection is kept from now on; 0: as long as without its helper."""

    @property
    def established(self) -> bool:
        """Whether the connection has been answered before. Of a packet that only belongs to one (an error) it is not asked."""
        return self.state == ESTABLISHED

    @property
    def to_client(self) -> bool:
        return self.direction == REPLY

    @property
    def here(self) -> Tuple:
        """The tuple of this packet's direction."""
        return self.entry.reply if self.direction else self.entry.original

    @property
    def back(self) -> Tuple:
        """The tuple of the other direction."""
        return self.entry.original if self.direction else self.entry.reply

    def draft(
        self, protocol: int, src: int | None, dst: int, dport: int, kind: int = 0, *, sport: int | None = None, **more: Any
    ) -> Expectation:
        """An expectation that is none yet: of a connection to ``dst`` and ``dport``, from ``src`` or (None) from anywhere."""
        entry = self.entry
        wanted = Tuple(entry.original.family, src or 0, dst, protocol, sport or 0, dport, entry.zone)
        src_mask = 0 if src is None else ALL_ONES[wanted.family]
        until = self.at + self.helper.kinds[kind].seconds * SECOND
        return Expectation(
            self._new_id(), entry.id, self.helper.name, kind, wanted, src_mask, 0 if sport is None else ANY_PORT, until, **more
        )  # fmt: skip

    def propose(self, one: Expectation, *, shared: bool = False) -> str:
        """Have what was drafted expected; why that cannot be, "" if it can. ``shared``: as in Expectations.add."""
        return self.expectations.add(one, self.helper.kinds[one.kind].most, shared=shared)

    def keep(self, seconds: int) -> None:
        """The connection is kept for so long from now on."""
        self.lasts = seconds

    # --- where addresses are translated -------------------------------------------------------------------------

    @property
    def translated(self) -> bool:
        """Whether either end of the connection is another one on the other side of the box."""
        return bool(self.entry.status & NAT_MASK)

    def announce_translated(self, one: Expectation, direction: int, start: int, end: int, words: Callable[[int], bytes]) -> str:
        """Have what was drafted expected at its port, or at another above it, and translated as this connection is.

        ``direction``: in which the other side of this one goes. ``words`` for the port stand then from ``start`` to ``end`` of the
        segment. Returns why the packet is dropped, "" if it is not: then nobody is expected.
        """
        port, fault = self.propose_near(one._replace(follows=Follow(direction, one.tuple.dport)))
        if port:
            fault = self.rewrite(start, end, words(port))
            if fault:
                self.expectations.withdraw(self.expectations.state.expectations[one.id])
        return fault

    def propose_near(self, one: Expectation) -> tuple[int, str]:
        """Have what was drafted expected at its port, or at another above it."""
        wanted = one.tuple.dport
        room = LONGEST - wanted
        left, port = min(room, TRIES), wanted
        while True:
            fault = self.propose(one._replace(tuple=one.tuple._replace(dport=port)))
            if not fault:
                # Port 0 can be expected: and is then taken for none found.
                return port, "" if port else "no port is free for whom it announces"
            left -= 1
            if fault != TAKEN or left < 0:
                return 0, fault
            port = wanted + self._draw(room)

    def rewrite(self, start: int, end: int, text: bytes) -> str:
        """Put something else in the place of some bytes of a segment; why that cannot be, "" if it can.

        From here on the numbers of this direction differ by its length.
        """
        packet = self.packet
        at = packet.l4 + packet.doff
        longer = len(text) - (end - start)
        fault = self.exchange(at + start, at + end, text)
        if longer and not fault:
            self.move_numbers(longer)
        return fault

    def exchange(self, start: int, end: int, text: bytes) -> str:
        """Put something else in the place of some bytes of the packet; why that cannot be, "" if it can."""
        longer = len(text) - (end - start)
        if longer > 0 and len(self.packet.raw) + longer > LONGEST:
            return TOO_LONG
        self.packet = mangled(self.packet, start, end, text, self.entry.original.protocol)
        return ""

    def move_numbers(self, longer: int) -> None:
        """From this segment on the numbers of this direction differ by so much."""
        shift = self.shift or Shift()
        self.shift = shift.with_way(self.direction, shift[self.direction].longer(self.packet.seq, longer))

    def shift_numbers(self, before: Shift) -> str:
        """Write into the segment the numbers that the other side knows; why it is dropped, "" if it is not."""
        packet, shift = self.packet, self.shift or before
        raw = shifted(packet.raw, packet.l4, shift[self.direction], shift[1 - self.direction])
        if raw is None:
            return "its numbers must change, and its options make no sense"
        self.packet = Packet(raw, taken=True)
        return ""


def mangled(packet: Packet, start: int, end: int, text: bytes, protocol: int) -> Packet:
    """A packet of that protocol with other bytes in it, its lengths and checksums right; a datagram without a checksum gets none.

    What is of another protocol in truth is written to as if it were of that one.
    """
    raw = bytearray(packet.raw[:start] + text + packet.raw[end:])
    if packet.family == 4:
        raw[2:4] = len(raw).to_bytes(2, "big")
        raw[10:12] = b"\0\0"
        raw[10:12] = checksum(raw[: (raw[0] & 15) * 4]).to_bytes(2, "big")
    else:
        raw[4:6] = (len(raw) - 40).to_bytes(2, "big")
    place = packet.l4 + 16
    if protocol == UDP:
        place = packet.l4 + 6
        raw[packet.l4 + 4 : place] = (len(raw) - packet.l4).to_bytes(2, "big")
        if raw[place : place + 2] == b"\0\0":
            return Packet(bytes(raw), taken=True)
    raw[place : place + 2] = b"\0\0"
    total = transport_checksum(packet.src, packet.dst, protocol, bytes(raw[packet.l4 :]), packet.family)
    raw[place : place + 2] = (total or 0xFFFF).to_bytes(2, "big")
    return Packet(bytes(raw), taken=True)


def segment(packet: Packet) -> bytes:
    """What a TCP segment carries; b"" also where its header is cut short."""
    return packet.raw[packet.l4 + packet.doff :] if packet.has_l4 else b""
