"""The ladder: the packets of a run between all its hosts, one rung each, with commands and timers between them."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from fwtutor.network.records import Record, Walked
from fwtutor.recording.run import Run


class Leg(NamedTuple):
    """A packet from one host to the next."""

    start: str
    end: str


class Rung(NamedTuple):
    """One packet on its whole way, or a command, or a timer."""

    anchor: int
    """The record it stands for: the packet's at the watched host if it came there, else its first."""
    records: tuple[int, ...]
    """All its records, in order: of a packet one a host it came to."""
    sent_by: str
    """The host it comes from."""


def rungs(run: Run) -> list[Rung]:
    """All of a run, in the order in which the watched host saw them."""
    records, watch = run.records, run.scenario.watch
    ways: list[list[int]] = []
    senders: list[str] = []
    way_of: dict[int, int] = {}
    for record in records:
        mother = _mother(records, record)
        number = way_of.get(record.cause) if mother is not None and not mother[1] else None
        if number is None:
            number = len(ways)
            ways.append([])
            senders.append(mother[0] if mother else record.host)
        ways[number].append(record.index)
        way_of[record.index] = number
    made = [Rung(_anchor(records, way, watch), tuple(way), sender) for way, sender in zip(ways, senders, strict=True)]
    made.sort(key=lambda rung: rung.anchor)
    return made


def _mother(records: list[Record], record: Record) -> tuple[str, bool] | None:
    """For a packet that came over a link: (the host that sent it, is it that host's answer to another packet); None for all else."""
    if not isinstance(record, Walked) or record.walk.in_interface is None or record.cause < 0:
        return None
    cause = records[record.cause]
    if not isinstance(cause, Walked):
        return None
    raw = record.walk.packet.raw
    return cause.host, any(raw == out for answer in cause.walk.answers for _, out in answer.out)


def _anchor(records: list[Record], way: list[int], watch: str) -> int:
    return next((index for index in way if records[index].host == watch), way[0])


def legs(run: Run, rung: Rung, until: int) -> list[Leg]:
    """The links a packet has gone over, by its records up to ``until``."""
    found = []
    for index in rung.records:
        record = run.records[index]
        mother = _mother(run.records, record) if index <= until else None
        if mother is not None:
            found.append(Leg(mother[0], record.host))
    return found


def lost(run: Run, rung: Rung, until: int) -> str:
    """The host from which a packet set out over a link and got nowhere; "" if there is none."""
    last = run.records[rung.records[-1]]
    if last.index > until or not isinstance(last, Walked):
        return ""
    walk = last.walk
    return last.host if walk.verdict == "ACCEPT" and walk.to not in (None, "local", "lo") else ""


def stop_of(run: Run, rung: Rung) -> int:
    """Where the cursor stands for a rung: at its record of the watched host, else at the last moment before it; -1 before all."""
    number = bisect_right(run.stops, rung.anchor)
    return run.stops[number - 1] if number else -1


def happened_until(run: Run, index: int, stage: int) -> int:
    """The last record that has happened when the cursor has seen all of the record ``index``, and no stage after ``stage`` has begun.

    What only concerns other hosts goes on until the next moment at which one can stop.
    """
    number = bisect_right(run.stops, index)
    until = run.stops[number] if number < len(run.stops) else len(run.records)
    return min([until, *run.stage_starts[stage + 1 : stage + 2]]) - 1
