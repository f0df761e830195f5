"""Making a difference small: leave out packets and rules as long as kernel and engine still differ in the same thing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fwtutor.kernel.compare import Comparison, compare
from fwtutor.kernel.errors import RulesetRefused
from fwtutor.kernel.observation import Item, Order, Setup

if TYPE_CHECKING:
    from fwtutor.kernel.kernel import Kernel


def shrink(kernel: Kernel, comparison: Comparison) -> Comparison:
    """The smallest comparison found that still shows a difference of the first kind in ``comparison``."""
    what = comparison.differences[0].what
    best = comparison

    def attempt(setup: Setup, items: tuple[Item, ...]) -> None:
        nonlocal best
        try:
            tried = compare(kernel, setup, items)
        except RulesetRefused:
            return  # a rule that others need was left out
        # Without tracking fragments are handled otherwise: that would be another story.
        if tried.differences and tried.differences[0].what == what and _tracked(tried) == _tracked(best):
            best = tried

    number = best.differences[0].number
    if number >= 0:
        played = max(observed.shot for observed in best.observation.packets[: number + 1])
        attempt(best.setup, best.items[: played + 1])
    for size in (8, 4, 2, 1):
        start = len(best.items) - size
        while start >= 0 and len(best.items) > size:
            attempt(best.setup, best.items[:start] + best.items[start + size :])
            start = min(start - size, len(best.items) - size)
    for line in _rules(best.setup.rules):
        attempt(replace(best.setup, rules=best.setup.rules.replace(line + "\n", "", 1)), best.items)
    for line in _rules(best.setup.rules6):
        attempt(replace(best.setup, rules6=best.setup.rules6.replace(line + "\n", "", 1)), best.items)
    return best


def _rules(text: str) -> list[str]:
    """The last one first."""
    return [line for line in text.splitlines() if line.startswith(("-A ", "["))][::-1]


def _tracked(comparison: Comparison) -> bool:
    return any(packet.states for packet in comparison.observation.packets)


def reproduction(comparison: Comparison) -> str:
    """A test that repeats a comparison, complete: it fails as long as kernel and engine differ."""
    setup = comparison.setup
    fields = (
        dict(setup.interfaces),
        setup.rules,
        dict(setup.routes),
        dict(setup.sysctls),
        dict(setup.mtus),
        setup.variant,
        setup.quiet,
        setup.rules6,
        setup.listens,
        setup.sets,
    )
    parts = [
        "from fwtutor.kernel.compare import compare",
        "from fwtutor.kernel.kernel import Kernel",
        "from fwtutor.kernel.observation import Order, Setup, Shot",
        "",
        "",
        "def test_kernel_and_engine_agree() -> None:",
        "    setup = Setup(",
        *(f"        {field!r}," for field in fields),
        "    )",
        "    items = [",
        *(f"        {_written(item)}," for item in comparison.items),
        "    ]",
        "    with Kernel() as kernel:",
        "        found = compare(kernel, setup, items)",
        "    assert not found.differences, str(found)",
    ]
    return "\n".join(parts) + "\n"


def _written(item: Item) -> str:
    if isinstance(item, Order):
        return f"Order({item.line!r}, {item.at!r}{f', {item.family}' if item.family != 4 else ''})"
    rest = f", {item.link!r}, {item.mac!r}" if (item.link, item.mac) != ("host", None) else ""
    return f"Shot(bytes.fromhex({item.raw.hex()!r}), {item.on!r}, {item.at!r}, {item.mark!r}{rest})"
