"""The lab's panes as one handles them: one of them alone on the whole work area, and going to any by a letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.widget import Widget

from fwtutor.telling.reading import Place
from fwtutor.tui.screens.view import LabView
from fwtutor.tui.widgets.bars import TabBar
from fwtutor.tui.widgets.bench import PANES, Bench
from fwtutor.tui.widgets.chain import ChainView
from fwtutor.tui.widgets.command_line import CommandLine, OutputView
from fwtutor.tui.widgets.connections import ConnectionsView
from fwtutor.tui.widgets.lines import LineView
from fwtutor.tui.widgets.timeline import TimelineView

if TYPE_CHECKING:
    from textual.geometry import Offset

    from fwtutor.telling.tables import Table
    from fwtutor.tui.screens.jump import Spot

MAIN = {"firewall": "chain"}
"""The pane that is meant where none has the focus, by tab; the others have but one."""


class Panes(LabView):
    """Zooming and jumping. Which panes there are is the bench's."""

    _before: tuple[Widget | None, Offset, tuple[object, ...]] | None = None
    """What had the focus before a pane was zoomed, where that pane was scrolled to, and at which place of the run."""

    def halt(self) -> None:
        """Stop playing."""
        raise NotImplementedError

    # --- zoom -------------------------------------------------------------------------------------------

    def action_zoom(self) -> None:
        if self.zoomed is not None:
            self.put_back()
            return
        pane = self.pane
        self._before = self.focused, pane.scroll_offset, self._here()
        self._zoom(pane)

    def _here(self) -> tuple[object, ...]:
        """The place of the run: elsewhere, a pane scrolls to what is to be seen there."""
        cursor = self.session.cursor
        return self.session.run, cursor.index, cursor.step

    @property
    def pane(self) -> LineView:
        """The pane that has the focus; if none has it, the main one."""
        focused = self.focused
        if isinstance(focused, LineView) and focused.id in PANES and focused.visible_on_screen:
            return focused
        name = "chain" if self.has_class("-wide") else MAIN.get(self.tab, self.tab)
        return self.query_one(f"#{name}", LineView)

    def _zoom(self, pane: LineView) -> None:
        """Give a pane the place of all: whatever stands beside it, or beside what it is in, goes away."""
        self._clear()
        inside: Widget = pane
        while not isinstance(inside, Bench):
            parent = inside.parent
            assert isinstance(parent, Widget)
            for each in parent.children:
                each.set_class(each is not inside, "-away")
            inside.add_class("-zoom")
            inside = parent
        self.zoomed = pane
        self.add_class("-zoomed")
        pane.entitle()
        pane.focus(scroll_visible=False)
        self._show_question()
        self.refresh_bars()

    def _clear(self) -> None:
        for each in self.query(Bench).first().query(".-away, .-zoom"):
            each.remove_class("-away", "-zoom")
        if self.zoomed is not None:
            self.zoomed.entitle()

    def put_back(self) -> bool:
        """Every pane has its own place again; False if none was zoomed."""
        pane = self.zoomed
        if pane is None:
            return False
        self._clear()
        self.zoomed = None
        self.remove_class("-zoomed")
        if self._before is not None:
            focused, offset, here = self._before
            self.set_focus(focused)
            if here == self._here():
                self.call_after_refresh(pane.scroll_to, y=offset.y, animate=False)
        self._before = None
        self._show_question()
        self.refresh_bars()
        return True

    def close_zoom(self) -> bool:
        """What Esc closes first is what is open over the pane."""
        if self.query_one(CommandLine).typing or self.query_one(OutputView).display:
            return False
        return self.put_back()

    def zoom_next(self, by: int) -> bool:
        """Where one pane is zoomed: the next one instead."""
        if self.zoomed is None:
            return False
        name = PANES[(PANES.index(self.zoomed.id or "") + by) % len(PANES)]
        pane = self.query_one(f"#{name}", LineView)
        self._before = (pane if self.has_class("-wide") else None), pane.scroll_offset, self._here()
        self._zoom(pane)
        return True

    # --- jump mode --------------------------------------------------------------------------------------

    def action_jump(self) -> None:
        from fwtutor.tui.screens.jump import JumpScreen

        self.halt()
        spots = self._spots()
        self.query_one(TimelineView).make_room(for_letters=True)
        self.app.push_screen(JumpScreen(spots), self._jumped)

    def _spots(self) -> list[Spot]:
        """Everything one can go to: panes and tabs, the prompt, then what is in them. Keys and answers have letters already."""
        from fwtutor.tui.screens.jump import Spot

        panes = [pane for name in PANES if (pane := self.query_one(f"#{name}", LineView)).visible_on_screen]
        spots = [Spot(pane.region.x + bool(pane.styles.border_left[0]), pane.region.y, f"focus_pane('{pane.id}')") for pane in panes]
        tabs, prompt, output = self.query_one(TabBar), self.query_one(CommandLine), self.query_one(OutputView)
        views = [*([tabs] if tabs.visible_on_screen else []), *panes]
        if output.visible_on_screen:
            # What is under it cannot be seen.
            covered = output.region
            spots = [spot for spot in spots if not covered.contains(spot.x, spot.y)]
        else:
            covered = Region()
        spots.append(Spot(prompt.region.x, prompt.region.y, "command"))
        for view in (*views, output):
            if view.visible_on_screen:
                area = view.content_region
                found = [Spot(area.x + x, area.y + y, action.removeprefix("screen.")) for x, y, action in view.spots()]
                spots += [spot for spot in found if view is output or not covered.contains(spot.x, spot.y)]
        return spots

    async def _jumped(self, action: str | None) -> None:
        self.query_one(TimelineView).make_room(for_letters=False)
        if action is not None:
            await self.app.run_action(action if "." in action.partition("(")[0] else f"screen.{action}", self)

    def action_focus_pane(self, name: str) -> None:
        self.query_one(f"#{name}", LineView).focus()

    def action_choose_rule(self, number: int) -> None:
        chain = self.query_one(ChainView)
        chain.focus()
        chain.choose_rule(number)

    def action_entry(self, number: int) -> None:
        """All there is to say of an entry."""
        from fwtutor.tui.screens.reader import ReaderScreen

        self.halt()
        rows = self.query_one(ConnectionsView).about(number)
        if rows is not None:
            self.app.push_screen(ReaderScreen("Connection", rows))

    # --- copying and saving -----------------------------------------------------------------------------

    def table(self) -> Table:
        """Of the pane that has the focus; rules, connections and packets in the formats they really have."""
        from fwtutor.telling import tables
        from fwtutor.tui.copying import pane_table

        output, place = self.query_one(OutputView), Place.of(self.session)
        if output.display:
            return pane_table(output)
        own = {"chain": tables.rules_table, "connections": tables.connections_table, "timeline": tables.moments_table}
        pane = self.pane
        return own[pane.id](place) if pane.id in own else pane_table(pane)

    # --- pages ------------------------------------------------------------------------------------------

    def show_tab(self, tab: str) -> None:
        # A page is turned, or it is the end: that is to be read.
        if tab == "lesson" and self.zoomed is not None and self.zoomed.id != "lesson":
            self.put_back()
        super().show_tab(tab)
