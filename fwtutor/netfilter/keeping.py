"""A mapping that never changes: what is remembered of many keys. The next one shares with it nearly all there is.

So a record may keep what was remembered before each packet, even when that is much. Keys are tuples of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
        return self.updated({key: value})

    def without(self, key: Key) -> Kept[Key, Value]:
        """The same without that key."""
        return self.without_all((key,))

    def updated(self, values: Mapping[Key, Value]) -> Kept[Key, Value]:
        """The same with all these values."""
        parts: dict[int, dict[Key, Value]] = {}
        for key, value in values.items():
            self._own(parts, key)[key] = value
        return self._with_all(parts)

    def without_all(self, keys: Iterable[Key]) -> Kept[Key, Value]:
        """The same without any of these keys."""
        parts: dict[int, dict[Key, Value]] = {}
        for key in keys:
            self._own(parts, key).pop(key, None)
        return self._with_all(parts)

    def changed(self, other: Kept[Key, Value]) -> Iterator[tuple[Key, Value | None, Value | None]]:
        """What ``other`` has otherwise: each key with the value here and the value there. What both share is not looked at."""
        for here, there in zip(self._parts, other._parts, strict=True):
            if here is not there:
                keys = dict.fromkeys((*here, *there))
                yield from ((key, here.get(key), there.get(key)) for key in keys if here.get(key) != there.get(key))

    def _own(self, parts: dict[int, dict[Key, Value]], key: Key) -> dict[Key, Value]:
        """Among ``parts`` a copy of that of a key."""
        number = hash(key) % _PARTS
        if number not in parts:
            parts[number] = dict(self._parts[number])
        return parts[number]

    def _with_all(self, parts: dict[int, dict[Key, Value]]) -> Kept[Key, Value]:
        after, size = list(self._parts), self._size
        for number, part in parts.items():
            size += len(part) - len(after[number])
            after[number] = part
        return Kept(tuple(after), size)
