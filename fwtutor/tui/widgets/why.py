"""Why: what just happened and for what reason, in a pane; the words are ``telling.reasons``'."""

from __future__ import annotations

from collections.abc import Sequence

from fwtutor.telling.reading import Place
from fwtutor.telling.reasons import reasons
from fwtutor.telling.spans import Line
from fwtutor.tui.widgets.lines import LineView


class WhyView(LineView):
    """The reason of the step that happened last; at a packet's end, of its verdict, its ctstate and each rule's answer."""

    DEFAULT_CSS = "WhyView { height: 1fr; }"
    can_focus = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None

    def show(self, place: Place) -> None:
        """Explain a place."""
        self._place = place
        self.set_title("Why", "w all of it")
        self.rebuild()
        self.scroll_to(y=0, animate=False)

    def build(self, width: int) -> Sequence[Line]:
        return reasons(self._place, width) if self._place else ()
