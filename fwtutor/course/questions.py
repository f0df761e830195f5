"""Questions asked outside a lab: a prediction with the scenario it is about, played when somebody looks.

The quiz before and after the course has some of its own (``quiz``); lessons' predictions that were answered wrongly are asked
again. Which choice is right, and why, is read from the run, as in the lab.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from fwtutor.course.standing import to_review
from fwtutor.recording import Session

if TYPE_CHECKING:
    from fwtutor.course.model import Course, Prediction
    from fwtutor.course.progress import Progress
    from fwtutor.recording import Scenario


class Played:
    """A scenario, played when somebody looks: once, however many questions are about it."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    @cached_property
    def session(self) -> Session:
        return Session(self._scenario)


class Question:
    """One of them. ``lesson`` is the name of the lesson it is from ("": the quiz), ``about`` says where it is from."""

    def __init__(self, prediction: Prediction, played: Played, about: str = "", lesson: str = "") -> None:
        self.prediction = prediction
        self.about = about
        self.lesson = lesson
        self._played = played

    @property
    def session(self) -> Session:
        """The run the question is about; the cursor stands at the end of its packet."""
        session = self._played.session
        place = self.prediction.ask.record(session.run)
        session.cursor.seek(-1 if place is None else place)
        return session

    @property
    def right(self) -> int | None:
        """Index of the right choice."""
        return self.prediction.answer(self.session.run)

    def answered(self, number: int) -> bool:
        """Is that choice right?"""
        return number == self.right


class Series:
    """Questions asked one after another, and what was answered. What is kept of it is up to those who come after."""

    title = "Questions"
    tells = True
    """Is it said after each answer whether it was right, and why?"""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = list(questions)
        self.number = 0
        """Of the question that is asked, from 0."""
        self.picked: int | None = None
        """The choice picked, while what it was worth is told."""
        self.right = 0

    @property
    def asked(self) -> Question | None:
        """The question now; None when all have been asked."""
        return self.questions[self.number] if self.number < len(self.questions) else None

    def answer(self, number: int) -> bool:
        """Pick a choice; False if there is no such one to pick now."""
        asked = self.asked
        if asked is None or self.picked is not None or not 0 <= number < len(asked.prediction.choices):
            return False
        right = asked.answered(number)
        self.right += right
        self.keep(asked, right=right)
        self.picked = number
        if not self.tells:
            self.on()
        return True

    def on(self) -> bool:
        """On to the next question: behind an answer, or without one. False when all have been asked."""
        asked = self.asked
        if asked is None:
            return False
        if self.picked is None:
            self.skip(asked)
        self.picked = None
        self.number += 1
        return True

    def keep(self, asked: Question, *, right: bool) -> None:
        """An answer was given."""

    def skip(self, asked: Question) -> None:
        """No answer was given."""


class Review(Series):
    """Predictions answered wrongly, asked again: those got right now are not asked any more."""

    title = "Review"

    def __init__(self, course: Course, progress: Progress) -> None:
        self._progress = progress
        played = {lesson.name: Played(lesson.scenario) for lesson in course.lessons}
        super().__init__(
            [
                Question(prediction, played[lesson.name], f"{lesson.title} · {stage.title}", lesson.name)
                for lesson, prediction in to_review(course, progress)
                for stage in lesson.stages
                if prediction in stage.predictions
            ]
        )

    def keep(self, asked: Question, *, right: bool) -> None:
        if right:
            self._progress.of(asked.lesson).mended.add(asked.prediction.id)
