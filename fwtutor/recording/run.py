"""Run: one history of a scenario, computed forward by inputs, with what is needed to look at any place of it quickly.

A run only ever grows at its end. Looking is ``cursor``'s, choosing between runs is ``session``'s.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.state import State
from fwtutor.netfilter.xtables.rule import Ruleset
from fwtutor.network.records import CommandRun, Record, changes_of
from fwtutor.network.world import World
from fwtutor.recording.scenario import Again, Input, Scenario

GAP = SECOND
"""ns between quiet and the next stage, or an input at the end."""
MAX_RECORDS = 50_000
"""A run that is not quiet by then (two echo servers talking for ever) is cut there."""
CHECKPOINT_EVERY = 256
"""Effects between two checkpoints, at least: as many as there are entries and counters, if those are more."""


class Track:
    """What one host's records did: which they are, and its firewall's state at some of them."""

    __slots__ = ("checkpoints", "effects", "places", "records", "rulesets")

    def __init__(self, state: State, rulesets: Iterable[Ruleset]) -> None:
        self.records: list[int] = []
        """Indices of the host's records."""
        self.places: list[int] = [0]
        """For each checkpoint, how many of ``records`` had happened."""
        self.checkpoints: list[State] = [state.copy()]
        self.rulesets: dict[int, list[tuple[int, Ruleset]]] = {ruleset.family: [(-1, ruleset)] for ruleset in rulesets}
        """By family: (index of the record after which it is in force, ruleset)."""
        self.effects = 0

    def add(self, record: Record, state: State) -> None:
        """Takes up a record; ``state`` is the firewall's just after it."""
        self.records.append(record.index)
        if isinstance(record, CommandRun) and record.after is not record.before:
            self.rulesets[record.after.family].append((record.index, record.after))
        self.effects += len(changes_of(record))
        if self.effects >= max(CHECKPOINT_EVERY, len(state.entries) + len(state.counters)):
            self.places.append(len(self.records))
            self.checkpoints.append(state.copy())
            self.effects = 0

    def ruleset_at(self, index: int, family: int = 4) -> Ruleset:
        """The ruleset of a family that is in force after the record ``index`` (of any host)."""
        versions = self.rulesets[family]
        return versions[bisect_right(versions, index, key=lambda pair: pair[0]) - 1][1]

    def nearest(self, place: int) -> tuple[int, State]:
        """The checkpoint nearest to ``place`` records of this host: (its place, its state, not to be changed)."""
        after = bisect_left(self.places, place)
        candidates = range(max(0, after - 1), min(len(self.places), after + 1))
        best = min(candidates, key=lambda number: abs(self.places[number] - place))
        return self.places[best], self.checkpoints[best]


class Run:
    """One history. Make it with ``Run(scenario, inputs)``: it is played to its end at once."""

    def __init__(self, scenario: Scenario, inputs: Sequence[Input | Again] = ()) -> None:
        self.scenario = scenario
        topology = scenario.topology
        self.world = World(topology if scenario.seed is None else replace(topology, seed=scenario.seed))
        for host in self.world.hosts.values():
            host.firewall.box.began = host.firewall.box.began if scenario.began is None else scenario.began
        self.records: list[Record] = self.world.records
        self.inputs: list[Input] = []
        """What a person entered, in order."""
        self.stage_starts: list[int] = []
        """For each stage, the index of its first record (of the next record there will be, if it has none)."""
        self.stage_times: list[int] = []
        """ns: when each stage began."""
        self.stops: list[int] = []
        """Indices of the records the cursor stops at: the watched host's, and what the learner typed anywhere."""
        self.tracks = {name: Track(host.firewall.state, map(host.firewall.ruleset, (4, 6))) for name, host in self.world.hosts.items()}
        self.cut = False
        """True when it was stopped at MAX_RECORDS before it fell quiet."""
        self._play(list(inputs))

    def stage_of(self, index: int) -> int:
        """The stage a record belongs to; 0 before everything."""
        return max(0, bisect_right(self.stage_starts, max(index, 0)) - 1)

    def enter(self, host: str, line: str) -> CommandRun:
        """A person's input at the end: one second after it fell quiet; then on until it is quiet again."""
        at = self.world.now + GAP
        self._take(self.world.run_until(at))
        record = self._enter(Input(len(self.stage_starts) - 1, len(self.records), at, host, line))
        self._settle([])
        return record

    def settle(self) -> None:
        """Takes up what was put into ``world`` by other ways than inputs (tests, benchmarks), until it is quiet."""
        self._settle([])

    @property
    def end(self) -> int:
        """ns: the time at which it is quiet."""
        return self.world.now

    def again(self, past: Input) -> Again:
        """An input of this run, to be entered in another at the same time."""
        same = 0
        while past.after - same > 0 and self.records[past.after - same - 1].at == past.at:
            same += 1
        return Again(past.stage, past.at - self.stage_times[past.stage], same, past.host, past.line)

    def _play(self, inputs: list[Input | Again]) -> None:
        for stage in range(self.scenario.stage_count):
            script = [line for line in self.scenario.script if line.stage == stage]
            if stage and script:
                self._take(self.world.run_until(self.world.now + GAP))
            start = self.world.now
            self.stage_starts.append(len(self.records))
            if not stage:
                for number, packet in enumerate(self.scenario.captured):
                    self.world.replay(start + packet.at, self.scenario.watch, packet, number)
            self.stage_times.append(start)
            for line in script:
                self.world.schedule(start + round(line.at * SECOND), line.host, line.line)
            self._settle(inputs)

    def _settle(self, inputs: list[Input | Again]) -> None:
        """Runs to quiet, entering each input of the present stage as its place comes."""
        stage = len(self.stage_starts) - 1
        while True:
            if inputs and inputs[0].stage == stage and self._is_due(inputs[0]):
                self._enter(self._placed(inputs.pop(0)))
            elif len(self.records) >= MAX_RECORDS:
                self.cut = True
                return
            elif not self.world.quiet or (inputs and inputs[0].stage == stage and self.world.pending):
                self._take(self.world.step())
            else:
                return

    def _is_due(self, wanted: Input | Again) -> bool:
        """Has all happened that comes before an input?"""
        if isinstance(wanted, Input):
            return wanted.after <= len(self.records)
        at, upcoming = self.stage_times[wanted.stage] + wanted.since, self.world.next_at
        if upcoming is None or upcoming > at:
            return True
        return upcoming == at and self._happened_at(at) >= wanted.following

    def _happened_at(self, at: int) -> int:
        return next((count for count, record in enumerate(reversed(self.records)) if record.at != at), len(self.records))

    def _placed(self, wanted: Input | Again) -> Input:
        if isinstance(wanted, Input):
            return wanted
        at = max(self.world.now, self.stage_times[wanted.stage] + wanted.since)
        return Input(wanted.stage, len(self.records), at, wanted.host, wanted.line)

    def _enter(self, wanted: Input) -> CommandRun:
        self.world.now = max(self.world.now, wanted.at)
        record = self.world.enter(wanted.host, wanted.line, learner=True)
        self.inputs.append(wanted)
        self._take([record])
        return record

    def _take(self, records: Iterable[Record]) -> None:
        watch = self.scenario.watch
        for record in records:
            self.tracks[record.host].add(record, self.world.hosts[record.host].firewall.state)
            if record.host == watch or (isinstance(record, CommandRun) and record.learner):
                self.stops.append(record.index)
