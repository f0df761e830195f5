"""Jump mode: a letter at everything of the lab that can be clicked; pressing it is the click.

What there is to go to, each pane says itself (``LineView.spots``); here it gets its letters, and a place above the lab.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from fwtutor.telling.actions import JUMP
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.widgets.bars import KeyBar

LETTERS = "asdfghjklqwertyuiopzxcvbnm"
"""Those under the fingers first."""


class Spot(NamedTuple):
    """Something to go to."""

    x: int
    y: int
    """Where it is on the screen."""
    action: str
    """What going there runs."""


def codes(count: int) -> list[str]:
    """So many codes, none the beginning of another: single letters as long as they last, else as many as can be."""
    size = len(LETTERS)
    pairs = 0 if count <= size else -(-(count - size) // (size - 1))
    singles = LETTERS[: size - pairs]
    doubles = [first + second for first in LETTERS[size - pairs :] for second in LETTERS]
    return [*singles, *doubles][:count]


class JumpScreen(RoleScreen[str | None], ModalScreen[str | None]):
    """Ends with the action of the spot whose letters were pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(JUMP)]
    CSS_PATH = "jump.tcss"
    ACTIONS = JUMP

    def __init__(self, spots: Sequence[Spot]) -> None:
        super().__init__()
        self._spots = dict(zip(codes(len(spots)), spots, strict=True))
        self._typed = ""
        self._drawn_for: Size | None = None

    def table(self) -> None:
        """There are letters here, and nothing else."""

    def compose(self) -> ComposeResult:
        for code, spot in self._spots.items():
            label = Static(Content(code), id=f"to-{code}", classes="spot")
            label.styles.offset = spot.x, spot.y
            yield label
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([action for action in JUMP if action.bar])

    def on_resize(self, event: events.Resize) -> None:
        if self._drawn_for not in (None, event.size):
            # Everything is somewhere else now.
            self.dismiss(None)
        self._drawn_for = event.size

    async def _on_key(self, event: events.Key) -> None:
        letter = event.character or ""
        if letter not in LETTERS or not letter:
            return
        event.stop()
        event.prevent_default()
        typed = self._typed + letter
        if typed in self._spots:
            self.dismiss(self._spots[typed].action)
        elif any(code.startswith(typed) for code in self._spots):
            self._typed = typed
            self._show()
        else:
            self.app.bell()

    def _show(self) -> None:
        for code in self._spots:
            self.query_one(f"#to-{code}").display = code.startswith(self._typed)

    def action_close(self) -> None:
        """Back to all letters, then to the lab."""
        if self._typed:
            self._typed = ""
            self._show()
        else:
            self.dismiss(None)
