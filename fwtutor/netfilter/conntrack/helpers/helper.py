"""What every helper is, and what it has to work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES
from fwtutor.netfilter.conntrack.entry import ESTABLISHED, REPLY, SECOND, Entry, Tuple
from fwtutor.netfilter.conntrack.expectation import ANY_PORT, Expectation
from fwtutor.netfilter.conntrack.expectations import Expectations
from fwtutor.netfilter.packet import Packet


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


class Job:
    """One packet of a connection, as it leaves the box, before its helper."""

    __slots__ = ("_new_id", "at", "direction", "entry", "expectations", "helper", "memory", "packet", "state")

    def __init__(
        self, packet: Packet, entry: Entry, direction: int, state: str, at: int, helper: Helper, expectations: Expectations,
        new_id: Callable[[], int],
    ) -> None:  # fmt: skip
        self.packet, self.entry, self.direction, self.state, self.at = packet, entry, direction, state, at
        self.helper, self.expectations, self._new_id = helper, expectations, new_id
        self.memory: Any = None if entry.help is None else entry.help.memory
        """What the helper keeps: it may put another value in its place."""

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

    def expect(self, protocol: int, src: int | None, dst: int, dport: int, kind: int = 0, **more: Any) -> str:
        """Expect a connection to ``dst`` and ``dport``, from ``src`` or (None) from anywhere; why that cannot be, "" if it can."""
        return self.propose(self.draft(protocol, src, dst, dport, kind, **more))

    def draft(
        self, protocol: int, src: int | None, dst: int, dport: int, kind: int = 0, *, sport: int | None = None, **more: Any
    ) -> Expectation:
        """An expectation that is none yet."""
        entry = self.entry
        wanted = Tuple(entry.original.family, src or 0, dst, protocol, sport or 0, dport, entry.zone)
        src_mask = 0 if src is None else ALL_ONES[wanted.family]
        until = self.at + self.helper.kinds[kind].seconds * SECOND
        return Expectation(
            self._new_id(), entry.id, self.helper.name, kind, wanted, src_mask, 0 if sport is None else ANY_PORT, until, **more
        )  # fmt: skip

    def propose(self, one: Expectation) -> str:
        """Have what was drafted expected; why that cannot be, "" if it can."""
        return self.expectations.add(one, self.helper.kinds[one.kind].most)


def segment(packet: Packet) -> bytes:
    """What a TCP segment carries; b"" also where its header is cut short."""
    return packet.raw[packet.l4 + packet.doff :] if packet.has_l4 else b""
