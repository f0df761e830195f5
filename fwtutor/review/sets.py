"""Sets of numbers as ranges: ports, addresses, lengths."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

Range = tuple[int, int]


class Ints:
    """An immutable set of whole numbers; as with ``frozenset``, ``&`` is what both have and ``-`` what only the first has."""

    __slots__ = ("ranges",)

    ranges: tuple[Range, ...]
    """First and last of each, ascending, with gaps between them."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        joined = list[Range]()
        for low, high in sorted(ranges):
            if low > high:
                continue
            if joined and low <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(joined[-1][1], high)
            else:
                joined.append((low, high))
        self.ranges = tuple(joined)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ints) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return hash(self.ranges)

    def __repr__(self) -> str:
        return f"Ints({list(self.ranges)})"

    def __len__(self) -> int:
        """How many ranges it takes."""
        return len(self.ranges)

    def __contains__(self, value: int) -> bool:
        return bool(self & Ints([(value, value)]))

    def __and__(self, other: Ints) -> Ints:
        few, many = sorted((self.ranges, other.ranges), key=len)
        found = list[Range]()
        for low, high in few:
            for first, last in many[bisect_left(many, low, key=lambda one: one[1]) :]:
                if first > high:
                    break
                found.append((max(low, first), min(high, last)))
        return Ints(found)

    def __sub__(self, other: Ints) -> Ints:
        found = list[Range]()
        for low, high in self.ranges:
            at = low
            for first, last in other.ranges[bisect_left(other.ranges, low, key=lambda one: one[1]) :]:
                if first > high:
                    break
                found.append((at, first - 1))
                at = last + 1
            found.append((at, high))
        return Ints(found)
