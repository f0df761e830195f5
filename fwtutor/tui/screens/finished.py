"""A finished lesson to look up. Its run is played in a thread: with the tasks done it may take a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from fwtutor.course.model import Lesson
from fwtutor.course.progress import Progress
from fwtutor.telling import glyphs
from fwtutor.telling.finished import Finished
from fwtutor.telling.spans import Line, line
from fwtutor.tui.screens.reader import ReaderScreen, Sheet


class FinishedScreen(ReaderScreen):
    """The page of one lesson."""

    @dataclass
    class Made(Message):
        """The page is there."""

        page: Finished

    def __init__(self, lesson: Lesson, progress: Progress) -> None:
        super().__init__(lesson.title, self._sheet)
        self._lesson, self._progress = lesson, progress
        self._page: Finished | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._make, thread=True, exclusive=True, name="finished")

    def _make(self) -> None:
        self.post_message(self.Made(Finished(self._lesson, self._progress)))

    def on_finished_screen_made(self, message: Made) -> None:
        self._page = message.page
        self.query_one(Sheet).rebuild()

    def _sheet(self, width: int) -> Sequence[Line]:
        return self._page.rows(width) if self._page else [line((f"looking it up{glyphs.MORE}", "dim"))]
