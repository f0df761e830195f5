"""Making a difference small: leave out packets and rules as long as kernel and engine still differ in the same thing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fwtutor.kernel.compare import Comparison, compare
from fwtutor.kernel.errors import RulesetRefused
from fwtutor.kernel.observation import Setup, Shot

if TYPE_CHECKING:
    from fwtutor.kernel.kernel import Kernel


def shrink(kernel: Kernel, comparison: Comparison) -> Comparison:
    """The smallest comparison found that still shows a difference of the first kind in ``comparison``."""
    what = comparison.differences[0].what
    best = comparison

    def attempt(setup: Setup, shots: tuple[Shot, ...]) -> None:
        nonlocal best
        try:
            tried = compare(kernel, setup, shots)
        except RulesetRefused:
            return  # a rule that others need was left out
        if tried.differences and tried.differences[0].what == what:
            best = tried

    number = best.differences[0].number
    if number >= 0:
        played = max(observed.shot for observed in best.observation.packets[: number + 1])
        attempt(best.setup, best.shots[: played + 1])
    for size in (8, 4, 2, 1):
        start = len(best.shots) - size
        while start >= 0 and len(best.shots) > size:
            attempt(best.setup, best.shots[:start] + best.shots[start + size :])
            start = min(start - size, len(best.shots) - size)
    for line in reversed([line for line in best.setup.rules.splitlines() if line.startswith("-A ")]):
        attempt(replace(best.setup, rules=best.setup.rules.replace(line + "\n", "", 1)), best.shots)
    return best


def reproduction(comparison: Comparison) -> str:
    """Python that repeats a comparison, for a bug report or a test."""
    setup = comparison.setup
    shots = "".join(f"    Shot(bytes.fromhex({shot.raw.hex()!r}), {shot.on!r}, {shot.at!r}, {shot.mark!r}),\n" for shot in comparison.shots)
    parts = (dict(setup.interfaces), setup.rules, dict(setup.routes), dict(setup.sysctls), dict(setup.mtus))
    return "setup = Setup(\n" + "".join(f"    {part!r},\n" for part in parts) + f")\nshots = [\n{shots}]\n"
