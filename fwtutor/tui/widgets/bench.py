"""The bench: the lesson beside the firewall's panes. It says which panes there are; where each stands is ``lab.tcss``'s."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from fwtutor.course.model import Lesson
from fwtutor.telling.reading import Place
from fwtutor.tui.widgets.ask import AskView
from fwtutor.tui.widgets.body import Body
from fwtutor.tui.widgets.chain import ChainView
from fwtutor.tui.widgets.connections import ConnectionsView
from fwtutor.tui.widgets.lesson import GoalsView, LessonView, Standing, ending
from fwtutor.tui.widgets.timeline import TimelineView
from fwtutor.tui.widgets.why import WhyView
from fwtutor.tui.widgets.wire import WireView

PANES = ("lesson", "chain", "why", "connections", "timeline")
"""Ids of the panes that can be scrolled, in the order tab visits them."""


class Bench(Body):
    """All panes of the lab, shown the same place at the same time."""

    def __init__(self, lesson: Lesson, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lesson = lesson

    def compose(self) -> ComposeResult:
        with Vertical(id="left"):
            yield LessonView(self._lesson.stages, partial(ending, self._lesson), id="lesson")
            yield GoalsView(self._lesson, id="goals")
            yield AskView(id="ask")
        with Vertical(id="right"):
            yield WireView(id="wire")
            yield ChainView(id="chain")
            with Horizontal(id="below"):
                yield WhyView(id="why")
                yield ConnectionsView(id="connections")
            yield TimelineView(id="timeline")

    def show(self, place: Place, standing: Standing, *, moved: bool) -> None:
        """Show a place; ``moved``: things may move, because the learner stepped forward and wants movement."""
        self.query_one(LessonView).show(standing)
        self.query_one(GoalsView).show(standing)
        self.query_one(WireView).show(place, moved=moved)
        self.query_one(ChainView).show(place)
        self.query_one(WhyView).show(place)
        self.query_one(ConnectionsView).show(place)
        self.query_one(TimelineView).show(place)

    def focus_next(self, by: int) -> None:
        """Give the focus to the next pane, or with -1 to the one before."""
        panes = [self.query_one(f"#{name}") for name in PANES]
        focused = self.screen.focused
        at = panes.index(focused) if focused in panes else -1 if by > 0 else 0
        panes[(at + by) % len(panes)].focus()

    def scroll_pane(self, name: str, rows: int) -> None:
        """Scroll a pane by some rows; the firewall's is its chain."""
        if name in PANES and name != "chain":
            self.query_one(f"#{name}").scroll_relative(y=rows, animate=False)
        elif abs(rows) == 1:
            # A rule is chosen, and the chain follows.
            self.query_one(ChainView).choose(rows)
        else:
            self.query_one(ChainView).scroll_relative(y=rows, animate=False)
