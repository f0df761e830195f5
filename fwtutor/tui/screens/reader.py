"""A sheet to read: help, the whole why, the packet inspector are all this, with other rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from fwtutor.telling.actions import READ, Action
from fwtutor.telling.spans import Line
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.lines import LineView, as_text

Rows = Callable[[int], Sequence[Line]]
"""Rows for a width."""


UNBROKEN = 1 << 20
"""Cells in which no row of text has to be broken."""


class Sheet(LineView):
    """The rows of a sheet, built for its width."""

    DEFAULT_CSS = "Sheet { height: 1fr; }"

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.make = rows

    def build(self, width: int) -> Sequence[Line]:
        return self.make(width)

    def as_text(self) -> str:
        return as_text(self.make(UNBROKEN))


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
        self.query_one(KeyBar).show([action for action in self.keys if action.bar])

    @property
    def keys(self) -> Sequence[Action]:
        """The actions of the key bar."""
        return READ

    def action_close(self) -> None:
        self.dismiss()

    def action_scroll(self, rows: int) -> None:
        self.query_one(Sheet).scroll_relative(y=rows, animate=False)
