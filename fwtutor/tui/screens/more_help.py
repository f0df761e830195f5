"""More help: what there is of it at this place, to choose from by a letter, the arrows or a click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from textual import events

from fwtutor.telling.spans import line
from fwtutor.tui.screens.pick import PickScreen


class Choice(NamedTuple):
    """One kind of help."""

    letter: str
    label: str
    about: str
    does: Callable[[], None]


class MoreHelpScreen(PickScreen):
    """Ends with the number of the choice."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        rows = [line((f"{each.letter}  ", "key"), f"{each.label:<19} ", (each.about, "dim")) for each in choices]
        super().__init__("More help", rows)
        self._letters = [each.letter for each in choices]

    def on_key(self, event: events.Key) -> None:
        if event.character in self._letters:
            event.stop()
            event.prevent_default()
            self.action_pick(self._letters.index(event.character))
