"""A mapping that never changes: what matches remember of many keys. The next one shares with it nearly all there is.

So a record may keep what was remembered before each packet, even when that is much. Keys are tuples of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
_PARTS = 256


class Kept(Generic[Key, Value]):
    """Values by key."""

    __slots__ = ("_parts", "_size")

    def __init__(self, parts: tuple[tuple[tuple[Key, Value], ...], ...] = ((),) * _PARTS, size: int = 0) -> None:
        self._parts, self._size = parts, size

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kept) and len(self) == len(other) and all(other.get(key) == value for key, value in self.items())

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return f"<Kept {dict(self.items())}>"

    def items(self) -> Iterator[tuple[Key, Value]]:
        for part in self._parts:
            yield from part

    def get(self, key: Key) -> Value | None:
        return next((value for known, value in self._parts[hash(key) % _PARTS] if known == key), None)

    def having(self, key: Key, value: Value) -> Kept[Key, Value]:
        """The same with this value."""
        return self._with(key, ((key, value),))

    def without(self, key: Key) -> Kept[Key, Value]:
        """The same without that key."""
        return self._with(key, ())

    def _with(self, key: Key, end: tuple[tuple[Key, Value], ...]) -> Kept[Key, Value]:
        number = hash(key) % _PARTS
        before = self._parts[number]
        after = tuple(one for one in before if one[0] != key) + end
        parts = (*self._parts[:number], after, *self._parts[number + 1 :])
        return Kept(parts, self._size + len(after) - len(before))
