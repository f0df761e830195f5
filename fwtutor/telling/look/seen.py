"""One host at the place where the lab is: what has happened there by then, and what the last packet changed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fwtutor.netfilter.state import MEMORY
from fwtutor.network.records import Walked, changes_of
from fwtutor.recording.cursor import Cursor

if TYPE_CHECKING:
    from fwtutor.course.journey import Journey
    from fwtutor.network.host import Host
    from fwtutor.network.records import Record
    from fwtutor.recording import Session, View


@dataclass(slots=True, frozen=True)
class Seen:
    """A reading of one host."""

    session: Session
    name: str
    cursor: Cursor
    """Stands where the host was read."""
    view: View
    at: int
    """ns."""
    upto: int
    """The last record that is over."""
    fresh: frozenset[tuple[str, Any]]
    """(kind, key) of the counters, entries and expectations that changed by the host's last packet, or since."""

    @property
    def host(self) -> Host:
        return self.session.run.world.hosts[self.name]

    def records(self) -> Iterator[Record]:
        """What has happened at the host, in order."""
        run = self.session.run
        places = run.tracks[self.name].records
        return (run.records[index] for index in places[: bisect_right(places, self.upto)])


class Sight:
    """Reads hosts where the lab is. It has a cursor of its own: what only concerns other hosts may be further than the lab's."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._cursor = Cursor(journey.session.run)

    @property
    def hosts(self) -> list[str]:
        """All of them, the watched one first."""
        scenario = self._journey.session.scenario
        return [scenario.watch, *(host.name for host in scenario.topology.hosts if host.name != scenario.watch)]

    def see(self, name: str) -> Seen:
        """A host as it is here. Raises KeyError if there is none of that name."""
        session = self._journey.session
        here = session.cursor
        over = here.step == len(here.steps)
        upto = self._until() if over else here.index - 1
        if name == session.scenario.watch:
            upto, cursor = min(upto, here.index), here
        else:
            cursor = self._cursor
            if cursor.run is not session.run:
                cursor.attach(session.run, upto)
            else:
                cursor.seek(upto)
        at = max(here.at, session.run.records[upto].at) if over and upto >= 0 else here.at
        return Seen(session, name, cursor, cursor.view_of(name), at, upto, _fresh(cursor, name, upto))

    def _until(self) -> int:
        """The last record that has happened. When the watched host has nothing more to do on this page, all others have done theirs."""
        journey, run, index = self._journey, self._journey.session.run, self._journey.session.cursor.index
        end = min([len(run.records), *run.stage_starts[journey.stage + 1 : journey.stage + 2]])
        number = bisect_right(run.stops, index)
        if number < len(run.stops) and run.stops[number] < end:
            return index
        # But what a question is about is not told before it is answered.
        block = journey.blocking
        return max(index, min(end, block[0] if block else end) - 1)


def _fresh(cursor: Cursor, name: str, upto: int) -> frozenset[tuple[str, Any]]:
    found: set[tuple[str, Any]] = set()
    record = cursor.record
    if isinstance(record, Walked) and record.host == name and cursor.step < len(cursor.steps):
        changes = (change for step in cursor.steps[: cursor.step] for change in step.changes)
        return frozenset((change.kind, change.key) for change in changes if change.kind != MEMORY)
    places = cursor.run.tracks[name].records
    for index in reversed(places[: bisect_right(places, upto)]):
        record = cursor.run.records[index]
        found |= {(change.kind, change.key) for change in changes_of(record) if change.kind != MEMORY}
        if isinstance(record, Walked):
            break
    return frozenset(found)
