"""State: everything about a firewall that packets change, and how to go forward and back in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fwtutor.netfilter.conntrack.entry import ORIGINAL, REPLY, SRC_NAT_DONE, Entry, Tuple
from fwtutor.netfilter.conntrack.expectation import Expectation, Place
from fwtutor.netfilter.defrag import Key, Waiting
from fwtutor.netfilter.steps import Change

ENTRY, COUNTER, MEMORY, EXPECTATION = "entry", "counter", "memory", "expectation"
ZERO = (0, 0)
"""A counter that never ticked; it is absent, so that going back leaves no trace."""


def _source(original: Tuple) -> tuple[int, int, int, int, int]:
    return original.family, original.protocol, original.src, original.sport, original.zone


class State:
    """Entries, expectations, counters and what stateful parts remember. Values are immutable, so a copy is a few shallow ones."""

    __slots__ = (
        "children", "counters", "entries", "expectations", "expected_at", "expected_by", "held", "index", "lopsided", "memory", "sources",
    )  # fmt: skip

    entries: dict[int, Entry]
    """Confirmed entries by id."""
    index: dict[Tuple, int]
    """The entry's id by each of its two tuples."""
    lopsided: dict[tuple[int, Tuple], int]
    """The same, by direction and tuple, of entries whose zone is for one direction only: their tuples may be another's, too."""
    sources: dict[tuple[int, int, int, int, int], set[int]]
    """By source: the ids of the entries about whose source it was decided."""
    counters: dict[int | str, tuple[int, int]]
    """(packets, bytes) by rule id, or by "table:CHAIN" for policies; absent is (0, 0)."""
    memory: dict[Any, Any]
    children: dict[int, int]
    """How many entries there are that were expected on account of an entry, by its id."""
    held: dict[int, int]
    """How many datagrams of which fragments wait are tied to an entry, by its id."""
    expectations: dict[int, Expectation]
    """By id, which counts up."""
    expected_at: dict[Place, tuple[int, ...]]
    """Ids of expectations by where they expect somebody."""
    expected_by: dict[int, tuple[int, ...]]
    """Ids of expectations by their master's, the oldest first."""

    def __init__(self) -> None:
        self.entries, self.index, self.sources, self.counters, self.memory = {}, {}, {}, {}, {}
        self.children, self.expectations, self.expected_at, self.expected_by, self.lopsided, self.held = {}, {}, {}, {}, {}, {}

    def copy(self) -> State:
        """An independent copy; costs time in proportion to what is in it."""
        new = State()
        for name in State.__slots__:
            setattr(new, name, dict(getattr(self, name)))
        new.sources = {source: set(known) for source, known in self.sources.items()}
        return new

    def find(self, key: Tuple | None) -> Entry | None:
        """The entry that has this tuple, in either direction; for one whose zone is the same in both."""
        if key is None:
            return None
        number = self.index.get(key)
        if self.lopsided:
            # More than one may have it then, and the youngest is found first.
            number = max(number or 0, *(self.lopsided.get((way, key), 0) for way in (ORIGINAL, REPLY))) or None
        return None if number is None else self.entries[number]

    def find_side(self, direction: int, key: Tuple) -> Entry | None:
        """The entry that has this tuple in this direction."""
        number = self.lopsided.get((direction, key))
        if number is None:
            number = self.index.get(key)
        entry = None if number is None else self.entries[number]
        return entry if entry is not None and key == (entry.reply if direction else entry.original) else None

    def _list(self, entry: Entry, there: bool) -> None:
        """Have an entry found by its tuples, or no longer."""
        original, reply = entry.original, entry.reply
        index: dict[Any, int] = self.index
        keys: tuple[Any, Any] = (reply, original)
        if original.zone != reply.zone:
            index, keys = self.lopsided, ((REPLY, reply), (ORIGINAL, original))
        for key in keys:
            if there:
                index[key] = entry.id
            else:
                index.pop(key, None)

    def translated(self, original: Tuple) -> Iterator[Entry]:
        """The connections of the same source (address, port, protocol) whose source was decided on, the youngest first."""
        for number in sorted(self.sources.get(_source(original), ()), reverse=True):
            yield self.entries[number]

    def put_entry(self, before: Entry | None, after: Entry | None) -> None:
        """Replace an entry by its next value; None is absent on either side."""
        if after is None:
            assert before is not None
            del self.entries[before.id]
            self._list(before, there=False)
            if before.master is not None:
                _count(self.children, before.master.id, -1)
            if before.status & SRC_NAT_DONE:
                known = self.sources[_source(before.original)]
                known.discard(before.id)
                if not known:
                    del self.sources[_source(before.original)]
            return
        self.entries[after.id] = after
        if before is None:
            self._list(after, there=True)
            if after.master is not None:
                _count(self.children, after.master.id, 1)
            if after.status & SRC_NAT_DONE:
                self.sources.setdefault(_source(after.original), set()).add(after.id)

    def uses(self, entry: Entry) -> int:
        """How often the entry is referred to: by the table, what was expected on its account, and fragments that wait."""
        return 1 + self.children.get(entry.id, 0) + self.held.get(entry.id, 0)

    def put_waiting(self, key: Key, after: Waiting | None) -> None:
        """What waits of a datagram; None: nothing does any more."""
        before: Waiting | None = self.memory.pop(key, None)
        for more, waiting in ((-1, before), (1, after)):
            if waiting is not None and waiting.tied is not None:
                _count(self.held, waiting.tied[0].id, more)
        if after is not None:
            self.memory[key] = after

    def put_expectation(self, before: Expectation | None, after: Expectation | None) -> None:
        """An expectation comes, or (``after`` None) goes."""
        one = after or before
        assert one is not None
        if after is None:
            del self.expectations[one.id]
        else:
            self.expectations[one.id] = one
        for ids, key in ((self.expected_at, one.place), (self.expected_by, one.master)):
            _listed(ids, key, one.id, after is not None)

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
        if kind == EXPECTATION:
            self.put_expectation(before, after)
            return
        if isinstance(key, Key):
            self.put_waiting(key, after)
            return
        values: dict[Any, Any] = self.counters if kind == COUNTER else self.memory
        if after is None or (kind == COUNTER and after == ZERO):
            values.pop(key, None)
        else:
            values[key] = after


def _count(counts: dict[int, int], id: int, more: int) -> None:
    """Count for an id; what is 0 is absent."""
    count = counts.pop(id, 0) + more
    if count:
        counts[id] = count


def _listed(ids: dict[Any, tuple[int, ...]], key: Any, number: int, there: bool) -> None:
    """Have a number among those of a key, in order, or not."""
    others = [other for other in ids.pop(key, ()) if other != number]
    if there or others:
        ids[key] = tuple(sorted([*others, number] if there else others))
