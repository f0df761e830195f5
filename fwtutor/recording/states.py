"""What the TCP tracker made of each packet of a connection: which cell of its table, and what became of the entry's state.

A reading of records. The diagram is the table itself (``arrows``), so that it cannot say anything but what the engine runs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import INVALID, ORIGINAL, REPLY, Entry
from fwtutor.netfilter.conntrack.tcp import TABLE, Kind, State, TcpTrack, kind_of
from fwtutor.netfilter.derive import entry_changes
from fwtutor.netfilter.packet import TCP
from fwtutor.netfilter.steps import Arrived, EntryCreated, LookedUp, StateChanged, Step
from fwtutor.network.records import Walked
from fwtutor.recording.run import Run

SPINE = (
    State.NONE, State.SYN_SENT, State.SYN_RECV, State.ESTABLISHED, State.FIN_WAIT, State.CLOSE_WAIT, State.LAST_ACK, State.TIME_WAIT,
)  # fmt: skip
"""The states of a connection that nothing happens to, in order."""


class Arrow(NamedTuple):
    """From one state to another, and the segments that do it: (kind, direction)."""

    old: State
    new: State
    segments: tuple[tuple[Kind, int], ...]


def arrows(old: State) -> list[Arrow]:
    """The ways out of a state, in the order of the states they lead to."""
    found: dict[State, list[tuple[Kind, int]]] = {}
    for kind in Kind:
        for direction in (ORIGINAL, REPLY):
            new = TABLE[direction][kind][old]
            if isinstance(new, State) and new is not old:
                found.setdefault(new, []).append((kind, direction))
    return [Arrow(old, new, tuple(segments)) for new, segments in sorted(found.items())]


class Judged(NamedTuple):
    """One segment, and what the tracker made of it."""

    record: int
    """Its index in the run."""
    at: int
    """ns."""
    kind: Kind
    direction: int
    old: State
    cell: State | str
    """What the table says: a State, IGNORED or INVALID."""
    new: State | None
    """What the entry's state was afterwards: usually the cell. None: the segment was INVALID, or the entry was deleted."""
    reason: str
    """Why it is INVALID, in a few words; "" when it is not."""


def judged(record: int, at: int, steps: Sequence[Step]) -> tuple[int, Judged] | None:
    """(entry id, what the tracker made of the segment), from the steps that have happened; None if it has not looked at one yet.

    The id is 0 for a segment that no entry had, and that began none.
    """
    looked = next((step for step in steps if isinstance(step, LookedUp) and step.tuple is not None), None)
    packet = next((step.packet for step in steps if isinstance(step, Arrived)), None)
    if looked is None or packet is None or packet.protocol != TCP or not packet.has_l4:
        return None
    entry = looked.found
    old: State | None
    new: State | None
    created = next((step.entry for step in steps if isinstance(step, EntryCreated)), None)
    if created is not None:
        entry, old, new = created, State.NONE, _state(created)
    elif entry is None:
        old, new = State.NONE, None
    else:
        old, new = _state(entry), None if looked.state == INVALID else _state(entry)
        for step in steps:
            if isinstance(step, StateChanged) and step.before is not None and step.before.id == entry.id and new is not None:
                new = _state(step.after) if step.after is not None else None
    if old is None:
        return None
    kind = kind_of(packet.flags)
    direction = ORIGINAL if created is not None else looked.direction
    cell = TABLE[direction][kind][old]
    return (entry.id if entry else 0), Judged(record, at, kind, direction, old, cell, new, looked.reason)


def _state(entry: Entry) -> State | None:
    return entry.tracker.state if isinstance(entry.tracker, TcpTrack) else None


def way(run: Run, host: str, entry: Entry, until: int) -> list[Judged]:
    """What the segments of an entry's connection did at a host, in the records up to ``until``, that one included."""
    found = []
    mine, records = run.tracks[host].records, run.records
    for number in range(bisect_left(mine, entry.started, key=lambda index: records[index].at), bisect_right(mine, until)):
        record = records[mine[number]]
        if isinstance(record, Walked) and _touches(record, entry.id):
            seen = judged(record.index, record.at, record.walk.steps)
            if seen is not None and seen[0] == entry.id:
                found.append(seen[1])
    return found


def _touches(record: Walked, entry: int) -> bool:
    tracked = record.walk.tracked
    if tracked is not None and tracked.id == entry:
        return True
    return tracked is None and any(change.key == entry for change in entry_changes(record.walk))
