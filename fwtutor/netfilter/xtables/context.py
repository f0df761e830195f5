"""Context: what a rule is shown of a packet in flight."""

from __future__ import annotations

from copy import copy
from typing import Any

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.packet import Packet


class Context:
    """One packet at one hook. Matches read it; only targets and the walk write it."""

    __slots__ = (
        "at",
        "by_stack",
        "direction",
        "entry",
        "hits",
        "hook",
        "hot_drop",
        "in_interface",
        "mark",
        "memory",
        "out_interface",
        "packet",
        "state",
    )

    packet: Packet
    hook: str
    in_interface: str
    """Name of the interface it came in by; "" where there is none (OUTPUT, POSTROUTING of own packets)."""
    out_interface: str
    """Name of the interface it leaves by; "" before routing and in INPUT."""
    entry: Entry | None
    """The entry the packet is tied to (also while not confirmed); None when INVALID, UNTRACKED or tracking is off."""
    state: str
    """ctstate: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED; "" when tracking is off (no state option can hold then)."""
    direction: int
    """0 original, 1 reply: the packet's direction within ``entry``."""
    mark: int
    at: int
    """ns: the time of the walk."""
    by_stack: bool
    """The box's own stack made it (an echo reply, for instance), no program did."""
    hot_drop: bool
    """A match sets this to have the packet dropped at once, without any counter."""
    memory: dict[Any, Any]
    """What stateful matches keep, by their own key; changed only through the walk."""
    hits: list[Any]
    """The record of the table being walked, for the stateful matches on the way; there is none before the first table."""

    def __init__(self, packet: Packet, at: int) -> None:
        self.packet = packet
        self.at = at
        self.hook = self.in_interface = self.out_interface = self.state = ""
        self.entry = None
        self.direction = self.mark = 0
        self.hot_drop = self.by_stack = False
        self.memory = {}

    def copy(self) -> Context:
        """Another one, alike, that goes its own way."""
        return copy(self)
