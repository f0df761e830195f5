"""What a learner has to show for: lessons finished, predictions right, hints used, and which predictions are to be asked again.

Numbers only, from the lessons and the progress; the words are ``telling.learned``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fwtutor.course.progressfile import LessonProgress

if TYPE_CHECKING:
    from fwtutor.course.model import Course, Lesson, Prediction
    from fwtutor.course.progress import Progress


@dataclass(slots=True, frozen=True)
class LessonSummary:
    """One lesson that was begun."""

    lesson: Lesson
    met: int
    """Goals."""
    right: int
    """Predictions answered rightly when they were first asked."""
    asked: int
    again: int
    """Predictions to be asked again."""
    hints: int
    solutions: int
    """Pages whose solution was shown."""

    @property
    def finished(self) -> bool:
        return self.met == len(self.lesson.goals)


@dataclass(slots=True, frozen=True)
class Summary:
    """A course so far."""

    lessons: int
    """All there are."""
    begun: tuple[LessonSummary, ...]
    """In course order."""

    @property
    def finished(self) -> tuple[LessonSummary, ...]:
        return tuple(each for each in self.begun if each.finished)

    def total(self, what: str) -> int:
        """Of ``met``, ``right``, ``asked``, ``again``, ``hints`` or ``solutions``."""
        return sum(getattr(each, what) for each in self.begun)


def summary(course: Course, progress: Progress) -> Summary:
    """What was done in this course's lessons; of others the progress may know, too."""
    begun = []
    for lesson in course.lessons:
        part = progress.lessons.get(lesson.name, LessonProgress())
        asked = [prediction for prediction in lesson.predictions if prediction.id in part.predictions]
        met = sum(goal.id in part.goals for goal in lesson.goals)
        if met or asked or part.record >= 0 or part.stage or part.hints:
            right = sum(answered_rightly(prediction, part) for prediction in asked)
            # A file may say any number, and the lesson may have lost a hint since.
            hints = sum(min(part.hints.get(number, 0), len(stage.hints)) for number, stage in enumerate(lesson.stages))
            solutions = sum(number in part.solutions for number in range(len(lesson.stages)))
            begun.append(LessonSummary(lesson, met, right, len(asked), len(to_mend(lesson, part)), hints, solutions))
    return Summary(len(course.lessons), tuple(begun))


def answered_rightly(prediction: Prediction, part: LessonProgress) -> bool:
    """Was the first answer right? Where that was not kept, what the lesson's proof holds the engine to is right."""
    return part.right.get(prediction.id, part.predictions.get(prediction.id) == prediction.expect)


def to_mend(lesson: Lesson, part: LessonProgress) -> list[Prediction]:
    """The lesson's predictions that were answered wrongly, and not rightly since."""
    return [
        prediction
        for prediction in lesson.predictions
        if prediction.id in part.predictions and prediction.id not in part.mended and not answered_rightly(prediction, part)
    ]


def to_review(course: Course, progress: Progress) -> Sequence[tuple[Lesson, Prediction]]:
    """All that are to be asked again, in course order."""
    return [
        (lesson, prediction)
        for lesson in course.lessons
        if (part := progress.lessons.get(lesson.name)) is not None
        for prediction in to_mend(lesson, part)
    ]
