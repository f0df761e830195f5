"""Tuples and entries: what connection tracking remembers of a connection.

An Entry is a value. Whatever happens to a connection makes another Entry with the same ``id``, so a record of the
past keeps its own, and undoing a step is putting the former value back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.shifting import Shift

SECOND = 1_000_000_000
"""Nanoseconds: the engine's unit of time."""

EXPECTED, SEEN_REPLY, ASSURED, CONFIRMED = 1, 2, 4, 8
SRC_NAT, DST_NAT, SEQ_ADJUST, SRC_NAT_DONE, DST_NAT_DONE, DYING, FIXED_TIMEOUT = 16, 32, 64, 128, 256, 512, 1024
HELPER = 8192
NAT_MASK = SRC_NAT | DST_NAT

ORIGINAL, REPLY = 0, 1
"""Directions: that of the packet which created the entry, and the other."""

NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED = "NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"
"""What rules see of a packet (its ctstate)."""


class Tuple(NamedTuple):
    """One direction of a connection as the table knows it: (family, addresses, protocol, ports, zone).

    For ICMP ``sport`` is the id and ``dport`` is type * 256 + code, as the kernel keys it; for GRE they are its keys.
    """

    family: int
    src: int
    dst: int
    protocol: int
    sport: int
    dport: int
    zone: int = 0


class Heeded(NamedTuple):
    """What those who listen to connection tracking are told of an entry, where somebody has chosen, in words of ``--ctevents``."""

    connections: frozenset[str]
    expectations: frozenset[str]


class Template(NamedTuple):
    """What the CT target puts on a packet before it is tracked."""

    zone: int = 0
    zone_directions: int = 3
    """For which directions' tuples the zone counts: 1 original, 2 reply, 3 both."""
    helper: str = ""
    """Name of the helper a new connection gets."""
    zone_by_mark: bool = False
    """The packet's mark is the zone, as far as it fits."""
    heeded: Heeded | None = None
    """What is told of a new connection; None: everything."""

    def zones(self, mark: int) -> tuple[int, int]:
        """The zone of a packet with that mark, in the original direction and in the reply direction."""
        zone = mark & 0xFFFF if self.zone_by_mark else self.zone
        return zone if self.zone_directions & 1 else 0, zone if self.zone_directions & 2 else 0


class Help(NamedTuple):
    """The helper of a connection, which reads its packets."""

    name: str
    memory: Any = None
    """What it keeps from packet to packet: a value of its own kind."""
    shift: Shift | None = None
    """How sequence numbers differ since it has rewritten something."""


class Master(NamedTuple):
    """The connection on whose account another one was expected."""

    id: int
    """Of its entry, which may be no more."""
    helper: str
    """The name of its helper."""


class Entry(NamedTuple):
    """One connection: two tuples, status bits, and what its protocol's tracker keeps."""

    id: int
    """Counts up from 1 within a Firewall; never reused."""
    original: Tuple
    reply: Tuple
    status: int
    """EXPECTED | SEEN_REPLY | ASSURED | CONFIRMED | ..."""
    expires: int
    """ns: the time it is forgotten. Until CONFIRMED: the length of the timeout instead (the timer starts at confirm)."""
    started: int
    """ns: time of its first packet."""
    mark: int
    tracker: Any
    """The protocol tracker's own value (``TcpTrack``, ``SctpTrack`` or ``GreTrack``, else None)."""
    counters: tuple[int, int, int, int] | None
    """(packets, bytes) original, (packets, bytes) reply, when nf_conntrack_acct was on at creation."""
    touched: int
    """ns: when a packet last refreshed it."""
    leaves_by: str = ""
    """The interface by which it has to leave, as MASQUERADE gave it that one's address; "" if none has to be."""
    help: Help | None = None
    master: Master | None = None
    labels: int | None = None
    """A bit for each label it has; None: it began when no rule asked for any, and has no room for them."""

    @property
    def helper(self) -> str:
        """The name of its helper, "" without one."""
        return "" if self.help is None else self.help.name

    @property
    def zone(self) -> int:
        """The number of its zone, whatever directions that is for."""
        return self.original.zone or self.reply.zone

    @property
    def state(self) -> str:
        """The state TCP's or SCTP's tracker keeps, as conntrack prints it (``"SYN_SENT"``), "" for other protocols."""
        return self.tracker.name if self.tracker is not None else ""

    @property
    def confirmed(self) -> bool:
        return bool(self.status & CONFIRMED)

    @property
    def assured(self) -> bool:
        return bool(self.status & ASSURED)

    @property
    def seen_reply(self) -> bool:
        return bool(self.status & SEEN_REPLY)

    def seconds_left(self, at: int) -> int:
        """Whole seconds until it is forgotten, at the time ``at`` (ns); for an entry not kept yet, its timeout."""
        left = self.expires - at if self.status & CONFIRMED else self.expires
        return max(0, left // SECOND)
