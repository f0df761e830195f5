"""The tour: the question fwtutor began with, asked and answered by keys in a minute, with a line below that says what one sees.

It is played on a clock that only this program moves on, so that packets travel and beats follow each other as they do for a person, and
the same frames come out each time. ``frames`` has them; ``film`` makes a picture that moves of them, and ``cast`` a recording for players.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual.pilot import Pilot

from assets.pictures.canvas import Canvas, Row, Run, place
from assets.pictures.stage import opened, press, rows_of
from fwtutor.tui.screens.lab import LabScreen
from fwtutor.tui.widgets.wire import WireView

SIZE = COLUMNS, ROWS = 100, 30
TITLE = "fwtutor: am I one step nearer to port 22?"
SLOWNESS = 2.5
"""Beats take so many times as long as usual: who looks for the first time does not know yet where to look."""
POSTER = 41
"""Seconds into the tour: what shows where nothing moves."""


class Act(NamedTuple):
    """Keys that are pressed, what is said of what they do, and how long one may look."""

    keys: tuple[str, ...]
    said: str
    seconds: float
    shown: str = ""
    """The keys, as people read them, if not the first of them."""


TOUR = (
    Act((), "Port 1337 is open to everybody, 22 to the LAN. You are out in the world, and try.", 4),
    Act(("3",), "Is rule 1 too open? One beat of the packet's way at a time:", 1.5),
    Act(("space",), "a SYN to 1337 arrives,", 2),
    Act(("space", "space"), "its tuple is looked up. No entry has it: the packet is NEW,", 3, "space"),
    Act(("space",) * 5, "rule 1 wants RELATED or ESTABLISHED: no,", 2.5, "space"),
    Act(("space",), "rule 2 wants port 1337: yes.", 2.5),
    Act(("1", "space"), "ACCEPT: the packet is through, and its entry is kept.", 3.5, "space"),
    Act(("space",), "Whole packets now. The server answers,", 3),
    Act(("space",), "you acknowledge, and the entry is ESTABLISHED. Are you one step nearer to 22?", 4),
    Act(("end", "end", "end"), "To the shot at 22. Before it shows, it asks:", 4.5, "End"),
    Act(("b",), "A good guess, and wrong: an entry is not a pair of hosts.", 5),
    Act(("space",), "The same host, the same port 4000, to 22: NEW. No rule lets it in, and nothing is kept.", 5.5),
    Act(("w",), "Why? With the packet's own numbers.", 4.5),
    Act(("escape",), "", 0.6, "Esc"),
    Act(("3", *("backspace",) * 5), "Back in time, as often as you like,", 1.5, "⌫"),
    Act(("backspace",) * 5, "to the look-up: the entry says 1337, the packet 22. That is all.", 5, "⌫"),
    Act(("end",), "The next guess is yours: fwtutor play too-open", 4, "End"),
)


# --- the clock ----------------------------------------------------------------------------------------------


class Alarm:
    """One of Textual's timers, as far as the lab uses them, on our clock."""

    def __init__(self, clock: Clock, seconds: float, callback: Callable[[], Any], *, every: bool, paused: bool) -> None:
        self._clock, self._seconds, self._callback, self._every = clock, seconds, callback, every
        self._set = 0
        """How often it was set: an older one does not ring."""
        if not paused:
            self.resume()

    def resume(self) -> None:
        self._set += 1
        self._clock.at(self._seconds, self._ring, self._set)

    reset = resume

    def stop(self) -> None:
        self._set += 1

    pause = stop

    def _ring(self, number: int) -> Callable[[], Any] | None:
        if number != self._set:
            return None
        if self._every:
            self.resume()
        return self._callback


class Clock:
    """Time that goes on when it is told to. ``instead`` of the real one for what moves in the lab."""

    def __init__(self) -> None:
        self.now = 0.0
        self._alarms: list[tuple[float, int, Callable[[int], Callable[[], Any] | None], int]] = []
        self._count = itertools.count()

    def at(self, seconds: float, ring: Callable[[int], Callable[[], Any] | None], number: int) -> None:
        heapq.heappush(self._alarms, (round(self.now + seconds, 6), next(self._count), ring, number))

    def set_timer(self, seconds: float, callback: Callable[[], Any], **_: Any) -> Alarm:
        return Alarm(self, seconds, callback, every=False, paused=False)

    def set_interval(self, seconds: float, callback: Callable[[], Any], *, pause: bool = False, **_: Any) -> Alarm:
        return Alarm(self, seconds, callback, every=True, paused=pause)

    def next_before(self, end: float) -> Callable[[], Any] | None:
        """What rings next, if it does before ``end``; the time is then that, else the end."""
        while self._alarms and self._alarms[0][0] <= end:
            self.now, _, ring, number = heapq.heappop(self._alarms)
            callback = ring(number)
            if callback is not None:
                return callback
        self.now = end
        return None

    @contextmanager
    def instead(self) -> Iterator[None]:
        """The lab's timers are of this clock."""
        ours = {"set_timer": self.set_timer, "set_interval": self.set_interval}
        with patch.multiple(LabScreen, **ours), patch.multiple(WireView, **ours):
            yield


# --- frames -------------------------------------------------------------------------------------------------


class Frame(NamedTuple):
    """What shows from ``at`` on, in seconds."""

    at: float
    rows: tuple[Row, ...]


async def frames() -> tuple[list[Frame], float, str]:
    """The frames of the tour, how long it takes, and the colour behind it."""
    clock, made = Clock(), []
    with clock.instead():
        async with opened("too-open", SIZE) as pilot:
            pilot.app.animation_level = "none"
            pilot.app.add_class("-moving")
            lab = pilot.app.screen
            lab._reveal.slowness = lab.query_one(WireView).slowness = SLOWNESS  # type: ignore[attr-defined]
            for act in TOUR:
                for key in act.keys:
                    await press(pilot, key)
                    await _pass(pilot, clock, 0.12 if len(act.keys) > 1 else 0, made, act)
                await _pass(pilot, clock, act.seconds, made, act)
            return made, clock.now, pilot.app.theme_variables["background"].lower()


async def _pass(pilot: Pilot[int], clock: Clock, seconds: float, made: list[Frame], act: Act) -> None:
    """Let time pass, and keep what shows meanwhile."""
    end = round(clock.now + seconds, 6)
    _keep(pilot, clock.now, made, act)
    while (callback := clock.next_before(end)) is not None:
        pilot.app.call_later(callback)
        await pilot.pause()
        _keep(pilot, clock.now, made, act)


def _keep(pilot: Pilot[int], now: float, made: list[Frame], act: Act) -> None:
    rows = (*rows_of(pilot), (), _caption(pilot, act))
    if not made or made[-1].rows != rows:
        if made and made[-1].at == now:
            made.pop()
        made.append(Frame(now, rows))


def _caption(pilot: Pilot[int], act: Act) -> Row:
    """What was pressed, and what one sees: the row below the screen."""
    look = pilot.app.theme_variables
    cap = f" {act.shown or act.keys[0]} " if act.keys else ""
    said = f" {act.said}"
    assert 1 + cell_len(cap + said) <= COLUMNS, f"too long for its row: {act.said}"
    plain = Style(color=look["foreground"], bold=True)
    key = (Run(cap, Style(color=look["fw-ink"], bgcolor=look["accent"], bold=True)),) if cap else ()
    return (Run(" ", plain), *key, Run(said, plain))


# --- what is made of them -----------------------------------------------------------------------------------


def film(shown: Sequence[Frame], length: float, background: str) -> str:
    """A picture that moves, by nothing but its own style: each row is a strip of all it ever shows, which is pushed along."""
    canvas = Canvas(COLUMNS, len(shown[0].rows), background)
    poster = max(number for number, frame in enumerate(shown) if frame.at <= POSTER)
    strips, moves = [], []
    for y in range(len(shown[0].rows)):
        # Where nothing moves the first of the strip shows: that is what the poster has.
        seen = list(dict.fromkeys([shown[poster].rows[y], *(frame.rows[y] for frame in shown)]))
        drawn = [canvas.row(row) for row in seen]
        strip = "".join(f'<g transform="translate({canvas.width * n})">{each}</g>' if n else each for n, each in enumerate(drawn) if each)
        if len(seen) > 1:
            strip = f'<g class="m" style="animation-name:r{y}">{strip}</g>'
            moves.append(f"@keyframes r{y}{{{_steps(shown, y, seen, canvas.width, length)}}}")
        strips.append(place(y, strip))
    css = f".m{{animation:{length:g}s step-end infinite}}{''.join(moves)}@media (prefers-reduced-motion:reduce){{.m{{animation:none}}}}"
    return canvas.page("\n".join(each for each in strips if each), TITLE, css)


def _steps(shown: Sequence[Frame], y: int, seen: list[Row], width: int, length: float) -> str:
    steps, last = [], None
    for frame in shown:
        row = frame.rows[y]
        if row != last:
            steps.append(f"{frame.at / length * 100:.5g}%{{transform:translateX({-width * seen.index(row)}px)}}")
            last = row
    return "".join(steps)


def cast(shown: Sequence[Frame]) -> str:
    """A recording for asciinema's player (asciicast v2): at each time the rows that changed."""
    header = {"version": 2, "width": COLUMNS, "height": len(shown[0].rows), "title": TITLE, "env": {"TERM": "xterm-256color"}}
    events: list[object] = [header]
    before: Sequence[Row] = ()
    for frame in shown:
        text = "" if before else "\x1b[?25l\x1b[2J"
        for y, row in enumerate(frame.rows):
            if not before or row != before[y]:
                cells = "".join(style.render(part, color_system=ColorSystem.TRUECOLOR) for part, style in row)
                text += f"\x1b[{y + 1}H{cells}\x1b[K"
        if not before or frame.rows[-1] != before[-1]:
            events.append([frame.at, "m", "".join(run.text for run in frame.rows[-1]).strip()])
        events.append([frame.at, "o", text])
        before = frame.rows
    return "".join(f"{json.dumps(event, ensure_ascii=False, separators=(',', ':'))}\n" for event in events)
