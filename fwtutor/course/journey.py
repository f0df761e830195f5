"""Journey: a learner's way through one lesson. Pages turn, questions hold the way, goals are noted; the screen only shows it.

It moves the session's cursor, never the run: what there is to see is recorded already, and only commands (the session's) add to it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.course.resuming import keep, typed_again
from fwtutor.course.tasks import Tasks
from fwtutor.network.records import Walked
from fwtutor.recording.inputs import print_of

if TYPE_CHECKING:
    from fwtutor.course.handing import Keeper
    from fwtutor.course.model import Goal, Lesson, Prediction
    from fwtutor.course.progress import Progress
    from fwtutor.network.records import CommandRun
    from fwtutor.recording import Session
    from fwtutor.recording.cursor import Size
    from fwtutor.recording.editing import Plan
    from fwtutor.recording.run import Run
    from fwtutor.recording.scenario import Input


class Outcome(Enum):
    """What came of a wish to go on or back."""

    MOVED = "moved"
    TURNED = "turned the page"
    ASKED = "a question is in the way"
    END = "there is nothing further"


class Hint(NamedTuple):
    """One hint of a page."""

    number: int
    """From 1."""
    total: int
    text: str
    new: bool
    """False when it was asked for before: there are no more, and they come round again."""


class Journey(Tasks):
    """The state of one learner in one lesson."""

    def __init__(self, lesson: Lesson, session: Session, progress: Progress) -> None:
        super().__init__()
        self.lesson = lesson
        self.session = session
        self.progress = progress
        self.stage = 0
        """The page that is open, from 0."""
        self.hints: dict[int, int] = dict(progress.of(lesson.name).hints)
        """Hints asked for, by stage: what was told once can be read again."""
        self._round: dict[int, int] = {}
        """The hint told last, by stage, from 1."""
        self.just_answered: str = ""
        """Id of the prediction answered since the last step: its verdict is still on the screen."""
        self._picked: dict[str, str] = dict(progress.of(lesson.name).predictions)
        self._skipped: set[str] = set()
        """Ids of questions on pages before the one that was asked for at the start."""
        session.bookmarks.keep(progress.of(lesson.name).bookmarks)
        self.lost = ""
        """Why what was typed in an earlier sitting is not there again; "" if it is."""
        self.resumed = ""
        """That an exam is gone on with; "" if it is not."""
        self._kept: tuple[Run, int] | None = None
        """The run whose inputs were kept last, and how many."""
        self.keeper: Keeper | None = None
        """Who keeps what is typed, where somebody else judges it."""
        self._known: tuple[Run, int] | None = None
        self._due: list[tuple[int, Prediction]] = []
        self._met_at: list[tuple[int, str]] = []

    # --- what is so -------------------------------------------------------------------------------------

    @property
    def last_stage(self) -> int:
        return max(0, len(self.lesson.stages) - 1)

    @property
    def at_top(self) -> bool:
        """Has nothing of the open page happened yet?"""
        return self.session.cursor.index <= self._last_stop(self.stage - 1)

    @property
    def blocking(self) -> tuple[int, Prediction] | None:
        """The first question not answered yet, and the record before which it must be."""
        self._look()
        return next(((at, p) for at, p in self._due if p.id not in self._picked and p.id not in self._skipped), None)

    @property
    def question(self) -> Prediction | None:
        """The question that holds the way here, None if the way is free."""
        block = self.blocking
        if block is None:
            return None
        at, prediction = block
        return prediction if self.session.cursor.index >= at or self._before(at) else None

    @property
    def untold(self) -> int | None:
        """The record from which on nothing is told, for a question here asks about it; None if there is none."""
        block = self.blocking if self.question else None
        return block[0] if block else None

    @property
    def review(self) -> Prediction | None:
        """An answered question, when the cursor is back at the moment at which it was asked."""
        self._look()
        cursor = self.session.cursor
        for at, prediction in reversed(self._due):
            arriving = (cursor.index, cursor.step) == (at, 1) and not self._cannot_enter(at)
            if prediction.id in self._picked and (arriving or self._before(at)):
                return prediction
        return None

    def picked(self, prediction: Prediction) -> int | None:
        """Index of the choice first picked, None while unanswered."""
        value = self._picked.get(prediction.id)
        return next((n for n, choice in enumerate(prediction.choices) if choice.answer == value), None)

    @property
    def met(self) -> frozenset[str]:
        """Ids of goals met, now or in an earlier sitting."""
        return frozenset(self.progress.of(self.lesson.name).goals)

    @property
    def open_goal(self) -> Goal | None:
        """The first goal that is not met yet; None when all are that can be met here."""
        met = self.met
        return next((goal for goal in self.lesson.goals if goal.id not in met and not goal.withheld), None)

    @property
    def ended(self) -> bool:
        """The last page is open, all goals are met, and what they were met by has been seen: there is the sentence to take home."""
        if self.stage < self.last_stage or self.open_goal or self.lesson.free:
            return False
        self._look()
        seen = {goal for at, goal in self._met_at if at <= self._reached}
        here = {goal.id for goal in self.lesson.goals if not goal.withheld}
        return self.session.cursor.at_end or (bool(seen) and seen.issuperset(here))

    # --- going ------------------------------------------------------------------------------------------

    returned = False
    """Somebody has come back to where he was in an earlier sitting."""

    def begin(self, *, afresh: bool = False, at: int | None = None) -> None:
        """Where one comes in: where one left off, at the beginning, or where page ``at`` (from 1) opens, whatever is asked before it."""
        part = self.progress.of(self.lesson.name)
        if afresh:
            self.hints.clear()
        if at is not None:
            self._look()
            page = max(0, min(at - 1, self.last_stage))
            self._skipped = {prediction.id for place, prediction in self._due if self._stage_of(place) < page}
            self.session.cursor.seek(self._last_stop(page - 1))
            self.stage = page
        elif not afresh:
            self._typed_on, self.lost = self._come_back() or typed_again(part, self.session)
            part = self.progress.of(self.lesson.name)
            self.returned = part.record >= 0
            # The place was in the run with what was typed: without that it is as far as the lesson's own goes.
            moved = self.seek(min(part.record, len(self.session.run.records) - 1), part.stage) is Outcome.MOVED
            if moved and part.step and self.session.cursor.index == part.record:
                self.session.cursor.seek(part.record, part.step)
            if self.resumed:
                self._keep("came back")

    def _come_back(self) -> tuple[dict[Input, int], str] | None:
        """An exam that was left is gone on with, in its file, as long as what is entered again comes to what that file says."""
        left = self.keeper.left() if self.keeper is not None else None
        if left is None or self.keeper is None:
            return None
        from fwtutor.course.handing import in_force

        pages, lost = typed_again(left.part, self.session)
        if lost or tuple(in_force(self.session.run)) != left.answer:
            self.session.switch(self.session.runs[0])
            return {}, f"{left.path.name} cannot be gone on with: the lesson, or that file, has changed. This exam has a file of its own."
        self.keeper.take_up(left)
        self.progress.lessons[self.lesson.name] = left.part
        self._picked = dict(left.part.predictions)
        self.resumed = f"You go on with {left.path.name}, where you left it."
        return pages, ""

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
            return Outcome.END
        if self._stage_of(cursor.index) > self.stage:
            cursor.seek(*before)
            self.stage += 1
            return Outcome.TURNED
        if block and cursor.index >= block[0] and (cursor.index, cursor.step) > (block[0], 1):
            self._to_question(block[0], before)
            return Outcome.ASKED
        if before[0] < cursor.index and cursor.step > 1 and self._asked_about(cursor.index):
            # Where the question was asked one stops again: the way is the same every time.
            cursor.seek(cursor.index, 1)
        return Outcome.MOVED

    def back(self, size: Size) -> Outcome:
        """One step back, pages too."""
        cursor = self.session.cursor
        self.just_answered = ""
        if self.stage > self._stage_of(cursor.index):
            self.stage -= 1
            return Outcome.TURNED
        if size == "packet" and cursor.step > 1 and self._asked_about(cursor.index):
            cursor.seek(cursor.index, 1)
            return Outcome.MOVED
        if not cursor.move(size, -1):
            return Outcome.END
        self.stage = min(self.stage, self._stage_of(cursor.index) + 1, self.last_stage)
        return Outcome.MOVED

    def to_end(self) -> Outcome:
        """On to the end of what happens on this page, or to the next question; from the end of a page, to the next page."""
        if self.question:
            return Outcome.ASKED
        cursor, block = self.session.cursor, self.blocking
        before = cursor.index, cursor.step
        self.just_answered = ""
        last = self._last_stop(self.stage)
        if block and block[0] <= last:
            self._to_question(block[0], before)
            return Outcome.ASKED
        if last > before[0] or (last == before[0] and before[1] < len(cursor.steps)):
            cursor.seek(last)
            return Outcome.MOVED
        if self.stage < self.last_stage:
            self.stage += 1
            return Outcome.TURNED
        return Outcome.END

    def to_start(self) -> Outcome:
        """Back to the beginning of this page; from there, to before everything."""
        cursor = self.session.cursor
        self.just_answered = ""
        start = self._last_stop(self.stage - 1)
        if cursor.index > start:
            cursor.seek(start)
            return Outcome.TURNED
        if cursor.index < 0 and not self.stage:
            return Outcome.END
        cursor.to_start()
        self.stage = 0
        return Outcome.TURNED

    def seek(self, index: int, stage: int | None = None) -> Outcome:
        """To a record, but not past an unanswered question."""
        block = self.blocking
        cursor = self.session.cursor
        self.just_answered = ""
        if block and index >= block[0]:
            self._to_question(block[0], (cursor.index, cursor.step))
            return Outcome.ASKED
        cursor.seek(index)
        here = self._stage_of(cursor.index)
        self.stage = here if stage is None else max(0, min(stage, here + 1, self.last_stage))
        return Outcome.MOVED

    def jump(self, index: int | None, direction: int = 1) -> Outcome:
        """To a record that was looked for (None: there is none). On, only as far as one might step: pages turn, questions hold the way.

        Whether there is one behind a question is not told before that is answered.
        """
        if direction < 0:
            return Outcome.END if index is None else self.seek(index)
        if self.question:
            return Outcome.ASKED
        cursor, block = self.session.cursor, self.blocking
        if block is not None and (index is None or index >= block[0]):
            index = block[0]
        if index is None:
            return Outcome.END
        before = cursor.index, cursor.step
        self.just_answered = ""
        if self._stage_of(index) > self.stage:
            cursor.seek(max(cursor.index, self._last_stop(self.stage)))
            self.stage += 1
            return Outcome.TURNED
        if block is not None and index == block[0]:
            self._to_question(index, before)
            return Outcome.ASKED
        cursor.seek(index)
        return Outcome.MOVED

    def answer(self, number: int) -> bool:
        """Answer the question that holds the way; False if there is none, or no such choice."""
        prediction = self.question
        if prediction is None or not 0 <= number < len(prediction.choices):
            return False
        value = prediction.choices[number].answer
        self._picked[prediction.id] = value
        computed = prediction.computed(self.session.run)
        self.progress.predict(self.lesson.name, prediction.id, value, right=None if computed is None else value == computed)
        self.just_answered = prediction.id
        self._keep("answered", line=f"{prediction.id}: {value}")
        return True

    def hint(self) -> Hint | None:
        """One hint more of this page; when there are no more, they come round again. None if it has none."""
        hints = self.lesson.stages[self.stage].hints if self.lesson.stages else ()
        if not hints:
            return None
        told = self.hints.get(self.stage, 0)
        number = told + 1 if told < len(hints) else self._round.get(self.stage, told) % len(hints) + 1
        self.hints[self.stage] = max(told, number)
        ever = self.progress.of(self.lesson.name).hints
        ever[self.stage] = max(ever.get(self.stage, 0), number)
        self._round[self.stage] = number
        return Hint(number, len(hints), hints[number - 1], number > told)

    def enter(self, host: str, text: str) -> CommandRun:
        """A command at a host's prompt, where the cursor is."""
        record = self.session.enter(host, text)
        self.just_answered = ""
        if record.index >= 0:
            self._typed_on[self.session.run.inputs[-1]] = self.stage
            self.stage = max(self.stage, self._stage_of(self.session.cursor.index))
        self._keep("was refused" if record.refused else "typed", host, text)
        return record

    def edit(self, made: Plan) -> list[CommandRun]:
        """The commands of an edit, where it wants them."""
        from fwtutor.recording.editing import apply

        pages = {(past.host, past.line): page for past, page in self._pages().items() if past.line not in made.lines}
        records = apply(self.session, made)
        self.just_answered = ""
        if records and not records[0].refused:
            self._remember_pages(pages, self.stage)
            self.stage = max(self.stage, self._stage_of(self.session.cursor.index))
        for record in records:
            self._keep("was refused" if record.refused else "edited", record.host, record.line)
        return records

    def undo(self) -> bool:
        inputs = self.session.run.inputs
        done = super().undo()
        if done:
            self._keep("took back", *((inputs[-1].host, inputs[-1].line) if inputs else ()))
        return done

    @property
    def histories(self) -> list[Run]:
        """The runs worth a visit: as the lesson has it, the present one, and of those that only go on from another the last."""
        runs, present = self.session.runs, self.session.run
        kept: list[Run] = []
        for run in runs:
            longer = any(other.inputs[: len(run.inputs)] == run.inputs and len(other.inputs) > len(run.inputs) for other in runs)
            double = any(other.inputs == run.inputs for other in (*kept, present) if other is not run)
            if run in (runs[0], present) or not (longer or double):
                kept.append(run)
        return kept

    def next_run(self) -> bool:
        """Over to the next of the runs there are; False if there is only this one."""
        runs = self.histories
        if len(runs) < 2:
            return False
        self.session.switch(runs[(runs.index(self.session.run) + 1) % len(runs)])
        self._follow()
        self._keep("went to another run")
        return True

    def bookmark(self) -> bool | None:
        """Mark the moment, or take its mark away: is it marked now? None before everything, where there is no moment."""
        session = self.session
        if session.cursor.index < 0:
            return None
        marked = session.bookmarks.toggle(session.run, session.cursor.index)
        self.progress.of(self.lesson.name).bookmarks = session.bookmarks.lasting
        return marked

    def go(self, run: Run, index: int | None) -> None:
        """Over to a run, and there to a record, but not past a question; None: to the last place shared with the present one."""
        other = run is not self.session.run
        if other:
            self.session.switch(run)
        if index is not None:
            self.seek(index)
        self._follow()
        if other:
            self._keep("went to another run")

    def note(self) -> list[str]:
        """Note goals that have come true by here; ids of those that are news. Remember the place."""
        self._look()
        reached, name = self._reached, self.lesson.name
        self._keep_place()
        return [goal for at, goal in self._met_at if at <= reached and self.progress.meet(name, goal)]

    # --- inside -----------------------------------------------------------------------------------------

    def _keep_place(self) -> None:
        """The place, and with it what was typed; but where somebody else judges that, only in an exam: then both are for the keeper."""
        run, cursor = self.session.run, self.session.cursor
        self.progress.place(self.lesson.name, self.stage, cursor.index, 0 if cursor.step == len(cursor.steps) else cursor.step)
        exam = self.keeper is not None and self.keeper.exam
        if (self.lesson.held_back and not exam) or self.lesson.free or self._kept == (run, len(run.inputs)):
            return
        self._kept = run, len(run.inputs)
        keep(self.progress.of(self.lesson.name), self.session, self._pages(), print_of(self.session.scenario))

    def _keep(self, did: str, host: str = "", line: str = "") -> None:
        if self.keeper is not None:
            self._keep_place()
            self.keeper.note(did, self.stage, self.session.run, self.progress.of(self.lesson.name), host, line)

    @property
    def _reached(self) -> int:
        """The last record that has happened in full."""
        cursor = self.session.cursor
        return cursor.index if cursor.step == len(cursor.steps) else cursor.index - 1

    def _follow(self) -> None:
        self.just_answered = ""
        here = self._stage_of(self.session.cursor.index)
        self.stage = min(max(self.stage, here), here + 1, self.last_stage)

    def _stage_of(self, index: int) -> int:
        return min(self.session.run.stage_of(index), self.last_stage)

    def _last_stop(self, stage: int) -> int:
        """The last moment of a page and all before it; -1 if nothing happens by then."""
        run = self.session.run
        end = run.stage_starts[stage + 1] if 0 <= stage + 1 < len(run.stage_starts) and stage < self.last_stage else len(run.records)
        number = bisect_left(run.stops, end)
        return run.stops[number - 1] if number else -1

    def _before(self, at: int) -> bool:
        """Is this the last moment before a record that is not entered before the question about it, and its page open?"""
        cursor = self.session.cursor
        near = at == self._next_stop() and cursor.step == len(cursor.steps)
        return near and self._cannot_enter(at) and self._stage_of(at) <= self.stage

    def _asked_about(self, index: int) -> bool:
        """Is this a packet that was seen arriving while a question about it was asked?"""
        self._look()
        return any(at == index for at, _ in self._due) and not self._cannot_enter(index)

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
