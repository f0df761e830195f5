"""Before an edit is entered: the commands that it is, and where they are to be entered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from fwtutor.recording import Session
from fwtutor.recording.editing import Plan
from fwtutor.telling import glyphs, words
from fwtutor.telling.actions import APPLY, Action
from fwtutor.telling.spans import BLANK, Line, Span, line, wrap
from fwtutor.tui.bindings import bindings
from fwtutor.tui.screens.reader import ReaderScreen

SAME_TRAFFIC = ": the same traffic runs again under these rules."
LISTED = 40
"""Commands listed at most."""


class ApplyScreen(ReaderScreen):
    """``take`` gets the plan that is chosen; closed, it is back to the editor."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(APPLY)]
    ACTIONS = APPLY

    def __init__(self, session: Session, first: Plan, here: Plan, take: Callable[[Plan], None]) -> None:
        super().__init__("Enter this?", self._sheet)
        self._session, self._first, self._here, self._take = session, first, here, take
        self._at_start = session.cursor.at_start

    @property
    def keys(self) -> Sequence[Action]:
        return [action for action in APPLY if action.id != "apply.here" or not self._at_start]

    def _sheet(self, width: int) -> Sequence[Line]:
        again = [
            *wrap(line(Span("Enter ", "key", "screen.first"), ("from the beginning", "strong"), SAME_TRAFFIC), width, 6),
            *self._lines(self._first, width),
        ]  # fmt: skip
        if self._at_start:
            return again
        rest = "what comes after it happens anew" if not self._session.cursor.at_end else "what has happened stays as it was"
        place = f", at {words.clock(self._session.cursor.at)}: {rest}."
        here = wrap(line(Span("h     ", "key", "screen.here"), ("here", "strong"), place), width, 6)
        same = self._here.lines == self._first.lines
        return [*again, BLANK, *here, *([line(("      the same commands", "dim"))] if same else self._lines(self._here, width))]

    def _lines(self, made: Plan, width: int) -> list[Line]:
        rows: list[Line] = []
        for text in made.lines[:LISTED]:
            rows += wrap(line("      ", (f"{made.host}# ", "dim"), (text, "code")), width, 10)
        if len(made.lines) > LISTED:
            rows.append(line((f"      and {len(made.lines) - LISTED} more", "dim")))
        if not made.lines:
            rows.append(line(("      nothing to enter: it is so already, but for what you typed", "dim")))
        if made.refused:
            rows += wrap(line("      ", (f"{glyphs.CROSS} refused: ", "drop"), made.refused, f": {made.reason}"), width, 10)
        return rows

    def action_first(self) -> None:
        self._choose(self._first)

    def action_here(self) -> None:
        if not self._at_start:
            self._choose(self._here)

    def _choose(self, made: Plan) -> None:
        if made.refused:
            self.app.bell()
        else:
            self.dismiss()
            self._take(made)
