"""Cursor: a place in a run, and the view of a firewall at that place. It looks; it never runs anything.

A place is (index, step): the record one is at, and how many of its walk's steps have happened. Index -1 is before
everything. Getting there applies or takes back effects from where one was, or from the nearest checkpoint.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.hooks import FILTER
from fwtutor.netfilter.ipset.sets import MEMORY_KEY, NO_SETS, Sets
from fwtutor.netfilter.state import State
from fwtutor.netfilter.steps import (
    Acted,
    Arrived,
    ChainEntered,
    Change,
    Confirmed,
    EntryCreated,
    EntryForgotten,
    Helped,
    HookEntered,
    LookedUp,
    PolicyApplied,
    StateChanged,
    Step,
    Translated,
)
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.rule import CounterKey, Ruleset
from fwtutor.network.records import Record, Said, Walked, changes_of
from fwtutor.recording.run import Run

Size = Literal["packet", "hook", "rule"]


@dataclass(slots=True, frozen=True)
class View:
    """A firewall at one place of a run."""

    ruleset: Ruleset
    ruleset6: Ruleset
    counters: dict[CounterKey, tuple[int, int]]
    """(packets, bytes) by rule id, or by ``policy_key`` for a policy; what is (0, 0) is absent."""
    entries: dict[int, Entry]
    """What is kept, by entry id. Some may be past their time: ``Entry.seconds_left`` says."""
    expectations: dict[int, Expectation]
    """Connections that helpers expect, by id. Some may be past their time."""
    held: dict[int, int]
    """By entry id: how many datagrams of which fragments wait are tied to it."""
    sets: Sets
    """Of addresses; elements may be past their time."""
    pending: Entry | None
    """The present packet's new entry while it is not kept yet."""
    ctstate: str
    """The present packet's ctstate; "" before it was looked up, and when tracking is off."""

    def rules(self, family: int) -> Ruleset:
        """The ruleset of a family."""
        return self.ruleset6 if family == 6 else self.ruleset


class Looker:
    """The state of one host's firewall, moved from place to place of a run."""

    __slots__ = ("_host", "_part", "_place", "_run", "_state", "applied")

    def __init__(self, run: Run, host: str) -> None:
        self._run = run
        self._host = host
        place, state = run.tracks[host].nearest(0)
        self._place = place
        self._part: tuple[Change, ...] = ()
        self._state = state.copy()
        self.applied = 0
        """Effects applied or taken back so far: the work done."""

    def state(self, index: int, done: tuple[Step, ...] | None) -> State:
        """The state after all records before ``index`` and the steps ``done`` of that one (None: the whole of it)."""
        track = self._run.tracks[self._host]
        place = bisect_left(track.records, index)
        mine = place < len(track.records) and track.records[place] == index
        if mine and done is None:
            place += 1
        part = tuple(change for step in done for change in step.changes) if mine and done is not None else ()
        if place == self._place and part[: len(self._part)] == self._part:
            self._apply(part[len(self._part) :])
        else:
            self._revert(self._part)
            self._travel(place)
            self._apply(part)
        self._part = part
        return self._state

    def _travel(self, place: int) -> None:
        track = self._run.tracks[self._host]
        start, state = track.nearest(place)
        if abs(start - place) + CHEAP_COPY < abs(self._place - place):
            self._place, self._state = start, state.copy()
        records = self._run.records
        for number in range(self._place, place):
            self._apply(changes_of(records[track.records[number]]))
        for number in range(self._place - 1, place - 1, -1):
            self._revert(changes_of(records[track.records[number]]))
        self._place = place

    def _apply(self, changes: tuple[Change, ...]) -> None:
        if changes:
            self.applied += len(changes)
            self._state.apply(changes)

    def _revert(self, changes: tuple[Change, ...]) -> None:
        if changes:
            self.applied += len(changes)
            self._state.revert(changes)


CHEAP_COPY = 16
"""Records one rather walks through than copying a checkpoint."""


class Cursor:
    """A place in ``run``, and what is to be seen there."""

    index: int
    """The record one is at; -1 before everything."""
    step: int
    """How many of its walk's steps have happened; all of them = ``len(steps)``; 0 for other records."""

    moves: int
    """How often it was moved: whoever compares two values knows whether anybody looked elsewhere meanwhile."""

    def __init__(self, run: Run) -> None:
        self.moves = 0
        self.attach(run)

    def attach(self, run: Run, index: int = -1, step: int | None = None) -> None:
        """Goes over to another run (a branch), to the place given."""
        self.run = run
        self._lookers: dict[str, Looker] = {}
        self.seek(index, step)

    # --- where ---------------------------------------------------------------------------------------------

    @property
    def record(self) -> Record | None:
        """The record one is at; None before everything."""
        return self.run.records[self.index] if self.index >= 0 else None

    @property
    def walk(self) -> Walk | None:
        """The packet's walk one is at, if the record is one."""
        record = self.record
        return record.walk if isinstance(record, Walked) else None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the walk one is at; empty for other records."""
        return self._steps

    @property
    def now_step(self) -> Step | None:
        """The step that happened last, within this walk."""
        return self._steps[self.step - 1] if self.step else None

    @property
    def at(self) -> int:
        """ns."""
        record = self.record
        return record.at if record else 0

    @property
    def at_start(self) -> bool:
        """True before everything."""
        return self.index < 0

    @property
    def at_end(self) -> bool:
        """True when no stop follows and this walk is over: an input here is appended."""
        return self.step == len(self._steps) and bisect_right(self.run.stops, self.index) == len(self.run.stops)

    @property
    def boundary(self) -> tuple[int, int]:
        """Where an input entered here falls: (after how many records, at which ns). Before a walk that has only arrived."""
        if self._steps and (self.step == 0 or (self.step == 1 and isinstance(self._steps[0], Arrived))):
            return self.index, self.at
        return self.index + 1, self.at

    # --- moving --------------------------------------------------------------------------------------------

    def move(self, size: Size = "packet", direction: int = 1) -> bool:
        """One step forward (1) or back (-1): to the end of the next packet, the next hook, or the next single step.

        False, and nothing happens, where the run has no further place in that direction.
        """
        self.moves += 1
        stops = self.run.stops
        here = self._places(self.index, self._steps, size)
        if direction > 0:
            later = [place for place in here if place > self.step]
            if later:
                self.step = later[0]
                return True
            number = bisect_right(stops, self.index)
            if number == len(stops):
                return False
            self.seek(stops[number])
            self.step = self._places(self.index, self._steps, size)[0]
            return True
        earlier = [place for place in here if place < self.step]
        if earlier:
            self.step = earlier[-1]
            return True
        if self.index < 0:
            return False
        number = bisect_left(stops, self.index) - 1
        self.seek(stops[number] if number >= 0 else -1)
        return True

    def seek(self, index: int, step: int | None = None) -> None:
        """To a record (any, also another host's), after ``step`` of its steps (None: after all). Clamped to the run."""
        self.moves += 1
        self.index = max(-1, min(index, len(self.run.records) - 1))
        walk = self.walk
        self._steps: tuple[Step, ...] = tuple(walk.steps) if walk else ()
        self.step = len(self._steps) if step is None else max(0, min(step, len(self._steps)))

    def to_start(self) -> None:
        """Before everything."""
        self.seek(-1)

    def to_end(self) -> None:
        """After the last stop."""
        self.seek(self.run.stops[-1] if self.run.stops else -1)

    def _places(self, index: int, steps: tuple[Step, ...], size: Size) -> tuple[int, ...]:
        """The places of a record, in steps done, at which moving by ``size`` stops."""
        last = len(steps)
        if size == "packet" or not last:
            return (last,)
        if size == "rule":
            idle = _idle(steps)
            return tuple(number for number in range(1, last + 1) if number not in idle)
        hooks = [number for number, step in enumerate(steps, 1) if isinstance(step, (Arrived, HookEntered))]
        return (*hooks, last) if not hooks or hooks[-1] != last else tuple(hooks)

    # --- looking -------------------------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """The watched host's firewall here."""
        return self.view_of(self.run.scenario.watch)

    def view_of(self, host: str) -> View:
        """A host's firewall here. Raises KeyError if there is no such host."""
        looker = self._lookers.get(host)
        if looker is None:
            looker = self._lookers[host] = Looker(self.run, host)
        record = self.record
        done: tuple[Step, ...] | None = None
        if isinstance(record, Walked) and record.host == host and self.step < len(self._steps):
            done = self._steps[: self.step]
        # A record that is another host's has happened for this one when all its own up to it have.
        state = looker.state(self.index, done)
        here = self._steps[: self.step] if record is not None and record.host == host else ()
        pending, ctstate = _packet_state(here)
        return View(
            ruleset=self.run.tracks[host].ruleset_at(self.index),
            ruleset6=self.run.tracks[host].ruleset_at(self.index, 6),
            counters={key: value for key, value in state.counters.items() if value != (0, 0)},
            entries=dict(state.entries),
            expectations=dict(state.expectations),
            held=dict(state.held),
            sets=state.memory.get(MEMORY_KEY, NO_SETS),
            pending=pending,
            ctstate=ctstate,
        )

    def said(self, host: str) -> list[Said]:
        """What a host's console shows here. Raises KeyError if there is no such host."""
        console = self.run.world.hosts[host].console
        # What is said because of a packet, is not said before that has reached its end.
        over = self.index if self.step == len(self._steps) else self.index - 1
        return console[: bisect_right(console, over, key=lambda line: line.index)]

    @property
    def work(self) -> int:
        """Effects applied or taken back so far by looking."""
        return sum(looker.applied for looker in self._lookers.values())


def _idle(steps: tuple[Step, ...]) -> set[int]:
    """Steps at which there is nothing to see: into a chain without rules, and out of it by its policy ACCEPT.

    Of filter, where one looks for what decides, they are shown all the same.
    """
    found: set[int] = set()
    for number, (one, other) in enumerate(pairwise(steps), 1):
        if isinstance(one, ChainEntered) and isinstance(other, PolicyApplied) and other.table != FILTER and other.policy == "ACCEPT":
            found |= {number, number + 1}
    return found


def _packet_state(steps: tuple[Step, ...]) -> tuple[Entry | None, str]:
    """(the entry not kept yet, the ctstate) after these steps of a walk."""
    pending: Entry | None = None
    ctstate = ""
    for step in steps:
        if isinstance(step, LookedUp):
            ctstate = step.state
        elif isinstance(step, EntryCreated):
            pending = step.entry
        elif isinstance(step, StateChanged):
            if pending is not None and step.before is not None and step.before.id == pending.id:
                pending = step.after
        elif isinstance(step, Acted):
            if pending is not None and step.after is not None and step.after.entry is not None and step.after.entry.id == pending.id:
                pending = step.after.entry
        elif isinstance(step, Translated):
            pending = pending and step.entry_after
        elif isinstance(step, Helped):
            pending = pending and step.after
        elif isinstance(step, (Confirmed, EntryForgotten)):
            pending = None
    return pending, ctstate
