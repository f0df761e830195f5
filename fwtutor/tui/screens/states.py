"""The TCP state diagram over the lab, which goes along with it: one steps on, and sees the state change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from fwtutor.course.journey import Journey, Outcome
from fwtutor.recording.jumps import Wanted, connection_of_entry, find, looked_from
from fwtutor.telling.actions import STATES
from fwtutor.telling.diagram import choices, head, rows, shown
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import Line, crop, line
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.reader import Sheet
from fwtutor.tui.widgets.bars import KeyBar


def note(outcome: Outcome, journey: Journey) -> str:
    """Why one did not simply get there."""
    if outcome is Outcome.ASKED:
        return "a question holds the way: Esc, and answer"
    if outcome is Outcome.TURNED:
        return f"page {journey.stage + 1} is open: Esc reads it"
    return "there is nothing further" if outcome is Outcome.END else ""


class StatesScreen(RoleScreen[None]):
    """The diagram of one TCP connection at the place where the lab is."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(STATES)]
    CSS_PATH = "states.tcss"
    ACTIONS = STATES

    def __init__(self, journey: Journey) -> None:
        super().__init__()
        self._journey = journey
        self._chosen = 0
        """Id of the entry somebody asked for; 0: the packet's own."""
        self._sheet = Sheet(self._rows)

    def compose(self) -> ComposeResult:
        yield self._sheet
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([action for action in STATES if action.bar])
        self._show("")

    def _rows(self, width: int) -> Sequence[Line]:
        place = Place.of(self._journey.session)
        return rows(place, shown(place, self._chosen), width)

    def _show(self, said: str) -> None:
        place = Place.of(self._journey.session)
        title = crop(line(head(place, shown(place, self._chosen))), self.size.width - 6)
        self._sheet.set_title(title.text, said)
        self._sheet.rebuild()

    # --- going ------------------------------------------------------------------------------------------

    def action_step(self, direction: int) -> None:
        journey = self._journey
        outcome = journey.forward("packet") if direction > 0 else journey.back("packet")
        self._came(outcome)

    def action_packet(self, direction: int) -> None:
        """To the next packet of the connection that is shown."""
        journey, place = self._journey, Place.of(self._journey.session)
        entry = shown(place, self._chosen).entry
        if entry is None:
            self.action_step(direction)
            return
        self._chosen = entry.id
        wanted = Wanted("connection", connection=connection_of_entry(entry))
        index = find(place.session.run, looked_from(place.session.cursor, direction), wanted, direction)
        self._came(journey.jump(index, direction))

    def action_go(self, record: int) -> None:
        """Back to a moment of the way so far."""
        self._came(self._journey.jump(record, -1))

    def _came(self, outcome: Outcome) -> None:
        if outcome in (Outcome.ASKED, Outcome.END):
            self.app.bell()
        self._show(note(outcome, self._journey))

    def action_other(self) -> None:
        place = Place.of(self._journey.session)
        ids = [entry.id for entry in choices(place)]
        now = shown(place, self._chosen).entry
        if ids:
            self._chosen = ids[(ids.index(now.id) + 1) % len(ids)] if now is not None and now.id in ids else ids[0]
        self._show("" if len(ids) > 1 else "there is no other TCP connection here")

    def action_scroll(self, lines: int) -> None:
        self._sheet.scroll_relative(y=lines, animate=False)

    def action_close(self) -> None:
        self.dismiss()
