"""Look anywhere: any host of the lab, page by page, as it was at the place where the lab is. What its rows say is ``telling.look``'s."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from fwtutor.course.journey import Journey, Outcome
from fwtutor.recording.jumps import find, looked_from
from fwtutor.telling import glyphs, words
from fwtutor.telling.actions import LOOK
from fwtutor.telling.look import PAGES
from fwtutor.telling.look.page import MARK, Page
from fwtutor.telling.look.seen import Sight
from fwtutor.telling.spans import Line, Span, ends, line
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.help import help_rows
from fwtutor.tui.screens.reader import ReaderScreen, Sheet
from fwtutor.tui.screens.states import note
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.look import LookBar, LookList, Rows

LONGEST = 200
"""Characters of a filter."""
FOOT = 3
"""Rows of the foot."""
TALL = 34
"""Rows from which the foot has twice as many."""
ABOUT = (
    "Everything of any host as it was at the moment where the lab is, nothing of what is to come. "
    "◆ marks what the host's last packet changed. Counters are packets and bytes."
)


class Opened(ReaderScreen):
    """Everything about a row."""

    def __init__(self, title: str, rows: Callable[[int], Sequence[Line]], *, last: bool) -> None:
        """``last``: one looks at the end of it first."""
        super().__init__(title, rows)
        self._last = last

    def on_mount(self) -> None:
        super().on_mount()
        if self._last:
            self.call_after_refresh(self.query_one(Sheet).scroll_end, animate=False)


class LookScreen(RoleScreen[None]):
    """Ends where it began, or at the moment somebody went to."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(LOOK)]
    CSS_PATH = "look.tcss"
    ACTIONS = LOOK

    def __init__(self, journey: Journey, page: str = "rules", host: str = "") -> None:
        super().__init__()
        self._journey = journey
        self._sight = Sight(journey)
        self._hosts = self._sight.hosts
        self._host = host or self._hosts[0]
        self._of = page
        self._filters: dict[str, str] = {}
        """By page."""
        self._typing = False
        self._note = ""
        """What stands beside the count until the next key."""
        self._page: Page
        self._bar, self._list = LookBar(), LookList()
        self._said = Rows(lambda width: (self._status(width),), 1, id="said")
        self._heads = Rows(self._titles, 1, id="heads")
        self._foot = Rows(self._brief, FOOT, id="foot")

    def compose(self) -> ComposeResult:
        yield self._bar
        yield self._said
        yield self._heads
        yield self._list
        yield self._foot
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([action for action in LOOK if action.bar])
        self._open()

    # --- showing ----------------------------------------------------------------------------------------

    def _read(self) -> Page:
        return PAGES[self._of](self._sight.see(self._host), self._filters.get(self._of, ""))

    def _open(self, row: int | None = None) -> None:
        """A page is opened: at the row where it is best begun."""
        self._page = self._list.page = self._read()
        self._list.scroll_to(y=0, animate=False)
        self._mark(self._page.start() if row is None else row)

    def _again(self) -> None:
        """The same page at another place of the run, with the same row marked."""
        key = self._page.key(self._list.chosen) if self._page.count() else 0
        self._page = self._list.page = self._read()
        self._mark(self._page.place_of(key) if self._page.count() else 0)

    def _mark(self, row: int) -> None:
        self._list.mark(row)
        run, cursor = self._journey.session.run, self._journey.session.cursor
        moment = f"moment {bisect_right(run.stops, cursor.index)} of {len(run.stops)}, "
        self._bar.show(self._hosts, self._host, self._of, (moment, words.clock(cursor.at)))
        self._heads.display = bool(self._page.heads)
        for view in (self._said, self._heads, self._foot):
            view.rebuild()

    def _status(self, width: int) -> Line:
        """How many rows there are, the filter, and what was said last."""
        page, wanted = self._page, self._filters.get(self._of, "")
        if self._typing:
            found = f"  {page.complaint or page.counted()}"
            return line((" / ", "key"), (wanted, "strong"), ("▏", "current"), (found, "change" if page.complaint else "dim"))
        parts: list[tuple[str, str]] = [(f" {page.counted()}", "dim")]
        if wanted:
            parts += [(f" {glyphs.DOT} only with ", "dim"), (wanted, "strong"), (f" {page.complaint}", "change")]
        if self._note:
            parts.append((f" {glyphs.DOT} {self._note}", "change"))
        legend = line((f"{MARK}changed by the last packet ", "change"))
        return ends(line(*parts), legend, width) if page.count() and page.marked() and not self._note else line(*parts)

    def _titles(self, width: int) -> Sequence[Line]:
        return (line((f" {self._page.heads}", "dim")),)

    def _brief(self, width: int) -> Sequence[Line]:
        page, room = self._page, self._room
        rows = [Line((Span(" "), *row.spans)) for row in (page.brief(self._list.chosen, width - 2) if page.count() else ())]
        if len(rows) > room:
            rows[room - 1] = Line((*rows[room - 1].spans, Span(f" {glyphs.MORE}", "dim")))
        return rows[:room]

    @property
    def _room(self) -> int:
        """Rows of the foot."""
        return FOOT if self.size.height < TALL else 2 * FOOT

    def on_resize(self) -> None:
        self._foot.styles.height = self._room

    # --- what keys do -----------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self._note = ""
        self._mark(self._list.chosen + by)

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self._list.size.height - 1))

    def action_choose(self, row: int) -> None:
        """A row was clicked: marked, and the second time opened."""
        if row == self._list.chosen:
            self.action_open()
        else:
            self._mark(row)

    def action_open(self) -> None:
        if not self._page.count():
            return
        found = self._page.about(self._list.chosen)
        if found is None:
            self._note = "there is no more to say about this row"
            self._mark(self._list.chosen)
        else:
            self.app.push_screen(Opened(*found, last=self._page.verbatim))

    def action_show(self, page: str) -> None:
        self._of, self._note = page, ""
        self._open()

    def action_next_page(self, by: int) -> None:
        names = list(PAGES)
        self.action_show(names[(names.index(self._of) + by) % len(names)])

    def action_host(self, by: int) -> None:
        self.action_host_named((self._hosts.index(self._host) + by) % len(self._hosts))

    def action_host_named(self, number: int) -> None:
        self._host, self._note = self._hosts[number], ""
        self._open()

    def action_help(self) -> None:
        self.app.push_screen(ReaderScreen("Help", help_rows(LOOK, ABOUT, signs=False)))

    def action_close(self) -> None:
        if self._filters.pop(self._of, ""):
            self._note = ""
            self._again()
        else:
            self.dismiss()

    # --- going ------------------------------------------------------------------------------------------

    def action_step(self, direction: int) -> None:
        journey = self._journey
        self._came(journey.forward("packet") if direction > 0 else journey.back("packet"))

    def action_packet(self, direction: int) -> None:
        """To the next packet that has to do with the marked row, the one before, or (0) the first."""
        page, session = self._page, self._journey.session
        wanted = page.packets_of(self._list.chosen) if page.count() else None
        if wanted is None:
            watch = session.scenario.watch
            here = "choose a rule or a connection" if self._host == watch else f"one goes by the packets of {watch} only"
            self._note = f"{here}: n goes to its next packet"
            self._mark(self._list.chosen)
            return
        index = session.cursor.index
        if direction:
            at, way = looked_from(session.cursor, direction), direction
        else:
            # Others may have had the same ends before it.
            since = page.since(self._list.chosen)
            at, way = bisect_left(session.run.records, since, key=lambda record: record.at) - 1, 1
        found = find(session.run, at, wanted, way)
        if not direction and found is not None:
            direction = 1 if found > index else -1
        self._came(self._journey.jump(found, direction or 1))

    def _came(self, outcome: Outcome) -> None:
        if outcome in (Outcome.ASKED, Outcome.END):
            self.app.bell()
        self._note = note(outcome, self._journey)
        self._again()

    # --- the filter -------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self._typing = True
        self._note = ""
        self._mark(self._list.chosen)

    def on_key(self, event: events.Key) -> None:
        if not self._typing:
            return
        text = self._filters.get(self._of, "")
        if event.key in ("enter", "down", "tab"):
            self._typing = False
            self._mark(self._list.chosen)
        elif event.key == "escape":
            self._typing = False
            self._wish("")
        elif event.key == "backspace":
            self._wish(text[:-1])
        elif event.key == "ctrl+u":
            self._wish("")
        elif event.character and event.is_printable:
            self._wish(text + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        if self._typing:
            self._wish(self._filters.get(self._of, "") + " ".join(event.text.split()))

    def _wish(self, text: str) -> None:
        self._filters[self._of] = text[:LONGEST]
        self._open(0)
