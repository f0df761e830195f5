"""Sets of numbers as ranges: ports, addresses, lengths."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import itemgetter

Range = tuple[int, int]
_first, _last = itemgetter(0), itemgetter(1)


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

    @classmethod
    def _of(cls, ranges: Iterable[Range]) -> Ints:
        """Of ranges that are in order and apart already."""
        made = cls.__new__(cls)
        made.ranges = tuple(ranges)
        return made

    def __and__(self, other: Ints) -> Ints:
        few, many = (self.ranges, other.ranges) if len(self.ranges) < len(other.ranges) else (other.ranges, self.ranges)
        found = list[Range]()
        for low, high in few:
            for place in range(bisect_left(many, low, key=_last), len(many)):
                first, last = many[place]
                if first > high:
                    break
                found.append((max(low, first), min(high, last)))
        return Ints._of(found)

    def __sub__(self, other: Ints) -> Ints:
        left = self.ranges
        for low, high in other.ranges:
            begin = bisect_left(left, low, key=_last)
            end = bisect_right(left, high, lo=begin, key=_first)
            if begin < end:
                pieces = ((left[begin][0], low - 1), (high + 1, left[end - 1][1]))
                left = (*left[:begin], *(piece for piece in pieces if piece[0] <= piece[1]), *left[end:])
        return Ints._of(left)
