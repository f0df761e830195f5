"""Session: one person at one scenario: the runs there are, the one looked at, the cursor in it.

Entering something at the end appends; in the past it makes a branch, and the run as it was stays in ``runs``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from fwtutor.network.records import CommandRun
from fwtutor.recording.bookmarks import Bookmarks
from fwtutor.recording.cursor import Cursor
from fwtutor.recording.run import Run
from fwtutor.recording.scenario import Input, Scenario

MAX_RUNS = 20
"""Histories kept, the lesson's own among them; the oldest others are given up."""


@dataclass(slots=True, frozen=True)
class Place:
    """Where one was."""

    inputs: tuple[Input, ...]
    index: int
    step: int


class Change(NamedTuple):
    """Something was entered, edited or given up."""

    after: tuple[Input, ...]
    """The inputs there were then."""
    was: Place | None
    """Where undo goes; None: to these inputs without the last."""
    again: bool = False
    """An edit: whoever comes back to its run may take it back once more."""


class Session:
    """``run`` is the history one is in; ``cursor`` stays the same object whatever happens."""

    def __init__(self, scenario: Scenario, runs: Sequence[Run] = ()) -> None:
        """``runs``: histories of it that there are already, the first of which one is in."""
        self.scenario = scenario
        self.runs: list[Run] = [*runs] or [Run(scenario)]
        """All histories, in the order they were made."""
        self.run = self.runs[0]
        """The history one is in, played to its end."""
        self.cursor = Cursor(self.run)
        self.bookmarks = Bookmarks()
        self._entered: tuple[Run, int] | None = None
        """The last branch made, and ``cursor.moves`` then."""
        self._changes: list[Change] = []
        """All there were, in order."""

    def enter(self, host: str, line: str) -> CommandRun:
        """Enters a line at a host's prompt, where the cursor is; the cursor is then at the command's record.

        A line that changes nothing (``iptables -L``, ``conntrack -L``, ``help``, a rule that is refused) is answered for the
        cursor's place and is no input: its record has index -1 and stands in no run. Raises KeyError if there is no such host.
        """
        if host not in self.run.world.hosts:
            raise KeyError(host)
        from fwtutor.recording.looking import look

        answer = look(self.cursor, host, line)
        if answer is not None:
            return answer
        if self.cursor.at_end:
            was = self._place()
            record = self.run.enter(host, line)
            if record.refused and not record.changes and record.before is record.after:
                # Nothing came of it: as if it had not been entered.
                self._forget_last(was)
                return replace(record, index=-1)
            self._changes.append(Change(tuple(self.run.inputs), None))
            self.cursor.seek(record.index)
            return record
        was = self._place()
        after, at = self.cursor.boundary
        stage = self.run.stage_of(after - 1 if after > self.cursor.index else after)
        kept = [past for past in self.run.inputs if past.after < after]
        branch = Run(self.scenario, [*kept, Input(stage, after, at, host, line)])
        entered = branch.records[after]
        assert isinstance(entered, CommandRun)
        if entered.refused:
            # Nothing came of it: no reason to leave the run one is in.
            return replace(entered, index=-1)
        if self._entered == (self.run, self.cursor.moves):
            # One thing after another at one place: this branch only goes on from the last, nobody has looked at that yet.
            self.runs.remove(self.run)
        self._take_up(branch)
        self._changes.append(Change(tuple(branch.inputs), was if len(was.inputs) > len(kept) else None))
        self.cursor.attach(branch, after)
        self._entered = (branch, self.cursor.moves)
        return entered

    def edit(
        self, host: str, lines: Sequence[str], *, first: bool = False, superseded: Callable[[CommandRun], bool] = lambda _: False
    ) -> list[CommandRun]:
        """Enters lines together, where the cursor is or ``first``, before everything; whatever else happens then happens again.

        What was entered behind that place is entered again, at its own time, but for what is ``superseded``. All of it is taken back by
        one ``undo``. If one of the lines is refused, none is entered: it is returned alone, with index -1.
        """
        was = self._place()
        if not first and self.cursor.at_end:
            found = [self.run.enter(host, line) for line in lines]
            place = found[0].index if found else self.cursor.index
        else:
            after, at = (0, 0) if first else self.cursor.boundary
            stage = self.run.stage_of(after - 1 if after > self.cursor.index else after)
            kept = [past for past in self.run.inputs if past.after < after]
            made = [Input(stage, after + number, at, host, line) for number, line in enumerate(lines)]
            later = [self.run.again(past) for past in self.run.inputs if past.after >= after and not superseded(self._record_of(past))]
            branch = Run(self.scenario, [*kept, *made, *later])
            found = [self._record_of(past, branch) for past in branch.inputs[len(kept) : len(kept) + len(made)]]
            refused = [replace(record, index=-1) for record in found if record.refused]
            if refused:
                return refused[:1]
            self._take_up(branch)
            place = after + len(made) - 1
        self.cursor.attach(self.run, place)
        if tuple(self.run.inputs) != was.inputs:
            self._changes.append(Change(tuple(self.run.inputs), was, again=True))
        return found

    def rewind(self, keep: Callable[[Input], bool]) -> bool:
        """Goes to a run with only those inputs, before everything; one ``undo`` takes that back. False if it has no others.

        What is kept of those behind the first that is given up happens again, at its own time.
        """
        was = self._place()
        first = next((number for number, past in enumerate(was.inputs) if not keep(past)), None)
        if first is None:
            return False
        later = [self.run.again(past) for past in was.inputs[first:] if keep(past)]
        if later:
            self._take_up(Run(self.scenario, [*was.inputs[:first], *later]))
        else:
            self._go_to(was.inputs[:first])
        self.cursor.attach(self.run)
        self._changes.append(Change(tuple(self.run.inputs), was))
        return True

    def _place(self) -> Place:
        return Place(tuple(self.run.inputs), self.cursor.index, self.cursor.step)

    def _forget_last(self, was: Place) -> None:
        """The run once more, without what was entered last, at the place where one was."""
        fresh = Run(self.scenario, was.inputs)
        self.runs[self.runs.index(self.run)] = fresh
        self.run = fresh
        self.cursor.attach(fresh, was.index, was.step)

    def _last_change(self) -> Change | None:
        """The one that made the run what it is."""
        here = tuple(self.run.inputs)
        return next((change for change in reversed(self._changes) if change.after == here), None)

    def _go_to(self, inputs: tuple[Input, ...]) -> None:
        """The run of these inputs, played anew if it is not kept."""
        former = next((run for run in self.runs if tuple(run.inputs) == inputs), None)
        if former is None:
            self._take_up(Run(self.scenario, inputs))
        else:
            self.run = former

    def _record_of(self, past: Input, run: Run | None = None) -> CommandRun:
        record = (run or self.run).records[past.after]
        assert isinstance(record, CommandRun)
        return record

    @property
    def undoable(self) -> bool:
        """Is there anything that ``undo`` would take back?"""
        return bool(self.run.inputs) or self._last_change() is not None

    def drop(self, run: Run) -> None:
        """Gives up one of ``runs``, but never the last; from the one it is in, the session goes over to another first."""
        others = [each for each in self.runs if each is not run]
        if not others:
            return
        if run is self.run:
            self.switch(others[-1])
        self.runs = others

    def undo(self) -> bool:
        """Makes a branch without the last thing entered, and goes to where that was. False if nothing was entered.

        An edit, a rewinding, and what was entered in the past with something behind it, is taken back as a whole: to the run it was in.
        """
        change = self._last_change()
        if change is not None and not change.again:
            self._changes.remove(change)
        if change is not None and change.was is not None:
            self._go_to(change.was.inputs)
            self.cursor.attach(self.run, change.was.index, change.was.step)
            return True
        if not self.run.inputs:
            return False
        *kept, last = self.run.inputs
        self._take_up(Run(self.scenario, kept))
        self.cursor.attach(self.run, last.after - 1)
        return True

    def switch(self, run: Run) -> None:
        """Goes over to another of ``runs``: to the same place if both share it, else to the last place they share."""
        shared = min(len(self.run.records), len(run.records))
        for mine, other in zip([*self.run.inputs, None], [*run.inputs, None], strict=False):
            if mine != other:
                shared = min(entry.after for entry in (mine, other) if entry is not None)
                break
        index, step = self.cursor.index, self.cursor.step
        self.run = run
        if index < shared:
            self.cursor.attach(run, index, step)
        else:
            self.cursor.attach(run, shared - 1)

    def take_up(self, run: Run) -> None:
        """Goes over to a run that was made elsewhere of the same scenario; the cursor is before everything."""
        self._take_up(run)
        self.cursor.attach(run)

    def _take_up(self, branch: Run) -> None:
        self.run = branch
        self.runs.append(branch)
        if len(self.runs) > MAX_RUNS:
            # The first, which is the lesson's own, stays.
            del self.runs[1]
