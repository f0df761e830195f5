"""The solution of a task: one way through, line by line, and the offer to type it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from fwtutor.course.model import Deed
from fwtutor.telling.actions import SOLUTION
from fwtutor.telling.solution import rows
from fwtutor.telling.spans import BLANK, Line, line, wrap
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.reader import Sheet
from fwtutor.tui.widgets.bars import KeyBar

OTHERS = (
    "There are others: whatever does the same is as good. Type it yourself, or press Enter: then the task begins anew, and this is typed "
    "for you."
)


class SolutionScreen(RoleScreen[bool | None], ModalScreen[bool | None]):
    """Ends with whether it is to be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SOLUTION)]
    ACTIONS = SOLUTION

    def __init__(self, page: int, said: Sequence[tuple[Deed, str]]) -> None:
        super().__init__()
        self._page, self._said = page, said

    def compose(self) -> ComposeResult:
        yield Sheet(self._rows)
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(Sheet).set_title(f"One way through page {self._page}")
        self.query_one(KeyBar).show([action for action in SOLUTION if action.bar])

    def _rows(self, width: int) -> list[Line]:
        return [*rows(self._said, width), BLANK, *wrap(line((OTHERS, "dim")), width)]

    def action_enter_it(self) -> None:
        self.dismiss(True)

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        self.query_one(Sheet).scroll_relative(y=by, animate=False)
