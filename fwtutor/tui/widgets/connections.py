"""Connections: what the tracker remembers, each entry with its states so far and the time it has left."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from heapq import nlargest
from typing import TYPE_CHECKING

from textual import events

from fwtutor.netfilter.conntrack.entry import NEW, Entry, Tuple
from fwtutor.netfilter.conntrack.listing import format_entry
from fwtutor.netfilter.state import EXPECTATION
from fwtutor.netfilter.steps import LookedUp
from fwtutor.telling import glyphs, words
from fwtutor.telling.reading import DELETED, FIELDS, GONE, KEPT, PENDING, Histories, Place, entry_changed, expected, nearest, packet_entry
from fwtutor.telling.spans import BLANK, Line, Span, ends, line, wrap
from fwtutor.tui.widgets.lines import LineView, PlaceView

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.expectation import Expectation

SHOWN = 50
"""Entries drawn at most; the packet's own first, then those touched last."""

EMPTY = "No connection is remembered here. The first tracked packet that is let through makes an entry."


class ConnectionsView(LineView):
    """The table of entries. The present packet's comes first, marked; one not kept yet is drawn with a broken edge."""

    DEFAULT_CSS = "ConnectionsView { height: 1fr; }"
    can_focus = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None
        self._histories = Histories()
        self._known: dict[tuple[int, bool], tuple[Entry, tuple[object, ...], list[Line]]] = {}
        """Rows made last, by entry: of that value of it, for that time left, width and so on."""

        self._starts: list[tuple[int, Entry | None]] = []
        """The row in which each entry that is drawn begins, or (None) what is no entry."""

    def show(self, place: Place) -> None:
        """Show the table at a place."""
        self._place = place
        own, stands = packet_entry(place)
        kept = sum(
            entry.expires > place.at and not (own and entry.id == own.id and stands != KEPT) for entry in place.view.entries.values()
        )
        beside = {PENDING: "1 not yet", GONE: "1 vanished", DELETED: "1 deleted"}.get(stands, "")
        awaited = len(expected(place))
        self.set_title(
            f" {glyphs.DOT} ".join(filter(None, ("Connections", f"{kept} kept", beside, f"{awaited} expected" if awaited else "")))
        )
        self.rebuild()

    def on_resize(self) -> None:
        super().on_resize()
        # How much of each entry is shown depends on the height, too.
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        self._starts = []
        if place is None:
            return ()
        own, stands = packet_entry(place)
        near, missed = nearest(place)
        live = [entry for entry in place.view.entries.values() if entry.expires > place.at and not (own and entry.id == own.id)]
        others = nlargest(SHOWN, live, key=lambda entry: (near is not None and entry.id == near.id, entry.touched, entry.id))
        awaited = [row for one in expected(place)[:SHOWN] for row in expected_rows(place, one, width)]
        if own is None and not others:
            if place.walk is not None and isinstance(place.now, LookedUp) and place.now.state == NEW:
                return wrap(line(("None yet. No entry has this packet's tuple: one will be made for it.", "dim")), width)
            return wrap(line((EMPTY if place.tracking else f"No connection is remembered here: {_unasked(place)}", "dim")), width)
        looked_up = isinstance(place.now, LookedUp)

        def rows_of(*, both: bool) -> list[Line]:
            """With both tuples of every entry, no more than what shows that there is no room for them."""
            rows: list[Line] = []
            self._starts = [(0, own)] if own is not None else []
            if own is not None:
                found = entry_rows(place, own, stands, self._histories.path(place, own), width, own=True, both=True)
                rows += [row._replace(fill="row") for row in found] if looked_up else found
            if awaited:
                # Before the others, for they are few and soon gone.
                self._starts.append((len(rows), None))
                rows += [BLANK, *awaited] if rows else awaited
            for entry in others:
                if rows:
                    rows.append(BLANK)
                if both and len(rows) > self.size.height:
                    break
                self._starts.append((len(rows), entry))
                hit = near is not None and entry.id == near.id
                found = self._other(place, entry, width, both=both or hit, missed=missed if hit else frozenset())
                rows += [row._replace(fill="row") for row in found] if hit and looked_up else found
            return rows

        # Both tuples of every entry if there is room, else of the packet's own and the nearest.
        rows = rows_of(both=True)
        if len(rows) > self.size.height:
            rows = rows_of(both=False)
        if len(live) > SHOWN:
            self._starts.append((len(rows), None))
            rows += [BLANK, line((f"and {len(live) - SHOWN} more", "dim"))]
        return rows

    def spots(self) -> list[tuple[int, int, str]]:
        top, height = self.scroll_offset.y, self.size.height
        return [(0, y - top, f"screen.entry({entry.id})") for y, entry in self._starts if entry and top <= y < top + height]

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        y = offset.y + self.scroll_offset.y
        at = bisect_right(self._starts, y, key=lambda start: start[0]) - 1
        entry = self._starts[at][1] if at >= 0 and y < self.count() and self._rows[y].spans else None
        if entry is not None:
            self.app.call_later(self.app.run_action, f"screen.entry({entry.id})", self.screen)

    def about(self, number: int) -> Callable[[int], list[Line]] | None:
        """All there is to say of an entry that is drawn, in rows for a width; None if it is not drawn."""
        place = self._place
        entry = next((entry for _, entry in self._starts if entry and entry.id == number), None)
        if place is None or entry is None:
            return None
        own, stands = packet_entry(place)
        mine = own is not None and own.id == number
        path = self._histories.path(place, entry)

        def rows(width: int) -> list[Line]:
            made = entry_rows(place, entry, stands if mine else KEPT, path, width, own=mine, both=True)
            listed = wrap(line((format_entry(entry, place.at), "code")), width, 4)
            return [*made, BLANK, line(("As conntrack -L prints it", "heading")), *listed]

        return rows

    def _other(self, place: Place, entry: Entry, width: int, *, both: bool, missed: frozenset[tuple[int, str]]) -> list[Line]:
        """The rows of an entry that is not the packet's: from one step to the next most are the same."""
        which, key = (entry.id, both), (words.standing(entry, KEPT, place.at), width, missed)
        known = self._known.get(which)
        if known is None or known[0] is not entry or known[1] != key:
            path = self._histories.path(place, entry)
            known = entry, key, entry_rows(place, entry, KEPT, path, width, own=False, both=both, missed=missed)
            self._known[which] = known
            if len(self._known) > 4 * SHOWN:
                del self._known[next(iter(self._known))]
        return known[2]


def expected_rows(place: Place, one: Expectation, width: int) -> list[Line]:
    """A connection that is expected: who may come, what rules will see, how long; and whose helper has read of it."""
    new = any(change.kind == EXPECTATION and change.key == one.id for step in place.happened for change in step.changes)
    sign, role = (glyphs.CHANGED, "change") if new else (glyphs.WAIT, "dim")
    left = line((f"{sign} ", "change"), ("expected: ", role), f"{words.protocol(one.tuple.protocol)} {words.expected_tuple(one)}")
    right = line((f"RELATED, {words.duration(one.seconds_left(place.at))}", "dim"))
    rows = [ends(left, right, width)] if left.width + right.width + 1 <= width else [left, Line((Span("    "), *right.spans))]
    source, _ = words.entry_ends_of(place.view.entries[one.master].original)
    master = line((f"    for {source}, by helper {one.helper}", "dim"))
    return [part for row in (*rows, master) for part in wrap(row, width, 4)]


def entry_rows(
    place: Place,
    entry: Entry,
    stands: str,
    path: list[str],
    width: int,
    *,
    own: bool,
    both: bool = False,
    missed: frozenset[tuple[int, str]] = frozenset(),
) -> list[Line]:
    """One entry: its state and time left, its tuples, the states so far.

    ``both``: the reply's tuple too, even if it is a mirror image. ``missed``: the fields by which a NEW packet missed it.
    """
    changed = own and entry_changed(place)
    role = "gone" if stands in (GONE, DELETED) else "change" if changed else "strong"
    mark = f"{glyphs.CHANGED} " if changed else f"{glyphs.HERE} " if own else "  "
    name, space, state = words.entry_kind(entry).partition(" ")
    left = line((mark, "change" if changed else "current"), (name + space, "dim"), (state, role if entry.state else "dim"))
    flags = words.entry_flags(entry)
    if flags:
        left = Line((*left.spans, Span(f" {flags}", role if role == "gone" or (changed and not entry.state) else "")))
    when = words.standing(entry, stands, place.at)
    when = f"it would have been; {when}" if stands == GONE else when
    right = line((when, "change" if stands in (PENDING, GONE, DELETED) else "dim"))
    edge = Span("┄ " if stands == PENDING else "  ", "change")
    rows = [ends(left, right, width)] if left.width + right.width + 1 <= width else [left, Line((edge, *right.spans))]
    body = "gone" if stands in (GONE, DELETED) else ""
    if both:
        for direction, (label, side) in enumerate((("original", entry.original), ("reply", entry.reply))):
            names = frozenset(name for at, name in missed if at == direction)
            rows += [Line((edge, *row.spans)) for row in _tuple_rows(label, side, width - 2, body, names)]
    else:
        rows += [Line((edge, *row.spans)) for row in wrap(line((words.entry_tuple(entry.original), body)), width - 2, 2)]
        mirrored = (entry.original.dst, entry.original.dport, entry.original.src, entry.original.sport)
        if entry.original.protocol in (6, 17) and mirrored != (entry.reply.src, entry.reply.sport, entry.reply.dst, entry.reply.dport):
            rows.append(line(edge, ("reply ", "dim"), words.entry_tuple(entry.reply)))
    if missed:
        which = " and ".join(name for name in FIELDS if any(name == missing for _, missing in missed))
        rows += [Line((edge, *row.spans)) for row in wrap(line(("nearest: ", "change"), f"another {which}"), width - 2)]
    if len(path) > 1 and stands not in (GONE, DELETED):
        past = line((f" {glyphs.NEXT} ".join(path[:-1]) + f" {glyphs.NEXT} ", "dim"), (path[-1], "current"))
        rows += [Line((edge, *row.spans)) for row in wrap(past, width - 2)]
    return rows


def _tuple_rows(label: str, tuple_: Tuple, width: int, role: str, missed: frozenset[str]) -> list[Line]:
    """One tuple under its label, the destination beneath the source where the pane is slim, so that mirror images show as such."""
    start = line((f"{label:<9}", "dim"))
    source, destination, extra = words.entry_ends(tuple_)
    ends_ = [
        Line(_endpoint(*source, role, "source" in missed, "source port" in missed)),
        Line(_endpoint(*destination, role, "destination" in missed, "destination port" in missed)),
    ]
    whole = Line((*start.spans, *ends_[0].spans, Span(f" {glyphs.ARROW} ", role), *ends_[1].spans, Span(extra, role)))
    if whole.width <= width:
        return [whole]
    first = Line((*start.spans, Span("  "), *ends_[0].spans))
    return [first, Line((Span(" " * start.width), Span(f"{glyphs.ARROW} ", role), *ends_[1].spans, Span(extra, role)))]


def _endpoint(address: str, port: str, role: str, other_address: bool, other_port: bool) -> tuple[Span, ...]:
    spans = Span(address, "change" if other_address else role), Span(port, "change" if other_port else role)
    return tuple(span for span in spans if span.text)


class EntryLines(PlaceView):
    """The present packet's entry alone, in two rows, for narrow screens."""

    DEFAULT_CSS = "EntryLines { height: 2; overflow-y: hidden; }"

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        if place is None:
            return ()
        entry, stands = packet_entry(place)
        if place.untracked:
            return wrap(line((f" entry: none, the packet is UNTRACKED: {words.RAW_SAYS_SO}", "dim")), width, 1)[:2]
        if place.walk is None or (place.looked_up is None and place.tracking):
            kept = sum(entry.expires > place.at for entry in place.view.entries.values())
            return (line((" entry: not looked up yet" if place.walk else f" entries kept: {kept}", "dim")),)
        if entry is None:
            made = isinstance(place.now, LookedUp) and place.now.state == NEW
            note = "none yet" if made else "none" if place.tracking else f"none: {_unasked(place)}"
            return wrap(line((f" entry: {note}", "dim")), width, 1)[:2]
        changed = entry_changed(place)
        role = "gone" if stands in (GONE, DELETED) else "badge-change" if changed else "badge"
        state = Span(f" {words.entry_state(entry)} ", role if entry.state else "badge-quiet")
        whose = " (the tracker's)" if entry.state else f" ({words.protocol(entry.original.protocol)} has none)"
        left = line((" would have been: " if stands == GONE else " entry: ", "dim"), state, f" {words.entry_flags(entry)}", (whose, "dim"))
        right = line((words.standing(entry, stands, place.at) + " ", "change" if stands != KEPT else "dim"))
        return (ends(left, right, width), line((" ┄ " if stands == PENDING else "   ", "change"), words.entry_tuple(entry.original)))


def _unasked(place: Place) -> str:
    return f"{words.unasked(place)}. The first rule with -m conntrack switches that on."
