"""The timeline: every moment of the run as one mark, where we are among them, and what each was.

Low, it is a strip; given eight rows or more it is a list. Marks to come are hidden: a verdict not yet seen is not told.
"""

from __future__ import annotations

from bisect import bisect_right

from rich.cells import cell_len
from textual import events

from fwtutor.network.records import CommandRun, Record, TimerFired, Walked
from fwtutor.telling import glyphs, words
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import Line, Span, crop, ends, line, pill
from fwtutor.tui.widgets.lines import LineView

LIST_FROM = 8
"""Rows from which the timeline is drawn as a list."""


ONE_ROW = 12
"""Marks of the strip whose letters jump mode puts into one row, at most."""
LISTED = 88
"""Cells of a listed moment at most: a verdict too far from its tuple is hard to tie to it."""


class TimelineView(LineView):
    """Moments of the run: click one, or hold the mouse down and go along them."""

    DEFAULT_CSS = "TimelineView { height: 2; }"
    can_focus = True
    # The mouse held down goes along the moments: it cannot select text too.
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None
        self._marks: frozenset[int] = frozenset()
        """Records that are bookmarked."""
        self._first = -1
        """The moment at the strip's left edge."""
        self._lettered = False
        self._scrubbed: str | None = None
        """While the mouse is held down on the strip: what it was over last. The strip keeps still under it."""

    def make_room(self, for_letters: bool) -> None:
        """Jump mode's letters may take the caption's row, and are not to be read into its words."""
        self._lettered = for_letters and len(self.spots()) > ONE_ROW
        self.rebuild()

    @property
    def listing(self) -> bool:
        """Is there room for the list?"""
        return self.size.height >= LIST_FROM

    def show(self, place: Place) -> None:
        """Show where a place is in its run."""
        self._place = place
        self._marks = frozenset(place.session.bookmarks.of(place.session.run))
        stops, run = place.session.run.stops, place.session.run
        runs = place.session.runs
        branches = f" {glyphs.DOT} run {runs.index(run) + 1} of {len(runs)}" if len(runs) > 1 else ""
        self.set_title(f"Timeline {glyphs.DOT} {len(stops)} moments{branches}")
        self.rebuild()
        self._centre()

    def _centre(self) -> None:
        place = self._place
        if place and self.listing:
            stops = place.session.run.stops
            self.scroll_to(y=max(0, _position(stops, place.index) - self.size.height // 2), animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        self.rebuild()
        self._centre()

    # --- the mouse --------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y == 0 and not self.listing:
            self.capture_mouse()
            self._scrubbed = ""
            self._scrub(offset.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._scrubbed is not None:
            self._scrub(event.x - self.gutter.left)

    def on_mouse_up(self) -> None:
        if self._scrubbed is not None:
            self.release_mouse()
            self._scrubbed = None
            self.rebuild()

    def spots(self) -> list[tuple[int, int, str]]:
        found = super().spots()
        if self.listing:
            # Before the row, where it covers nothing.
            return [(0, y, action) for _, y, action in found]
        # In the strip, many marks stand too close to be told apart: every second has its letters below, in the caption's row.
        rows = 1 if len(found) <= ONE_ROW else min(2, max(1, self.size.height))
        return [(x, number % rows, action) for number, (x, _, action) in enumerate(found)]

    def _scrub(self, x: int) -> None:
        """Go to the moment below the mouse."""
        for span in self.row(0).spans:
            x -= cell_len(span.text)
            if x < 0:
                if span.click and span.click != self._scrubbed:
                    self._scrubbed = span.click
                    self.app.call_later(self.app.run_action, span.click, self.screen)
                return

    # --- rows -------------------------------------------------------------------------------------------

    def count(self) -> int:
        if self._place is None:
            return 0
        return len(self._place.session.run.stops) + 1 if self.listing else 2

    def row(self, y: int) -> Line:
        place = self._place
        if place is None:
            return line()
        width = self.text_width
        if self.listing:
            return self._moment(place, y - 1, width)
        if y == 0:
            return self._strip(place, width)
        return line() if self._lettered else self._caption(place, width)

    def _strip(self, place: Place, width: int) -> Line:
        stops = place.session.run.stops
        records = place.session.run.records
        here = _position(stops, place.index)
        size = max(1, (width - 4) // 2)
        if self._scrubbed is None:
            self._first = max(-1, min(here - size // 2, len(stops) - size))
        first = self._first
        earlier = f"screen.seek({stops[max(0, first - size)]})" if first > 0 else "screen.seek(-1)"
        spans: list[Span] = [Span(glyphs.LEFT, "dim", earlier) if first > -1 else Span(" ", "dim")]
        for number in range(first, min(first + size, len(stops))):
            if number < 0:
                spans += pill("├", "screen.seek(-1)") if here < 0 else [Span("├", "dim", "screen.seek(-1)")]
                continue
            record = records[stops[number]]
            mark, role = mark_of(record, ahead=self._ahead(place, number, here))
            newer = number > 0 and place.session.run.stage_of(stops[number]) != place.session.run.stage_of(stops[number - 1])
            joint = Span("│" if newer else glyphs.LINE if number <= here else " ", "dim")
            spans.append(Span(glyphs.MARK, "change") if stops[number] in self._marks else joint)
            click = f"screen.seek({stops[number]})"
            spans += pill(mark, click) if number == here else [Span(mark, role, click)]
        if first + size < len(stops):
            spans.append(Span(f" {glyphs.ARROW}", "dim", f"screen.seek({stops[min(first + 2 * size, len(stops) - 1)]})"))
        return Line(tuple(spans))

    @staticmethod
    def _ahead(place: Place, number: int, here: int) -> bool:
        """Is that moment still to come? A packet under way has no verdict yet."""
        return number > here or (number == here and place.walk is not None and place.finished is None)

    def _caption(self, place: Place, width: int) -> Line:
        stops = place.session.run.stops
        here = _position(stops, place.index)
        under_way = place.walk is not None and place.done < len(place.steps)
        part = f" {glyphs.DOT} step {place.done} of {len(place.steps)} of this packet" if under_way else ""
        return crop(line((f" moment {here + 1} of {len(stops)} {glyphs.DOT} {words.clock(place.at)}{part}", "dim")), width)

    def _moment(self, place: Place, number: int, width: int) -> Line:
        stops = place.session.run.stops
        here = _position(stops, place.index)
        if number < 0:
            return line((f"{glyphs.HERE if here < 0 else ' '} ", "current"), Span("before everything", "dim", "screen.seek(-1)"))
        record = place.session.run.records[stops[number]]
        ahead = self._ahead(place, number, here)
        mark, role = mark_of(record, ahead=ahead)
        click = f"screen.seek({stops[number]})"
        text = "to come" if number > here else words.moment(record)
        result = "" if ahead or not isinstance(record, Walked) else words.result(record)
        marked = stops[number] in self._marks
        sign = Span(glyphs.MARK, "change") if marked else Span(" ", "current")
        row = line((glyphs.HERE if number == here else " ", "current"), sign, (f"{record.at / 1e9:7.3f} ", "dim"), (mark, role), " ")
        left = Line((*row.spans, *line(Span(text, "dim" if number > here else "", click)).spans))
        # The verdict stands at the edge whatever the length of the tuple.
        shown = ends(left, line((result, role)), min(width, LISTED)) if result else crop(left, width)
        return shown._replace(fill="row" if number == here else "")


def _position(stops: list[int], index: int) -> int:
    """Which stop a record is, or the last one before it; -1 before all."""
    return bisect_right(stops, index) - 1


def mark_of(record: Record, *, ahead: bool) -> tuple[str, str]:
    """A moment's mark and role: told apart by shape as well as by colour."""
    if isinstance(record, CommandRun):
        return glyphs.COMMAND, "dim" if ahead else "current"
    if isinstance(record, TimerFired):
        return glyphs.TIMER, "dim"
    if ahead:
        return "○", "dim"
    return (glyphs.PACKET, "accept") if record.walk.verdict == "ACCEPT" else (glyphs.CROSS, words.verdict_role(record.walk.verdict))
