"""State: everything about a firewall that packets change, and how to go forward and back in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fwtutor.netfilter.conntrack.entry import SRC_NAT_DONE, Entry, Tuple
from fwtutor.netfilter.steps import Change

ENTRY, COUNTER, MEMORY = "entry", "counter", "memory"
ZERO = (0, 0)
"""A counter that never ticked; it is absent, so that going back leaves no trace."""


def _source(original: Tuple) -> tuple[int, int, int, int, int]:
    return original.family, original.protocol, original.src, original.sport, original.zone


class State:
    """Entries, counters and what stateful parts remember. Values are immutable, so a copy is three shallow ones."""

    __slots__ = ("counters", "entries", "index", "memory", "sources")

    entries: dict[int, Entry]
    """Confirmed entries by id."""
    index: dict[Tuple, int]
    """The entry's id by each of its two tuples."""
    sources: dict[tuple[int, int, int, int, int], set[int]]
    """By source: the ids of the entries about whose source it was decided."""
    counters: dict[int | str, tuple[int, int]]
    """(packets, bytes) by rule id, or by "table:CHAIN" for policies; absent is (0, 0)."""
    memory: dict[Any, Any]

    def __init__(self) -> None:
        self.entries, self.index, self.sources, self.counters, self.memory = {}, {}, {}, {}, {}

    def copy(self) -> State:
        """An independent copy; costs time in proportion to what is in it."""
        new = State()
        new.entries, new.index, new.counters, new.memory = dict(self.entries), dict(self.index), dict(self.counters), dict(self.memory)
        new.sources = {source: set(known) for source, known in self.sources.items()}
        return new

    def find(self, key: Tuple | None) -> Entry | None:
        """The entry that has this tuple, in either direction."""
        number = None if key is None else self.index.get(key)
        return None if number is None else self.entries[number]

    def translated(self, original: Tuple) -> Iterator[Entry]:
        """The connections of the same source (address, port, protocol) whose source was decided on, the youngest first."""
        for number in sorted(self.sources.get(_source(original), ()), reverse=True):
            yield self.entries[number]

    def put_entry(self, before: Entry | None, after: Entry | None) -> None:
        """Replace an entry by its next value; None is absent on either side."""
        if after is None:
            assert before is not None
            del self.entries[before.id]
            del self.index[before.original]
            self.index.pop(before.reply, None)
            if before.status & SRC_NAT_DONE:
                known = self.sources[_source(before.original)]
                known.discard(before.id)
                if not known:
                    del self.sources[_source(before.original)]
            return
        self.entries[after.id] = after
        if before is None:
            self.index[after.reply] = self.index[after.original] = after.id
            if after.status & SRC_NAT_DONE:
                self.sources.setdefault(_source(after.original), set()).add(after.id)

    def apply(self, changes: Iterable[Change]) -> None:
        """Go forward over ``changes``."""
        for kind, key, before, after in changes:
            self._put(kind, key, before, after)

    def revert(self, changes: Iterable[Change]) -> None:
        """Go back over ``changes``, the last one first."""
        for kind, key, before, after in reversed(list(changes)):
            self._put(kind, key, after, before)

    def _put(self, kind: str, key: Any, before: Any, after: Any) -> None:
        if kind == ENTRY:
            self.put_entry(before, after)
            return
        values: dict[Any, Any] = self.counters if kind == COUNTER else self.memory
        if after is None or (kind == COUNTER and after == ZERO):
            values.pop(key, None)
        else:
            values[key] = after
