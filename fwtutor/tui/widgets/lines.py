"""LineView: the widget that all panes are made of. It draws Lines by ``render_line`` and repaints changed rows only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from fwtutor.telling import glyphs
from fwtutor.telling.spans import BLANK, Line, clean, crop, line, wrap
from fwtutor.tui import keymap
from fwtutor.tui.guard import Guarded
from fwtutor.tui.roles import RoleScreen

if TYPE_CHECKING:
    from fwtutor.telling.reading import Place

BAR = 1
"""Cells of a scroll bar. Where it has none of its own (ASCII), the text keeps its distance from the edge all the same."""
ROOM_TO_SAY = 3
"""Rows from which a pane itself can say why it failed."""


def as_text(rows: Iterable[Line]) -> str:
    """Rows as lines of plain text."""
    return "".join(f"{row.text.rstrip()}\n" for row in rows)


class LineView(ScrollView, Guarded, inherit_bindings=False):
    """A pane of rows. Subclasses build rows for a width; the view wraps nothing and guesses nothing.

    | key | does |
    | :-- | :-- |
    | up, down | scroll a row |
    | pageup, pagedown | scroll a page |

    Left, right, home, end and space are left to the lab: a pane never eats the keys that step.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "Scroll up", show=False, id="pane.up"),
        Binding("down", "scroll_down", "Scroll down", show=False, id="pane.down"),
        Binding("pageup", "page_up", "Page up", show=False, id="pane.pageup"),
        Binding("pagedown", "page_down", "Page down", show=False, id="pane.pagedown"),
    ]
    DEFAULT_CSS = """
    LineView {
        height: 1; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        scrollbar-background: $background; scrollbar-color: $fw-line; scrollbar-color-hover: $accent;
        scrollbar-background-hover: $background; scrollbar-color-active: $accent; scrollbar-background-active: $background;
    }
    """

    can_focus = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: Sequence[Line] = ()
        self._painted: dict[int, Line] = {}
        self._built_for = -1
        self._early = -1
        self._high = -1
        """What ``height: auto`` came to last."""
        self._titles = "", ""
        self._styles: dict[tuple[str, str], Style] = {}
        self._failed: tuple[Line, ...] = ()
        """What is said in the place of all rows, where the pane has failed."""

    # --- what subclasses say ----------------------------------------------------------------------------

    def build(self, width: int) -> Sequence[Line]:
        """All rows for a width in cells. A view of very many rows overrides ``count`` and ``row`` instead."""
        return self._rows

    def count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def row(self, y: int) -> Line:
        """Row ``y``, from 0."""
        return self._rows[y]

    # --- showing ----------------------------------------------------------------------------------------

    @property
    def text_width(self) -> int:
        """Cells a row has. A pane that can scroll keeps the bar's free always, so that a bar that comes late covers no text."""
        return self._beside_bar(self.region.shrink(self.styles.gutter).width)

    def _beside_bar(self, width: int) -> int:
        return width - BAR if self.styles.overflow_y == "auto" else width

    def rebuild(self) -> None:
        """Build again and repaint the visible rows that differ from what the screen shows."""
        width = self.text_width
        if width <= 0:
            # Hidden for now: what it last drew is no longer what it would.
            self._built_for = self._early = -1
            return
        self._built_for, self._early = width, -1
        if self._failed:
            return
        self._rows = self.build(width)
        size = Size(width, self.count())
        if size != self.virtual_size:
            self._resize_to(size)
        top, height = self.scroll_offset.y, self.size.height
        changed = [y for y in range(height) if self._painted.get(top + y) != self._row_or_blank(top + y)]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _resize_to(self, size: Size) -> None:
        """Have so many rows. Laying out the whole screen anew costs more than a step may: only where something else would move."""
        auto = self.styles.height is not None and self.styles.height.is_auto
        bar = self.styles.overflow_y == "auto" and (size.height > self.container_size.height) != self.show_vertical_scrollbar
        if bar or (auto and self.own_height() != self._high):
            self._high = self.own_height()
            self.virtual_size = size
        else:
            self.set_reactive(LineView.virtual_size, size)
            self._scroll_update(size)

    def own_height(self) -> int:
        """What ``height: auto`` comes to: as many rows as there are."""
        return self.count()

    def _row_or_blank(self, y: int) -> Line:
        if self._failed:
            said = [row for each in self._failed for row in wrap(each, max(20, self.text_width))]
            return dict(enumerate(said, self.scroll_offset.y)).get(y, BLANK)
        return self.row(y) if 0 <= y < self.count() else BLANK

    def set_title(self, title: str, subtitle: str = "") -> None:
        """Title and subtitle of the border, as they are: no markup."""
        if (title, subtitle) != self._titles:
            self._titles = title, subtitle
            self.entitle()

    def entitle(self) -> None:
        """Draw title and subtitle anew; one that has the whole work area says how to leave it."""
        # A border with corners sets its title off by itself; a single line above does not.
        gap = "" if self.styles.border_left[0] else " "
        zoomed = f" {glyphs.DOT} {keymap.named('lab.zoom')} puts it back" if self.has_class("-zoom") else ""
        title, subtitle = (self.plain(clean(text)) for text in (f"{self._titles[0]}{zoomed}", self._titles[1]))
        self.border_title = Content(f"{gap}{title}{gap}") if title else None
        self.border_subtitle = Content(f"{gap}{subtitle}{gap}") if subtitle else None

    def plain(self, text: str) -> str:
        """``text`` in the symbols this terminal has."""
        return glyphs.to_ascii(text) if self.app.has_class("-ascii") else text

    def _style(self, fill: str, role: str) -> Style:
        """The style of a role in a row filled so."""
        style = self._styles.get((fill, role))
        if style is None:
            screen = self.screen
            assert isinstance(screen, RoleScreen)
            base = self._style(fill, "") if role else self.rich_style + screen.role_style(fill)
            style = self._styles[fill, role] = base + screen.role_style(role)
        return style

    def render_line(self, y: int) -> Strip:
        try:
            return self._paint(y)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this pane's alone
            self.fail(error)
            return self._paint(y)

    def _paint(self, y: int) -> Strip:
        if self._built_for < 0 and not self._failed and self._early != (width := self.text_width):
            # The first paint comes before the first resize: what there is to show is there with it.
            self._early, self._rows = width, self.build(width)
        top, width = self.scroll_offset.y, self.size.width
        row = self._row_or_blank(top + y)
        self._painted[top + y] = row
        if len(self._painted) > 4 * max(self.size.height, 64):
            self._painted = {at: painted for at, painted in self._painted.items() if top <= at < top + self.size.height}
        row = crop(row, width)
        segments = [Segment(self.plain(text), self._style(row.fill, role)) for text, role, _ in row.spans]
        return Strip(segments).adjust_cell_length(width, self._style(row.fill, ""))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painted.clear()
        self._styles.clear()
        if any(self._titles):
            self.entitle()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """For ``height: auto``: all the rows."""
        self._rows = self.build(self._beside_bar(width))
        return self.count()

    @property
    def visible_on_screen(self) -> bool:
        """Has it any room now?"""
        return self.is_on_screen and self.region.area > 0

    def spots(self) -> list[tuple[int, int, str]]:
        """What can be clicked of the rows in sight: (x, y, action), each of a row's actions once."""
        found: list[tuple[int, int, str]] = []
        for y in range(self.size.height):
            x, seen = 0, {""}
            for span in self._row_or_blank(self.scroll_offset.y + y).spans:
                if span.click not in seen:
                    seen.add(span.click)
                    found.append((x, y, span.click))
                x += cell_len(span.text)
        return found

    @property
    def title(self) -> str:
        """Of its border, without what is to be done there."""
        return clean(self._titles[0])

    def as_text(self) -> str:
        """All rows, those out of sight too, as plain text."""
        return as_text(self.row(y) for y in range(self.count()))

    # --- failing ----------------------------------------------------------------------------------------

    def fail(self, error: Exception) -> None:
        if self._failed:
            return
        from fwtutor.crashlog import note

        what, where = f"this pane failed: {type(error).__name__}: {error}", f"The details {note(error)}."
        rest = f"The rest goes on, and what you did is kept. The next step tries it again. {where}"
        self._failed = line((f"{glyphs.CROSS} {what}", "drop")), line(rest)
        self._painted.clear()
        self.refresh()
        if self.size.height < ROOM_TO_SAY:
            self.app.notify(clean(f"{self.id or type(self).__name__}: {what}\n{where}"), severity="error", markup=False)

    def try_again(self) -> bool:
        failed, self._failed = bool(self._failed), ()
        return failed

    def recovered(self) -> None:
        self._painted.clear()
        self.rebuild()
        self.refresh()

    def instead(self, name: str) -> object:
        return len(self._failed) if name == "get_content_height" else None

    # --- events -----------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        if self.text_width != self._built_for or not self._painted:
            self.rebuild()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        x = offset.x
        for span in self._row_or_blank(offset.y + self.scroll_offset.y).spans:
            x -= cell_len(span.text)
            if x < 0:
                if span.click:
                    event.stop()
                    self.app.call_later(self.app.run_action, span.click, self.screen)
                return


class PlaceView(LineView):
    """A LineView whose rows are made of one place of the run, and nothing else."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None

    def show(self, place: Place) -> None:
        """Show a place."""
        self._place = place
        self.rebuild()
