"""Questions outside a lab, one on the screen at a time: the quiz before and after the course, and predictions asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Center

from fwtutor.course.questions import Series
from fwtutor.telling import asking
from fwtutor.telling.actions import APP, QUESTIONS, Action
from fwtutor.telling.spans import BLANK, Line, line, wrap
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.help import help_rows
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.widgets.ask import answer_rows, question_rows
from fwtutor.tui.widgets.bars import KeyBar, TopLine
from fwtutor.tui.widgets.lines import LineView


class SeriesView(LineView):
    """The question, its choices, what an answer was worth; below it the rules. At the end what came of it all."""

    def __init__(self, series: Series, before: int | None) -> None:
        super().__init__()
        self._series, self._before = series, before

    def show(self) -> None:
        """Show what is asked now, from its top."""
        self.rebuild()
        self.scroll_to(y=0, animate=False)

    def build(self, width: int) -> Sequence[Line]:
        series, asked = self._series, self._series.asked
        rows = [BLANK]
        if asked is None:
            for text in asking.outcome(series, self._before):
                rows += [*wrap(line((text, "strong" if len(rows) == 1 else "")), width), BLANK]
            return rows
        if not series.number and series.picked is None:
            rows += [*wrap(line((asking.introduction(series), "dim")), width), BLANK]
        if asked.about:
            rows.append(line((asked.about, "heading")))
        told = series.picked is not None
        rows += [*question_rows(asked.prediction, width), BLANK]
        rows += answer_rows(asked.prediction, series.picked, asked.right if told else None, width)
        if told:
            rows += [BLANK, *asking.why_rows(asked, width)]
        return [*rows, BLANK, *asking.rules_rows(asked, width)]


class QuestionsScreen(RoleScreen[None]):
    """One series of them."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(QUESTIONS), *bindings(APP)]
    CSS_PATH = "questions.tcss"
    ACTIONS = QUESTIONS

    def __init__(self, series: Series, keep: Callable[[], None], before: int | None = None) -> None:
        """``keep`` is called after each answer; ``before``: the score of the quiz before the course."""
        super().__init__()
        self._series, self._keep, self._before = series, keep, before

    def compose(self) -> ComposeResult:
        yield TopLine()
        with Center():
            yield SeriesView(self._series, self._before)
        yield KeyBar()

    def on_mount(self) -> None:
        self._show()

    def offers(self, action: Action) -> bool:
        """Is there something for it to do now?"""
        asked, told = self._series.asked, self._series.picked is not None
        if action.id == "questions.on":
            return asked is None or told
        if action.id in ("questions.answer", "questions.skip"):
            return asked is not None and not told
        if action.name.startswith("answer("):
            return asked is not None and not told and int(action.name[7:-1]) < len(asked.prediction.choices)
        return True

    def _show(self) -> None:
        series = self._series
        self.query_one(TopLine).show(series.title, asking.count(series) if series.asked else "")
        self.query_one(KeyBar).show([*(action for action in QUESTIONS if action.bar and self.offers(action)), *APP[:1]])
        self.query_one(SeriesView).show()

    # --- actions ----------------------------------------------------------------------------------------

    def action_answer(self, number: int) -> None:
        if self._series.answer(number):
            self._keep()
            self._show()

    def action_on(self) -> None:
        if self._series.asked is None:
            self.dismiss()
        elif self._series.picked is not None:
            self._series.on()
            self._show()

    def action_skip(self) -> None:
        if self._series.asked is not None and self._series.picked is None:
            self._series.on()
            self._keep()
            self._show()

    def action_scroll(self, rows: int) -> None:
        self.query_one(SeriesView).scroll_relative(y=rows, animate=False)

    def action_close(self) -> None:
        self.dismiss()

    def action_help(self) -> None:
        self.app.push_screen(ReaderScreen("Help", help_rows(QUESTIONS, signs=False)))
