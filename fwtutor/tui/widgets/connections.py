"""Connections: what the tracker remembers, each entry with its states so far and the time it has left."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.tui import glyphs, words
from fwtutor.tui.reading import DELETED, GONE, KEPT, PENDING, Histories, Place, entry_changed, packet_entry
from fwtutor.tui.spans import BLANK, Line, Span, ends, line, wrap
from fwtutor.tui.widgets.lines import LineView

SHOWN = 50
"""Entries drawn at most; the packet's own first, then those touched last."""

UNTRACKED = (
    "Empty, and it stays empty: no rule here asks for a connection's state, so the kernel tracks nothing. "
    "The first rule with -m conntrack switches tracking on."
)
EMPTY = "No connection is remembered yet. The first packet that is let through makes an entry."


class ConnectionsView(LineView):
    """The table of entries. The present packet's comes first, marked; one not kept yet is drawn with a broken edge."""

    DEFAULT_CSS = "ConnectionsView { height: 1fr; }"
    can_focus = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None
        self._histories = Histories()

    def show(self, place: Place) -> None:
        """Show the table at a place."""
        self._place = place
        kept = len(place.view.entries)
        self.set_title(f"Connections {glyphs.DOT} {kept} kept")
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        if place is None:
            return ()
        own, stands = packet_entry(place)
        live = [entry for entry in place.view.entries.values() if entry.expires > place.at and not (own and entry.id == own.id)]
        others = nlargest(SHOWN, live, key=lambda entry: (entry.touched, entry.id))
        if own is None and not others:
            text = EMPTY if place.tracking else UNTRACKED
            return wrap(line((text, "dim")), width)
        rows: list[Line] = []
        if own is not None:
            rows += entry_rows(place, own, stands, self._histories.path(place, own), width, own=True)
        for entry in others:
            if rows:
                rows.append(BLANK)
            rows += entry_rows(place, entry, KEPT, self._histories.path(place, entry), width, own=False)
        if len(live) > SHOWN:
            rows += [BLANK, line((f"and {len(live) - SHOWN} more", "dim"))]
        return rows


def entry_rows(place: Place, entry: Entry, stands: str, path: list[str], width: int, *, own: bool) -> list[Line]:
    """One entry: its state and time left, its tuple (and the reply's, when it is no mirror image), the states so far."""
    changed = own and entry_changed(place)
    state = words.entry_state(entry)
    role = "gone" if stands in (GONE, DELETED) else "change" if changed else "strong"
    mark = f"{glyphs.CHANGED} " if changed else f"{glyphs.HERE} " if own else "  "
    left = line((mark, "change" if changed else "current"), (f"{words.protocol(entry.original.protocol)} ", "dim"), (state, role))
    flags = words.entry_flags(entry)
    if flags:
        left = Line((*left.spans, Span(f" {flags}", role if role == "gone" else "")))
    when = words.standing(entry, stands, place.at)
    right = line((when, "change" if stands in (PENDING, GONE, DELETED) else "dim"))
    edge = "┄ " if stands == PENDING else "  "
    body_role = "gone" if stands in (GONE, DELETED) else ""
    rows = []
    if left.width + right.width + 1 <= width:
        rows.append(ends(left, right, width))
    else:
        rows += [left, Line((Span(edge, "change"), *right.spans))]
    rows += [Line((Span(edge, "change"), *row.spans)) for row in wrap(line((words.entry_tuple(entry.original), body_role)), width - 2, 2)]
    mirrored = (entry.original.dst, entry.original.dport, entry.original.src, entry.original.sport)
    if entry.original.protocol in (6, 17) and mirrored != (entry.reply.src, entry.reply.sport, entry.reply.dst, entry.reply.dport):
        rows.append(line((edge, "change"), ("reply ", "dim"), words.entry_tuple(entry.reply)))
    if len(path) > 1 and stands not in (GONE, DELETED):
        past = line((f" {glyphs.NEXT} ".join(path[:-1]) + f" {glyphs.NEXT} ", "dim"), (path[-1], "current"))
        rows += [Line((Span(edge, "change"), *row.spans)) for row in wrap(past, width - 2)]
    return rows


class EntryLines(LineView):
    """The present packet's entry alone, in two rows, for narrow screens."""

    DEFAULT_CSS = "EntryLines { height: 2; overflow-y: hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None

    def show(self, place: Place) -> None:
        """Show the entry of a place's packet."""
        self._place = place
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        if place is None:
            return ()
        entry, stands = packet_entry(place)
        if place.walk is None or (place.looked_up is None and place.tracking):
            return (line((" entry: not looked up yet" if place.walk else f" entries kept: {len(place.view.entries)}", "dim")),)
        if entry is None:
            return wrap(line((" entry: none. " + ("" if place.tracking else UNTRACKED), "dim")), width, 1)[:2]
        changed = entry_changed(place)
        role = "gone" if stands in (GONE, DELETED) else "badge-change" if changed else "badge"
        state = Span(f" {words.entry_state(entry)} ", role)
        left = line((" entry: ", "dim"), state, f" {words.entry_flags(entry)}", (" (the tracker's)", "dim"))
        right = line((words.standing(entry, stands, place.at) + " ", "change" if stands != KEPT else "dim"))
        return (ends(left, right, width), line((" ┄ " if stands == PENDING else "   ", "change"), words.entry_tuple(entry.original)))
