"""A table compiled for walking: conditions as closures, chains of many rules behind an index; each made when a packet first needs it.

The index only saves work. Rules are grouped by which header fields they demand exactly; a packet looks itself up once per
group and gets, in order, the rules that can still match. A rule that remembers something (a stateful match) is found by its
header alone, so that whenever it would be reached it is evaluated. Which rules were tried is known from the positions.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES
from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.state import ENTRY, MEMORY
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.xtables import header
from fwtutor.netfilter.xtables.context import Context, Seen
from fwtutor.netfilter.xtables.rule import (
    ActingMatch,
    ActingTarget,
    Chain,
    CopyingTarget,
    Header,
    Jump,
    MemoryKey,
    Rule,
    Ruleset,
    SharedKey,
    StatefulMatch,
    Table,
    Target,
    Test,
    memory_key,
)

INDEX_FROM = 24
"""Rules in a chain from which on the index is worth its trouble."""

CONTINUE, ACCEPT, DROP, RETURN, JUMP, GOTO, TARGET, ACT, SEND = range(9)

_STANDARD = {"ACCEPT": ACCEPT, "DROP": DROP, "RETURN": RETURN}


MATCHED, POLICY, END, HOT_DROP, EVALUATED, ACTED, CHANGED, SENT = range(8)


class Hit(NamedTuple):
    """A place where something happened on the way through a table. Only MATCHED and POLICY tick a counter."""

    what: int
    """MATCHED: a rule did. POLICY: it decided. END: the end of a user chain. HOT_DROP: a match had the packet dropped.

    EVALUATED: a stateful match was, whatever came of it; the hit on its rule, if there is one, follows.
    ACTED: the target of the rule just matched did. CHANGED: one of the rule's matches changed the packet's entry.
    SENT: the target of the rule just matched sent a copy of the packet.
    """
    chain: CompiledChain
    position: int
    """Of the rule in its chain, from 0; the number of rules for POLICY and END."""
    before: Any = (0, 0)
    """The counter before the tick, None when there is none; of EVALUATED a Change, of ACTED and CHANGED an ``Acted``, of SENT a Walk."""


class Acted(NamedTuple):
    """What an acting target, or match, changed."""

    before: Seen
    after: Seen
    changes: tuple[Change, ...]
    """Of the packet's entry, if that is confirmed, and of what the target remembers."""
    dropped: bool


def _unmade(context: Context) -> bool:
    """In the place of a test nobody has needed yet."""
    raise AssertionError


Index = list[tuple[Callable[[Context], Any], dict[Any, list[int]]]]
"""Groups of rules: what a packet is looked up by, and the positions, ascending, by what their rules demand."""


class CompiledChain:
    """One chain of a compiled table."""

    __slots__ = ("_index", "_tests", "actions", "chain", "goes_to", "policy_key", "rules", "table", "variant")

    chain: Chain
    table: str
    rules: tuple[Rule, ...]
    actions: list[int]
    goes_to: dict[int, CompiledChain]
    """Where a jump or goto leads, by the rule's position."""

    def __init__(self, table: Table, chain: Chain, variant: str) -> None:
        self.chain, self.table, self.rules = chain, table.name, chain.rules
        self.variant = variant
        self.policy_key = table.policy_key(chain.name)
        self.actions = [_action(rule) for rule in chain.rules]
        self.goes_to = {}
        self._tests: list[Test | None] = [_unmade] * len(chain.rules)
        self._index: Index | None = None

    def __repr__(self) -> str:
        return f"<CompiledChain {self.table} {self.chain.name}>"

    def test(self, position: int) -> Test | None:
        """All conditions of a rule as one function; None when there are none."""
        test = self._tests[position]
        if test is _unmade:
            test = self._tests[position] = compile_rule(self.rules[position], self, position)
        return test

    def next_match(self, context: Context, start: int) -> int:
        """Position of the first rule from ``start`` on that matches, or the number of rules.

        Below 0, as ``~position``: of a rule that has the packet dropped at once, and does not match.
        """
        number = len(self.rules)
        if number < INDEX_FROM or not context.packet.has_l4 or context.packet.authentication:
            # A packet cut short can be dropped by the very match that looks for its header, so every rule must be asked; and what
            # has an Authentication header is not of the same protocol for every variant.
            positions: Iterable[int] = range(start, number)
        else:
            positions = self._candidates(context, start)
        tests = self._tests
        for position in positions:
            test = tests[position]
            if test is _unmade:
                test = self.test(position)
            if test is None or test(context):
                return position
            if context.hot_drop:
                return ~position
        return number

    def _candidates(self, context: Context, start: int) -> Iterable[int]:
        """Where the rules stand that can still match, from ``start`` on."""
        if self._index is None:
            self._index = build_index(self.rules)
        found = [
            map(group.__getitem__, range(bisect_left(group, start), len(group)))
            for key, groups in self._index
            if (group := groups.get(key(context))) is not None and group[-1] >= start
        ]
        return found[0] if len(found) == 1 else heapq.merge(*found)


def _action(rule: Rule) -> int:
    target = rule.target
    if isinstance(target, Jump):
        return GOTO if target.goto else JUMP
    if isinstance(target, ActingTarget):
        return ACT
    if isinstance(target, CopyingTarget):
        return SEND
    if target.goes_on:
        return CONTINUE
    return _STANDARD.get(target.decides or target.name, TARGET)


def compile_rule(rule: Rule, chain: CompiledChain, position: int) -> Test | None:
    """All conditions of a rule as one function, in their order; None when there are none."""
    tests = []
    for place, match in enumerate(rule.evaluated):
        if isinstance(match, StatefulMatch):
            tests.append(_remembering(match, memory_key(rule, place), chain, position))
        else:
            tests.append(_changing(match, chain, position) if isinstance(match, ActingMatch) else match.compile())
    own = header.compile(rule.header, chain.variant)
    if own is not None:
        tests.insert(0, own)
    return header.all_of(tests)


def _remembering(match: StatefulMatch, key: MemoryKey | SharedKey, chain: CompiledChain, position: int) -> Test:
    """A stateful match as a function that keeps what it remembers, and records it."""
    evaluate, draws = match.evaluate, match.draws

    def test(context: Context) -> bool:
        before = context.memory[key]
        held, after = evaluate(before, context)
        if draws and context.lots is not None:
            held = context.lots(chain.table, chain.chain.name, position + 1)
        context.memory[key] = after
        context.hits.append(Hit(EVALUATED, chain, position, Change(MEMORY, key, before, after)))
        return held

    return test


def _changing(match: ActingMatch, chain: CompiledChain, position: int) -> Test:
    """A match that may change the entry as a function that records it."""
    act = match.act

    def test(context: Context) -> bool:
        was, before = context.entry, context.seen()
        held = act(context)
        if context.entry is not was:
            context.hits.append(Hit(CHANGED, chain, position, Acted(before, context.seen(), _kept(was, context), False)))
        return held

    return test


def _kept(was: Entry | None, context: Context) -> tuple[Change, ...]:
    """Keep what became of a packet's entry, if that is confirmed."""
    entry = context.entry
    if was is None or entry is None or entry is was or not entry.confirmed or not context.keep(was, entry):
        return ()
    return (Change(ENTRY, entry.id, was, entry),)


# --- the index ----------------------------------------------------------------------------------------------


class Shape(NamedTuple):
    """Which fields a group of rules demands exactly: two masks (0: not at all) and five yes or no."""

    src_mask: int
    dst_mask: int
    protocol: bool
    in_interface: bool
    out_interface: bool
    sport: bool
    dport: bool


def shape_and_key(rule: Rule) -> tuple[Shape, tuple[Any, ...]]:
    """The group a rule belongs to, and the values it demands of the packet."""
    own: Header = rule.header
    ports: tuple[int | None, int | None] = (None, None)
    for match in rule.evaluated:
        if isinstance(match, StatefulMatch | ActingMatch) or own.protocol_not:
            break
        sport, dport = match.exact_ports()
        ports = (ports[0] if sport is None else sport, ports[1] if dport is None else dport)
    src = own.src if own.src is not None and not own.src_not else (0, 0)
    dst = own.dst if own.dst is not None and not own.dst_not else (0, 0)
    protocol = own.protocol if not own.protocol_not else 0
    inside = own.in_interface if not own.in_not and not own.in_interface.endswith("+") else ""
    outside = own.out_interface if not own.out_not and not own.out_interface.endswith("+") else ""
    shape = Shape(src[1], dst[1], protocol != 0, inside != "", outside != "", ports[0] is not None, ports[1] is not None)
    wanted: list[Any] = []
    if shape.src_mask:
        wanted.append(src[0])
    if shape.dst_mask:
        wanted.append(dst[0])
    wanted += [value for use, value in zip(shape[2:], (protocol, inside, outside, *ports), strict=True) if use]
    return shape, tuple(wanted)


_FIELDS: tuple[Callable[[Context], Any], ...] = (
    lambda context: context.packet.protocol,
    lambda context: context.in_interface,
    lambda context: context.out_interface,
    lambda context: context.packet.sport,
    lambda context: context.packet.dport,
)


def key_function(shape: Shape, family: int) -> Callable[[Context], Any]:
    """A function that takes from a packet the values a shape's rules demand, in ``shape_and_key``'s order."""
    ones = ALL_ONES[family]
    src_mask, dst_mask = shape.src_mask, shape.dst_mask
    fields = list[Callable[[Context], Any]]()
    if src_mask:
        fields.append((lambda context: context.packet.src) if src_mask == ones else (lambda context: context.packet.src & src_mask))
    if dst_mask:
        fields.append((lambda context: context.packet.dst) if dst_mask == ones else (lambda context: context.packet.dst & dst_mask))
    fields += [read for use, read in zip(shape[2:], _FIELDS, strict=True) if use]
    if len(fields) == 1:
        only = fields[0]
        return lambda context: (only(context),)
    if len(fields) == 2:
        first, second = fields
        return lambda context: (first(context), second(context))
    return lambda context: tuple([read(context) for read in fields])


def build_index(rules: tuple[Rule, ...]) -> Index:
    """Groups of rules by shape, each a dictionary from the values demanded to the positions, ascending."""
    groups: dict[Shape, dict[Any, list[int]]] = {}
    for position, rule in enumerate(rules):
        shape, key = shape_and_key(rule)
        groups.setdefault(shape, {}).setdefault(key, []).append(position)
    family = rules[0].header.family
    return [(key_function(shape, family), group) for shape, group in groups.items()]


# --- the walk -----------------------------------------------------------------------------------------------


class CompiledTable:
    """One version of a table, ready to be walked."""

    __slots__ = ("chains", "memories", "name", "table")

    memories: dict[MemoryKey, StatefulMatch]
    """The matches that remember something, by where they stand."""

    def __init__(self, table: Table, variant: str) -> None:
        self.table, self.name = table, table.name
        self.chains = {name: CompiledChain(table, chain, variant) for name, chain in table.chains.items()}
        self.memories = {}
        for chain in self.chains.values():
            for position, rule in enumerate(chain.rules):
                if isinstance(rule.target, Jump):
                    chain.goes_to[position] = self.chains[rule.target.chain]
                for place, match in enumerate(rule.evaluated):
                    if isinstance(match, StatefulMatch):
                        self.memories[rule.id, place] = match

    def walk(self, start: CompiledChain, context: Context, counters: dict[int | str, tuple[int, int]], hits: list[Hit]) -> Rule | str:
        """Walk a packet through the table from a built-in chain: "ACCEPT" or "DROP", or the rule whose target must act.

        Every rule that matches ticks its counter and is added to ``hits``, in order; so are the other places a Hit can be.
        """
        length = context.packet.length
        context.hits = hits
        chain, position = start, 0
        came_from: list[tuple[CompiledChain, int]] = []
        while True:
            position = chain.next_match(context, position)
            if position < len(chain.rules):
                if position < 0 or (context.hot_drop and chain.variant == "nft"):
                    hits.append(Hit(HOT_DROP, chain, position if position >= 0 else ~position))
                    return "DROP"
                key = chain.rules[position].id
                before = counters.get(key, (0, 0))
                counters[key] = (before[0] + 1, before[1] + length)
                hits.append(Hit(MATCHED, chain, position, before))
                if context.hot_drop:
                    # What legacy's rule counts all the same: a "!" made a match of it.
                    hits.append(Hit(HOT_DROP, chain, position))
                    return "DROP"
                action = chain.actions[position]
                if action == ACCEPT:
                    return "ACCEPT"
                if action == DROP:
                    return "DROP"
                if action == TARGET:
                    return chain.rules[position]
                if action in (JUMP, GOTO):
                    if action == JUMP:
                        came_from.append((chain, position + 1))
                    chain, position = chain.goes_to[position], 0
                    continue
                if action == CONTINUE:
                    position += 1
                    continue
                if action == SEND:
                    target = chain.rules[position].target
                    assert isinstance(target, CopyingTarget)
                    copy = context.copy_to(target.gateway, target.oif)
                    if copy is not None:
                        hits.append(Hit(SENT, chain, position, copy))
                        context.hits = hits
                    position += 1
                    continue
                if action == ACT:
                    acted = act(chain.rules[position].target, context)
                    hits.append(Hit(ACTED, chain, position, acted))
                    if acted.dropped:
                        return "DROP"
                    length = context.packet.length
                    position += 1
                    continue
            elif chain.chain.policy is None:
                hits.append(Hit(END, chain, position))
            # RETURN, or the end of the chain.
            if came_from:
                chain, position = came_from.pop()
                continue
            if start.chain.counted:
                before = counters.get(start.policy_key, (0, 0))
                counters[start.policy_key] = (before[0] + 1, before[1] + length)
                hits.append(Hit(POLICY, start, len(start.rules), before))
            else:
                hits.append(Hit(POLICY, start, len(start.rules), None))
            assert start.chain.policy is not None
            return start.chain.policy


def act(target: Target, context: Context) -> Acted:
    """Let a target act on a packet, and keep what becomes of the packet's entry."""
    assert isinstance(target, ActingTarget)
    before = context.seen()
    key = target.remembers
    remembered = None if key is None else context.memory.get(key)
    goes_on = target.act(context)
    changes = _kept(before.entry, context)
    if key is not None and context.memory.get(key) is not remembered:
        changes += (Change(MEMORY, key, remembered, context.memory[key]),)
    return Acted(before, context.seen(), changes, not goes_on)


def compile_tables(ruleset: Ruleset, before: Mapping[str, CompiledTable]) -> dict[str, CompiledTable]:
    """Compile what changed; a table that is the same value keeps its compiled form."""
    return {
        name: before[name] if name in before and before[name].table is table else CompiledTable(table, ruleset.variant)
        for name, table in ruleset.tables.items()
    }
