"""What a sandbox is: a network and what happens in it, and what somebody has made of it so far. Values; ``opened`` makes them live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fwtutor.badinput import BadInput
from fwtutor.recording import Run, Scenario, Session
from fwtutor.recording.inputs import out_of_place

if TYPE_CHECKING:
    from fwtutor.recording.scenario import Input

MAX_PACKETS = 5_000
"""Of a capture; the first ones are taken."""
MAX_INPUTS = 2_000
"""Of one run."""
MAX_RUNS = 20
MAX_TOTAL = 100_000
"""Records of all runs that are kept in a file: whoever opens it waits for each of them."""


@dataclass(slots=True, frozen=True)
class Sandbox:
    """A lab without a lesson."""

    title: str
    scenario: Scenario
    prompts: tuple[str, ...]
    """Hosts at which one may type; the first is where one begins."""
    runs: tuple[tuple[Input, ...], ...] = ((),)
    """What was entered in each run there is; the first is the one without anybody's commands, as a rule."""
    run: int = 0
    """Which of them one is in."""
    cursor: tuple[int, int] = (-1, 0)
    """Where in it: record, and how many steps of its walk have happened."""

    def opened(self, name: str = "the sandbox") -> Session:
        """Everything as it was: the runs played, the cursor where it stood. Raises BadInput when an input has no place there."""
        made: list[Run] = []
        for number, inputs in enumerate(self.runs, 1):
            made.append(Run(self.scenario, inputs))
            misplaced = out_of_place(made[-1], inputs)
            if misplaced is not None:
                where = f"{name}: runs[{number}].inputs[{misplaced + 1}]"
                raise BadInput(f"{where}: this run has no such place (after {inputs[misplaced].after} happenings)")
            if number > 1 and sum(len(run.records) for run in made) > MAX_TOTAL:
                raise BadInput(f"{name}: runs[{number}]: all runs together have more than {MAX_TOTAL} happenings")
        session = Session(self.scenario, made)
        session.run = made[self.run]
        session.cursor.attach(session.run, *self.cursor)
        return session


def taken(session: Session, title: str, prompts: tuple[str, ...]) -> Sandbox:
    """A session as it is now, as a sandbox. Runs that would make the file too slow to open are left out: the oldest."""
    scenario = session.scenario
    if scenario.seed is not None:
        scenario = replace(scenario, topology=replace(scenario.topology, seed=scenario.seed), seed=None)
    runs, room = [session.run], MAX_TOTAL - len(session.run.records)
    for run in reversed(session.runs):
        if run is not session.run and len(run.inputs) <= MAX_INPUTS and room >= len(run.records):
            runs.append(run)
            room -= len(run.records)
    kept = [run for run in session.runs if run in runs][-MAX_RUNS:]
    if session.run not in kept:
        kept = [session.run, *kept[1:]]
    cursor = session.cursor.index, session.cursor.step
    return Sandbox(title, scenario, prompts, tuple(tuple(run.inputs) for run in kept), kept.index(session.run), cursor)
