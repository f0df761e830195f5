"""What the screen shows at one place of a run: a reading of the cursor, and small questions put to it.

Everything here is derived from the record, its steps and the view; nothing is kept between places and nothing is run.
The words for what is read are ``words``'; drawing is the widgets'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fwtutor.netfilter import answers
from fwtutor.netfilter.conntrack.entry import ASSURED, NEW, SEEN_REPLY, UNTRACKED
from fwtutor.netfilter.conntrack.tuples import WITH_PORTS
from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.derive import entry_changes
from fwtutor.netfilter.hooks import FORWARD
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import (
    Acted,
    Answered,
    AnswerWithheld,
    Confirmed,
    EntryCreated,
    EntryForgotten,
    Finished,
    Gathered,
    Helped,
    HookEntered,
    LookedUp,
    Routed,
    StateChanged,
    Step,
    Translated,
)
from fwtutor.network.records import CommandRun, Walked

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.entry import Entry, Tuple
    from fwtutor.netfilter.conntrack.expectation import Expectation
    from fwtutor.netfilter.walk import Walk
    from fwtutor.netfilter.xtables.rule import Ruleset
    from fwtutor.network.records import Record
    from fwtutor.recording import Session, View
    from fwtutor.recording.cursor import Cursor

KEPT, PENDING, GONE, DELETED = "kept", "pending", "gone", "deleted"
"""How a packet's entry stands: in the table, tied to the packet only, vanished with the packet, taken out of the table."""


@dataclass(slots=True, frozen=True)
class Place:
    """One reading of the cursor, shared by all panes."""

    session: Session
    index: int
    """Record index; -1 = before everything."""
    record: Record | None
    walk: Walk | None
    steps: tuple[Step, ...]
    done: int
    """How many of ``steps`` have happened."""
    view: View
    at: int
    """ns."""

    @classmethod
    def of(cls, session: Session, cursor: Cursor | None = None) -> Place:
        """The place where the session's cursor is, or another cursor on the same run."""
        cursor = session.cursor if cursor is None else cursor
        walk = cursor.walk
        steps = tuple(cursor.steps) if walk is not None else ()
        return cls(session, cursor.index, cursor.record, walk, steps, cursor.step, cursor.view, cursor.at)

    @property
    def happened(self) -> tuple[Step, ...]:
        return self.steps[: self.done]

    @property
    def now(self) -> Step | None:
        """The step that happened last."""
        return self.steps[self.done - 1] if 0 < self.done <= len(self.steps) else None

    @property
    def watch(self) -> str:
        return self.session.scenario.watch

    @property
    def finished(self) -> Finished | None:
        """The packet's end, once it has happened."""
        now = self.now
        if isinstance(now, Finished):
            return now
        return next((step for step in reversed(self.happened) if isinstance(step, Finished)), None)

    @property
    def verdict(self) -> Finished | None:
        """The packet's end, as soon as it is certain: the rule or policy with the last word decides, the entry follows from it."""
        finished = self.finished
        if finished is not None or decider(self.happened) is None:
            return finished
        rest = self.steps[self.done :]
        if not all(isinstance(step, Confirmed | EntryForgotten | Answered | AnswerWithheld | Finished) for step in rest):
            return None
        return next((step for step in rest if isinstance(step, Finished)), None)

    @property
    def looked_up(self) -> LookedUp | None:
        """The look-up that stamped the ctstate, once it has happened."""
        return next((step for step in reversed(self.happened) if isinstance(step, LookedUp)), None)

    @property
    def untracked(self) -> bool:
        """Did raw have connection tracking leave the packet alone? Then no look-up is to come."""
        acted = (step.after for step in self.happened if isinstance(step, Acted) and step.after is not None)
        return self.looked_up is None and any(seen.state == UNTRACKED for seen in acted)

    @property
    def hook(self) -> str:
        """The hook the packet is at, "" before the first."""
        return next((step.hook for step in reversed(self.happened) if isinstance(step, HookEntered)), "")

    @property
    def packet(self) -> Packet | None:
        """The packet as it is here: translated, changed by a target, put together of fragments, a hop older from FORWARD on."""
        packet = None if self.walk is None else self.walk.packet
        for step in self.happened:
            if isinstance(step, Translated):
                packet = step.after or packet
            elif isinstance(step, Acted):
                packet = packet if step.after is None else step.after.packet
            elif isinstance(step, Gathered):
                packet = step.whole or packet
            elif isinstance(step, HookEntered) and step.hook == FORWARD and packet is not None:
                packet = _a_hop_older(packet)
        return packet

    @property
    def mark(self) -> int:
        """The mark it carries here, as far as a rule set it."""
        acted = (step.after for step in reversed(self.happened) if isinstance(step, Acted) and step.after is not None)
        return next((seen.mark for seen in acted), 0)

    @property
    def routed(self) -> Routed | None:
        return next((step for step in self.happened if isinstance(step, Routed)), None)

    @property
    def tracking(self) -> bool:
        """Does any rule that the packet may meet need connection tracking?"""
        return self.rules.tracks

    @property
    def rules(self) -> Ruleset:
        """The ruleset the packet meets, or the command here is about; where neither is, of the family seen last."""
        return self.view.rules(self.family)

    @property
    def family(self) -> int:
        """4 or 6: whose firewall that is."""
        if isinstance(self.record, CommandRun):
            return self.record.after.family
        if self.walk is not None:
            return self.walk.packet.family
        records = self.session.run.records
        for at in range(self.index, -1, -1):
            record = records[at]
            if record.host == self.watch and isinstance(record, Walked):
                return record.walk.packet.family
            if record.host == self.watch and isinstance(record, CommandRun) and record.after is not record.before:
                return record.after.family
        return 4


def packet_entry(place: Place) -> tuple[Entry | None, str]:
    """The packet's own entry at this place, and how it stands (KEPT, PENDING, GONE, DELETED, "" when there is none)."""
    entry: Entry | None = None
    stands = ""
    for step in place.happened:
        if isinstance(step, LookedUp):
            entry, stands = step.found, KEPT if step.found else ""
        elif isinstance(step, EntryCreated):
            entry, stands = step.entry, PENDING
        elif isinstance(step, StateChanged):
            if step.after is None:
                entry, stands = step.before, DELETED
            elif entry is None or entry.id == step.after.id:
                entry, stands = step.after, stands if stands == PENDING else KEPT
        elif isinstance(step, Acted):
            if entry is not None and step.after is not None and step.after.entry is not None and step.after.entry.id == entry.id:
                entry = step.after.entry
        elif isinstance(step, Translated):
            gone = any(change.kind == "entry" and entry is not None and change.key == entry.id for change in step.changes)
            entry, stands = step.entry_after, DELETED if gone else stands
        elif isinstance(step, Helped):
            entry = step.after if entry is not None and step.after is not None and step.after.id == entry.id else entry
        elif isinstance(step, Confirmed):
            entry, stands = step.entry, KEPT
        elif isinstance(step, EntryForgotten):
            entry, stands = step.entry or entry, GONE
    return entry, stands


def entry_changed(place: Place) -> bool:
    """Has this packet changed its entry's state, or made it?"""
    return any(
        isinstance(step, EntryCreated | Confirmed)
        or (isinstance(step, Translated) and step.entry_before != step.entry_after)
        or (
            isinstance(step, StateChanged)
            and (step.after is None or step.before is None or _standing(step.before) != _standing(step.after))
        )
        for step in place.happened
    )


def _standing(entry: Entry) -> tuple[str, int]:
    """What of an entry is worth saying that it changed: not its timer."""
    return entry.state, entry.status & (SEEN_REPLY | ASSURED)


def expected(place: Place) -> list[Expectation]:
    """What helpers expect at this place, the youngest first."""
    view = place.view
    return [one for one in reversed(view.expectations.values()) if one.expires > place.at and one.master in view.entries]


def _a_hop_older(packet: Packet) -> Packet:
    """As FORWARD sees it: routing has counted the hop."""
    if packet.family == 4:
        return Packet(answers.with_lower_ttl(packet), taken=True)
    from fwtutor.netfilter import answers6

    return Packet(answers6.with_lower_hop_limit(packet))


FIELDS = ("source", "destination", "source port", "destination port")
"""What two tuples of one protocol can differ in."""


def nearest(place: Place) -> tuple[Entry | None, frozenset[tuple[int, str]]]:
    """For a packet that no entry knows: the entry that misses it by the least (at most two fields), and which of its fields.

    A field is (0 original or 1 reply, its name).
    """
    found = place.looked_up
    if found is None or found.tuple is None or found.found is not None or found.state != NEW:
        return None, frozenset()
    own, _ = packet_entry(place)
    best: tuple[int, Entry, frozenset[tuple[int, str]]] | None = None
    for entry in place.view.entries.values():
        if own is not None and entry.id == own.id:
            continue
        for direction, side in enumerate((entry.original, entry.reply)):
            missed = _differing(found.tuple, side)
            if missed and len(missed) <= 2 and (best is None or len(missed) < best[0]):
                best = len(missed), entry, frozenset((direction, name) for name in missed)
    return (best[1], best[2]) if best else (None, frozenset())


def _differing(wanted: Tuple, side: Tuple) -> list[str]:
    """The fields in which two tuples differ; none for tuples that cannot be compared."""
    if (side.protocol, side.family) != (wanted.protocol, wanted.family):
        return []
    pairs = zip(FIELDS, (wanted.src, wanted.dst, wanted.sport, wanted.dport), (side.src, side.dst, side.sport, side.dport), strict=True)
    return [name for name, ours, theirs in pairs if ours != theirs and (wanted.protocol in WITH_PORTS or "port" not in name)]


class Histories:
    """The states each entry of the watched host has been in, by record index; reads every record up to where one is, once."""

    def __init__(self) -> None:
        self._run: object = None
        self._read = 0
        self._states: dict[int, list[tuple[int, str]]] = {}

    def path(self, place: Place, entry: Entry) -> list[str]:
        """The states of an entry up to this place, in order; its present one is the last."""
        session, run = place.session, place.session.run
        if run is not self._run or len(run.records) < self._read:
            self._run, self._read, self._states = run, 0, {}
        for at in range(self._read, place.index + 1):
            record = run.records[at]
            if record.host == session.scenario.watch and isinstance(record, Walked):
                for change in entry_changes(record.walk):
                    if change.after is not None:
                        states = self._states.setdefault(change.after.id, [])
                        state = change.after.state
                        if state and (not states or states[-1][1] != state):
                            states.append((at, state))
        self._read = max(self._read, place.index + 1)
        # A packet under way has done part of its work only: its own states are those that have happened.
        last = place.index if place.walk is None or place.finished else place.index - 1
        path = [state for at, state in self._states.get(entry.id, ()) if at <= last]
        if last < place.index:
            made = (step.entry for step in place.happened if isinstance(step, EntryCreated))
            path += [new.state for new in made if new is not None and new.id == entry.id]
        return path if not entry.state or path[-1:] == [entry.state] else [*path, entry.state]
