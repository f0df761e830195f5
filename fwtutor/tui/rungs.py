"""The ladder as rows: hosts as columns, a packet as an arrow from one to the next, a cross where it died."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.records import CommandRun, Record, TimerFired, Walked
from fwtutor.recording.ladder import Rung, legs, lost
from fwtutor.recording.run import Run
from fwtutor.telling import glyphs, words
from fwtutor.telling.ladder import death
from fwtutor.telling.spans import Line, Span, clean, crop, line, pad
from fwtutor.telling.words import moment

TIME = 12
"""Cells before the first column: marks, and the time."""
LEAST = 10
"""Cells between two hosts at least: what does not fit is cut at the right."""
MOST = 34


@dataclass(slots=True)
class Cells:
    """A row being drawn: later strokes cover earlier ones."""

    width: int
    text: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.text, self.roles = [" "] * self.width, [""] * self.width

    def put(self, x: int, text: str, role: str) -> None:
        """Signs of one cell each."""
        for at, sign in enumerate(text, x):
            if 0 <= at < self.width:
                self.text[at], self.roles[at] = sign, role

    def spans(self) -> list[Span]:
        """As spans, neighbours of one role joined."""
        made: list[Span] = []
        for sign, role in zip(self.text, self.roles, strict=True):
            if made and made[-1].role == role:
                made[-1] = made[-1]._replace(text=made[-1].text + sign)
            else:
                made.append(Span(sign, role))
        return made


def columns(hosts: Sequence[str], width: int) -> dict[str, int]:
    """The cell of each host's line, in a row of that many cells behind the time."""
    count = len(hosts)
    gap = max(LEAST, min(MOST, (width - TIME - 8) // max(1, count - 1))) if count > 1 else 0
    first = min(8, 2 + max((cell_len(hosts[0]) + 1) // 2, 2)) if hosts else 0
    return {host: first + number * gap for number, host in enumerate(hosts)}


def host_order(run: Run) -> list[str]:
    """The watched host in the middle: those behind its first link on the left, the others on the right."""
    watch, topology = run.scenario.watch, run.scenario.topology
    box = next(host for host in topology.hosts if host.name == watch)
    linked = [name for name in box.interfaces if any(f"{watch}:{name}" in link.joins for link in topology.links)]
    near = {
        end.partition(":")[0] for link in topology.links if linked and f"{watch}:{linked[0]}" in link.joins for end in link.joins
    }  # fmt: skip
    names = [host.name for host in topology.hosts if host.name != watch]
    left = [name for name in names if name in near]
    return [*left, watch, *(name for name in names if name not in left)]


def heads(hosts: Sequence[str], watch: str, width: int) -> Line:
    """The hosts' names above their lines."""
    at = columns(hosts, width)
    row = line(" " * TIME)
    for host in hosts:
        name = set_cell_size(clean(host), min(cell_len(host), LEAST + 4))
        start = TIME + at[host] - cell_len(name) // 2
        row = Line((*pad(row, max(row.width, start)).spans, Span(name, "current" if host == watch else "strong"), Span(" ")))
    return crop(row, width)


def rung_row(run: Run, rung: Rung, at: dict[str, int], width: int, seen: int, done: int, *, here: bool, marked: bool) -> Line:
    """One rung, its hosts at the cells ``at``.

    What is behind the record ``seen`` is to come; what became of a packet is known up to the record ``done``.
    """
    record = run.records[rung.anchor]
    sign = Span(glyphs.HERE if here else " ", "current")
    mark = Span(glyphs.MARK if marked else " ", "change")
    lead = line(sign, mark, (f"{record.at / SECOND:8.3f} ", "dim"))
    lead = pad(lead, TIME)
    fill = "row" if here else ""
    room = width - TIME
    if rung.anchor > seen:
        return Line((*lead.spans, *_lifelines(at, room).spans()), fill)
    if not isinstance(record, Walked):
        return crop(Line((*lead.spans, *event(record, at)), fill), width)
    cells = _lifelines(at, room)
    packet = record.walk.packet
    label = words.flags(packet) or words.protocol(packet.protocol)
    dead = death(run, rung, done)
    walked = legs(run, rung, seen)
    for number, leg in enumerate(walked):
        last = number == len(walked) - 1
        _arrow(cells, at[leg.start], at[leg.end], label, dead=dead is not None and last and dead[0] == leg.end)
    if dead is not None:
        host, why = dead
        came = next((leg.start for leg in reversed(walked) if leg.end == host), "")
        text = why if walked else f"{label} {why}"
        cells.put(at[host], glyphs.CROSS, "drop")
        # The reason stands on the side where the packet would have gone on to, if there is room.
        left, right = at[host] - 1, room - at[host] - 2
        if came and at[came] > at[host] and left >= len(text):
            cells.put(left - len(text), text, "drop")
        elif not came or at[came] < at[host]:
            cells.put(at[host] + 2, text if len(text) <= right else text[: max(0, right - 1)] + glyphs.MORE, "drop")
    elif gone := lost(run, rung, done):
        cells.put(at[gone] + 2, f"{label} {glyphs.CROSS} lost", "drop")
    elif not walked:
        cells.put(at[record.host] + 2, f"{label} to itself", "dim")
    return Line((*lead.spans, *cells.spans()), fill)


def _lifelines(at: dict[str, int], room: int) -> Cells:
    cells = Cells(room)
    for x in at.values():
        cells.put(x, "│", "dim")
    return cells


def _arrow(cells: Cells, start: int, end: int, label: str, *, dead: bool) -> None:
    """From one line to another, its label in the middle of it."""
    right = end > start
    low, high = (start + 1, end - 1) if right else (end + 1, start - 1)
    role = "drop" if dead else "current"
    for x in range(low, high + 1):
        cells.put(x, "┼" if cells.text[x : x + 1] == ["│"] else glyphs.LINE, role)
    cells.put(high if right else low, glyphs.HERE if right else glyphs.BACK, role)
    # The head stays free, and a stroke of the line behind it.
    size = high - low - 1
    text = f" {label} " if cell_len(label) + 2 <= size else label[:size]
    middle = low + (high - low + 1 - len(text)) // 2
    cells.put(max(low + (0 if right else 1), middle), text, "drop" if dead else "strong")


def event(record: Record, at: dict[str, int]) -> list[Span]:
    """A command or a timer, between the packets."""
    if isinstance(record, CommandRun):
        return [Span(f" {glyphs.COMMAND} ", "current"), Span(f"{record.host}# ", "dim"), Span(clean(record.line), "strong")]
    what = words.forgotten(record) if isinstance(record, TimerFired) else ""
    return [Span(f" {glyphs.TIMER} ", "change"), Span(f"{record.host}: ", "dim"), Span(clean(what))]


def about(run: Run, rung: Rung, seen: int, done: int) -> Line:
    """The marked rung in a row: its tuple, its ctstate at the watched host, its end."""
    record = run.records[rung.anchor]
    if rung.anchor > seen:
        return line(("to come", "dim"))
    if not isinstance(record, Walked):
        return line(clean(moment(record)))
    packet = record.walk.packet
    parts: list[str | tuple[str, str]] = [(words.packet_tuple(packet), "strong"), f"  {words.flags(packet)}".rstrip()]
    if record.host == run.scenario.watch and rung.anchor <= done and (states := record.walk.states):
        parts.append(f"  packet: {states[0][1]}")
    dead = death(run, rung, done)
    if dead is not None:
        parts.append((f"  {glyphs.CROSS} at {dead[0]}: {dead[1]}", "drop"))
    return line(*parts)
