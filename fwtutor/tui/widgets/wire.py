"""The wire: who sends to whom, a packet that moves, and the hooks on its way through the box."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.timer import Timer

from fwtutor.netfilter.steps import Routed
from fwtutor.network.records import CommandRun
from fwtutor.telling import glyphs, words
from fwtutor.telling.hosts import host_of, sender
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import Line, Span, crop, line, pill
from fwtutor.tui.widgets.lines import LineView

FRAMES = 12
"""Frames a second while a packet moves."""
TRAVEL = 0.45
"""Seconds a packet takes from end to end."""


class WireView(LineView):
    """Three rows: the link with the packet on it, and the box's hooks in two.

    Only the first row repaints while the packet moves, at 12 frames a second; with reduced motion the packet is simply there.
    """

    DEFAULT_CSS = "WireView { height: 3; overflow-y: hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None
        self._seen: tuple[int, bool] = (-1, False)
        self._phase = 1.0
        self.slowness = 1.0
        """How many times as long as usual a packet travels."""
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        self._timer = self.set_interval(1 / FRAMES, self._move, pause=True)

    def show(self, place: Place, *, moved: bool = True) -> None:
        """Show the wire at a place; ``moved``: the learner stepped forward, so a packet new to the wire may travel."""
        self._place = place
        leg = (place.index, self._leaving(place))
        travels = place.walk is not None and (leg[1] or place.walk.in_interface is not None)
        travel = moved and travels and leg != self._seen
        self._seen = leg
        self._phase = 0.0 if travel else 1.0
        if self._timer:
            self._timer.reset()
            if travel:
                self._timer.resume()
            else:
                self._timer.pause()
        self.set_title("The wire")
        self.rebuild()

    def _move(self) -> None:
        self._phase = min(1.0, self._phase + 1 / (FRAMES * TRAVEL * self.slowness))
        if self._phase >= 1.0 and self._timer:
            self._timer.pause()
        self.rebuild()

    @staticmethod
    def _leaving(place: Place) -> bool:
        finished = place.finished
        return bool(finished and finished.verdict == "ACCEPT" and finished.to not in (None, "local", "lo"))

    def build(self, width: int) -> Sequence[Line]:
        place = self._place
        if place is None:
            return ()
        rows = [crop(self._link(place, width), width), *(crop(row, width) for row in hook_rows(place))]
        return rows[1:] if self.size.height < 3 else rows

    def _link(self, place: Place, width: int) -> Line:
        walk = place.walk
        if walk is None:
            said = "the wire is quiet" if not isinstance(place.record, CommandRun) else "the wire is quiet while you type"
            return line((f" {said}", "dim"))
        packet = walk.packet
        box = f" {place.watch} "
        label = words.flags(packet) or words.protocol(packet.protocol)
        leaving, finished, routed = self._leaving(place), place.finished, place.routed
        came, goes = walk.in_interface, routed.to if routed else None
        stopped = finished is not None and finished.verdict not in ("ACCEPT", "HELD")
        sides = sides_of(place)
        peers = [next((name for name, side in sides.items() if side == at), "") for at in range(2)]
        coming, going = sides.get(came or "", -1), -1
        if coming >= 0:
            peers[coming] = sender(place)
        if goes in sides and (leaving or came is None):
            going = sides[goes]
            peers[going] = host_of(place, packet.destination)
        names = peers if peers[1] else peers[:1]
        size = (width - cell_len(box) - sum(cell_len(name) for name in names) - 3 - 3 * len(names)) // len(names)
        size = max(10, min(size, 60))

        def leg(side: int) -> list[Span | tuple[str, str]]:
            # On the left a packet that comes goes rightwards, on the right leftwards; one that leaves the other way.
            if side == going and leaving:
                return [*_leg(label, size, self._phase, rightwards=side == 1, stopped=False)]
            if side == coming:
                return [*_leg(label, size, self._phase, rightwards=side == 0, stopped=stopped and self._phase >= 1.0)]
            return [(glyphs.LINE * size, "dim")]

        parts: list[str | Span | tuple[str, str]] = [" "]
        # The side where nothing happens is there all the same, by its interface's name.
        role = ["strong" if side in (coming, going) else "dim" for side in range(2)]
        if peers[0]:
            parts += [(f"{peers[0]} ", role[0]), *leg(0), " "]
        parts += [("│", "dim"), (box, "strong"), ("│", "dim")] if leaving and self._phase >= 1.0 else pill(box)
        if peers[1]:
            parts += [" ", *leg(1), (f" {peers[1]}", role[1])]
        if stopped and coming < 0:
            parts.append((f" {glyphs.CROSS}", "drop"))
        return line(*parts)


def sides_of(place: Place) -> dict[str, int]:
    """The side of the box on which each of its linked interfaces is drawn: 0 left, the first; 1 right, the others.

    An interface keeps its side, and so does every host behind it.
    """
    topology = place.session.scenario.topology
    joined = {end for link in topology.links for end in link.joins}
    box = next(host for host in topology.hosts if host.name == place.watch)
    linked = [name for name in box.interfaces if f"{place.watch}:{name}" in joined]
    return {name: min(number, 1) for number, name in enumerate(linked)}


def _leg(label: str, size: int, phase: float, *, rightwards: bool, stopped: bool) -> list[tuple[str, str]]:
    """A link of ``size`` cells with the packet at ``phase``: 0 where it set out, 1 where it gets to."""
    ahead = glyphs.CROSS if stopped else glyphs.HERE if rightwards else glyphs.BACK
    text = f" {label} {ahead}" if rightwards else f"{ahead} {label} "
    room = max(0, size - cell_len(text))
    gone = round(room * phase)
    parts = [(glyphs.WIRE * gone, "current"), (text, "drop" if stopped else "current"), (glyphs.LINE * (room - gone), "dim")]
    return parts if rightwards else parts[::-1]


def hook_rows(place: Place) -> tuple[Line, Line]:
    """The way through the box: what was passed, where the packet is, what other ways there are."""
    walk = place.walk
    hook = place.hook
    routed = place.routed
    finished = place.finished
    own = walk is not None and walk.in_interface is None
    passed = {getattr(step, "hook", "") for step in place.happened}
    ahead = isinstance(place.now, Routed)

    def node(name: str, *, done: bool, here: bool) -> list[Span]:
        if here:
            return pill(name)
        return [Span(f" {name} ", "strong" if done else "dim")]

    def at(name: str) -> list[Span]:
        return node(name, done=name in passed, here=hook == name and not finished and not ahead)

    local = bool(finished and finished.verdict == "ACCEPT" and finished.to == "local")
    gone = bool(finished and finished.verdict == "ACCEPT" and finished.to not in (None, "local"))
    stopped = bool(finished and finished.verdict not in ("ACCEPT",))

    def after(name: str, then: str = glyphs.NEXT) -> Span:
        # A cross stands in the place of the arrow: the diagram keeps its shape.
        return Span(glyphs.CROSS, "drop") if stopped and hook == name else Span(then, "dim")

    arrow = Span(glyphs.NEXT, "dim")
    routing = node("routing", done=bool(routed) and not own, here=ahead and not own)
    programs = node("programs", done=own, here=local or (own and not passed - {""}))
    start = Span(glyphs.NEXT, "current" if walk and not hook else "dim")
    fork, join = Span("┬", "dim"), after("OUTPUT", "┬")
    head = [Span(" "), start, *at("PREROUTING"), after("PREROUTING"), *routing]
    middle = [arrow, *at("INPUT"), after("INPUT"), *programs, arrow, *at("OUTPUT")]
    tail = [arrow, *at("POSTROUTING"), after("POSTROUTING"), *node("wire", done=False, here=gone)]
    forward = [arrow, *at("FORWARD"), after("FORWARD", glyphs.LINE)]
    line_size = _cells(middle) - _cells(forward)
    bottom = [Span(" " * _cells(head)), Span("╰", "dim"), *forward, Span(glyphs.LINE * line_size, "dim"), Span("╯", "dim")]
    return Line((*head, fork, *middle, join, *tail)), Line(tuple(bottom))


def _cells(spans: list[Span]) -> int:
    return sum(cell_len(span.text) for span in spans)
