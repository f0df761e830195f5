"""The glossary over the screen: the words, the marked one's meaning beside them, and a field that is typed into without being asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen

from fwtutor.telling import glossary, glyphs
from fwtutor.telling.actions import GLOSSARY
from fwtutor.telling.glossary import Term
from fwtutor.telling.spans import BLANK, Line, Span, crop, line
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.reader import ReaderScreen, Sheet
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.lines import LineView

LONGEST = 40
"""Characters one can type."""


class TermList(LineView):
    """The words, one of them marked."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: Sequence[Term] = glossary.terms()
        self.chosen = 0

    def build(self, width: int) -> Sequence[Line]:
        rows = []
        for number, term in enumerate(self.shown):
            click, here = f"screen.mark({number})", number == self.chosen
            row = line(Span(f"{glyphs.HERE} " if here else "  ", "current", click), Span(term.term, "strong" if here else "", click))
            rows.append(crop(row, width)._replace(fill="row" if here else ""))
        return rows or [line((" no such word", "dim"))]

    def mark(self, number: int) -> None:
        """Mark a word and keep it in sight."""
        self.chosen = max(0, min(len(self.shown) - 1, number))
        self.rebuild()
        top, height = self.scroll_offset.y, self.size.height
        if height and not top <= self.chosen < top + height:
            self.scroll_to(y=max(0, self.chosen - height // 2), animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        self.mark(self.chosen)


class Field(LineView):
    """What was typed."""

    DEFAULT_CSS = "Field { height: 1; overflow-y: hidden; }"

    def show(self, text: str, found: int) -> None:
        """Show it, and how many words it leaves."""
        many = f"{found} word{'' if found == 1 else 's'}"
        hint = f"  {many}" if text else f"  {many}: type a part of one"
        self._rows = [line((" find: ", "dim"), (text, "strong"), ("▏", "current"), (hint, "dim"))]
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        return self._rows


class GlossaryScreen(RoleScreen[None], ModalScreen[None]):
    """Opens on a word."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(GLOSSARY)]
    CSS_PATH = "glossary.tcss"
    ACTIONS = GLOSSARY
    AUTO_FOCUS = ""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word
        self._typed = ""
        self._list = TermList()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self._list
            yield Sheet(self._rows)
        yield Field()
        yield KeyBar()

    def on_mount(self) -> None:
        self._list.set_title("Glossary")
        self.query_one(KeyBar).show([action for action in GLOSSARY if action.bar])
        term = glossary.term_of(self._word)
        self._mark(self._list.shown.index(term) if term in self._list.shown else 0)

    @property
    def term(self) -> Term | None:
        """The marked one."""
        shown = self._list.shown
        return shown[self._list.chosen] if shown else None

    def _rows(self, width: int) -> list[Line]:
        return glossary.rows(self.term, width) if self.term else [line(("Backspace takes back what you typed.", "dim"))]

    def _mark(self, number: int) -> None:
        self._list.mark(number)
        sheet = self.query_one(Sheet)
        sheet.set_title(self.term.term if self.term else "")
        sheet.rebuild()
        sheet.scroll_to(y=0, animate=False)
        self.query_one(Field).show(self._typed, len(self._list.shown))

    def _type(self, text: str) -> None:
        self._typed = text[:LONGEST]
        self._list.shown = glossary.searched(self._typed)
        self._mark(0)

    # --- keys -------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        if event.key == "backspace":
            self._type(self._typed[:-1])
        elif event.character and event.character.isprintable() and event.key != "enter" and (self._typed or event.character != " "):
            self._type(self._typed + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def action_move(self, by: int) -> None:
        self._mark(self._list.chosen + by)

    def action_mark(self, number: int) -> None:
        self._mark(number)

    def action_open(self) -> None:
        term = self.term
        if term is not None:
            self.app.push_screen(ReaderScreen(term.term, lambda width: [*glossary.rows(term, width), BLANK]))

    def action_close(self) -> None:
        if self._typed:
            self._type("")
        else:
            self.dismiss(None)
