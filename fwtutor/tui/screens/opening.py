"""The lab before its lesson is loaded: what there is to read already, beside panes in which there is nothing yet.

To load a lesson takes longer than Textual itself takes to start, and nobody reads a page in that time. Imports nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from fwtutor.course.opening import Opening
from fwtutor.tui.screens.frame import TABS, LabFrame
from fwtutor.tui.widgets.bars import KeyBar, TabBar, TopLine
from fwtutor.tui.widgets.body import Body
from fwtutor.tui.widgets.lesson import LessonView, Standing
from fwtutor.tui.widgets.lines import LineView

if TYPE_CHECKING:
    pass


class EmptyPane(LineView):
    """A pane in which there will be something."""

    DEFAULT_CSS = "EmptyPane { height: 1fr; }"

    def __init__(self, id: str, title: str = "") -> None:
        super().__init__(id=id)
        self._title = title

    def on_mount(self) -> None:
        self.set_title(self._title)


class OpeningScreen(LabFrame):
    """A lesson that is being loaded."""

    AUTO_FOCUS = ""

    def __init__(self, opening: Opening, painted: Callable[[], None]) -> None:
        """``painted`` is called when all this is on the terminal."""
        super().__init__()
        self._opening = opening
        self._painted = painted

    def compose(self) -> ComposeResult:
        self._lay_out(self.app.size)
        self._choose_tab("lesson")
        yield TopLine(id="top")
        yield LineView(id="band")
        with Body(id="body"):
            with Vertical(id="left"):
                yield LessonView(self._opening.pages, lambda _: (), id="lesson")
            with Vertical(id="right"):
                yield EmptyPane("wire", "The wire")
                yield EmptyPane("chain")
                with Horizontal(id="below"):
                    yield EmptyPane("why", "Why")
                    yield EmptyPane("connections", "Connections")
                yield EmptyPane("timeline", "Timeline")
        yield TabBar(TABS, id="tabs")
        yield LineView(id="command")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.query_one(TopLine).show(self._opening.question)
        self.query_one(TabBar).show(self.tab)
        self.query_one(LessonView).show(Standing(self._opening.page, frozenset(), 0, frozenset(), ended=False))
        self.call_after_refresh(self._painted)
