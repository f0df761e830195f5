"""The kernel's own time: ticks. What conntrack and ``-m limit`` (legacy) reckon in, read from outside.

CLOCK_MONOTONIC_COARSE moves once a tick (a jiffy), so the ticks between two readings are those the kernel counted.
"""

from __future__ import annotations

import time

_COARSE = 6
"""CLOCK_MONOTONIC_COARSE, which Python's time module does not name."""


def tick_length() -> float:
    """Seconds: 0.004 where the kernel was built with HZ=250."""
    return time.clock_getres(_COARSE)


class Clock:
    """Seconds since its making, in whole ticks or (``fine``) as they really are."""

    def __init__(self, *, fine: bool) -> None:
        self._fine = fine
        self._tick = round(tick_length() * 1e9)
        # Begin with a tick, so that what is a whole number of ticks here is one for the kernel.
        first = time.clock_gettime_ns(_COARSE)
        while (began := time.clock_gettime_ns(_COARSE)) == first:
            time.sleep(0.0001)
        self._began = began
        self._began_fine = time.monotonic_ns()

    @property
    def now(self) -> float:
        """Seconds."""
        if self._fine:
            return (time.monotonic_ns() - self._began_fine) / 1e9
        return round((time.clock_gettime_ns(_COARSE) - self._began) / self._tick) * self._tick / 1e9

    def wait_until(self, at: float) -> None:
        """Sleep until the time ``at``; returns at once when that is past."""
        while (early := at - self.now) > 0:
            time.sleep(early)
