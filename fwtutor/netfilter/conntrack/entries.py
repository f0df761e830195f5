"""The entries of a box: how they come, change and go. What they are is ``entry``'s, who judges packets by them ``tracking``'s."""

from __future__ import annotations

import heapq

from fwtutor.netfilter.conntrack.entry import ASSURED, CONFIRMED, ORIGINAL, REPLY, Entry
from fwtutor.netfilter.conntrack.expectations import Expectations
from fwtutor.netfilter.state import State
from fwtutor.netfilter.timers import Timers


class Entries:
    """All entries of one box. It changes ``state``'s, and has the expectations go that go with them."""

    def __init__(self, state: State, expectations: Expectations) -> None:
        self.state, self.expectations = state, expectations
        self.timers = Timers(self._expires)
        self._evictable: list[int] | None = None
        """Heap of the ids of all entries that are not ASSURED, and of some that are; made when the table is full."""

    def _expires(self, number: int) -> int | None:
        entry = self.state.entries.get(number)
        return None if entry is None else entry.expires

    def confirm(self, entry: Entry, at: int) -> Entry | None:
        """Keep a new entry: its timer starts. None when one of its tuples is taken meanwhile: the packet is dropped."""
        state, original, reply = self.state, entry.original, entry.reply
        if original.zone != reply.zone:
            taken = state.find_side(ORIGINAL, original) or state.find_side(REPLY, reply)
        else:
            taken = state.find(original) or state.find(reply)
        if taken is not None:
            return None
        kept = entry._replace(status=entry.status | CONFIRMED, expires=at + entry.expires, touched=at)
        self.put(None, kept)
        return kept

    def exchange(self, before: Entry, after: Entry) -> bool:
        """Replace an entry by its next value. False: it is gone, though a packet may still carry it."""
        if before.id not in self.state.entries:
            return False
        self.put(before, after)
        return True

    def put(self, before: Entry | None, after: Entry | None) -> None:
        """Replace an entry by its next value; None is absent on either side."""
        self.state.put_entry(before, after)
        if after is None:
            assert before is not None
            if before.help is not None:
                self.expectations.orphan(before.id)
            return
        self.timers.watch(after.id, after.expires)
        if before is None and self._evictable is not None:
            heapq.heappush(self._evictable, after.id)

    def evict(self) -> Entry | None:
        """Early drop: throw out the oldest entry that is not ASSURED; None when there is none.

        The kernel takes those that its hash, seeded by chance, has put near the new one.
        """
        entries = self.state.entries
        if self._evictable is None:
            self._evictable = [entry.id for entry in entries.values() if not entry.status & ASSURED]
            heapq.heapify(self._evictable)
        while self._evictable:
            entry = entries.get(heapq.heappop(self._evictable))
            if entry is not None and not entry.status & ASSURED:
                self.put(entry, None)
                return entry
        return None

    # --- time --------------------------------------------------------------------------------------------

    def expire(self, at: int) -> list[Entry]:
        """Forget those whose time is over at ``at`` (ns); returns them."""
        gone = []
        while (number := self.timers.over(at)) is not None:
            gone.append(self.state.entries[number])
            self.put(gone[-1], None)
        return gone

    def watch_all(self) -> None:
        """Entries have come and gone without this one's doing."""
        self._evictable = None
        self.timers.watch_only((number, entry.expires) for number, entry in self.state.entries.items())
