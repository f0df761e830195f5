"""The lines LOG wrote on the kernel. It tells of prefix and packet only; the rest of a line is the engine's, about that very packet."""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.kernel.compare import Comparison, engine_for, obey, replay
from fwtutor.kernel.observation import BY_ITSELF
from fwtutor.netfilter.conntrack.entry import SECOND


def log_lines(found: Comparison) -> tuple[tuple[str, ...], ...]:
    """For each packet up to the first difference, its lines in order."""
    if not any(observed.logged for observed in found.observation.packets):
        return ()
    return tuple(_lines(found))


def _lines(found: Comparison) -> Iterator[tuple[str, ...]]:
    firewall = engine_for(found.setup)
    orders = list(found.observation.orders)
    last = found.differences[0].number if found.differences else -1
    for number, observed in enumerate(found.observation.packets):
        while orders and orders[0].before <= number:
            obey(firewall, orders.pop(0))
        at = max(observed.at, firewall.now / SECOND)
        firewall.advance(at)
        lines: tuple[str, ...] = ()
        if observed.shot != BY_ITSELF:
            lines = tuple(step.line.rstrip() for step in replay(firewall, observed, at).logged)
        # A match with a limit may say otherwise where a tick passed: then there is only what the kernel told.
        yield lines if len(lines) == len(observed.logged) else tuple(prefix for prefix, _ in observed.logged)
        if number == last:
            return
