"""Timers: what happens next by itself."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Any)


class Timers(Generic[Key]):
    """When the time of each of some things is over; ``deadline`` tells it of any of them (ns), None of what is no more.

    Most deadlines are put off again and again, and few are ever reached: so only the first one told of a thing is kept, and
    looked up anew when its turn comes.
    """

    __slots__ = ("_deadline", "_heap", "_known")

    def __init__(self, deadline: Callable[[Key], int | None]) -> None:
        self._deadline = deadline
        self._heap: list[tuple[int, Key]] = []
        self._known: dict[Key, int] = {}
        """When each is looked up next; what else the heap has of it is out of date."""

    def watch(self, key: Key, due: int) -> None:
        """The deadline of a thing is, or has become, ``due`` (ns)."""
        known = self._known.get(key)
        if known is None or due < known:
            self._known[key] = due
            heapq.heappush(self._heap, (due, key))

    def watch_only(self, things: Iterable[tuple[Key, int]]) -> None:
        """These are all there are: others have come and gone untold."""
        self._known = dict(things)
        self._heap = [(due, key) for key, due in self._known.items()]
        heapq.heapify(self._heap)

    def __bool__(self) -> bool:
        """False: nothing will be over. True: perhaps."""
        return bool(self._heap)

    def may_be_due(self, at: int) -> bool:
        """False: nothing is over by ``at`` (ns). True: perhaps."""
        return bool(self._heap) and self._heap[0][0] <= at

    def next(self) -> tuple[int, Key] | None:
        """What is over next, and when (ns)."""
        heap, known = self._heap, self._known
        while heap:
            due, key = heap[0]
            deadline = self._deadline(key)
            if deadline is None or known.get(key) != due:
                heapq.heappop(heap)
                if deadline is None:
                    known.pop(key, None)
            elif deadline > due:
                heapq.heapreplace(heap, (deadline, key))
                known[key] = deadline
            else:
                return due, key
        return None

    def over(self, at: int) -> Key | None:
        """The next thing whose time is over by ``at`` (ns): the caller does away with it, or puts it off, before he asks again."""
        found = self.next() if self.may_be_due(at) else None
        return None if found is None or found[0] > at else found[1]
