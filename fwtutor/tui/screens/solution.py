"""The solution of a task: one way through, line by line, and the offer to type it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from fwtutor.course.model import Deed
from fwtutor.telling.actions import SOLUTION, Action
from fwtutor.telling.solution import rows
from fwtutor.telling.spans import BLANK, Line, line, wrap
from fwtutor.tui.bindings import bindings
from fwtutor.tui.screens.reader import ReaderScreen

OTHERS = (
    "There are others: whatever does the same is as good. Type it yourself, or press Enter: then the task begins anew, and this is typed "
    "for you."
)


class SolutionScreen(ReaderScreen, inherit_bindings=False):
    """``wanted`` is called when it is to be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SOLUTION)]
    ACTIONS = SOLUTION

    def __init__(self, page: int, said: Sequence[tuple[Deed, str]], wanted: Callable[[], None]) -> None:
        super().__init__(f"One way through page {page}", self._sheet)
        self._said, self._wanted = said, wanted

    @property
    def keys(self) -> Sequence[Action]:
        return SOLUTION

    def _sheet(self, width: int) -> list[Line]:
        return [*rows(self._said, width), BLANK, *wrap(line((OTHERS, "dim")), width)]

    def action_enter_it(self) -> None:
        self.dismiss()
        self._wanted()
