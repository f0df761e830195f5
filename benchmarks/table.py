"""A result, and the table the README shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple


class Result(NamedTuple):
    """One line of the table. ``budget`` None: measured for interest only."""

    what: str
    ours: str
    against: str
    theirs: str
    ratio: float
    budget: float | None

    @property
    def kept(self) -> bool:
        return self.budget is None or self.ratio <= self.budget


def in_turn(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Each measure once, again and again: so that a busy moment of the machine falls on all of them."""
    found: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for values, measure in zip(found, measures, strict=True):
            values.append(measure())
    return found


def p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(len(values) * 0.95))]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} µs"


def times(what: str, ours: Sequence[float], against: str, theirs: Sequence[float], budget: float | None) -> Result:
    """A result from two lists of seconds, by their medians."""
    mine, other = median(ours), median(theirs)
    return Result(what, milliseconds(mine), against, milliseconds(other), mine / other, budget)


def table(results: Sequence[Result]) -> str:
    """In Markdown."""
    lines = ["| what | measured | against | measured | ratio | budget |", "|---|---|---|---|---|---|"]
    for result in results:
        budget = "" if result.budget is None else f"{result.budget:g}"
        mark = "" if result.kept else " (missed)"
        lines.append(f"| {result.what} | {result.ours} | {result.against} | {result.theirs} | **{result.ratio:.2f}**{mark} | {budget} |")
    return "\n".join(lines)
