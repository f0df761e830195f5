"""Taking what a screen shows along: to the clipboard, or into a file. What there is to take, the screen says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fwtutor.telling.tables import Table
from fwtutor.tui.widgets.bars import KeyBar, TabBar, TopLine
from fwtutor.tui.widgets.lines import LineView

if TYPE_CHECKING:
    from textual.screen import Screen

    from fwtutor.tui.roles import RoleScreen

HOW = "copied by OSC 52, if the terminal lets it. Shift+drag selects any text in most terminals."


def pane_table(view: LineView, title: str = "") -> Table:
    """The rows of a pane as text, those out of sight too."""
    title = title or view.title or view.id or "table"
    return Table(title, view.as_text(), f"{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-').removeprefix('the-')[:40] or 'table'}.txt")


def shown_table(screen: Screen[Any]) -> Table | None:
    """What the pane with the focus shows, else the largest one."""
    if isinstance(screen.focused, LineView):
        return pane_table(screen.focused)
    views = [view for view in screen.query(LineView) if view.visible_on_screen and not isinstance(view, KeyBar | TabBar | TopLine)]
    largest = max(views, key=lambda view: view.region.area, default=None)
    name = type(screen).__name__.removesuffix("Screen").lower()
    return None if largest is None else pane_table(largest, "" if largest.title else f"the {name}")


def copy(screen: RoleScreen[Any]) -> None:
    """To the clipboard, by the terminal's escape sequence for it."""
    table = screen.table()
    if table is None or not table.lines:
        screen.app.notify("There is nothing here to copy.", timeout=3)
        return
    # The clipboard takes text: what is none stays visible as an escape.
    screen.app.copy_to_clipboard(table.text.encode("utf-8", "backslashreplace").decode("utf-8"))
    screen.app.notify(f"{counted(table)} {HOW}", timeout=6, markup=False)


def save(screen: RoleScreen[Any]) -> None:
    """Into a file; which one is asked."""
    from fwtutor.tui.screens.save import SaveTableScreen

    table = screen.table()
    if table is None or not table.lines:
        screen.app.notify("There is nothing here to save.", timeout=3)
        return

    # What was said last would lie over the question.
    screen.app.clear_notifications()

    def saved(name: str | None) -> None:
        if name is not None:
            what = "The packets are" if name.endswith(".pcap") and table.capture else f"{counted(table)} are"
            screen.app.notify(f"{what} in {name}.", timeout=6, markup=False)

    screen.app.push_screen(SaveTableScreen(table), saved)


def counted(table: Table) -> str:
    """``3 lines of iptables-save``."""
    return f"{table.lines} line{'' if table.lines == 1 else 's'} of {table.what}"
