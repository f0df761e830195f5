"""What shows while the terminal is too small for anything else; it goes away by itself."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.screen import ModalScreen

from fwtutor.telling.spans import Line, line, wrap
from fwtutor.tui import LEAST
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.widgets.lines import LineView


class SmallNotice(LineView):
    """The notice, as many of its words as fit."""

    DEFAULT_CSS = "SmallNotice { height: 1fr; overflow-y: hidden; }"

    def build(self, width: int) -> Sequence[Line]:
        size = self.app.size
        least = f"{LEAST[0]}x{LEAST[1]}"
        if width < 20 or size.height < 4:
            return wrap(line((f"Make me {least}.", "strong"), f" Now {size.width}x{size.height}."), width)
        text = f"This window is {size.width}x{size.height}, fwtutor needs {least}. Make it larger: all is where it was. ctrl+q leaves."
        return [*wrap(line(("Too small", "heading")), width), *wrap(line(text), width)]


class TooSmallScreen(RoleScreen[None], ModalScreen[None]):
    """Covers the application until there is room again. Keys do nothing meanwhile, except leaving."""

    CSS = "TooSmallScreen { background: $background; }"

    def compose(self) -> ComposeResult:
        yield SmallNotice()

    def on_resize(self) -> None:
        self.query_one(SmallNotice).rebuild()
