"""Help in plain mode that waits to be asked for: the history that failed, the solution, the task anew, the glossary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.badinput import BadInput
from fwtutor.course.journey import Journey
from fwtutor.course.progress import Unkept
from fwtutor.plain import parts
from fwtutor.plain.entering import Entering
from fwtutor.plain.speech import WIDE, sentences

if TYPE_CHECKING:
    from fwtutor.course.model import Lesson
    from fwtutor.recording import Session

WAYS = "You are at the packet that decided: why says why, step and back step. mine goes back to your own run, where you left it."


class Helping(Entering):
    """A lab that helps."""

    _own: tuple[Lesson, Session, Journey, str] | None = None
    """The learner's own, while he looks at a history that failed."""
    _asked_for_solution = False
    """He was told that there are hints left."""

    def open(self, lesson: Lesson, session: Session | None = None, *, afresh: bool = False, at: int | None = None) -> None:
        self._own, self._asked_for_solution = None, False
        super().open(lesson, session, afresh=afresh, at=at)

    # --- the history that failed ------------------------------------------------------------------------------

    def do_see(self, rest: str) -> None:
        from fwtutor.telling.failed import as_lab

        failed = self.journey.failed
        again = failed.history() if failed else None
        if failed is None or again is None:
            self.say("No check fails: there is nothing to see.")
            return
        self._own = self.lesson, self.session, self.journey, self.host
        self.lesson, self.session = as_lab(self.lesson, failed, again, WAYS)
        self.journey = Journey(self.lesson, self.session, Unkept())
        self.host = self.session.scenario.watch
        self.say(*parts.page(self.journey))
        self.say(*parts.moment(self.place))

    def do_mine(self, rest: str) -> None:
        if self._back_to_own():
            self.say("Your own run, where you left it.")
            self.say(*parts.moment(self.place))
            self._asked()
        else:
            self.say("You are in your own run.")

    def _back_to_own(self) -> bool:
        if self._own is None:
            return False
        (self.lesson, self.session, self.journey, self.host), self._own = self._own, None
        return True

    # --- the task ---------------------------------------------------------------------------------------------

    def do_solution(self, rest: str) -> None:
        from fwtutor.telling.solution import explained, rows

        left, task = self.journey.hints_left, self.journey.task
        if not self.lesson.stages[task].deeds:
            self.say("Nothing has to be typed up to here: step, and answer.")
        elif left and task == self.journey.stage and not self._asked_for_solution:
            self._asked_for_solution = True
            self.say(f"There {'is a hint' if left == 1 else f'are {left} hints'} left: hint tells one. Say it again to see the solution.")
        else:
            page, deeds = self.journey.solution()
            self.keep()
            self.say(f"One way through page {page + 1}; whatever does the same is as good:")
            self.say(*sentences(rows(explained(self.session.run, self.journey.before_task(), deeds), WIDE)))
            self.say("type it begins the task anew and types this for you.")

    def do_type_it(self, rest: str) -> None:
        task = self.journey.task
        if task not in self.progress.of(self.lesson.name).solutions or not self.lesson.stages[task].deeds:
            self._wrong("solution comes first: it shows what is to be typed")
            return
        for record in self.journey.enter_solution():
            self.say(f"{record.host}# {record.line}")
        self._noted()

    def do_task(self, rest: str) -> None:
        page = self.journey.task + 1
        if self.journey.reset_task():
            self.say(f"Page {page} as it began; undo brings back what you typed.")
            self._page_turned()
            self._asked()
        else:
            self.say("You have typed nothing here that could be taken back.")

    # --- words ------------------------------------------------------------------------------------------------

    def do_glossary(self, rest: str) -> None:
        from fwtutor.telling import glossary

        try:
            term = glossary.asked_for(rest or glossary.word_at(self.place))
        except BadInput as error:
            self._wrong(str(error))
            return
        self.say(*glossary.plainly(term))
        if not rest:
            self.say("All words:", *sentences(glossary.all_rows(WIDE)))
