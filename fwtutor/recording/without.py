"""What would have happened without a rule: the run is played again, and just before a packet the rule is deleted."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.xtables.rewriting import ChainName
from fwtutor.network.records import CommandRun
from fwtutor.recording.run import Run
from fwtutor.recording.scenario import Input
from fwtutor.recording.sides import FATE, Row, Side, rows


class Without(NamedTuple):
    """The packet with the rule and without it, and how the rest of the run fares."""

    refused: str
    """Why the rule cannot be deleted there; "" if it can."""
    here: Side | None = None
    there: Side | None = None
    """Without the rule; None if the packet would not have come."""
    differs: frozenset[str] = frozenset()
    later: int = 0
    """Packets behind this one, in either run."""
    otherwise: int = 0
    """Those of them that fare differently."""
    first: Row | None = None
    """The first of these."""


def without(run: Run, index: int, name: ChainName, number: int) -> Without:
    """Plays ``run`` again without rule ``number`` of a chain from just before the packet of record ``index`` on."""
    line = name.command("D", str(number))
    record = run.records[index]
    kept: list[Input] = [past for past in run.inputs if past.after < index]
    later = [run.again(past) for past in run.inputs if past.after >= index]
    deleted = Input(run.stage_of(index), index, record.at, run.scenario.watch, line)
    other = Run(run.scenario, [*kept, deleted, *later])
    typed = other.records[index]
    assert isinstance(typed, CommandRun)
    if typed.refused:
        return Without(typed.output.strip())
    found = [row for row in rows(run, other, index) if row.packet is not None]
    own = next(row for row in found if row.left is not None and row.left.index == index)
    rest = [row for row in found if row is not own]
    differing = [row for row in rest if row.differs & FATE]
    return Without("", own.left, own.right, own.differs, len(rest), len(differing), differing[0] if differing else None)
