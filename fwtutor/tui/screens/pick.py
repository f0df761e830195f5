"""A list to choose from, over the screen: the arrows and enter, or a click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from fwtutor.telling import glyphs
from fwtutor.telling.actions import PICK
from fwtutor.telling.spans import Line, Span
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.lines import LineView


class PickList(LineView):
    """The rows, one of them marked."""

    DEFAULT_CSS = "PickList { height: auto; max-height: 100%; }"

    def __init__(self, rows: Sequence[Line], chosen: int) -> None:
        super().__init__()
        self._items = rows
        self.chosen = chosen

    def build(self, width: int) -> Sequence[Line]:
        rows = []
        for number, item in enumerate(self._items):
            click = f"screen.pick({number})"
            sign = Span(f"{glyphs.HERE} " if number == self.chosen else "  ", "current", click)
            spans = (sign, *(span._replace(click=click) for span in item.spans))
            rows.append(Line(spans, "row" if number == self.chosen else ""))
        return rows

    def mark(self, number: int) -> None:
        """Mark a row and keep it in sight."""
        self.chosen = max(0, min(len(self._items) - 1, number))
        self.rebuild()
        top, height = self.scroll_offset.y, self.size.height
        if height and not top <= self.chosen < top + height:
            self.scroll_to(y=self.chosen if self.chosen < top else self.chosen - height + 1, animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        self.mark(self.chosen)


class PickScreen(RoleScreen[int | None], ModalScreen[int | None]):
    """It ends with the number of the row chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(PICK)]
    CSS_PATH = "pick.tcss"
    ACTIONS = PICK
    AUTO_FOCUS = ""

    def __init__(self, title: str, rows: Sequence[Line], chosen: int = 0) -> None:
        super().__init__()
        self._title, self._items, self._chosen = title, rows, chosen

    def compose(self) -> ComposeResult:
        yield PickList(self._items, self._chosen)
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(PickList).set_title(self._title)
        self.query_one(KeyBar).show([action for action in PICK if action.bar])

    def action_move(self, by: int) -> None:
        view = self.query_one(PickList)
        view.mark(view.chosen + by)

    def action_pick(self, number: int = -1) -> None:
        self.dismiss(self.query_one(PickList).chosen if number < 0 else number)

    def action_close(self) -> None:
        self.dismiss(None)
