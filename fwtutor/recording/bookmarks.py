"""Bookmarks: moments somebody wants to come back to.

A moment is named by its record and what was entered before that, so it is found in every run it is in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fwtutor.recording.run import Run
from fwtutor.recording.scenario import Input


class Bookmark(NamedTuple):
    """A record of every run in which the same was entered up to it."""

    record: int
    inputs: tuple[Input, ...]


def _moment(run: Run, index: int) -> Bookmark:
    return Bookmark(index, tuple(each for each in run.inputs if each.after <= index))


class Bookmarks:
    """Those of one session."""

    def __init__(self) -> None:
        self._all: set[Bookmark] = set()

    def keep(self, indices: Iterable[int]) -> None:
        """Bookmarks from an earlier sitting, in the run without anything entered."""
        self._all |= {Bookmark(index, ()) for index in indices}

    def toggle(self, run: Run, index: int) -> bool:
        """Marks a record, or takes its mark away; True if it is marked now."""
        self._all ^= {_moment(run, index)}
        return _moment(run, index) in self._all

    def of(self, run: Run) -> tuple[int, ...]:
        """The records of a run that are marked, in order."""
        return tuple(sorted(mark.record for mark in self._all if mark.record < len(run.records) and mark == _moment(run, mark.record)))

    @property
    def lasting(self) -> list[int]:
        """Those that a later sitting finds again: what is entered is not kept, so those before anything was."""
        return sorted(mark.record for mark in self._all if not mark.inputs)
