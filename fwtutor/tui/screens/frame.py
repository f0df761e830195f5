"""The frame of the lab: how its panes are laid out for the size of the screen, whatever is in them yet."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.geometry import Size as Extent

from fwtutor.course.model import Lesson
from fwtutor.tui.roles import RoleScreen

WIDE = (116, 34)
"""Columns and rows from which all panes are shown at once."""
TALL = 46
"""Rows from which the lower panes get more of them."""
ROOMY = (96, 28)
"""Columns and rows from which a screen that is not wide shows the wire whole, and the connections beside why."""
SHORT = 22
"""Rows below which the lesser rows of a narrow screen go."""
TABS = (("firewall", "Firewall"), ("lesson", "Lesson"), ("connections", "Connections"), ("timeline", "Timeline"))


class LabFrame(RoleScreen[tuple[Lesson, bool] | None]):
    """A screen laid out as a lab; it ends as one does."""

    def __init__(self) -> None:
        super().__init__()
        self.tab = "firewall"
        """The pane that a narrow screen shows."""
        self._styled = False

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out(event.size)
        self.laid_out()

    def laid_out(self) -> None:
        """Panes may have gone elsewhere."""

    def _lay_out(self, size: Extent) -> None:
        wide = size.width >= WIDE[0] and size.height >= WIDE[1]
        roomy = not wide and size.width >= ROOMY[0] and size.height >= ROOMY[1]
        tall, short = wide and size.height >= TALL, size.height < SHORT
        self._set_classes({"-wide": wide, "-narrow": not wide, "-roomy": roomy, "-tall": tall, "-short": short})

    def _set_classes(self, wanted: Mapping[str, bool]) -> None:
        """All at once: every change of a screen's classes styles all its widgets anew."""
        if all(self.has_class(name) == on for name, on in wanted.items()):
            return
        self.add_class(*(name for name, on in wanted.items() if on), update=False)
        self.remove_class(*(name for name, on in wanted.items() if not on), update=False)
        if self.is_mounted:
            self._styled = True
            self.update_node_styles()

    def update_node_styles(self, animate: bool = True) -> None:
        """Style all anew; but when the screen opens, all has just been styled, one by one, and Textual would do it again."""
        if self._styled:
            super().update_node_styles(animate=animate)
        self._styled = True

    def _choose_tab(self, tab: str) -> None:
        self.tab = tab
        self._set_classes({f"-tab-{name}": name == tab for name, _ in TABS})
