"""What a person feels: start-up, memory, keys, and the load while a packet moves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.table import Result, in_turn, milliseconds, p95, times
from benchmarks.terminal import ROOT, Terminal

DRAWN = "Connections"
"""A word both screens draw with their first paint."""
WHOLE = "before the first packet"
"""Words that the lab draws when its lesson is loaded."""
STARTS, VERSIONS, KEYS = 5, 15, 60


def measure() -> Iterator[Result]:
    yield _version()
    yield from _start()
    yield from _keys()
    yield _moving()


def _version() -> Result:
    def python(*arguments: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        return time.perf_counter() - begin

    ours, theirs = in_turn(VERSIONS, lambda: python("-m", "fwtutor", "--version"), lambda: python("-c", "pass"))
    return times("`fwtutor --version`", ours, "`python -c pass`", theirs, 3)


def _start() -> Iterator[Result]:
    weights: dict[str, list[tuple[float, float]]] = {"lab": [], "panes": []}
    whole: list[float] = []

    def start(name: str, *arguments: str) -> float:
        with TemporaryDirectory() as home, Terminal(*arguments, home=home) as terminal:
            seconds = terminal.first(DRAWN)
            if name == "lab":
                whole.append(terminal.first(WHOLE))
            terminal.settle()
            if name == "lab":
                terminal.key(" ")
            terminal.settle(1.0)
            weights[name].append(terminal.memory())
        return seconds

    ours, theirs = in_turn(STARTS, lambda: start("lab", "fwtutor", "play", "too-open"), lambda: start("panes", "benchmarks.apps", "panes"))
    yield times("first paint of the lab: its panes, and the page to read", ours, "six empty panes", theirs, 1.2)
    yield times("the whole of it, its lesson loaded", whole, "six empty panes", theirs, None)
    for number, (what, budget) in enumerate((("memory, a lesson open and stepped", 1.3), ("of that, what nobody else can share", None))):
        mine, other = (median(weight[number] for weight in weights[name]) for name in ("lab", "panes"))
        yield Result(what, f"{mine / 1e6:.1f} MB", "six empty panes", f"{other / 1e6:.1f} MB", mine / other, budget)


def _keys() -> Iterator[Result]:
    with (
        TemporaryDirectory() as home,
        Terminal("benchmarks.apps", "long", home=home) as ours,
        Terminal("benchmarks.apps", "cursor", home=home) as theirs,
    ):
        ours.first(DRAWN)
        theirs.first("number")
        ours.settle(1.0)
        theirs.settle()
        # To the middle of the run first: the beginning of anything is cheap.
        ours.key("\x1b[F")
        ours.settle(1.0)
        down, up = "\x1b[B", "\x1b[A"
        for size, name in (("1", "packet"), ("2", "hook"), ("3", "rule")):
            ours.press(size)
            ours.settle()
            found = in_turn(
                KEYS,
                lambda: ours.key("\x7f"), lambda: theirs.key(down), lambda: ours.key("\x7f"), lambda: theirs.key(down),
                lambda: ours.key(" "), lambda: theirs.key(up),
            )  # fmt: skip
            mine, other = p95(found[0] + found[2] + found[4]), p95(found[1] + found[3] + found[5])
            yield Result(
                f"key to repaint, p95, either way by {name} in a run of 10,000 packets", milliseconds(mine),
                "cursor in a DataTable of 200 rows", milliseconds(other), mine / other, 1.5,
            )  # fmt: skip


def _moving() -> Result:
    with TemporaryDirectory() as home, Terminal("benchmarks.apps", "long", home=home, still=False) as terminal:
        terminal.first(DRAWN)
        terminal.settle(1.0)
        terminal.key("p")
        share = terminal.busy(4.0)
    return Result("CPU while packets move", f"{share * 100:.1f} %", "a core", "100 %", share, 0.1)
