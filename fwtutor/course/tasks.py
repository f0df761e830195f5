"""A lesson's tasks on a learner's way: which one it is, how it is begun anew, its solution, and undo. A part of ``journey``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fwtutor.course.checks import Failed
    from fwtutor.course.model import Deed, Lesson
    from fwtutor.course.progress import Progress
    from fwtutor.network.records import CommandRun
    from fwtutor.recording import Session
    from fwtutor.recording.scenario import Input


class Verdict(NamedTuple):
    """What a command made of an answer."""

    missing: str = ""
    """What a goal still waits for, where no check says so."""
    failed: Failed | None = None
    """The check that fails with it."""
    again: bool = False
    """All is well again that was no longer."""


class Tasks:
    """What there is to be typed, and what was typed, by page."""

    lesson: Lesson
    session: Session
    progress: Progress
    stage: int
    hints: dict[int, int]
    just_answered: str

    def __init__(self) -> None:
        self._typed_on: dict[Input, int] = {}
        """The page that was open when a command was entered."""
        self._rewound_on: dict[tuple[Input, ...], int] = {}
        """The page that was open when all but these inputs were given up."""

    def enter(self, host: str, text: str) -> CommandRun:
        """A command at a host's prompt, where the cursor is."""
        raise NotImplementedError

    def _keep(self, did: str, host: str = "", line: str = "") -> None:
        raise NotImplementedError

    def _last_stop(self, stage: int) -> int:
        raise NotImplementedError

    def _stage_of(self, index: int) -> int:
        raise NotImplementedError

    def _follow(self) -> None:
        raise NotImplementedError

    # --- the task ---------------------------------------------------------------------------------------

    @property
    def task(self) -> int:
        """The page whose task this is, from 0: the last one so far on which there is something to type, else the one that is open."""
        return next((page for page in range(self.stage, -1, -1) if self.lesson.free or self.lesson.stages[page].deeds), self.stage)

    @property
    def failed(self) -> Failed | None:
        """The check that what was typed in this run does not pass yet, or no longer; None if there is none, or nothing was tried."""
        met, run = self.progress.of(self.lesson.name).goals, self.session.run
        in_order = sorted(self.lesson.goals, key=lambda goal: goal.id in met)
        return next((failed for goal in in_order if (failed := goal.failed(run))), None)

    def verdict(self, record: CommandRun, before: Failed | None) -> Verdict:
        """What a command made of the answer; ``before``: what failed before it."""
        if record.index < 0 or record.refused:
            return Verdict()
        failed = self.failed
        if failed is not None and failed.newest:
            return Verdict(failed=failed)
        return Verdict(self.missing(), again=failed is None and before is not None and before.lapsed)

    def missing(self) -> str:
        """Why the first open goal that can tell is not met yet; "" if there is nothing to say."""
        met, run = self.progress.of(self.lesson.name).goals, self.session.run
        return next((text for goal in self.lesson.goals if goal.id not in met and (text := goal.missing(run))), "")

    def before_task(self) -> int:
        """The last moment before the task begins."""
        return self._last_stop(self.task - 1)

    def reset_task(self) -> bool:
        """Rules and hosts as they were when the task began; False if nothing was typed since. ``undo`` takes it back."""
        return self._rewind(self.task)

    def restart(self) -> None:
        """The lesson from its beginning, as if nothing had been typed; goals met stay met. ``undo`` brings back what was typed."""
        if not self._rewind(0):
            self.session.cursor.to_start()
            self.stage = 0
        self.hints.clear()
        self.just_answered = ""

    def _rewind(self, page: int) -> bool:
        """To the beginning of a page, without what was typed since, wherever that was put."""
        was, pages = self.stage, self._pages()
        if not self.session.rewind(lambda past: pages[past] < page):
            return False
        self._remember_pages({(past.host, past.line): typed_on for past, typed_on in pages.items()}, page)
        self._rewound_on[tuple(self.session.run.inputs)] = was
        self.just_answered = ""
        self.session.cursor.seek(self._last_stop(page - 1))
        self.stage = page
        self._keep("began anew")
        return True

    def undo(self) -> bool:
        """Takes back what was done last; cursor and page are where that was."""
        inputs = tuple(self.session.run.inputs)
        done = self.session.undo()
        if done:
            typed_on = self._typed_on.get(inputs[-1], self.stage) if inputs else self.stage
            self.stage = self._rewound_on.pop(inputs, typed_on)
            self._follow()
        return done

    def _pages(self) -> dict[Input, int]:
        """By input of the run: the page on which it was typed."""
        return {past: self._typed_on.get(past, self._stage_of(past.after)) for past in self.session.run.inputs}

    def _remember_pages(self, pages: dict[tuple[str, str], int], otherwise: int) -> None:
        """What was typed before, and came again at another place, belongs to the page it was typed on."""
        for past in self.session.run.inputs:
            self._typed_on.setdefault(past, pages.get((past.host, past.line), otherwise))

    # --- its solution -----------------------------------------------------------------------------------

    @property
    def hints_left(self) -> int:
        """Hints of this page that were not asked for."""
        return len(self.lesson.stages[self.stage].hints) - self.hints.get(self.stage, 0)

    def solution(self) -> tuple[int, tuple[Deed, ...]]:
        """The page of the task and what to type there; that it was shown is noted."""
        task = self.task
        deeds = self.lesson.stages[task].deeds
        if deeds:
            self.progress.of(self.lesson.name).solutions.add(task)
        return task, deeds

    def enter_solution(self) -> list[CommandRun]:
        """Types what is to be typed, from the task's beginning. What was tried before stays, as another run."""
        task = self.task
        if not self.reset_task():
            self.session.cursor.seek(self.before_task())
            self.stage = task
        return [self.enter(deed.host, deed.line) for deed in self.lesson.stages[task].deeds]
