"""Context: what a rule is shown of a packet in flight."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from fwtutor.netfilter import answers
from fwtutor.netfilter.conntrack.entry import Entry, Template, Tuple
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.wallclock import BEGAN

if TYPE_CHECKING:
    from fwtutor.netfilter.routing import Routing


Lots = Callable[[str, str, int], bool]
"""Whether the lot fell on a rule: of a table, a chain, with a number from 1."""


class Seen(NamedTuple):
    """What of a packet in flight an acting target may change."""

    packet: Packet
    mark: int
    priority: int
    entry: Entry | None
    state: str
    template: Template | None


def _nothing_kept(before: Entry, after: Entry) -> bool:
    """Outside a box there is no table to keep entries in."""
    return False


def _nothing_sent(gateway: int, interface: str) -> None:
    """Nor anywhere to send to."""


def _nothing_found(wanted: Tuple) -> Entry | None:
    return None


class Context:
    """One packet at one hook. Matches read it; only targets and the walk write it."""

    __slots__ = (
        "at",
        "by_stack",
        "copy_to",
        "direction",
        "entry",
        "find",
        "goes_by",
        "hits",
        "hook",
        "hot_drop",
        "in_interface",
        "keep",
        "link",
        "looped",
        "lots",
        "mac",
        "mark",
        "memory",
        "out_interface",
        "owner",
        "packet",
        "priority",
        "routing",
        "seed",
        "socket",
        "state",
        "template",
        "unfinished",
        "wall",
    )

    packet: Packet
    hook: str
    in_interface: str
    """Name of the interface it came in by; "" where there is none (OUTPUT, POSTROUTING of own packets)."""
    out_interface: str
    """Name of the interface it leaves by; "" before routing and in INPUT."""
    goes_by: str
    """The interface by which it will leave when it was routed again on its way through OUTPUT, whose rules still see the former."""
    entry: Entry | None
    """The entry the packet is tied to (also while not confirmed); None when INVALID, UNTRACKED or tracking is off."""
    state: str
    """ctstate: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED; "" when it was not looked up (yet), which counts as INVALID."""
    direction: int
    """0 original, 1 reply: the packet's direction within ``entry``."""
    mark: int
    at: int
    """ns: the time of the walk."""
    wall: int
    """The same since 1970, by the clock on the wall."""
    by_stack: bool
    """The box's own stack made it (an echo reply, for instance), no program did."""
    hot_drop: bool
    """A match sets this to have the packet dropped at once, without any counter."""
    memory: dict[Any, Any]
    """What stateful matches keep, by their own key; changed only through the walk."""
    hits: list[Any]
    """The record of the table being walked, for the stateful matches on the way; there is none before the first table."""

    priority: int
    """For queues (``skb->priority``), 0 until CLASSIFY says otherwise."""
    owner: tuple[int, int] | None
    """User and group of the program that sent it; None for what came in, and what the box's own stack made."""
    socket: bool
    """Whether it came out of a socket: a program's, or the stack's own."""
    mac: str | None
    """The link address of who sent it here, where the link has addresses."""
    link: str
    """To whom it was addressed on the link it came by: "host", "broadcast", "multicast"."""
    looped: bool
    """It is the copy that comes back of what the box sent to many."""
    routing: Routing | None
    """Of the box, for what asks it about addresses."""
    find: Callable[[Tuple], Entry | None]
    """The confirmed entry that has a tuple in either direction."""
    seed: int
    """Of what is drawn by lot."""
    lots: Lots | None
    """Who knows what was drawn, where that is known."""
    template: Template | None
    """What CT wants of the connection this packet may begin."""
    unfinished: bool
    """Of its TCP checksum only the pseudo header is summed before it leaves; ``packet`` has the whole."""
    copy_to: Callable[[int, str], Any]
    """Sends a copy of the packet to a gateway, by an interface if one is named: its Walk, or None where none is sent."""
    keep: Callable[[Entry, Entry], bool]
    """Puts the next value of a confirmed entry in the place of the former. False: the table has that no longer."""

    def __init__(self, packet: Packet, at: int) -> None:
        self.packet = packet
        self.at = at
        self.wall = BEGAN + at
        self.priority = 0
        self.owner = self.mac = self.routing = self.template = self.lots = None
        self.link = "host"
        self.keep, self.find, self.copy_to = _nothing_kept, _nothing_found, _nothing_sent
        self.hook = self.goes_by = self.in_interface = self.out_interface = self.state = ""
        self.entry = None
        self.direction = self.mark = self.seed = 0
        self.hot_drop = self.by_stack = self.looped = self.socket = self.unfinished = False
        self.memory = {}

    @property
    def kept(self) -> Packet:
        """The packet as the box has it in memory."""
        return answers.as_kept(self.packet) if self.unfinished else self.packet

    def seen(self) -> Seen:
        """What acting targets may change, as it is now."""
        return Seen(self.packet, self.mark, self.priority, self.entry, self.state, self.template)

    def show(self, seen: Seen) -> None:
        """Have it as it was ``seen``."""
        self.packet, self.mark, self.priority, self.entry, self.state, self.template = seen

    def copy(self) -> Context:
        """Another one, alike, that goes its own way."""
        return copy(self)
