"""The packet band: tuple and flags, the ctstate that rules see, the entry's state, the verdict. What the eye meets first."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from fwtutor.netfilter.conntrack.entry import NEW
from fwtutor.netfilter.defrag import is_fragment
from fwtutor.netfilter.steps import LookedUp
from fwtutor.network.records import CommandRun, TimerFired
from fwtutor.telling import glyphs, words
from fwtutor.telling.hosts import sender
from fwtutor.telling.reading import GONE, KEPT, PENDING, Place, entry_changed, packet_entry
from fwtutor.telling.spans import BLANK, Line, Span, beside, crop, crop_middle, ends, line, wrap
from fwtutor.tui import keymap
from fwtutor.tui.widgets.lines import PlaceView

ROWS = 3
"""Rows of the band from which it shows four columns; with fewer it is one row."""
FIRST = (40, 70)
"""Least and most cells of the first column."""
SHARES = (23, 24, 19)
"""Least cells of the others: ctstate, entry, verdict. What the first leaves is theirs, up to twice as much."""


class PacketBand(PlaceView):
    """The packet of this place: three rows of four columns, or one row: its own height says which."""

    DEFAULT_CSS = "PacketBand { height: 1; background: $fw-band; overflow-y: hidden; }"

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        if place is None:
            return ()
        if self.size.height < ROWS:
            return (narrow(place, width),)
        if place.walk is None:
            return [crop(Line((Span(" "), *row.spans)), width) for row in headline(place)]
        sizes = column_sizes(width - 1)
        about, main, below = headline(place)
        if main.width >= sizes[0] and len(main.spans) > 2:
            # There is room below for what the tuple leaves none for.
            main, below = Line(main.spans[:-2]), Line((main.spans[-1], Span(f" {glyphs.DOT} ", "dim"), *below.spans))
        columns = (
            (about, crop(main, sizes[0] - 1), below),
            ctstate(place, sizes[1] - 1),
            entry_column(place),
            verdict_column(place),
        )
        rows = []
        for y in range(ROWS):
            row = line(" ")
            used = 1
            for column, size in zip(columns, sizes, strict=True):
                used += size
                row = beside(row, crop(column[y], size - 1), used - size)
            rows.append(row)
        return rows

    def on_resize(self) -> None:
        super().on_resize()
        # A change of height alone is another layout, too.
        self.rebuild()


def column_sizes(width: int) -> tuple[int, ...]:
    """Cells of the four columns: the first is wide enough for a tuple and no wider, so that the badges stay near it."""
    first = min(FIRST[1], max(FIRST[0], width - sum(SHARES)))
    spare = max(0, width - first - sum(SHARES))
    return first, *(size + min(size, spare // len(SHARES)) for size in SHARES)


def headline(place: Place) -> tuple[Line, Line, Line]:
    """What is here: a packet, a command, a timer, or nothing yet."""
    run = place.session.run
    stops = run.stops
    record, walk = place.record, place.walk
    if record is None:
        return (
            line(("before the first packet", "dim")),
            line((f"{len(stops)} moments lie ahead", "strong")),
            line((f"{keymap.named('lab.step')} steps", "dim")),
        )
    if isinstance(record, CommandRun):
        said = "refused, and changed nothing" if record.refused else "applied between two packets"
        if record.host != place.watch:
            said = f"on {record.host}: the rules of {place.watch} are as they were"
        return line(("command", "dim")), line((f"{record.host}# ", "dim"), (record.line, "strong")), line((said, "dim"))
    if isinstance(record, TimerFired) or walk is None:
        return (
            line(("timer", "dim")),
            line((words.forgotten(record) if isinstance(record, TimerFired) else "", "strong")),
            line((f"on {record.host}", "dim")),
        )
    packet = place.packet or walk.packet
    where = f"came in by {walk.in_interface}" if walk.in_interface else f"made by {record.host} itself"
    if packet.fault:
        return line(("packet", "dim")), line(("unreadable", "strong")), line((packet.fault, "dim"))
    about = f"{packet.length} bytes {glyphs.DOT} ttl {packet.ttl} {glyphs.DOT} {where}"
    if place.mark:
        about = f"mark {place.mark:#x} {glyphs.DOT} {about}"
    came = words.packet_tuple(walk.packet)
    if not is_fragment(walk.packet) and came != words.packet_tuple(packet):
        about = f"translated, it was {came.partition(' ')[2]}"
    return (
        line((f"packet, {moment_of(place)} {glyphs.DOT} from {sender(place)}", "dim")),
        line((words.packet_tuple(packet), "strong"), "  ", (words.flags(packet), "current")),
        line((about, "dim")),
    )


def moment_of(place: Place) -> str:
    """``moment 6 of 69``."""
    stops = place.session.run.stops
    return f"moment {bisect_right(stops, place.index)} of {len(stops)}"


def _flags_kept(row: Line, width: int) -> Line:
    """A packet's tuple and flags in ``width`` cells: where there is no room for both, the tuple is cut, not the flags."""
    return crop_middle(Line(row.spans[:-1], row.fill), Line(row.spans[-1:]), width) if len(row.spans) > 2 else crop(row, width)


def badge(place: Place) -> Span:
    """The ctstate as a badge; a question mark until the look-up has stamped it."""
    if place.walk is None:
        return Span("")
    found = place.looked_up
    if found:
        return Span(f" {found.state or 'no room'} ", "here" if place.now is found else "badge")
    if place.untracked:
        return Span(" UNTRACKED ", "badge")
    # A packet that has walked to its end without a look-up met a ruleset that tracks nothing.
    return Span(" not tracked ", "badge-quiet") if place.finished or not place.tracking else Span(" ? ", "badge-quiet")


def ctstate(place: Place, width: int) -> tuple[Line, Line, Line]:
    if place.walk is None:
        return BLANK, BLANK, BLANK
    found = place.looked_up
    shown = line(("packet: ", "dim"), badge(place))
    if found is None:
        note = "not looked up yet" if place.tracking and not place.finished else "no rule asks"
        note = words.RAW_SAYS_SO if place.untracked else note
        return BLANK, shown, line((note, "dim"))
    rows = wrap(line((found.reason or "what rules see", "dim")), width)
    if len(rows) == 1:
        return BLANK, shown, rows[0]
    # A long reason has the rows below and no row above; one that is longer still is told in full below.
    return (shown, rows[0], rows[1]) if len(rows) == 2 else (BLANK, shown, line(("for the reason see why", "dim")))


def entry_badge(place: Place) -> Span:
    """The entry's state as a badge; yellow when this packet changed it."""
    entry, stands = packet_entry(place)
    if entry is None:
        return Span(" none yet " if not_made_yet(place) else " none ", "badge-quiet")
    if stands == GONE:
        return Span(f" {words.entry_state(entry)} ", "gone")
    if not entry.state:
        return Span(f" {words.entry_state(entry)} ", "badge-quiet")
    return Span(f" {words.entry_state(entry)} ", "badge-change" if entry_changed(place) else "badge")


def not_made_yet(place: Place) -> bool:
    """Has a NEW packet been looked up, but its entry not been made?"""
    return isinstance(place.now, LookedUp) and place.now.found is None and place.now.state == NEW


def entry_column(place: Place) -> tuple[Line, Line, Line]:
    entry, stands = packet_entry(place)
    if place.walk is None or place.looked_up is None:
        return BLANK, BLANK, BLANK
    if entry is None:
        note = "no entry has its tuple" if not_made_yet(place) else "nothing is kept"
        return BLANK, line(("entry: ", "dim"), entry_badge(place)), line((note, "dim"))
    name = words.protocol(entry.original.protocol)
    tracker = f"the {name.upper()} tracker" if entry.state else f"{name} {words.entry_flags(entry)}".rstrip()
    note = tracker if stands == KEPT else words.standing(entry, stands, place.at)
    mark = f"{glyphs.WAIT} " if stands == PENDING else f"{glyphs.CROSS} " if stands == GONE else ""
    above = line(("it would have been", "dim")) if stands == GONE else BLANK
    return above, line(("entry: ", "dim"), entry_badge(place)), line((mark + note, "change" if stands in (PENDING, GONE) else "dim"))


def verdict_badge(place: Place) -> Span:
    """The verdict as a badge with its sign; dots until there is one."""
    finished = place.verdict
    if finished is None:
        return Span(f" {glyphs.DOT * 3} ", "badge-quiet")
    return Span(f" {words.VERDICT_SIGNS.get(finished.verdict, '')} {finished.verdict} ", f"badge-{words.verdict_role(finished.verdict)}")


def verdict_column(place: Place) -> tuple[Line, Line, Line]:
    if place.walk is None:
        return BLANK, BLANK, BLANK
    return BLANK, line(verdict_badge(place)), line((words.decided_by(place) if place.verdict else "no verdict yet", "dim"))


def narrow(place: Place, width: int) -> Line:
    """The band in one row: the tuple gives way, the ctstate never does."""
    _, main, _ = headline(place)
    if place.walk is None:
        return crop(Line((Span(" "), *main.spans)), width)
    stamp = line(("packet: ", "dim"), badge(place))
    left = Line((Span(" "), *main.spans))
    about = line((f"   {moment_of(place)} {glyphs.DOT} from {sender(place)}", "dim"))
    if left.width + about.width + stamp.width + 3 <= width:
        left = Line(left.spans + about.spans)
    return ends(_flags_kept(left, max(0, width - stamp.width - 1)), stamp, width)


class VerdictLine(PlaceView):
    """The verdict in one row, for narrow screens: always there, whatever pane is looked at."""

    DEFAULT_CSS = "VerdictLine { height: 1; background: $fw-band; overflow-y: hidden; }"

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        if place is None or place.walk is None:
            return (line((" no packet here", "dim")),) if place else ()
        finished = place.verdict
        after = f" {words.decided_by(place)}" if finished else " no verdict yet"
        to = words.destination(finished.to, place.watch) if finished and finished.verdict == "ACCEPT" else ""
        return (crop(line((" verdict: ", "dim"), verdict_badge(place), after, (f" {glyphs.DOT} {to}" if to else "", "dim")), width),)
