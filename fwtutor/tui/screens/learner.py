"""What the course map's keys do that are about the learner: the summary, predictions asked again, the quiz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from fwtutor.course.model import Course
    from fwtutor.course.progress import Progress
    from fwtutor.course.questions import Series
    from fwtutor.telling.spans import Line


class Learner(Screen[None]):
    """A screen with a course and somebody's progress in it."""

    _course: Course
    _progress: Progress

    def action_progress(self) -> None:
        from fwtutor.telling.learned import summary_rows
        from fwtutor.tui.screens.reader import ReaderScreen

        def rows(width: int) -> list[Line]:
            return summary_rows(self._course, self._progress, width, review="w on the map")

        self.app.push_screen(ReaderScreen("Progress", rows))

    def action_review(self) -> None:
        from fwtutor.course.questions import Review

        review = Review(self._course, self._progress)
        if review.questions:
            self._ask(review)
        else:
            self.notify("No prediction of yours waits to be put right.", timeout=4)

    def action_quiz(self) -> None:
        from fwtutor.course.model import LessonError
        from fwtutor.course.quiz import QuizSeries, has_quiz, load_quiz

        if not has_quiz(self._course.folder):
            self.notify("This course has no quiz.", timeout=4)
            return
        try:
            quiz = load_quiz(self._course.folder)
        except LessonError as error:
            self.notify(f"The quiz cannot be opened: {error}", severity="error", markup=False)
            return
        self._ask(QuizSeries(quiz, self._progress))

    def _ask(self, series: Series) -> None:
        from fwtutor.course.quiz import score_before
        from fwtutor.tui.screens.questions import QuestionsScreen

        self.app.push_screen(QuestionsScreen(series, self._keep, score_before(series, self._progress)))

    def _keep(self) -> None:
        try:
            self._progress.save()
        except OSError as error:
            self.notify(f"Progress is not kept: {error}", severity="error", markup=False)
