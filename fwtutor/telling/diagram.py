"""The TCP tracker's states as rows: the table's arrows, the way a connection has taken over them, and which cell decided just now.

Nothing here is drawn by hand but the order of the states: names and arrows are read from the table that the engine runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.conntrack.tcp import ABBREVIATIONS, IGNORED, INVALID, TABLE, Kind, State
from fwtutor.netfilter.packet import TCP
from fwtutor.recording.states import SPINE, Arrow, Judged, arrows, judged, way
from fwtutor.telling import glyphs, words
from fwtutor.telling.reading import KEPT, PENDING, Place, packet_entry
from fwtutor.telling.spans import BLANK, Line, Span, beside, crop, line, pill, wrap

SHORT = {value: short for short, value in ABBREVIATIONS.items()}
KINDS = {Kind.SYN: "SYN", Kind.SYNACK: "SYN+ACK", Kind.FIN: "FIN", Kind.ACK: "ACK", Kind.RST: "RST", Kind.NONE: "no flags"}
ONE_WAY = (glyphs.ARROW, glyphs.LEFT)
"""By direction: from the side that began, from the other."""
SIDES = ("from the side that began", "from the other side")
SIDE_BY_SIDE = 110
"""Cells from which the way so far stands beside the diagram."""
DIAGRAM = 72
"""Cells of the diagram then."""
COMMON = 4
"""States from which the same segment leads to the same state, from which on that is said there, once."""


class Shown(NamedTuple):
    """A connection at a place, as the diagram tells of it."""

    entry: Entry | None
    stands: str
    past: tuple[Judged, ...]
    """Its segments up to here, the present one last if it is of this connection."""
    now: Judged | None
    """What the present packet did, if it is of this connection, or of none."""
    waits: bool = False
    """There is a TCP packet here that has not been looked up yet."""
    untracked: bool = False
    """There is a TCP packet here that never will be: raw has tracking leave it alone."""

    @property
    def present(self) -> State | None:
        """The state it is in; None when it has no entry (any more)."""
        last = next((each.new for each in reversed(self.past) if each.new is not None), None)
        return None if self.entry is None or self.stands not in (KEPT, PENDING) else last


def choices(place: Place) -> list[Entry]:
    """The TCP entries there are here, the packet's own first, then those touched last."""
    own, _ = packet_entry(place)
    kept = [entry for entry in place.view.entries.values() if entry.expires > place.at and not (own and own.id == entry.id)]
    kept.sort(key=lambda entry: (entry.touched, entry.id), reverse=True)
    return [entry for entry in ([own] if own else []) + kept if entry.original.protocol == TCP]


def shown(place: Place, chosen: int = 0) -> Shown:
    """What there is to tell: of the entry with the id ``chosen``, else of the packet's own, else of that touched last."""
    entries = choices(place)
    packet = place.walk is not None and place.walk.packet.protocol == TCP
    entry = next((each for each in entries if each.id == chosen), entries[0] if entries else None)
    own, stands = packet_entry(place)
    mine = judged(place.index, place.at, place.happened) if place.walk is not None else None
    if not chosen and packet and own is None:
        # A packet that no entry has, and that makes none: the table says so, too.
        waits = mine is None and place.tracking and not place.untracked
        return Shown(None, "", (), mine[1] if mine else None, waits, place.untracked)
    if entry is None:
        return Shown(None, "", (), None)
    past = way(place.session.run, place.watch, entry, place.index - 1)
    now = mine[1] if mine is not None and mine[0] == entry.id else None
    here = own is not None and own.id == entry.id
    return Shown(entry, stands if here else KEPT, (*past, now) if now else tuple(past), now)


def rows(place: Place, what: Shown, width: int) -> list[Line]:
    """The whole of it."""
    top = decision(what, width)
    if width >= SIDE_BY_SIDE:
        left, right = diagram(what, DIAGRAM), way_rows(what, width - DIAGRAM - 2)
        height = max(len(left), len(right))
        both = zip(left + [BLANK] * (height - len(left)), right + [BLANK] * (height - len(right)), strict=True)
        return [*top, BLANK, *(beside(one, other, DIAGRAM + 2) for one, other in both), BLANK, *legend(width)]
    below = [BLANK, *way_rows(what, width)] if what.past else []
    return [crop(row, width) for row in (*top, *diagram(what, width), *legend(width), *below)]


# --- whose, and what decided --------------------------------------------------------------------------------


def head(place: Place, what: Shown) -> str:
    """Whose states these are."""
    entry, walk = what.entry, place.walk
    if entry is not None:
        told = words.entry_flags(entry), words.standing(entry, what.stands, place.at)
        return "  ".join([f"tcp {words.entry_tuple(entry.original)}", *filter(None, told)])
    if walk is not None and walk.packet.protocol == TCP:
        said = (
            "no entry has it"
            if place.looked_up
            else "UNTRACKED"
            if place.untracked
            else "not looked up yet"
            if place.tracking
            else "not tracked"
        )
        return f"{words.packet_tuple(walk.packet)}  {said}"
    return "no TCP connection is remembered here" if place.tracking else words.unasked(place)


def decision(what: Shown, width: int) -> list[Line]:
    """The row of the table that the present packet was looked up in, its cell marked, and what came of it."""
    now = what.now
    if what.untracked:
        return wrap(line((f" this packet is UNTRACKED: {words.LEFT_ALONE}", "dim")), width, 1)
    if now is None:
        said = (
            "this packet has not been looked up yet" if what.waits else "this moment is no packet of this connection" if what.entry else ""
        )
        return [line((f" {said}", "dim"))]
    said, role = outcome(now)
    first = line((" this packet: ", "dim"), (f"{KINDS[now.kind]} ", "current"), (f"{SIDES[now.direction]}: ", "dim"), (said, role))
    states = list(State)
    label = f"{KINDS[now.kind]} {ONE_WAY[now.direction]}"
    names = [Span(f" {'in state':<10}", "dim")]
    cells = [Span(f" {label:<10}", "current")]
    for state in states:
        cell = TABLE[now.direction][now.kind][state]
        for spans, text in ((names, SHORT[state]), (cells, SHORT[cell])):
            spans += pill(text) if state is now.old else [Span(f" {text} ", "dim")]
    return [*wrap(first, width, 2), Line(tuple(names)), Line(tuple(cells))]


def outcome(now: Judged) -> tuple[str, str]:
    """What became of a segment, in words, and their role; where the tracker did not do what the table says, both."""
    said = f"the table says {SHORT[now.cell]}, " if now.cell is not now.new and isinstance(now.cell, State) else ""
    if now.reason and now.new is None:
        return f"{said if now.cell is not INVALID else ''}INVALID in {_name(now.old)}: {now.reason}", "drop"
    if now.new is None:
        return f"{said}{_name(now.old)} {glyphs.NEXT} the entry is deleted", "change"
    if now.cell is IGNORED and now.new is now.old:
        return f"ignored: let through, and {_name(now.old)} stays", "change"
    if now.new is now.old:
        return f"{said}{_name(now.new)} stays", ""
    return f"{said}{_name(now.old)} {glyphs.NEXT} {_name(now.new)}", "change"


# --- the diagram --------------------------------------------------------------------------------------------


def diagram(what: Shown, width: int) -> list[Line]:
    """The states from top to bottom, the arrows between them, and beside each the other ways out of it."""
    taken = {(each.old, each.new) for each in what.past if each.new is not None and each.new is not each.old}
    been = {state for pair in taken for state in pair} | ({what.present} if what.present is not None else set())
    common = _common()
    made: list[Line] = []
    rest = [state for state in State if state not in SPINE]
    for number, state in enumerate((*SPINE, *rest)):
        below = SPINE[number + 1] if number + 1 < len(SPINE) else None
        out = arrows(state)
        aside = [
            arrow for arrow in out
            if arrow.new is not below and ((arrow.old, arrow.new) in taken or not any(_joins(arrow, each) for each in common))
        ]  # fmt: skip
        spans = [*_state(state, what, been)]
        for arrow in aside:
            spans += _aside(arrow, done=(arrow.old, arrow.new) in taken, last=what.now)
        for each in common:
            if each.new is state:
                others = " ".join(SHORT[old] for old in State if old not in each.old and old is not state)
                spans += [Span(f" {glyphs.BACK} {each.label} in all but {others}", "dim")]
        made.append(crop(Line(tuple(spans)), width))
        down = next((arrow for arrow in out if arrow.new is below), None)
        if down is not None:
            done = (down.old, down.new) in taken
            here = _is_now(what.now, down)
            sign = glyphs.TICK if done else " "
            role = "change" if here else "current" if done else "dim"
            made.append(line((f" {sign}      │ {label(down.segments)}", role), ("  this packet" if here else "", "change")))
    return made


def _state(state: State, what: Shown, been: set[State]) -> list[Span]:
    """A state, with its short name: where the connection is stands out, where it has been is ticked."""
    here, name = state is what.present, _name(state)
    sign = glyphs.HERE if here else glyphs.TICK if state in been else " "
    role = "current" if here else "strong" if state in been else ""
    spans = [Span(f" {sign} ", role), Span(f"{SHORT[state]} ", "dim")]
    size = 13 - len(name)
    return [*spans, *pill(name), Span(" " * size)] if here else [*spans, Span(f" {name} ", role), Span(" " * size)]


def _name(state: State) -> str:
    return "(no entry)" if state is State.NONE else state.name


def _aside(arrow: Arrow, *, done: bool, last: Judged | None) -> list[Span]:
    role = "change" if _is_now(last, arrow) else "current" if done else "dim"
    # What begins a connection anew has conditions that the table does not hold.
    maybe = " or ig" if arrow.new is State.SYN_SENT else ""
    return [Span(f" {glyphs.TICK if done else glyphs.NEXT} {label(arrow.segments)} to {_name(arrow.new)}{maybe} ", role)]


def _is_now(now: Judged | None, arrow: Arrow) -> bool:
    return now is not None and (now.old, now.new) == (arrow.old, arrow.new)


def label(segments: Sequence[tuple[Kind, int]]) -> str:
    """``SYN →``, ``FIN ↔``: what the segments are, and from which side."""
    found: dict[Kind, list[int]] = {}
    for kind, direction in segments:
        found.setdefault(kind, []).append(direction)
    return ", ".join(f"{KINDS[kind]} {glyphs.BOTH if len(sides) > 1 else ONE_WAY[sides[0]]}" for kind, sides in found.items())


class Common(NamedTuple):
    """The same segment leads to the same state from many."""

    label: str
    new: State
    old: tuple[State, ...]


def _common() -> list[Common]:
    found: dict[tuple[str, State], list[State]] = {}
    for state in State:
        for arrow in arrows(state):
            found.setdefault((label(arrow.segments), arrow.new), []).append(state)
    return [Common(text, new, tuple(old)) for (text, new), old in found.items() if len(old) >= COMMON]


def _joins(arrow: Arrow, common: Common) -> bool:
    return arrow.old in common.old and arrow.new is common.new and label(arrow.segments) == common.label


def legend(width: int) -> list[Line]:
    """The signs."""
    signs = f"{glyphs.ARROW} side that began  {glyphs.LEFT} other side  {glyphs.BOTH} either  {glyphs.TICK} its way  -- INVALID  ig ignored"
    return wrap(line((f" {signs}", "dim")), width, 1)


# --- the way so far -----------------------------------------------------------------------------------------


def way_rows(what: Shown, width: int) -> list[Line]:
    """The segments of the connection so far; those that left its state as it was are counted."""
    if not what.past:
        return []
    made = [line(("Its way so far", "heading"))]
    same = 0
    for each in what.past:
        if each.new is each.old and each is not what.now:
            same += 1
            continue
        if same:
            made.append(_more(same))
            same = 0
        text, role = outcome(each)
        segment = f"{KINDS[each.kind]:>7} {ONE_WAY[each.direction]} "
        row = line((f"{each.at / 1e9:8.3f} s ", "dim"), (segment, "current" if each is what.now else ""), (text, role))
        made += [Line(tuple(span._replace(click=f"screen.go({each.record})") for span in part.spans)) for part in wrap(row, width, 11)]
    return [*made, _more(same)] if same else made


def _more(count: int) -> Line:
    return line((f"{'':10} {count} more {'packet' if count == 1 else 'packets'}: the state stays", "dim"))
