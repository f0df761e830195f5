"""Jumps: where in a run the next or last moment of a kind is. Found by reading records; nothing is run and nothing moved."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import ASSURED, SEEN_REPLY, Entry, Tuple
from fwtutor.netfilter.conntrack.tuples import tuple_of
from fwtutor.netfilter.derive import entry_changes, matched
from fwtutor.netfilter.state import ENTRY
from fwtutor.netfilter.walk import Walk
from fwtutor.network.records import CommandRun, Record, TimerFired, Walked
from fwtutor.recording.cursor import Cursor
from fwtutor.recording.run import Run

Endpoint = tuple[int, int]
"""Address and port; of protocols without ports what stands in their place in a tuple."""


class Connection(NamedTuple):
    """What the packets of one connection have in common, both directions: protocol, and the two ends as its first packet had them."""

    family: int
    protocol: int
    ends: tuple[Endpoint, Endpoint]


def connection_of(walk: Walk) -> Connection:
    """The connection of a packet: its entry's, so that translated answers belong to it too; without an entry, what its own header says."""
    packet = walk.packet
    tuple_ = walk.tracked.original if walk.tracked is not None else tuple_of(packet)
    # A packet without a tuple (a later fragment) goes with those of its two addresses.
    return _of_tuple(tuple_ or Tuple(packet.family, packet.src, packet.dst, packet.protocol, 0, 0))


def connection_of_entry(entry: Entry) -> Connection:
    """The connection an entry is about."""
    return _of_tuple(entry.original)


def _of_tuple(tuple_: Tuple) -> Connection:
    one, other = (tuple_.src, tuple_.sport), (tuple_.dst, tuple_.dport)
    return Connection(tuple_.family, tuple_.protocol, (one, other) if one <= other else (other, one))


@dataclass(slots=True, frozen=True)
class Wanted:
    """What is looked for. ``kind``: "state", "stopped", "rule", "connection", "input", "timer" or "mark"."""

    kind: str
    entry: int = 0
    """kind "state": the entry's id; 0: any entry's."""
    rule: int = 0
    """kind "rule": the rule's id."""
    connection: Connection | None = None
    marks: tuple[int, ...] = ()
    """kind "mark": indices of records."""


def find(run: Run, index: int, wanted: Wanted, direction: int = 1) -> int | None:
    """The nearest record after (1) or before (-1) ``index`` at which one can stop and that is wanted; None if there is none."""
    stops = run.stops
    if direction > 0:
        numbers = range(bisect_right(stops, index), len(stops))
    else:
        numbers = range(bisect_left(stops, index) - 1, -1, -1)
    fits = _fitting(wanted)
    return next((stops[number] for number in numbers if fits(run.records[stops[number]])), None)


def looked_from(cursor: Cursor, direction: int) -> int:
    """The record from which to look for another: on, a packet under way is still ahead."""
    return cursor.index - (direction > 0 and cursor.step < len(cursor.steps))


def moment_at(run: Run, at: int) -> int:
    """The last record one can stop at that is no later than ``at`` (ns); -1 before all."""
    stops = run.stops
    number = bisect_right(stops, at, key=lambda index: run.records[index].at)
    return stops[number - 1] if number else -1


def _fitting(wanted: Wanted) -> Callable[[Record], bool]:
    match wanted.kind:
        case "state":
            return lambda record: changes_state(record, wanted.entry)
        case "stopped":
            return lambda record: isinstance(record, Walked) and record.walk.verdict in ("DROP", "REJECT")
        case "rule":
            return lambda record: isinstance(record, Walked) and matched(record.walk, wanted.rule)
        case "connection":
            return lambda record: isinstance(record, Walked) and connection_of(record.walk) == wanted.connection
        case "input":
            return lambda record: isinstance(record, CommandRun)
        case "timer":
            return lambda record: isinstance(record, TimerFired)
        case _:
            return lambda record: record.index in wanted.marks


def changes_state(record: Record, entry: int = 0) -> bool:
    """Does an entry (that with the id ``entry``, 0: any) come, go, or get another state by this record? Not merely a new timer."""
    for change in entry_changes(record.walk) if isinstance(record, Walked) else record.changes:
        if change.kind == ENTRY and (not entry or change.key == entry):
            before, after = change.before, change.after
            if before is None or after is None or before.state != after.state or _status(before) != _status(after):
                return True
    return False


def _status(entry: Entry) -> int:
    return entry.status & (SEEN_REPLY | ASSURED)
