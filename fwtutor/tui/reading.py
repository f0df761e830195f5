"""What the screen shows at one place of a run: a reading of the cursor, and small questions put to it.

Everything here is derived from the record, its steps and the view; nothing is kept between places and nothing is run.
The words for what is read are ``words``'; drawing is the widgets'.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fwtutor.netfilter.steps import (
    ChainEntered,
    ChainLeft,
    Confirmed,
    EntryCreated,
    EntryForgotten,
    Finished,
    HookEntered,
    LookedUp,
    PolicyApplied,
    Routed,
    RuleTried,
    StateChanged,
    Step,
)
from fwtutor.netfilter.xtables.rule import Continue, Jump
from fwtutor.network.records import Walked

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.entry import Entry
    from fwtutor.netfilter.walk import Walk
    from fwtutor.network.records import Record
    from fwtutor.recording import Session, View

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
    def of(cls, session: Session) -> Place:
        """The place where the session's cursor is."""
        cursor = session.cursor
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
    def looked_up(self) -> LookedUp | None:
        """The look-up that stamped the ctstate, once it has happened."""
        return next((step for step in reversed(self.happened) if isinstance(step, LookedUp)), None)

    @property
    def hook(self) -> str:
        """The hook the packet is at, "" before the first."""
        return next((step.hook for step in reversed(self.happened) if isinstance(step, HookEntered)), "")

    @property
    def routed(self) -> Routed | None:
        return next((step for step in self.happened if isinstance(step, Routed)), None)

    @property
    def tracking(self) -> bool:
        """Does any rule of the ruleset need connection tracking?"""
        return self.view.ruleset.tracks


def decider(steps: tuple[Step, ...]) -> RuleTried | PolicyApplied | None:
    """The rule or policy that had the last word among ``steps``."""
    for step in reversed(steps):
        if isinstance(step, PolicyApplied):
            return step
        if isinstance(step, RuleTried) and step.matched and step.rule and not isinstance(step.rule.target, Continue | Jump):
            return step
    return None


def chain_of(place: Place) -> tuple[str, str]:
    """(table, chain) that the chain pane shows: where the packet is, or the first one it will meet."""
    for at in range(place.done - 1, -1, -1):
        step = place.steps[at]
        if isinstance(step, RuleTried | ChainEntered | PolicyApplied):
            return step.table, step.chain
        if isinstance(step, ChainLeft):
            after = next((s for s in place.steps[at + 1 :] if isinstance(s, RuleTried | PolicyApplied)), None)
            return (after.table, after.chain) if after else (step.table, step.chain)
    ahead = next((step for step in place.steps if isinstance(step, ChainEntered)), None)
    return (ahead.table, ahead.chain) if ahead and place.routed else ("filter", "INPUT")


def tried(place: Place, table: str, chain: str) -> tuple[dict[int, bool], str | None, bool]:
    """What happened in one chain at the packet's present hook: rule number -> matched, the policy applied, and whether it is over."""
    found: dict[int, bool] = {}
    policy: str | None = None
    over = False
    for step in place.happened:
        if isinstance(step, ChainEntered) and (step.table, step.chain) == (table, chain):
            found, policy, over = {}, None, False
        elif isinstance(step, RuleTried):
            if (step.table, step.chain) == (table, chain):
                found[step.number] = step.matched
            if step.matched and step.rule and not isinstance(step.rule.target, Continue | Jump) and step.rule.target.name != "RETURN":
                over = True
        elif isinstance(step, PolicyApplied) and (step.table, step.chain) == (table, chain):
            policy, over = step.policy, True
        elif (isinstance(step, ChainLeft) and (step.table, step.chain) == (table, chain)) or isinstance(step, Finished):
            over = True
    return found, policy, over


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
        elif isinstance(step, Confirmed):
            entry, stands = step.entry, KEPT
        elif isinstance(step, EntryForgotten):
            entry, stands = step.entry or entry, GONE
    return entry, stands


def entry_changed(place: Place) -> bool:
    """Has this packet changed its entry's state, or made it?"""
    return any(
        isinstance(step, EntryCreated | Confirmed)
        or (isinstance(step, StateChanged) and (step.after is None or step.before is None or step.before.state != step.after.state))
        for step in place.happened
    )


class Histories:
    """The states each entry of the watched host has been in, by record index; reads every record of a run once."""

    def __init__(self) -> None:
        self._run: object = None
        self._read = 0
        self._states: dict[int, list[tuple[int, str]]] = {}

    def path(self, place: Place, entry: Entry) -> list[str]:
        """The states of an entry up to this place, in order; its present one is the last."""
        session, run = place.session, place.session.run
        if run is not self._run or len(run.records) < self._read:
            self._run, self._read, self._states = run, 0, {}
        for at in range(self._read, len(run.records)):
            record = run.records[at]
            if record.host == session.scenario.watch and isinstance(record, Walked):
                for change in record.walk.changes:
                    if change.kind == "entry" and change.after is not None:
                        states = self._states.setdefault(change.after.id, [])
                        state = change.after.state
                        if state and (not states or states[-1][1] != state):
                            states.append((at, state))
        self._read = len(run.records)
        # A packet under way has done part of its work only: its own states are those that have happened.
        last = place.index if place.walk is None or place.finished else place.index - 1
        path = [state for at, state in self._states.get(entry.id, ()) if at <= last]
        if last < place.index:
            made = (step.entry for step in place.happened if isinstance(step, EntryCreated))
            path += [new.state for new in made if new is not None and new.id == entry.id]
        return path if not entry.state or path[-1:] == [entry.state] else [*path, entry.state]


def host_of(place: Place, address: str) -> str:
    """Name of the host that owns an address, or the address itself when none does."""
    for host in place.session.scenario.topology.hosts:
        for addresses in host.interfaces.values():
            if any(text.partition("/")[0] == address for text in addresses):
                return host.name
    return address


def sender(place: Place) -> str:
    """Who put the packet at this place on the wire: the host of the record that caused it, whatever its source address claims."""
    record, walk = place.record, place.walk
    if record is None or walk is None:
        return ""
    if walk.in_interface is None:
        return place.watch
    if record.cause >= 0:
        host = place.session.run.records[record.cause].host
        if host != place.watch:
            return host
    return host_of(place, walk.packet.source)


def heard(session: Session, hosts: Sequence[str]) -> tuple[str, bool]:
    """The last line on the consoles of some hosts, as ``host: text``, and whether it came since the last moment but one."""
    cursor, stops = session.cursor, session.run.stops
    lines = []
    for host in hosts:
        # After the last moment, what still happens at other hosts has happened too.
        said = session.run.world.hosts[host].console if cursor.at_end else cursor.said(host)
        if said:
            lines.append((said[-1].index, f"{host}: {said[-1].text}"))
    if not lines:
        return "", False
    index, text = max(lines)
    before = bisect_left(stops, cursor.index) - 1
    return text, index > (stops[before] if before >= 0 else -1)
