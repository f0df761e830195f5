"""Walk: the record of one packet through one box.

It keeps what happened as a short list of events: positions and values, no prose. Its steps, its path in TRACE's words, its
states and its effects are built from them when read (``derive``), so that thousands of walks can be kept.
"""

from __future__ import annotations

from typing import Any

from fwtutor.netfilter import derive
from fwtutor.netfilter.conntrack.entry import SECOND, Entry
from fwtutor.netfilter.conntrack.listing import format_entry
from fwtutor.netfilter.defrag import is_fragment
from fwtutor.netfilter.events import ANSWER, GATHERED
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import Change, Logged, Step
from fwtutor.netfilter.wallclock import BEGAN


class Walk:
    """What a box did with a packet."""

    __slots__ = (
        "at", "delivered", "events", "in_interface", "link", "looped", "mac", "out", "out_interface", "owner", "packet", "reason", "socket",
        "to", "tracked", "uses", "verdict", "wall", "zone",
    )  # fmt: skip

    at: int
    """ns"""
    wall: int
    """The same since 1970, by the clock on the wall."""
    looped: bool
    """It is the copy that comes back of what the box sent to many."""
    packet: Packet
    """As it arrived, or as the box made it."""
    in_interface: str | None
    """None: the box made it itself."""
    out_interface: str | None
    owner: tuple[int, int] | None
    """User and group of the program that sent it; None for what arrived, and for what the box's own stack made."""
    socket: bool
    """Whether it came out of a socket: a program's, or the stack's own."""
    mac: str | None
    """The link address of who sent it here, if that is known."""
    link: str
    """To whom it was addressed on the link it came by: "host", "broadcast", "multicast"."""
    verdict: str
    """ACCEPT, DROP, REJECT, HELD (a fragment that waits for the rest) or DISCARD (refused by the stack, see ``reason``)."""
    to: str | None
    """Where it went: an interface, "local", or None."""
    reason: str
    """Of a DISCARD, or of a DROP because the connection table is full, in words; "" otherwise."""
    out: list[list[Any]]
    """[interface, bytes] of every packet that left the box, the box's own answers included, in order."""
    delivered: Packet | None
    """What the box's own stack gets, when ``to`` is "local"."""
    tracked: Entry | None
    """The table's entry for the packet's tuple, after the packet."""
    uses: int
    """How often that entry is referred to: by the table, and by each connection that was expected on its account."""
    zone: int
    """Of the entry it was tied to, in its direction."""
    events: list[tuple[Any, ...]]
    """What ``derive`` reads."""

    def __init__(self, packet: Packet, in_interface: str | None, at: int) -> None:
        self.packet, self.in_interface, self.at = packet, in_interface, at
        self.verdict, self.reason = "ACCEPT", ""
        self.out_interface = self.to = self.owner = self.mac = None
        self.link = "host"
        self.socket = self.looped = False
        self.wall = BEGAN + at
        self.out, self.events = [], []
        self.delivered = None
        self.tracked = None
        self.uses = 1
        self.zone = 0

    @property
    def seconds(self) -> float:
        return self.at / SECOND

    @property
    def whole(self) -> Packet:
        """What rules and tracker saw: the packet, or the datagram this fragment completed."""
        for event in self.events if is_fragment(self.packet) else ():
            if event[0] == GATHERED and event[4] is not None:
                packet: Packet = event[4].packet
                return packet
        return self.packet

    @property
    def answers(self) -> list[Walk]:
        """The box's own packets this one caused (REJECT's, ICMP errors); what they sent is in ``out`` already."""
        return [event[1] for event in self.events if event[0] == ANSWER]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every moment of the walk, in order. Built anew at each reading: keep it if you need it often."""
        return derive.steps(self)

    @property
    def path(self) -> list[str]:
        """``table:CHAIN:rule|return|policy:number``, the words and the order of legacy TRACE in the kernel's log."""
        return derive.path(self)

    @property
    def states(self) -> list[list[str]]:
        """[hook, ctstate] for every hook passed while tracking was on."""
        return derive.states(self)

    @property
    def changes(self) -> tuple[Change, ...]:
        """All effects on the firewall's state, in order."""
        return derive.changes(self)

    @property
    def entry(self) -> str | None:
        """The entry for the packet's tuple after the packet, as ``conntrack -L`` prints it; None when there is none."""
        return None if self.tracked is None else format_entry(self.tracked, self.at, self.uses)

    @property
    def logged(self) -> list[Logged]:
        """What LOG rules wrote into the log, of it and of the box's answers to it."""
        return derive.logged(self)

    @property
    def rules_tried(self) -> int:
        """How many rules were looked at before the packet's fate was decided."""
        return derive.rules_tried(self)

    def __repr__(self) -> str:
        return f"<Walk {self.seconds:.3f} s {self.packet!r} {self.verdict} to {self.to}>"
