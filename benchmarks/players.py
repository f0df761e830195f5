"""Many cases played at once on the kernel, by processes that each have a namespace of their own.

Cases in which time passes sleep nearly all of it, so many of those are played side by side; of the others only as many as
keep the processors busy, for a packet that had to wait is one of which nobody knows when the kernel looked at its clock.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from fwtutor.kernel.generate import case, is_timed
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observation, Setup

SLEEPERS = 8
"""Processes for cases in which time passes, for each that plays the others."""

T = TypeVar("T")
_kernel: Kernel | None = None
"""The one of this process."""


def kernel() -> Kernel:
    """The kernel as this process asks it; its helper ends with this process."""
    global _kernel
    if _kernel is None:
        _kernel = Kernel()
    return _kernel


def each(numbers: Iterable[int], job: Callable[[int, int], T], packets: int, processes: int) -> Iterator[T]:
    """``job(number, packets)`` of every number, done in other processes; in the order in which they are done."""
    context = get_context("spawn")
    with ExitStack() as stack:
        quick = stack.enter_context(ProcessPoolExecutor(processes, context))
        asleep = stack.enter_context(ProcessPoolExecutor(processes * SLEEPERS, context))
        waiting: set[Future[T]] = set()
        try:
            for number in numbers:
                waiting.add((asleep if is_timed(number) else quick).submit(job, number, packets))
            for done in as_completed(waiting):
                yield done.result()
        finally:
            for future in waiting:
                future.cancel()


def observed(first: int, cases: int, packets: int, processes: int, kept: Path | None) -> list[bytes]:
    """What ``observe`` gives of the cases from number ``first`` on; from the file ``kept`` if it is there, else it is kept there."""
    if kept is not None and kept.exists():
        found: list[bytes] = pickle.loads(kept.read_bytes())
        return found
    found = list(told(each(range(first, first + cases), observe, packets, processes), cases))
    if kept is not None:
        kept.write_bytes(pickle.dumps(found))
    return found


def told(results: Iterable[T], count: int) -> Iterator[T]:
    """The results, with a word on standard error now and then."""
    began = last = time.monotonic()
    for done, result in enumerate(results, 1):
        yield result
        if time.monotonic() - last > 10 or done == count:
            last = time.monotonic()
            sys.stderr.write(f"{last - began:5.0f} s  {done:,} of {count:,}\n")


def observe(number: int, packets: int) -> bytes:
    """A job: what the kernel did in that case, as (number, setup, observation), pickled: to be kept or held against an engine."""
    setup, items = case(number, packets)
    return pickle.dumps((number, setup, kernel().play(setup, items)))


Seen = tuple[int, Setup, Observation]
"""What ``observe`` pickles."""
