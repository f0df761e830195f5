"""A list to choose from over the lab: by the arrows, by a letter, by the mouse, or by typing a number where one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from fwtutor.telling import glyphs
from fwtutor.telling.actions import CHOOSE
from fwtutor.telling.spans import Line, Span, crop, line
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.lines import LineView

TYPED = frozenset("0123456789.+s")
"""What numbers and times are written with."""
LONGEST = 20
"""Characters one can type."""


class Chosen(NamedTuple):
    """What somebody chose: a row, and whether on (1) or back (-1); or what was typed."""

    row: int = -1
    direction: int = 1
    typed: str = ""


class ChoiceList(LineView):
    """Rows, one of them marked. Only those on the screen are made."""

    DEFAULT_CSS = "ChoiceList { height: auto; max-height: 1fr; }"

    def __init__(self, make: Callable[[int], Line], size: int, start: int) -> None:
        super().__init__()
        self._make = make
        self._many = size
        self.chosen = start

    def count(self) -> int:
        return self._many

    def row(self, y: int) -> Line:
        here = y == self.chosen
        made = crop(Line((Span(glyphs.HERE if here else " ", "current"), *self._make(y).spans)), self.text_width)
        return Line(tuple(span._replace(click=f"screen.take({y})") for span in made.spans), "row" if here else "")

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return self._many

    def mark(self, row: int) -> None:
        """Mark a row."""
        self.chosen = max(0, min(row, self._many - 1))
        self.rebuild()
        top, height = self.scroll_offset.y, self.size.height
        if not top <= self.chosen < top + height:
            self.scroll_to(y=max(0, self.chosen - height // 2), animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        self.mark(self.chosen)


class ChooseScreen(RoleScreen[Chosen | None], ModalScreen[Chosen | None]):
    """Ends with what was chosen; None: nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CHOOSE)]
    CSS_PATH = "choose.tcss"
    ACTIONS = CHOOSE

    def __init__(
        self,
        title: str,
        make: Callable[[int], Line],
        size: int,
        *,
        start: int = 0,
        letters: str = "",
        says: Callable[[str], Line] | None = None,
    ) -> None:
        """``letters``: the keys of the rows; as capitals, backwards. ``says``: what the text typed means; None: one cannot type."""
        super().__init__()
        self._title = title
        self._list = ChoiceList(make, size, start)
        self._letters = letters
        self._says = says
        self._typed = ""
        self._foot = Foot()

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._foot
        yield KeyBar()

    def on_mount(self) -> None:
        self._list.set_title(self._title)
        self._foot.display = self._says is not None
        self.query_one(KeyBar).show([action for action in CHOOSE if action.bar and (self._letters or action.id != "choose.letter")])
        self._show_typed()

    def _show_typed(self) -> None:
        if self._says is not None:
            self._foot.show(self._says(self._typed))

    # --- choosing ---------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        letter = event.character or event.key
        if self._says is not None and letter in TYPED and (self._typed or letter != "s"):
            self._type(self._typed + letter)
        elif self._says is not None and self._typed and event.key == "backspace":
            self._type(self._typed[:-1])
        elif letter and letter.lower() in self._letters:
            self.dismiss(Chosen(self._letters.index(letter.lower()), -1 if letter.isupper() else 1))
        else:
            return
        event.stop()
        event.prevent_default()

    def _type(self, text: str) -> None:
        self._typed = text[:LONGEST]
        self._show_typed()

    def action_take(self, row: int = -1, direction: int = 1) -> None:
        if row < 0 and self._typed:
            self.dismiss(Chosen(typed=self._typed))
        else:
            self.dismiss(Chosen(self._list.chosen if row < 0 else row, direction))

    def action_move(self, rows: int) -> None:
        self._list.mark(self._list.chosen + rows)

    def action_close(self) -> None:
        self.dismiss(None)


class Foot(LineView):
    """What is typed, and what it means."""

    DEFAULT_CSS = "Foot { height: 1; overflow-y: hidden; }"

    def show(self, row: Line) -> None:
        """Show it."""
        self._rows = (row,)
        self.rebuild()


def typed_row(typed: str, means: Sequence[str | tuple[str, str]]) -> Line:
    """The field, and what its text means."""
    return line((f" {typed}", "strong"), ("▏", "current"), *means)
