"""Plain mode: a line is understood and done; labs are opened, kept and left. Reading lines and writing them is ``talk``'s."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.course.loader import find_lesson
from fwtutor.course.model import Lesson, LessonError
from fwtutor.course.questions import Review, Series
from fwtutor.course.quiz import QuizSeries, has_quiz, load_quiz, score_before
from fwtutor.network.tools.registry import TOOLS
from fwtutor.plain import parts
from fwtutor.plain.asking import Asker
from fwtutor.plain.commands import OF_SCREENS, understood
from fwtutor.plain.helping import Helping
from fwtutor.plain.speech import WIDE, sentences
from fwtutor.sandbox.lab import default_file
from fwtutor.sandbox.model import taken
from fwtutor.sandbox.writing import save
from fwtutor.telling.learned import summary_rows


class Shell(Helping):
    """One lab after another, for somebody who reads and types lines."""

    _asker: Asker | None = None
    """Somebody is asked outside the lab, which waits."""

    @property
    def prompt(self) -> str:
        """Who is to hear the next line."""
        return "answer" if self._asker else self.host

    def hear(self, text: str) -> None:
        """Do what a line says."""
        text = text.strip()
        if text.startswith("#"):
            return
        if self._asker is not None:
            self.not_understood += not self._asker.hear(text)
            self._asked_enough()
            return
        restarting, self._restarting = self._restarting, False
        if text.lower() in OF_SCREENS or text in OF_SCREENS:
            self.say(OF_SCREENS.get(text) or OF_SCREENS[text.lower()])
            return
        found = understood(text or "step")
        host, mark, typed = text.partition("# ")
        if mark and host in self.lesson.prompts:
            self._enter(host, typed)
        elif found is not None:
            self._restarting = restarting if found[0].do == "restart" else False
            getattr(self, f"do_{found[0].do}")(found[1])
        elif text.removeprefix("sudo ").split(" ")[0] in TOOLS:
            self._enter(self.host, text)
        else:
            self.not_understood += 1
            self.say(f"There is no command {text[:60]!r}. help lists what there is; a line for {self.host}'s prompt begins with a colon.")

    def do_save(self, rest: str) -> None:
        over = rest.startswith("over ")
        name = rest.removeprefix("over ").strip() or default_file(self.lesson)
        title = self.lesson.question.removeprefix("Sandbox: ")
        try:
            save(taken(self.session, title, self.lesson.prompts), Path(name), replace=over)
        except FileExistsError:
            self._wrong(f"there is a file {name} already; save over {name} replaces it")
        except (OSError, ValueError, BadInput) as error:
            self._wrong(f"{name}: {getattr(error, 'strerror', None) or error}")
        else:
            self._kept = self._typed()
            self.say(f"Kept in {name}; fwtutor sandbox {name} opens it.")

    def do_map(self, rest: str) -> None:
        for chapter in self.course.chapters if self.course else ():
            self.say(chapter.title)
            for lesson in chapter.lessons:
                part = self.progress.lessons.get(lesson.name)
                met = sum(goal.id in part.goals for goal in lesson.goals) if part else 0
                self.say(f"{lesson.name}: {lesson.title} {met} of {len(lesson.goals)} goals met")
        self.say("open LESSON opens one.")

    def do_progress(self, rest: str) -> None:
        if self.course is not None:
            self.say(*sentences(summary_rows(self.course, self.progress, WIDE, review="review")))

    def do_review(self, rest: str) -> None:
        if self.course is not None:
            self._ask(Review(self.course, self.progress))

    def do_quiz(self, rest: str) -> None:
        folder = self.course.folder if self.course else None
        if folder is None or not has_quiz(folder):
            self._wrong("this course has no quiz")
            return
        try:
            self._ask(QuizSeries(load_quiz(folder), self.progress))
        except LessonError as error:
            self._wrong(str(error))

    def _ask(self, series: Series) -> None:
        self._asker = Asker(series, self.say, self.keep, score_before(series, self.progress))
        self._asked_enough()

    def _asked_enough(self) -> None:
        if self._asker is not None and self._asker.over:
            self._asker = None
            self.say("Back in the lab." if self.lesson.free else f"Back in the lesson: {self.lesson.title}")

    def do_open(self, rest: str) -> None:
        try:
            lesson = self.sitting.prepared(find_lesson(rest, self.course.language if self.course else ""))
        except (BadInput, LessonError) as error:
            self._wrong(str(error))
            return
        self.keep()
        self.open(lesson)

    def do_next(self, rest: str) -> None:
        if rest and rest != "lesson":
            self._leap(rest, 1)
            return
        lessons: Sequence[Lesson] = self.course.lessons if self.course else ()
        following = next((after for before, after in pairwise(lessons) if before.name == self.lesson.name), None)
        if self.journey.open_goal is not None:
            self._wrong("the next lesson comes when this one is done; open LESSON opens any")
        elif following is None:
            self.say("There is no lesson after this one.")
        else:
            self.keep()
            self.open(following)

    def do_restart(self, rest: str) -> None:
        if self._own is not None:
            self._wrong("this history is what it is; mine goes back to your own run")
        elif self.journey.open_goal is None or self._restarting:
            self.journey.restart()
            self._page_turned()
            self.say(*([] if self.lesson.free else parts.goals(self.journey)))
            self._asked()
            if self.session.undoable:
                self.say("undo brings back what you typed.")
        else:
            self._restarting = True
            self.say("Say it again to begin this lesson anew: goals met stay met, what you typed goes.")

    def do_quit(self, rest: str) -> None:
        self._back_to_own()
        typed = self._typed()
        self.over = not self.lesson.free or typed == self._kept
        if not self.over:
            self._kept = typed
            self.say("Say it again to leave, and what you typed goes: save keeps it in a file.")
