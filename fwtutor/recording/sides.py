"""Two runs side by side: the watched host's packets, paired by cause, what each run made of them, and what it cost.

Everything is read from the records; nothing is run. Which runs, and what is shown of them, is for others to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import ASSURED, SEEN_REPLY, Entry
from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.events import TABLE
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import LookedUp, RuleTried
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.explain import sentence
from fwtutor.netfilter.xtables.rule import Rule
from fwtutor.network.records import CommandRun, Record, Walked
from fwtutor.recording.compare import compare
from fwtutor.recording.run import Run

VERDICT, BYTES, STATE, DECIDED, ENTRY, TRIED, ONLY = "verdict", "bytes", "ctstate", "decided by", "entry", "rules tried", "only here"
"""What can differ between the two sides of a packet. BYTES: what left the box; ONLY: one run has no such packet."""
FATE = frozenset({VERDICT, BYTES, ONLY})
"""What of it is what becomes of the packet."""


@dataclass(slots=True, frozen=True)
class Side:
    """What one run made of a packet."""

    index: int
    """Of its record in that run."""
    at: int
    """ns"""
    verdict: str
    to: str | None
    state: str
    """The ctstate; "" when tracking is off."""
    tried: int
    """Rules tried, in all tables."""
    table: str
    chain: str
    number: int
    """The rule that decided; 0: the policy (with a ``chain``), or nothing did."""
    rule: Rule | None
    entry: Entry | None
    out: tuple[tuple[str, bytes], ...]
    among: Sequence[Rule] = ()
    """The rules of the chain that the one is from which decided, as they were then."""

    @property
    def decided(self) -> str:
        """``rule 2 of INPUT``, ``policy of INPUT``; "" when no rule had a say."""
        if not self.chain:
            return ""
        table = "" if self.table == "filter" else f" ({self.table})"
        return f"rule {self.number} of {self.chain}{table}" if self.number else f"policy of {self.chain}{table}"


@dataclass(slots=True, frozen=True)
class Row:
    """A packet of either run, or a command: what the two made of it."""

    packet: Packet | None
    """None: a command."""
    command: str
    left: Side | None
    right: Side | None
    differs: frozenset[str] = frozenset()
    rewritten: bool = False
    """What decided is in the same place, or says the same, and is only written otherwise: no difference to the packet."""


class Cost(NamedTuple):
    """What the rules of a run cost its packets."""

    packets: int
    tried: int
    """Rules tried, all packets together."""
    most: int
    common: int
    """So many at most for 95 of 100 packets."""


def side_of(record: Walked) -> Side:
    """What became of a packet."""
    walk = record.walk
    steps = walk.steps
    last = decider(steps)
    looked = next((step for step in reversed(steps) if isinstance(step, LookedUp)), None)
    tried = sum(isinstance(step, RuleTried) for step in steps)
    rule = last.rule if isinstance(last, RuleTried) else None
    number = last.number if isinstance(last, RuleTried) else 0
    table, chain = (last.table, last.chain) if last is not None else ("", "")
    out = tuple((interface, bytes(raw)) for interface, raw in walk.out)
    state = looked.state if looked is not None else ""
    where = (table, chain, number)
    return Side(record.index, record.at, walk.verdict, walk.to, state, tried, *where, rule, walk.tracked, out, _among(walk, rule))


def _among(walk: Walk, rule: Rule | None) -> Sequence[Rule]:
    """The chain's rules among which a rule was when it matched."""
    hits = (hit for event in walk.events if event[0] == TABLE for hit in event[2])
    places = ((hit.chain.rules, hit.position) for hit in hits)
    return next((rules for rules, at in places if at < len(rules) and rules[at] is rule), ())


def differing(left: Side | None, right: Side | None, *, same_rule: bool = False) -> frozenset[str]:
    """In what the two sides of a packet differ; ``same_rule``: what decided is only ``rewritten``."""
    if left is None or right is None:
        return frozenset() if left is right else frozenset({ONLY})
    found = {
        VERDICT: (left.verdict, left.to) != (right.verdict, right.to),
        BYTES: left.out != right.out,
        STATE: left.state != right.state,
        # A rule may have another number now, and be the same.
        DECIDED: (left.table, left.chain, left.rule) != (right.table, right.chain, right.rule) and not same_rule,
        ENTRY: _standing(left.entry) != _standing(right.entry),
        TRIED: left.tried != right.tried,
    }
    return frozenset(name for name, is_so in found.items() if is_so)


def rewritten(left: Side | None, right: Side | None) -> bool:
    """Did a rule decide in both that does the same with the packet, and is only written otherwise?"""
    if left is None or right is None or left.rule is None or right.rule is None:
        return False
    if (left.table, left.chain) != (right.table, right.chain) or left.rule == right.rule:
        return False
    in_place = left.number == right.number and left.rule.target == right.rule.target
    # A rule that is still there, elsewhere, has changed its place and not its words.
    in_place = in_place and left.rule not in right.among and right.rule not in left.among
    return in_place or _meaning(left.rule) == _meaning(right.rule)


def _meaning(rule: Rule) -> str:
    """What it says, remarks aside."""
    return sentence(replace(rule, matches=tuple(match for match in rule.matches if match.name != "comment")))


def _standing(entry: Entry | None) -> tuple[object, ...]:
    if entry is None:
        return ()
    return entry.original, entry.reply, entry.state, entry.status & (SEEN_REPLY | ASSURED), entry.mark


def rows(left: Run, right: Run, start: int = 0) -> list[Row]:
    """The packets of the watched host in both runs, and what was typed anywhere, in order; of ``left`` from the record ``start`` on."""
    watch = left.scenario.watch
    found: list[Row] = []
    known: dict[tuple[int, ...], bool] = {}
    for one, other in compare(left, right):
        if (one is not None and one.index < start) or (one is None and other is not None and other.index < start):
            continue
        row = _row(one, other, watch, known)
        if row is not None:
            found.append(row)
    return found


def _row(one: Record | None, other: Record | None, watch: str, known: dict[tuple[int, ...], bool]) -> Row | None:
    """``known``: of two rules in two chains whether the one is the other, written otherwise; most packets meet the same few."""
    record = one or other
    if isinstance(record, CommandRun):
        if not record.learner or (one is not None and other is not None):
            return None
        return Row(None, f"{record.host}# {record.line}", _typed(one), _typed(other))
    if record is None or not isinstance(record, Walked) or record.host != watch:
        return None
    left = side_of(one) if isinstance(one, Walked) else None
    right = side_of(other) if isinstance(other, Walked) else None
    same = False
    if left is not None and right is not None and left.rule is not None and right.rule is not None and left.rule != right.rule:
        key = id(left.among), id(right.among), left.number, right.number
        same = known[key] if key in known else known.setdefault(key, rewritten(left, right))
    return Row(record.walk.packet, "", left, right, differing(left, right, same_rule=same), same)


def _typed(record: Record | None) -> Side | None:
    return None if record is None else Side(record.index, record.at, "", None, "", 0, "", "", 0, None, None, ())


def cost(sides: Iterable[Side | None]) -> Cost:
    """What a side's rules cost."""
    counts = sorted(side.tried for side in sides if side is not None)
    if not counts:
        return Cost(0, 0, 0, 0)
    # The smallest number that is enough for 95 of 100 packets.
    return Cost(len(counts), sum(counts), counts[-1], counts[-(-len(counts) * 95 // 100) - 1])


def first_difference(found: Sequence[Row]) -> int | None:
    """Where to look first: the first packet with another fate, else the first with any difference."""
    packets = [(number, row) for number, row in enumerate(found) if row.packet is not None and row.differs]
    by_fate = next((number for number, row in packets if row.differs & FATE), None)
    return by_fate if by_fate is not None else next((number for number, _ in packets), None)
