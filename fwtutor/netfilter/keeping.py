"""A mapping that never changes: what is remembered of many keys. The next one shares with it nearly all there is.

So a record may keep what was remembered before each packet, even when that is much. Keys are tuples of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
_PARTS = 256


class Kept(Generic[Key, Value]):
    """Values by key."""

    __slots__ = ("_parts", "_size")

    def __init__(self, parts: tuple[Mapping[Key, Value], ...] = ({},) * _PARTS, size: int = 0) -> None:
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
            yield from part.items()

    def get(self, key: Key) -> Value | None:
        return self._parts[hash(key) % _PARTS].get(key)

    def having(self, key: Key, value: Value) -> Kept[Key, Value]:
        """The same with this value."""
        number = hash(key) % _PARTS
        return self._with(number, {**self._parts[number], key: value})

    def without(self, key: Key) -> Kept[Key, Value]:
        """The same without that key."""
        number = hash(key) % _PARTS
        return self._with(number, {known: value for known, value in self._parts[number].items() if known != key})

    def updated(self, values: Mapping[Key, Value]) -> Kept[Key, Value]:
        """The same with all these values."""
        if len(values) == 1:
            ((key, value),) = values.items()
            return self.having(key, value)
        parts: dict[int, dict[Key, Value]] = {}
        for key, value in values.items():
            number = hash(key) % _PARTS
            if number not in parts:
                parts[number] = dict(self._parts[number])
            parts[number][key] = value
        after = tuple(parts.get(number, part) for number, part in enumerate(self._parts))
        return Kept(after, sum(map(len, after)))

    def _with(self, number: int, after: Mapping[Key, Value]) -> Kept[Key, Value]:
        parts = (*self._parts[:number], after, *self._parts[number + 1 :])
        return Kept(parts, self._size + len(after) - len(self._parts[number]))
