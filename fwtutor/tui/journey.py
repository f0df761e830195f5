"""Journey: a learner's way through one lesson. Pages turn, questions hold the way, goals are noted; the screen only shows it.

It moves the session's cursor, never the run: what there is to see is recorded already, and only commands (the session's) add to it.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum
from typing import TYPE_CHECKING

from fwtutor.network.records import Walked

if TYPE_CHECKING:
    from fwtutor.course.model import Lesson, Prediction
    from fwtutor.course.progress import Progress
    from fwtutor.network.records import CommandRun
    from fwtutor.recording import Session
    from fwtutor.recording.cursor import Size
    from fwtutor.recording.run import Run


class Outcome(Enum):
    """What came of a wish to go on or back."""

    MOVED = "moved"
    TURNED = "turned the page"
    ASKED = "a question is in the way"
    END = "there is nothing further"


class Journey:
    """The state of one learner in one lesson."""

    def __init__(self, lesson: Lesson, session: Session, progress: Progress) -> None:
        self.lesson = lesson
        self.session = session
        self.progress = progress
        self.stage = 0
        """The page that is open, from 0."""
        self.ended = False
        """The last page was stepped to its end, in this sitting."""
        self.hints: dict[int, int] = {}
        """Hints asked for, by stage."""
        self.just_answered: str = ""
        """Id of the prediction answered since the last step: its verdict is still on the screen."""
        self._picked: dict[str, str] = dict(progress.of(lesson.name).predictions)
        self._known: tuple[Run, int] | None = None
        self._due: list[tuple[int, Prediction]] = []
        self._met_at: list[tuple[int, str]] = []

    # --- what is so -------------------------------------------------------------------------------------

    @property
    def last_stage(self) -> int:
        return max(0, len(self.lesson.stages) - 1)

    @property
    def blocking(self) -> tuple[int, Prediction] | None:
        """The first question not answered yet, and the record before which it must be."""
        self._look()
        return next(((at, p) for at, p in self._due if p.id not in self._picked), None)

    @property
    def question(self) -> Prediction | None:
        """The question that holds the way here, None if the way is free."""
        block = self.blocking
        if block is None:
            return None
        at, prediction = block
        cursor = self.session.cursor
        return prediction if cursor.index >= at or (at == self._next_stop() and self._cannot_enter(at)) else None

    def picked(self, prediction: Prediction) -> int | None:
        """Index of the choice first picked, None while unanswered."""
        value = self._picked.get(prediction.id)
        return next((n for n, choice in enumerate(prediction.choices) if choice.answer == value), None)

    @property
    def met(self) -> frozenset[str]:
        """Ids of goals met, now or in an earlier sitting."""
        return frozenset(self.progress.of(self.lesson.name).goals)

    # --- going ------------------------------------------------------------------------------------------

    def forward(self, size: Size) -> Outcome:
        """One step on; first the page turns, then its packets go."""
        if self.question:
            return Outcome.ASKED
        cursor, block = self.session.cursor, self.blocking
        before = cursor.index, cursor.step
        self.just_answered = ""
        if not cursor.move(size, 1):
            if self.stage < self.last_stage:
                self.stage += 1
                return Outcome.TURNED
            self.ended = True
            return Outcome.END
        if self._stage_of(cursor.index) > self.stage:
            cursor.seek(*before)
            self.stage += 1
            return Outcome.TURNED
        if block and cursor.index >= block[0] and (cursor.index, cursor.step) > (block[0], 1):
            self._to_question(block[0], before)
            return Outcome.ASKED
        return Outcome.MOVED

    def back(self, size: Size) -> Outcome:
        """One step back, pages too."""
        cursor = self.session.cursor
        self.just_answered = ""
        self.ended = False
        if self.stage > self._stage_of(cursor.index):
            self.stage -= 1
            return Outcome.TURNED
        if not cursor.move(size, -1):
            return Outcome.END
        self.stage = min(self.stage, self._stage_of(cursor.index) + 1, self.last_stage)
        return Outcome.MOVED

    def to_end(self) -> Outcome:
        """On to the end of the run, or to the next question."""
        if self.question:
            return Outcome.ASKED
        cursor, block = self.session.cursor, self.blocking
        self.just_answered = ""
        if block:
            self._to_question(block[0], (cursor.index, cursor.step))
            return Outcome.ASKED
        cursor.to_end()
        self.stage, self.ended = self.last_stage, True
        return Outcome.END

    def to_start(self) -> None:
        """Back to before everything."""
        self.session.cursor.to_start()
        self.stage, self.ended, self.just_answered = 0, False, ""

    def seek(self, index: int, stage: int | None = None) -> Outcome:
        """To a record, but not past an unanswered question."""
        block = self.blocking
        cursor = self.session.cursor
        self.just_answered, self.ended = "", False
        if block and index >= block[0]:
            self._to_question(block[0], (cursor.index, cursor.step))
            return Outcome.ASKED
        cursor.seek(index)
        here = self._stage_of(cursor.index)
        self.stage = here if stage is None else max(0, min(stage, here + 1, self.last_stage))
        return Outcome.MOVED

    def answer(self, number: int) -> bool:
        """Answer the question that holds the way; False if there is none, or no such choice."""
        prediction = self.question
        if prediction is None or not 0 <= number < len(prediction.choices):
            return False
        value = prediction.choices[number].answer
        self._picked[prediction.id] = value
        self.progress.predict(self.lesson.name, prediction.id, value)
        self.just_answered = prediction.id
        return True

    def hint(self) -> tuple[int, str] | None:
        """One hint more of this page: its number and words; the last again when there are no more."""
        hints = self.lesson.stages[self.stage].hints if self.lesson.stages else ()
        if not hints:
            return None
        number = min(self.hints.get(self.stage, 0) + 1, len(hints))
        self.hints[self.stage] = number
        return number, hints[number - 1]

    def enter(self, host: str, text: str) -> CommandRun:
        """A command at a host's prompt, where the cursor is."""
        record = self.session.enter(host, text)
        self.just_answered = ""
        if record.index >= 0:
            self.stage, self.ended = max(self.stage, self._stage_of(self.session.cursor.index)), False
        return record

    def undo(self) -> bool:
        """The run without the last command; the cursor is where that was entered."""
        done = self.session.undo()
        if done:
            self._follow()
        return done

    def next_run(self) -> bool:
        """Over to the next of the runs there are; False if there is only this one."""
        runs = self.session.runs
        if len(runs) < 2:
            return False
        self.session.switch(runs[(runs.index(self.session.run) + 1) % len(runs)])
        self._follow()
        return True

    def note(self) -> list[str]:
        """Note goals that have come true by here; ids of those that are news. Remember the place."""
        self._look()
        cursor = self.session.cursor
        reached = cursor.index if cursor.step == len(cursor.steps) else cursor.index - 1
        name = self.lesson.name
        self.progress.place(name, self.stage, cursor.index)
        return [goal for at, goal in self._met_at if at <= reached and self.progress.meet(name, goal)]

    # --- inside -----------------------------------------------------------------------------------------

    def _follow(self) -> None:
        self.just_answered, self.ended = "", False
        here = self._stage_of(self.session.cursor.index)
        self.stage = min(max(self.stage, here), here + 1, self.last_stage)

    def _stage_of(self, index: int) -> int:
        return min(self.session.run.stage_of(index), self.last_stage)

    def _next_stop(self) -> int | None:
        stops = self.session.run.stops
        after = bisect_right(stops, self.session.cursor.index)
        return stops[after] if after < len(stops) else None

    def _cannot_enter(self, index: int) -> bool:
        """A packet of the watched host may be seen arriving before the question about it; other moments may not."""
        record = self.session.run.records[index]
        return not (isinstance(record, Walked) and record.host == self.session.scenario.watch)

    def _to_question(self, index: int, before: tuple[int, int]) -> None:
        if self._cannot_enter(index):
            earlier = [stop for stop in self.session.run.stops if stop < index]
            self.session.cursor.seek(max(earlier[-1] if earlier else -1, before[0] if before[0] < index else -1))
        else:
            self.session.cursor.seek(index, 1)
        self.stage = self._stage_of(index)

    def _look(self) -> None:
        """Questions and goals looked up in the run, once for each length of it."""
        run = self.session.run
        known = run, len(run.records)
        if self._known is not None and self._known[0] is known[0] and self._known[1] == known[1]:
            return
        self._known = known
        dues = [(at, prediction) for prediction in self.lesson.predictions if (at := prediction.due_at(run)) is not None]
        self._due = sorted(dues, key=lambda pair: pair[0])
        self._met_at = [(at, goal.id) for goal in self.lesson.goals if (at := goal.met_at(run)) is not None]
