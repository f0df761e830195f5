"""The packet band: tuple and flags, the ctstate that rules see, the entry's state, the verdict. What the eye meets first."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from fwtutor.network.records import CommandRun, TimerFired
from fwtutor.tui import glyphs, words
from fwtutor.tui.reading import GONE, KEPT, PENDING, Place, entry_changed, packet_entry, sender
from fwtutor.tui.spans import BLANK, Line, Span, beside, crop, ends, line
from fwtutor.tui.widgets.lines import LineView

WIDE = 100
"""Cells from which there is room for the four columns in three rows."""


class PacketBand(LineView):
    """The packet of this place: three rows of four columns when wide, one row when narrow."""

    DEFAULT_CSS = "PacketBand { height: 1; background: $fw-band; overflow-y: hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None

    def show(self, place: Place) -> None:
        """Show the packet of a place."""
        self._place = place
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        if place is None:
            return ()
        if width < WIDE:
            return (narrow(place, width),)
        if place.walk is None:
            return [crop(Line((Span(" "), *row.spans)), width) for row in headline(place)]
        columns = (headline(place), ctstate(place), entry_column(place), verdict_column(place))
        sizes = (max(40, width - 1 - 23 - 24 - 19), 23, 24, 19)
        rows = []
        for y in range(3):
            row = line(" ")
            used = 1
            for column, size in zip(columns, sizes, strict=True):
                used += size
                row = beside(row, crop(column[y], size - 1), used - size)
            rows.append(row)
        return rows


def headline(place: Place) -> tuple[Line, Line, Line]:
    """What is here: a packet, a command, a timer, or nothing yet."""
    run = place.session.run
    stops = run.stops
    record, walk = place.record, place.walk
    if record is None:
        return line(("before the first packet", "dim")), line((f"{len(stops)} moments lie ahead", "strong")), line(("space steps", "dim"))
    if isinstance(record, CommandRun):
        said = "refused, and changed nothing" if record.refused else "applied between two packets"
        return line(("command", "dim")), line((f"{record.host}# ", "dim"), (record.line, "strong")), line((said, "dim"))
    if isinstance(record, TimerFired) or walk is None:
        return line(("timer", "dim")), line((getattr(record, "what", ""), "strong")), line((f"on {record.host}", "dim"))
    packet = walk.packet
    where = f"came in by {walk.in_interface}" if walk.in_interface else f"made by {place.watch} itself"
    if packet.fault:
        return line(("packet", "dim")), line(("unreadable", "strong")), line((packet.fault, "dim"))
    about = f"{packet.length} bytes {glyphs.DOT} ttl {packet.ttl} {glyphs.DOT} {where}"
    count = f"packet, moment {bisect_right(stops, place.index)} of {len(stops)}"
    return (
        line((f"{count} {glyphs.DOT} from {sender(place)}", "dim")),
        line((words.packet_tuple(packet), "strong"), "  ", (words.flags(packet), "current")),
        line((about, "dim")),
    )


def badge(place: Place) -> Span:
    """The ctstate as a badge; a question mark until the look-up has stamped it."""
    if place.walk is None:
        return Span("")
    found = place.looked_up
    if found:
        return Span(f" {found.state} ", "badge")
    # A packet that has walked to its end without a look-up met a ruleset that tracks nothing.
    return Span(" not tracked ", "badge-quiet") if place.finished or not place.tracking else Span(" ? ", "badge-quiet")


def ctstate(place: Place) -> tuple[Line, Line, Line]:
    if place.walk is None:
        return BLANK, BLANK, BLANK
    found = place.looked_up
    if found is None:
        note = "not looked up yet" if place.tracking and not place.finished else "no rule asks"
    else:
        note = found.reason or "what rules see"
    return BLANK, line(("packet: ", "dim"), badge(place)), line((note, "dim"))


def entry_badge(place: Place) -> Span:
    """The entry's state as a badge; yellow when this packet changed it."""
    entry, stands = packet_entry(place)
    if entry is None:
        return Span(" none ", "badge-quiet")
    if stands == GONE:
        return Span(f" {words.entry_state(entry)} ", "gone")
    return Span(f" {words.entry_state(entry)} ", "badge-change" if entry_changed(place) else "badge")


def entry_column(place: Place) -> tuple[Line, Line, Line]:
    entry, stands = packet_entry(place)
    if place.walk is None or place.looked_up is None:
        return BLANK, BLANK, BLANK
    if entry is None:
        return BLANK, line(("entry: ", "dim"), entry_badge(place)), line(("nothing is kept", "dim"))
    tracker = "the TCP tracker" if entry.state else "the tracker"
    note = tracker if stands == KEPT else words.standing(entry, stands, place.at)
    mark = f"{glyphs.WAIT} " if stands == PENDING else f"{glyphs.CROSS} " if stands == GONE else ""
    return BLANK, line(("entry: ", "dim"), entry_badge(place)), line((mark + note, "change" if stands in (PENDING, GONE) else "dim"))


def verdict_badge(place: Place) -> Span:
    """The verdict as a badge with its sign; dots until there is one."""
    finished = place.finished
    if finished is None:
        return Span(f" {glyphs.DOT * 3} ", "badge-quiet")
    return Span(f" {words.VERDICT_SIGNS.get(finished.verdict, '')} {finished.verdict} ", f"badge-{words.verdict_role(finished.verdict)}")


def verdict_column(place: Place) -> tuple[Line, Line, Line]:
    if place.walk is None:
        return BLANK, BLANK, BLANK
    return BLANK, line(verdict_badge(place)), line((words.decided_by(place) if place.finished else "no verdict yet", "dim"))


def narrow(place: Place, width: int) -> Line:
    """The band in one row: the tuple gives way, the ctstate never does."""
    _, main, _ = headline(place)
    if place.walk is None:
        return crop(Line((Span(" "), *main.spans)), width)
    return ends(Line((Span(" "), *main.spans)), line(("packet: ", "dim"), badge(place)), width)


class VerdictLine(LineView):
    """The verdict in one row, for narrow screens: always there, whatever pane is looked at."""

    DEFAULT_CSS = "VerdictLine { height: 1; background: $fw-band; overflow-y: hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None

    def show(self, place: Place) -> None:
        """Show the verdict of a place."""
        self._place = place
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        if place is None or place.walk is None:
            return (line((" no packet here", "dim")),) if place else ()
        finished = place.finished
        after = f" {words.decided_by(place)}" if finished else " no verdict yet"
        to = words.destination(finished.to, place.watch) if finished and finished.verdict == "ACCEPT" else ""
        return (crop(line((" verdict: ", "dim"), verdict_badge(place), after, (f" {glyphs.DOT} {to}" if to else "", "dim")), width),)
