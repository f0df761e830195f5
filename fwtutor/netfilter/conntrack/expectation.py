"""Expectation: a connection that a helper has read of in another one, its master, before it begins."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND, Tuple

ANY_PORT = 0xFFFF
"""A mask: the port must be the one expected."""


class Place(NamedTuple):
    """Where somebody is expected: one is found by it."""

    family: int
    dst: int
    protocol: int
    dport: int


class Follow(NamedTuple):
    """A connection that is translated as its master is."""

    direction: int
    """Of the master in which the expected connection begins."""
    port: int
    """Where it really goes, as who expects it calls that."""
    address: int | None = None
    """The same: where that is not the master's end. Where it comes from is another one's of its master, then, if one is so expected."""


class Expectation(NamedTuple):
    """One connection that is expected."""

    id: int
    """Counts up together with those of entries."""
    master: int
    """Of the entry on whose account it is expected."""
    helper: str
    """The master's."""
    kind: int
    """Which of the kinds of its helper: each has a limit and a lifetime of its own."""
    tuple: Tuple
    """Of its first packet; the zone is the master's."""
    src_mask: int
    """Which bits of the source address must be so: all or none."""
    sport_mask: int
    """Which bits of the source port must be so: all or none."""
    expires: int
    """ns: the time it is forgotten."""
    child_helper: str = ""
    """The helper that the connection will have."""
    inactive: bool = False
    """It stands for its place, but nobody is let in on its account."""
    permanent: bool = False
    """It stays when somebody came."""
    follows: Follow | None = None
    """How who comes is translated, where the master is."""

    @property
    def place(self) -> Place:
        return Place(self.tuple.family, self.tuple.dst, self.tuple.protocol, self.tuple.dport)

    def fits(self, key: Tuple, zone: int) -> bool:
        """Whether it expects a packet that has this tuple, which goes to its place, and this zone."""
        own = self.tuple
        return own.zone == zone and not (own.src ^ key.src) & self.src_mask and not (own.sport ^ key.sport) & self.sport_mask

    def is_like(self, other: Expectation) -> bool:
        """Whether both expect exactly the same."""
        return self.tuple == other.tuple and self.src_mask == other.src_mask and self.sport_mask == other.sport_mask

    def clashes(self, other: Expectation) -> bool:
        """Whether somebody could come whom both expect; both have the same place."""
        one, two = self.tuple, other.tuple
        if one.zone != two.zone or (one.src ^ two.src) & self.src_mask & other.src_mask:
            return False
        return not (one.sport ^ two.sport) & self.sport_mask & other.sport_mask

    def seconds_left(self, at: int) -> int:
        """Whole seconds until it is forgotten, at the time ``at`` (ns)."""
        return max(0, (self.expires - at) // SECOND)
