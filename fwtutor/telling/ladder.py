"""The ladder in words: where a packet ended and by what, and a rung as a sentence."""

from __future__ import annotations

from bisect import bisect_right

from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.steps import PolicyApplied, RuleTried
from fwtutor.network.records import CommandRun, Walked
from fwtutor.recording.ladder import Rung, legs, lost
from fwtutor.recording.run import Run
from fwtutor.telling import words


def death(run: Run, rung: Rung, until: int) -> tuple[str, str] | None:
    """(host, by what) where a packet was stopped, by its records up to ``until``; None if it was not."""
    for index in rung.records:
        record = run.records[index]
        if index <= until and isinstance(record, Walked) and record.walk.verdict not in ("ACCEPT", "HELD"):
            return record.host, stopped_by(record)
    return None


def stopped_by(record: Walked) -> str:
    """``rule 2 of INPUT``, ``policy of INPUT``, or why the stack refused it."""
    walk = record.walk
    if walk.reason or walk.verdict == "DISCARD":
        return walk.reason or "refused by the stack"
    step = decider(walk.steps)
    verdict = "REJECT " if walk.verdict == "REJECT" else ""
    if isinstance(step, PolicyApplied):
        return f"{verdict}policy of {step.chain}"
    return f"{verdict}rule {step.number} of {step.chain}" if isinstance(step, RuleTried) else walk.verdict


def plainly(run: Run, rung: Rung, seen: int, done: int) -> str:
    """One rung as a sentence: when, what, from whom over which hosts, and where it ended."""
    record = run.records[rung.anchor]
    number = bisect_right(run.stops, rung.anchor)
    here = number and run.stops[number - 1] == rung.anchor
    at = f"Moment {number}, {words.clock(record.at)}" if here else words.clock(record.at)
    if not isinstance(record, Walked):
        return f"{at}: {'command ' if isinstance(record, CommandRun) else f'{record.host}: '}{words.moment(record)}"
    packet = record.walk.packet
    walked = legs(run, rung, seen)
    way = [rung.sent_by, *(leg.end for leg in walked)]
    said = f"{at}: {', then '.join(way)}: {words.packet_tuple(packet)} {words.flags(packet)}".rstrip()
    dead, gone = death(run, rung, done), lost(run, rung, done)
    if dead is not None:
        return f"{said}: stopped at {dead[0]} by {dead[1]}"
    return f"{said}: lost on the way from {gone}" if gone else said if walked else f"{said}: {rung.sent_by} to itself"
