"""The clock: events ordered by (time, whether they come first, sequence). It knows nothing of what an event means."""

from __future__ import annotations

from heapq import heappop, heappush


class Event:
    """Something that will happen. Subclasses say what; ``busy`` ones keep the world from being quiet."""

    __slots__ = ("at", "busy", "cancelled", "cause", "host", "ordinal")

    def __init__(self, at: int, host: str, cause: int, ordinal: int, busy: bool = True) -> None:
        self.at = at
        self.host = host
        self.cause = cause
        self.ordinal = ordinal
        self.busy = busy
        self.cancelled = False


class Clock:
    """A queue of events. Of two at the same time that one comes first which was to, else the one queued first."""

    __slots__ = ("_heap", "_sequence", "busy")

    def __init__(self) -> None:
        self._heap: list[tuple[int, bool, int, Event]] = []
        self._sequence = 0
        self.busy = 0
        """How many events are ahead that keep the world from being quiet."""

    def push(self, event: Event, first: bool = False) -> None:
        """Queues an event; ``first``: before all others of its time that are not."""
        self._sequence += 1
        heappush(self._heap, (event.at, not first, self._sequence, event))
        self.busy += event.busy

    def cancel(self, event: Event) -> None:
        """It will not happen. Cancelling twice, or what has happened, does no harm."""
        if not event.cancelled:
            event.cancelled = True
            self.busy -= event.busy

    def next_at(self) -> int | None:
        """ns: when the next event is due."""
        while self._heap and self._heap[0][3].cancelled:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, host: str) -> int | None:
        """ns: when the next event of a host is due."""
        return min((event.at for _, _, _, event in self._heap if event.host == host and not event.cancelled), default=None)

    def pop(self) -> Event:
        """Takes the next event. Raises IndexError when there is none."""
        self.next_at()
        event = heappop(self._heap)[3]
        # What has happened can no longer be cancelled.
        event.cancelled = True
        self.busy -= event.busy
        return event
