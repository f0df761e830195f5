"""The rules in force: both families' rulesets, compiled, and what putting others in their place does to the box's state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fwtutor.netfilter.box import Box
from fwtutor.netfilter.journal import Journal
from fwtutor.netfilter.state import COUNTER, ENTRY, MEMORY
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.xtables.commands import Outcome, new_ruleset
from fwtutor.netfilter.xtables.compiled import CompiledTable, compile_tables
from fwtutor.netfilter.xtables.rule import Ruleset


class Enforced:
    """The rules of one box."""

    __slots__ = ("_box", "_compiled", "_journal", "next_rule", "rulesets")

    def __init__(self, box: Box, journal: Journal) -> None:
        self._box, self._journal = box, journal
        self.rulesets = {family: new_ruleset(family, box.variant) for family in (4, 6)}
        """By family: immutable versions."""
        self._compiled: dict[int, dict[str, CompiledTable]] = {4: {}, 6: {}}
        self.next_rule = 1
        """The id of the next rule that is made."""

    def new_rule_id(self) -> int:
        self.next_rule += 1
        return self.next_rule - 1

    def adopt(self, outcome: Outcome, now: int) -> None:
        """Puts in force what a command or a file made of the rules, at the time ``now`` (ns)."""
        state = self._box.state
        counters = state.counters
        ticks = tuple(Change(COUNTER, key, counters.get(key), value) for key, value in outcome.counters.items())
        family = outcome.ruleset.family
        before = self._compiled[family]
        if outcome.ruleset is not self.rulesets[family]:
            self.use(outcome.ruleset)
        state.apply(ticks)
        self._journal.log(ticks)
        for name in sorted(outcome.written):
            renewed = tuple(self._renewed(before.get(name), ticks, self._compiled[family].get(name), now))
            state.apply(renewed)
            self._journal.log(renewed)

    def _renewed(
        self, before: CompiledTable | None, ticks: Sequence[Change], after: CompiledTable | None, at: int
    ) -> Iterator[Change]:  # fmt: skip
        """What writing a table does to what its stateful matches remember.

        iptables-legacy replaces the whole table, so all of them begin anew. iptables-nft writes single rules, among them those
        whose counters it zeroes, but only if they have counted. What rules share stays while there is one of them.
        """
        memory, variant = self._box.state.memory, self._box.variant
        known = {} if before is None else before.memories
        # Of iptables-nft a table without chains is none.
        now = {} if after is None else after.memories
        shared: dict[Any, Any] = {}
        rewritten = {tick.key for tick in ticks if tick.before is not None}
        for place, match in now.items():
            if match.lasting:
                continue
            if variant == "legacy" or place not in known or place[0] in rewritten:
                if match.shared is None:
                    yield Change(MEMORY, place, memory.get(place), match.fresh(at, variant))
                    continue
                held = shared.get(match.shared, memory.get(match.shared))
                kept = match.fresh(at, variant) if held is None else match.joined(held, at, variant)
                yield Change(MEMORY, match.shared, held, kept)
                shared[match.shared] = kept
        everywhere = [table.memories for family in self._compiled.values() for table in family.values()]
        used = {match.shared for memories in everywhere for match in memories.values()}
        gone = (match.shared or place for place, match in known.items() if not match.lasting and (match.shared or place not in now))
        for key in dict.fromkeys(gone):
            if key not in used and key in memory:
                yield Change(MEMORY, key, memory[key], None)

    def use(self, ruleset: Ruleset) -> None:
        """Puts a ruleset in force."""
        family, box = ruleset.family, self._box
        self.rulesets[family] = ruleset
        self._compiled[family] = compile_tables(ruleset, self._compiled[family])
        box.use(family, self._compiled[family])
        if ruleset.tracks and not box.tracking[family]:
            changed = box.conntrack.forget_windows(family)
            self._journal.log(tuple(Change(ENTRY, before.id, before, after) for before, after in changed))
        box.tracking[family] = ruleset.tracks
        box.conntrack.labelling = any(one.labels for one in self.rulesets.values())
        if ruleset.accounts:
            # It stays on when the rule is gone.
            box.set_sysctls({"net.netfilter.nf_conntrack_acct": 1})

    def go_back(self, rulesets: Mapping[int, Ruleset]) -> None:
        """To rulesets that were in force before; entries do not forget a second time."""
        for family, ruleset in rulesets.items():
            if ruleset is not self.rulesets[family]:
                length = self._journal.length
                self.use(ruleset)
                self._journal.revert(length)
