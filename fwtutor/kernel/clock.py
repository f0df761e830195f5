"""The kernel's own time: ticks. What conntrack and ``-m limit`` (legacy) reckon in, read from outside.

CLOCK_MONOTONIC_COARSE moves once a tick (a jiffy), so the ticks between two readings are those the kernel counted.
"""

from __future__ import annotations

import time

_COARSE, _REAL = 6, 5
"""CLOCK_MONOTONIC_COARSE and CLOCK_REALTIME_COARSE, which Python's time module does not name."""


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
        self.began = _since_1970(began)
        """ns since 1970 when it began, by the clock the kernel tells the time of day by."""
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


def _since_1970(moment: int) -> int:
    """A moment of the one clock as the other has it; both move in the same instant."""
    while True:
        before, real, after = (time.clock_gettime_ns(clock) for clock in (_COARSE, _REAL, _COARSE))
        if before == after:
            return real - (before - moment)
