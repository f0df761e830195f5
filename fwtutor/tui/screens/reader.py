"""A sheet to read: help, the whole why, the packet inspector are all this, with other rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from fwtutor.tui.actions import READ, bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.spans import Line
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.lines import LineView

Rows = Callable[[int], Sequence[Line]]
"""Rows for a width."""


class Sheet(LineView):
    """The rows of a sheet, built for its width."""

    DEFAULT_CSS = "Sheet { height: 1fr; }"

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.make = rows

    def build(self, width: int) -> Sequence[Line]:
        return self.make(width)


class ReaderScreen(RoleScreen[None], ModalScreen[None]):
    """Rows on a sheet over the screen; any of the usual keys closes it, the arrows scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(READ)]

    def __init__(self, title: str, rows: Rows) -> None:
        super().__init__()
        self._title = title
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield Sheet(self._rows)
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(Sheet).set_title(self._title)
        self.query_one(KeyBar).show([action for action in READ if action.bar])

    def action_close(self) -> None:
        self.dismiss()

    def action_scroll(self, rows: int) -> None:
        self.query_one(Sheet).scroll_relative(y=rows, animate=False)
