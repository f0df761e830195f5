"""Limits of processor time and memory for what a hostile answer may make us do, in whatever process that is."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Over(BaseException):
    """The time is up. No OSError as TimeoutError is, nor an Exception: a simulated tool that is refused something must not catch it."""


@contextmanager
def memory_limit(most: int) -> Iterator[None]:
    """So many bytes of address space more than there is in use, and no more; nothing, where the system does not say how many those are."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [pages * resource.getpagesize() + most, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises Over inside after so much processor time, and again until it has come through: one raised where Python only writes an
    exception down (a callback of the garbage collector) is lost. Nothing, where the system has no timer for that."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    armed = [True]

    def over(*_: object) -> None:
        if armed:
            raise Over

    # It stays when the time is no longer counted: a signal still on its way would end the process if nobody took it.
    signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.1)
    try:
        try:
            yield
        finally:
            armed.clear()
    finally:  # twice, as it may have come just before
        armed.clear()
        signal.setitimer(signal.ITIMER_PROF, 0)
