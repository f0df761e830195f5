"""The wire: who sends to whom, a packet that moves, and the hooks on its way through the box."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.timer import Timer

from fwtutor.netfilter.steps import Routed
from fwtutor.network.records import CommandRun
from fwtutor.tui import glyphs, words
from fwtutor.tui.reading import Place, host_of, sender
from fwtutor.tui.spans import Line, Span, crop, line, pill
from fwtutor.tui.widgets.lines import LineView

FRAMES = 12
"""Frames a second while a packet moves."""
TRAVEL = 0.7
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
        self._phase = min(1.0, self._phase + 1 / (FRAMES * TRAVEL))
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
        leaving = self._leaving(place)
        finished = place.finished
        came = walk.in_interface
        peer_in = sender(place) if came else ""
        peer_out = host_of(place, packet.destination) if leaving or not came else ""
        stopped = finished is not None and finished.verdict not in ("ACCEPT", "HELD")
        room = width - cell_len(box) - cell_len(peer_in) - cell_len(peer_out) - 8
        both = bool(peer_in and peer_out)
        size = max(10, room // 2 if both else room)
        size = min(size, 60)
        parts: list[str | Span | tuple[str, str]] = [" "]
        if peer_in:
            arrived = leaving and both
            leg = _leg(label, size, self._phase, not arrived, stopped and self._phase >= 1.0)
            parts += [(f"{peer_in} ", "strong"), *leg, " "]
        parts += [("│", "dim"), (box, "strong"), ("│", "dim")] if leaving and self._phase >= 1.0 else pill(box)
        if peer_out:
            parts.append(" ")
            parts += _leg(label, size, self._phase, leaving, False)
            parts.append((f" {peer_out}", "strong"))
        if stopped and not peer_in:
            parts.append((f" {glyphs.CROSS}", "drop"))
        return line(*parts)


def _leg(label: str, size: int, phase: float, filled: bool, stopped: bool) -> list[tuple[str, str]]:
    """A link of ``size`` cells with the packet at ``phase`` (0 = left end, 1 = right end); empty when not ``filled``."""
    if not filled:
        return [(glyphs.LINE * size, "dim")]
    text = f" {label} {glyphs.CROSS if stopped else glyphs.HERE}"
    room = max(0, size - cell_len(text))
    before = round(room * phase)
    return [(glyphs.WIRE * before, "current"), (text, "drop" if stopped else "current"), (glyphs.LINE * (room - before), "dim")]


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

    def stop(name: str) -> list[Span]:
        return [Span(glyphs.CROSS, "drop")] if stopped and hook == name else []

    arrow = Span(glyphs.NEXT, "dim")
    routing = node("routing", done=bool(routed) and not own, here=ahead and not own)
    programs = node("programs", done=own, here=local or (own and not passed - {""}))
    start = Span(glyphs.NEXT, "current" if walk and not hook else "dim")
    fork, join = Span("┬", "dim"), Span("┬", "dim")
    head = [Span(" "), start, *at("PREROUTING"), *stop("PREROUTING"), arrow, *routing]
    middle = [arrow, *at("INPUT"), *stop("INPUT"), arrow, *programs, arrow, *at("OUTPUT"), *stop("OUTPUT")]
    tail = [arrow, *at("POSTROUTING"), *stop("POSTROUTING"), *node("wire", done=False, here=gone)]
    forward = [arrow, *at("FORWARD"), *stop("FORWARD")]
    line_size = _cells(middle) - _cells(forward)
    bottom = [Span(" " * _cells(head)), Span("╰", "dim"), *forward, Span(glyphs.LINE * line_size, "dim"), Span("╯", "dim")]
    return Line((*head, fork, *middle, join, *tail)), Line(tuple(bottom))


def _cells(spans: list[Span]) -> int:
    return sum(cell_len(span.text) for span in spans)
