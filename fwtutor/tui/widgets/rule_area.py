"""RuleArea: the lines of a sheet in a text editor, mistakes marked as one types. What lines mean is the sheet's."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from fwtutor.netfilter.xtables.completing import Completion
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.sheets import Meaning, Sheet

MOST_OFFERED = 200


class RuleArea(TextArea):
    """One rule a line. What is typed is read as iptables reads it.

    | key | does |
    | :-- | :-- |
    | tab, shift+tab | complete the word; again, the next or the last one that fits |
    | ctrl+k, ctrl+d | delete the rule, copy it below |
    | alt+up, alt+down | move the rule (ctrl works too) |
    | ctrl+t | switch the rule off and on: a # before it |
    | ctrl+u, ctrl+r | undo, redo |
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "screen.complete(1)", "Complete", show=False),
        Binding("shift+tab", "screen.complete(-1)", "The last one that fits", show=False),
        Binding("ctrl+k", "screen.delete", "Delete the rule", show=False),
        Binding("ctrl+d", "screen.duplicate", "Copy the rule", show=False),
        Binding("ctrl+t", "screen.switch", "Switch off or on", show=False),
        Binding("ctrl+u", "screen.undo", "Undo", show=False),
        Binding("ctrl+r", "screen.redo", "Redo", show=False),
        Binding("alt+up,ctrl+up", "screen.move(-1)", "Move up", show=False),
        Binding("alt+down,ctrl+down", "screen.move(1)", "Move down", show=False),
    ]
    DEFAULT_CSS = "RuleArea { height: 1fr; }"

    def __init__(self, sheet: Sheet) -> None:
        super().__init__(sheet.before, show_line_numbers=True, soft_wrap=True, highlight_cursor_line=True)
        self.sheet = sheet
        self.cursor_blink = False
        self._cycle: tuple[Completion, tuple[str, ...], int] | None = None
        """The words that fit where tab was pressed first, and which of them stands there ..."""
        self._cycled = (self.text, self.cursor_location)
        """... as long as text and cursor are these."""

    @property
    def changed(self) -> bool:
        """Is the text another than it was?"""
        return self.text != self.sheet.before

    @property
    def row(self) -> int:
        """Number of the line the cursor is in, from 0."""
        return self.cursor_location[0]

    @property
    def meaning(self) -> Meaning:
        """What the line the cursor is in says."""
        return self.sheet.meaning(self.document.get_line(self.row))

    @property
    def _cycling(self) -> tuple[Completion, tuple[str, ...], int] | None:
        return self._cycle if self._cycled == (self.text, self.cursor_location) else None

    @property
    def offers(self) -> tuple[Completion, int]:
        """What may stand where the cursor is, and which of it tab has put there (-1: none yet)."""
        if self._cycling is not None:
            return self._cycling[0], self._cycling[2]
        row, at = self.cursor_location
        return self.sheet.offers(self.document.get_line(row), at), -1

    def get_line(self, line_index: int) -> Text:
        text = super().get_line(line_index)
        line = text.plain
        if not line.isprintable():
            # One cell for each, so that the cursor stands where it seems to.
            text = Text("".join(letter if letter.isprintable() or letter == "\t" else "?" for letter in line), end="", no_wrap=True)
        meaning = self.sheet.meaning(line)
        if meaning.problem is not None:
            text.stylize(self._role("drop"), meaning.problem.start, meaning.problem.end)
            text.stylize("underline", meaning.problem.start, meaning.problem.end)
        elif meaning.quiet or line.startswith("policy"):
            text.stylize(self._role("dim"))
        return text

    def get_component_rich_style(self, *names: str, partial: bool = False, default: Style | None = None) -> Style:
        style = super().get_component_rich_style(*names, partial=partial, default=default)
        # The cursor's line is a background: Textual would write its ink over what is marked in it.
        return Style(bgcolor=style.bgcolor) if names == ("text-area--cursor-line",) else style

    def _role(self, role: str) -> Style:
        screen = self.screen
        assert isinstance(screen, RoleScreen)
        return screen.role_style(role)

    # --- editing ----------------------------------------------------------------------------------------

    def complete(self, by: int) -> None:
        """Put the next word that fits where the cursor is."""
        cycling = self._cycling
        if cycling is None:
            offered, _ = self.offers
            words = tuple(word.text for word in offered.words[:MOST_OFFERED])
            if not words:
                self.app.bell()
                return
            number = 0 if by > 0 else len(words) - 1
        else:
            offered, words, number = cycling
            number = (number + by) % len(words)
        row, _ = self.cursor_location
        alone = len(words) == 1
        end = offered.end if cycling is None else self.cursor_location[1]
        self.history.checkpoint()
        self.replace(words[number] + " " * alone, (row, offered.start), (row, end), maintain_selection_offset=False)
        self._cycle = None if alone else (offered, words, number)
        self._cycled = (self.text, self.cursor_location)

    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def _put(self, lines: list[str], first: int, last: int, row: int) -> None:
        """New lines in the place of ``first`` to ``last`` - 1 as one step of the history; the cursor goes to ``row``."""
        at = self.cursor_location[1]
        self.history.checkpoint()
        everything = self._lines()
        if last < len(everything):
            self.replace("".join(f"{line}\n" for line in lines), (first, 0), (last, 0), maintain_selection_offset=False)
        else:
            # The last line has no newline behind it; what is deleted there takes the one before with it.
            start = (first - 1, len(everything[first - 1])) if first and not lines else (first, 0)
            self.replace("\n".join(lines), start, (last - 1, len(everything[last - 1])), maintain_selection_offset=False)
        self.history.checkpoint()
        row = max(0, min(row, self.document.line_count - 1))
        self.move_cursor((row, min(at, len(self.document.get_line(row)))))

    def delete_rule(self) -> None:
        """Take the line out."""
        self._put([], self.row, self.row + 1, self.row)

    def duplicate(self) -> None:
        """The line once more, below."""
        line = self._lines()[self.row]
        self._put([line, line], self.row, self.row + 1, self.row + 1)

    def move_rule(self, by: int) -> None:
        """The line one up or down."""
        lines, row = self._lines(), self.row
        other = row + by
        if 0 <= other < len(lines):
            first = min(row, other)
            self._put([lines[first + 1], lines[first]], first, first + 2, other)

    def switch(self) -> None:
        """A # before the line, or none."""
        line = self._lines()[self.row]
        bare = line.lstrip()
        self._put([bare[1:].lstrip() if bare.startswith("#") else f"# {line}"], self.row, self.row + 1, self.row)
