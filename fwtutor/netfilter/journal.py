"""Journal: what happened to a box's state, in order, so that it can be taken back."""

from __future__ import annotations

from fwtutor.netfilter.state import COUNTER, State
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.walk import Walk


class Journal:
    """Kept from ``begin`` on; before that nothing is."""

    __slots__ = ("_items", "_state")

    def __init__(self, state: State) -> None:
        self._state = state
        self._items: list[Walk | tuple[Change, ...]] | None = None

    def begin(self) -> int:
        """Keeps it from now on, if it is not kept yet; how much there is in it."""
        if self._items is None:
            self._items = []
        return len(self._items)

    @property
    def length(self) -> int:
        """How much there is in it."""
        return len(self._items or ())

    def log(self, item: Walk | tuple[Change, ...]) -> None:
        """Something happened."""
        if self._items is not None and item:
            self._items.append(item)

    def revert(self, length: int) -> bool:
        """Takes back what happened since there was so much in it. Was there anything but counters, which have no timers?"""
        items, more = self._items or [], False
        while len(items) > length:
            item = items.pop()
            changes = item.changes if isinstance(item, Walk) else item
            self._state.revert(changes)
            more = more or any(change.kind != COUNTER for change in changes)
        return more
