"""The ladder diagram over the lab: all packets between all hosts. Its cursor is the lab's: moving along it is moving in the run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from fwtutor.course.journey import Journey, Outcome
from fwtutor.network.records import Walked
from fwtutor.recording.jumps import connection_of
from fwtutor.recording.ladder import Rung, happened_until, rungs, stop_of
from fwtutor.telling import glyphs
from fwtutor.telling.actions import LADDER
from fwtutor.telling.spans import Line, Span, crop, line
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.rungs import about, columns, heads, host_order, rung_row
from fwtutor.tui.screens.states import note
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.lines import BAR, LineView

if TYPE_CHECKING:
    from fwtutor.telling.tables import Table

MANY = 2_000
"""Records from which the rungs are gathered in a thread."""


class OneRow(LineView):
    """A row that stays: the hosts' names, or what the marked rung is."""

    DEFAULT_CSS = "OneRow { height: 1; overflow-y: hidden; }"

    def __init__(self, make: Callable[[int], Line], *, id: str) -> None:
        super().__init__(id=id)
        self._make = make

    def build(self, width: int) -> Sequence[Line]:
        return (crop(self._make(width), width),)


class LadderView(LineView):
    """The rungs; only those on the screen are drawn."""

    DEFAULT_CSS = "LadderView { height: 1fr; }"

    def __init__(self, journey: Journey) -> None:
        super().__init__()
        self.journey = journey
        self.rungs: list[Rung] = []
        self.hosts = host_order(journey.session.run)
        self.chosen = 0
        self.seen = self.done = -1
        self._marks: frozenset[int] = frozenset()

    def look(self) -> None:
        """Take up where the run's cursor is now."""
        session = self.journey.session
        cursor = session.cursor
        over = cursor.step == len(cursor.steps)
        self.done = happened_until(session.run, cursor.index, self.journey.stage) if over else cursor.index - 1
        self.seen = max(self.done, cursor.index)
        self._marks = frozenset(session.bookmarks.of(session.run))

    def count(self) -> int:
        return len(self.rungs)

    def row(self, y: int) -> Line:
        rung, run, width = self.rungs[y], self.journey.session.run, self.text_width
        at = columns(self.hosts, width)
        here, marked = y == self.chosen, rung.anchor in self._marks
        made = rung_row(run, rung, at, width, self.seen, self.done, here=here, marked=marked)
        return made._replace(spans=tuple(span._replace(click=f"screen.choose({y})") for span in made.spans))

    def centre(self) -> None:
        """Repaint, with the marked rung on the screen."""
        self.rebuild()
        top, height = self.scroll_offset.y, self.size.height
        if height and not top + 2 <= self.chosen < top + height - 2:
            self.scroll_to(y=max(0, self.chosen - height // 2), animate=False)


class LadderScreen(RoleScreen[None]):
    """Ends at the moment marked."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(LADDER)]
    CSS_PATH = "ladder.tcss"
    ACTIONS = LADDER

    def __init__(self, journey: Journey) -> None:
        super().__init__()
        self._journey = journey
        self._all: list[Rung] = []
        self._only = False
        self._view = LadderView(journey)
        self._said = ""
        """What stands in the place of the marked rung's own words."""
        # The names stand above their lines: the rungs keep a cell free for the bar.
        self._heads = OneRow(lambda width: heads(self._view.hosts, journey.session.run.scenario.watch, width - BAR), id="heads")
        self._about = OneRow(self._words, id="about")

    def compose(self) -> ComposeResult:
        yield self._heads
        yield self._view
        yield self._about
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([action for action in LADDER if action.bar])
        if len(self._journey.session.run.records) > MANY:
            self._said = f"gathering the packets{glyphs.MORE}"
            self.run_worker(self._gather, thread=True, exclusive=True)
        else:
            self._gathered(rungs(self._journey.session.run))

    def _gather(self) -> None:
        found = rungs(self._journey.session.run)
        self.app.call_from_thread(self._gathered, found)

    def _gathered(self, found: list[Rung]) -> None:
        self._all = self._view.rungs = found
        self._mark_here()

    def table(self) -> Table:
        from fwtutor.tui.copying import pane_table

        table = pane_table(self._view, "the ladder")
        return table._replace(text=self._heads.as_text() + table.text)

    # --- showing ----------------------------------------------------------------------------------------

    def _show(self, said: str) -> None:
        self._said = said
        self._view.look()
        self._view.centre()
        self._heads.rebuild()
        self._about.rebuild()

    def _words(self, width: int) -> Line:
        view = self._view
        if self._said:
            return line((f" {self._said}", "change"))
        if not view.rungs:
            return line((" nothing has been sent, and nothing will be", "dim"))
        about_it = about(self._journey.session.run, view.rungs[view.chosen], view.seen, view.done)
        return Line((Span(" "), *about_it.spans))

    def _mark_here(self, said: str = "") -> None:
        """Mark the rung where the run's cursor is."""
        anchors = [rung.anchor for rung in self._view.rungs]
        self._view.chosen = max(0, bisect_right(anchors, self._journey.session.cursor.index) - 1)
        self._show(said)

    # --- going ------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self.action_choose(self._view.chosen + by)

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self._view.size.height - 1))

    def action_choose(self, row: int) -> None:
        """To a rung, and the run's cursor with it, as far as one may."""
        view, journey = self._view, self._journey
        if not view.rungs:
            return
        row = max(0, min(row, len(view.rungs) - 1))
        stop, cursor = stop_of(journey.session.run, view.rungs[row]), journey.session.cursor
        ahead = stop > cursor.index or (stop == cursor.index and cursor.step < len(cursor.steps))
        if view.rungs[row].anchor > view.seen and not ahead:
            # Something of other hosts' on a page that is not open yet.
            ahead, stop = True, view.rungs[row].anchor
        if stop == cursor.index and not ahead:
            view.chosen = row
            self._show("")
            return
        outcome = journey.jump(stop, 1 if ahead else -1)
        if outcome is Outcome.MOVED:
            view.chosen = row
            self._show("")
            return
        self.app.bell()
        self._mark_here(note(outcome, journey))

    def action_only(self) -> None:
        """Only the connection of the marked packet, or all again."""
        view, run = self._view, self._journey.session.run
        if not view.rungs:
            return
        chosen = view.rungs[view.chosen]
        record = run.records[chosen.anchor]
        if self._only:
            view.rungs = self._all
        elif chosen.anchor > view.seen or not isinstance(record, Walked):
            self._show("that is no packet: choose one, c shows its connection alone")
            return
        else:
            wanted = connection_of(record.walk)
            view.rungs = [rung for rung in self._all if self._belongs(rung, wanted)]
        self._only = not self._only
        view.chosen = next((row for row, rung in enumerate(view.rungs) if rung.anchor == chosen.anchor), 0)
        view.hosts = self._hosts()
        view.scroll_to(y=0, animate=False)
        self._show("")

    def _belongs(self, rung: Rung, wanted: object) -> bool:
        record = self._journey.session.run.records[rung.anchor]
        return isinstance(record, Walked) and connection_of(record.walk) == wanted

    def _hosts(self) -> list[str]:
        """Those that take part."""
        run = self._journey.session.run
        order = host_order(run)
        if not self._only:
            return order
        part = {run.scenario.watch} | {run.records[index].host for rung in self._view.rungs for index in rung.records}
        return [host for host in order if host in part]

    def action_close(self) -> None:
        self.dismiss()
