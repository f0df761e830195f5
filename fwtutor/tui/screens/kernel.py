"""Ask the kernel: what happened so far is played on the real one, and each packet shown with what it did there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from fwtutor.recording import Run
from fwtutor.telling import glyphs
from fwtutor.telling.judge import Judge, Judgement
from fwtutor.telling.judged import judgement_rows
from fwtutor.telling.spans import BLANK, Line, line, wrap
from fwtutor.tui.screens.reader import ReaderScreen, Sheet

ABOUT = (
    "What you see in this lab is computed. Here the same packets go through the rules of a real Linux kernel, in a namespace of its own."
)


class KernelScreen(ReaderScreen):
    """The kernel's answer, as soon as it is there."""

    @dataclass
    class Answered(Message):
        """It has been asked."""

        judgement: Judgement

    def __init__(self, run: Run, last: int) -> None:
        super().__init__("Ask the kernel", self._sheet)
        self._judge = Judge(run, last)
        self._judgement: Judgement | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._ask, thread=True, exclusive=True, name="ask")

    def on_unmount(self) -> None:
        self._judge.stop()

    def _ask(self) -> None:
        self.post_message(self.Answered(self._judge.ask()))

    def on_kernel_screen_answered(self, message: Answered) -> None:
        self._judgement = message.judgement
        self.query_one(Sheet).rebuild()

    def _sheet(self, width: int) -> Sequence[Line]:
        if self._judgement is None:
            return [line((f"playing this run on the kernel{glyphs.MORE}", "dim")), BLANK, *wrap(line((ABOUT, "dim")), width)]
        return judgement_rows(self._judgement, width)
