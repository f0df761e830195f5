"""Two runs in words: what differs about a packet, and what each of the two made of it."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.listing import format_entry
from fwtutor.recording.run import Run
from fwtutor.recording.sides import BYTES, DECIDED, ENTRY, FATE, ONLY, STATE, TRIED, VERDICT, Row, Side
from fwtutor.telling import words


def differences(differs: frozenset[str]) -> list[str]:
    """What differs, the most telling first."""
    order = (ONLY, VERDICT, BYTES, STATE, DECIDED, ENTRY, TRIED)
    return [name for name in order if name in differs]


def same(row: Row) -> str:
    """What is said of a packet that fares the same."""
    if not row.rewritten or row.left is None or row.right is None:
        return "the same"
    # In its place it may have been widened or narrowed since; elsewhere it is told by what it means.
    rule = f"rule {row.left.number}" if row.left.number == row.right.number else "the same rule"
    return f"the same, by {rule}, written otherwise"


def told(name: str, side: Side) -> str:
    """What one run made of a packet, as far as ``name`` says."""
    if name == VERDICT:
        return f"{side.verdict}{f' (to {side.to})' if side.to else ''}"
    if name == STATE:
        return side.state or "not tracked"
    if name == TRIED:
        return str(side.tried)
    if name == ENTRY:
        return format_entry(side.entry, side.at) if side.entry is not None else "none"
    if name == DECIDED:
        return f"{side.decided}: {side.rule.save()}" if side.rule is not None else side.decided or "nothing"
    return ", ".join(f"{len(raw)} bytes by {interface}" for interface, raw in side.out) or "nothing left the box"


def run_title(run: Run) -> str:
    """Which commands made a run."""
    if not run.inputs:
        return "without commands of yours"
    last = f"{run.inputs[-1].host}# {run.inputs[-1].line}"
    return last if len(run.inputs) == 1 else f"{len(run.inputs)} commands, the last: {last}"


def plainly(row: Row, mine: Side | None, other: Side | None) -> str:
    """A packet of two runs as a sentence: what this run made of it, what the other did, and what else differs."""
    if row.packet is None:
        return f"command {row.command}: {'only in this run' if other is None else 'only in the other run' if mine is None else 'in both'}"
    what = row.packet.fault or f"{words.packet_tuple(row.packet)} {words.flags(row.packet)}".rstrip()
    if mine is None or other is None:
        side, where = (mine, "this run") if mine is not None else (other, "the other run")
        assert side is not None
        return f"{what}: only in {where}: {_fate(side)}"
    if not row.differs:
        return f"{what}: the same: {_fate(mine)}"
    rest = [name for name in differences(row.differs) if name not in (VERDICT, DECIDED)]
    if row.differs & {*FATE, DECIDED}:
        rest = [name for name in rest if name != TRIED]
    said = f"{what}: {_fate(mine)}; in the other run {_fate(other)}"
    if not row.differs & {*FATE, DECIDED}:
        said = f"{what}: {_fate(mine)} in both"
    return "; ".join([said, *(f"{name}: {_briefly(name, mine)}, in the other run {_briefly(name, other)}" for name in rest)])


def _briefly(name: str, side: Side) -> str:
    """Of an entry its state: all of it is in ``conntrack -L``."""
    if name != ENTRY or side.entry is None:
        return told(name, side)
    return f"{words.entry_kind(side.entry)} {words.entry_flags(side.entry)}".rstrip()


def _fate(side: Side) -> str:
    return f"{side.verdict}{f' by {side.decided}' if side.decided else ''}"
