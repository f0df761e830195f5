"""Steps: the moments of one packet's way through one box, in the words every view is made of.

They are built from a Walk's record when read (``derive``), never while the packet is on its way.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from fwtutor.late import late_dataclass

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.entry import Entry, Tuple
    from fwtutor.netfilter.conntrack.expectation import Expectation
    from fwtutor.netfilter.packet import Packet
    from fwtutor.netfilter.walk import Walk
    from fwtutor.netfilter.xtables.context import Context, Seen
    from fwtutor.netfilter.xtables.rule import Rule

# --- steps, in the order a packet can meet them ------------------------------------------------------------


class Change(NamedTuple):
    """One effect on the firewall's state; None is "absent".

    kind "entry": key = entry id, values = Entry. "expectation": key = its id, values = Expectation. "counter": key = rule id, or
    "table:CHAIN" for a policy, values = (packets, bytes). "memory": key and values are those of
    whoever keeps something (a stateful match, a rate limit).
    """

    kind: str
    key: Any
    before: Any
    after: Any


@late_dataclass
class Step:
    """One moment of a Walk. ``changes`` are its effects, in order: a view applies them, or takes them back."""

    changes: tuple[Change, ...] = ()


@late_dataclass
class Arrived(Step):
    """The packet is here: from the wire (``interface``), or made by the box itself (None)."""

    packet: Packet | None = None
    interface: str | None = None


@late_dataclass
class Gathered(Step):
    """A fragment met the others of its datagram: ``whole`` is the datagram if it is complete now, else None: it waits.

    ``pieces`` counts the fragments there are.
    """

    whole: Packet | None = None
    pieces: int = 0


@late_dataclass
class HookEntered(Step):
    """The packet reaches a hook: PREROUTING, INPUT, FORWARD, OUTPUT or POSTROUTING."""

    hook: str = ""


@late_dataclass
class LookedUp(Step):
    """The tuple was looked up among the entries, and that stamped ``state`` (the ctstate) on the packet.

    ``found`` is the entry as it was before this packet (None: no entry had this tuple), ``direction`` 0 original, 1 reply.
    ``reason`` says in a word or a few why a packet is INVALID ("" otherwise).
    """

    tuple: Tuple | None = None
    found: Entry | None = None
    direction: int = 0
    state: str = ""
    reason: str = ""


@late_dataclass
class EntryCreated(Step):
    """A new entry exists, tied to this packet only: not kept until Confirmed."""

    entry: Entry | None = None


@late_dataclass
class StateChanged(Step):
    """An entry changed (state, timeout, status or counters); ``after`` None means it was deleted."""

    before: Entry | None = None
    after: Entry | None = None


@late_dataclass
class EarlyDropped(Step):
    """The table was full: ``entry``, which is not ASSURED, was thrown out to make room for a new one."""

    entry: Entry | None = None


@late_dataclass
class Routed(Step):
    """Routing decided: ``to`` is "local", an interface, or None with ``reason``."""

    to: str | None = None
    reason: str = ""


@late_dataclass
class ChainEntered(Step):
    """A chain of a table begins (also user chains, after a jump or goto)."""

    table: str = ""
    chain: str = ""


@late_dataclass
class RuleTried(Step):
    """A rule was tried. ``number`` counts from 1. When it ``matched`` its counter ticked (see ``changes``)."""

    table: str = ""
    chain: str = ""
    number: int = 0
    rule: Rule | None = None
    matched: bool = False
    context: Context | None = field(default=None, compare=False, repr=False)
    """What the rule was shown, for ``why``."""


@late_dataclass
class Logged(Step):
    """A LOG rule wrote the packet, as it was there, into the log: ``line``, of the given ``level``. ``line`` begins with ``prefix``.

    With a ``group`` it was a NFLOG rule: it handed the packet to who listens to that group, and nothing is in the kernel's log.
    """

    packet: Packet = field(kw_only=True)
    prefix: str = ""
    level: int = 0
    line: str = ""
    group: int | None = None
    size: int | None = None
    """Of what is handed to a group: how many bytes of the packet, None: all."""


@late_dataclass
class Acted(Step):
    """The target of the rule just matched changed something of the packet: what it was ``before``, and ``after``.

    ``dropped``: it could not, and the packet is dropped.
    """

    table: str = ""
    chain: str = ""
    number: int = 0
    rule: Rule | None = None
    before: Seen | None = None
    after: Seen | None = None
    dropped: bool = False


@late_dataclass
class Translated(Step):
    """One end of the packet's connection was decided on, or written into the packet.

    ``end`` is "src" or "dst". The packet and its entry are as they were and as they are now; either may be the same. ``changes`` are of
    other entries (one that had to make way, or the packet's own that is no longer what it was), and of the lots that were drawn.
    """

    end: str = ""
    before: Packet | None = None
    after: Packet | None = None
    entry_before: Entry | None = None
    entry_after: Entry | None = None

    @property
    def originals(self) -> tuple[Tuple | None, Tuple | None]:
        """The entry's original tuple before and after: the same, by which the connection began."""
        return _side(self.entry_before, "original"), _side(self.entry_after, "original")

    @property
    def replies(self) -> tuple[Tuple | None, Tuple | None]:
        """The tuple its answers have, before and after."""
        return _side(self.entry_before, "reply"), _side(self.entry_after, "reply")


def _side(entry: Entry | None, name: str) -> Tuple | None:
    return None if entry is None else getattr(entry, name)


@late_dataclass
class ChainLeft(Step):
    """A user chain was left: ``how`` is "end" or "RETURN".

    The walk goes on after rule ``back_number`` of ``back_to``, the last jump (a goto leaves no place to come back to);
    with ``back_to`` "" there was none, and the policy decides.
    """

    table: str = ""
    chain: str = ""
    how: str = ""
    back_to: str = ""
    back_number: int = 0


@late_dataclass
class PolicyApplied(Step):
    """A built-in chain's policy decided."""

    table: str = ""
    chain: str = ""
    policy: str = ""


@late_dataclass
class Answered(Step):
    """The box made a packet of its own because of this one: ``walk`` is that packet's Walk (see ``Walk.answers``)."""

    walk: Walk | None = None


@late_dataclass
class AnswerWithheld(Step):
    """The box would have answered with an ICMP error, but its rate limit, for that destination or for all, is used up."""


@late_dataclass
class CopySent(Step):
    """TEE sent a copy of the packet on a way of its own, through OUTPUT and POSTROUTING."""

    walk: Walk | None = None


@late_dataclass
class CameBack(Step):
    """What the box sends to many is for the box too: ``walk`` is the way of the copy that comes back to it."""

    walk: Walk | None = None


@late_dataclass
class Helped(Step):
    """The entry's ``helper`` read the packet; ``dropped`` says why it drops it ("" if it does not).

    Where the connection is translated it may have rewritten the ``packet``, which ``was`` another, or shifted its numbers.
    """

    helper: str = ""
    before: Entry | None = None
    after: Entry | None = None
    dropped: str = ""
    was: Packet | None = None
    packet: Packet | None = None


@late_dataclass
class Expected(Step):
    """A helper expects a connection from now on."""

    expectation: Expectation | None = None


@late_dataclass
class ExpectationMet(Step):
    """The connection that was expected is here: its first packet begins an entry with EXPECTED."""

    expectation: Expectation | None = None


@late_dataclass
class ExpectationForgotten(Step):
    """A connection is expected no longer; ``why``: "replaced", "evicted", "orphaned", "expired", "deleted" or "withdrawn"."""

    expectation: Expectation | None = None
    why: str = ""


@late_dataclass
class Confirmed(Step):
    """The new entry is kept from here on; its timer starts."""

    entry: Entry | None = None


@late_dataclass
class EntryForgotten(Step):
    """The entry that was not kept yet vanished with its packet: nothing kept."""

    entry: Entry | None = None


@late_dataclass
class Finished(Step):
    """The end: ``verdict`` and where the packet went (``to``: an interface, "local" or None), with the reason of a DISCARD."""

    verdict: str = ""
    to: str | None = None
    reason: str = ""
