"""Session: one person at one scenario: the runs there are, the one looked at, the cursor in it.

Entering something at the end appends; in the past it makes a branch, and the run as it was stays in ``runs``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fwtutor.network.records import CommandRun
from fwtutor.recording.bookmarks import Bookmarks
from fwtutor.recording.cursor import Cursor
from fwtutor.recording.looking import look
from fwtutor.recording.run import Run
from fwtutor.recording.scenario import Input, Scenario

MAX_RUNS = 20
"""Histories kept, the lesson's own among them; the oldest others are given up."""


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

    def enter(self, host: str, line: str) -> CommandRun:
        """Enters a line at a host's prompt, where the cursor is; the cursor is then at the command's record.

        A line that changes nothing (``iptables -L``, ``conntrack -L``, ``help``, a rule that is refused) is answered for the
        cursor's place and is no input: its record has index -1 and stands in no run. Raises KeyError if there is no such host.
        """
        if host not in self.run.world.hosts:
            raise KeyError(host)
        answer = look(self.cursor, host, line)
        if answer is not None:
            return answer
        if self.cursor.at_end:
            record = self.run.enter(host, line)
            self.cursor.seek(record.index)
            return record
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
        self.cursor.attach(branch, after)
        self._entered = (branch, self.cursor.moves)
        return entered

    def undo(self) -> bool:
        """Makes a branch without the last thing entered, and goes to where that was. False if nothing was entered."""
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

    def _take_up(self, branch: Run) -> None:
        self.run = branch
        self.runs.append(branch)
        if len(self.runs) > MAX_RUNS:
            # The first, which is the lesson's own, stays.
            del self.runs[1]
