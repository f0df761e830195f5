"""A changeable copy of a table, to look at: what stands in it, what was there before, and whether anything was written.

``edit`` changes it. A copy is thrown away when anything is refused, so a refused command changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from fwtutor.netfilter.xtables.errors import RuleRefused, nearest
from fwtutor.netfilter.xtables.rule import CounterKey, Jump, Rule, SharedKey, StatefulMatch, Table, policy_key
from fwtutor.netfilter.xtables.sentences import NO_CHAIN, refused


class Place(NamedTuple):
    """Where a rule was written: of a refusal that only comes at the end."""

    line: str
    start: int
    end: int
    number: int


class Copy:
    """A table as it is while it is changed."""

    def __init__(self, table: Table, exists: bool = True, around: Iterable[Table] = ()) -> None:
        self.name, self.family = table.name, table.family
        self.around = around
        """All tables as they were, this one among them: the kernel takes the new rules before it gives up the old."""
        self._shared: set[SharedKey] | None = None
        """Under which names rules remember something, when somebody has asked."""
        self.exists = exists
        """Whether the kernel has had the table before."""
        self.policies = {chain.name: chain.policy for chain in table.chains.values()}
        self.kept = dict(table.chains)
        """Chains as they were; a chain that is changed has its rules in ``rules`` instead."""
        self.rules: dict[str, list[Rule]] = {}
        self.absent = {chain.name for chain in table.chains.values() if not chain.there}
        """Built-in chains that are not there, see ``Chain.there``."""
        self.uncounted = {chain.name for chain in table.chains.values() if not chain.counted}
        """Built-in chains whose policy has no counter, see ``Chain.counted``."""
        self.made = dict.fromkeys(table.made)
        """User chains in the order in which they were made."""
        self.counters: dict[CounterKey, tuple[int, int]] = {}
        self.places: dict[int, Place] = {}
        """Of rules that jump, by their id."""
        self.declared: set[str] = set()
        """Chains that the save file being read has named with a ":"."""
        self.line_number = 0
        """Of the line of a save file that is being read."""
        self.late: list[RuleRefused] = []
        """What the kernel will refuse when it gets all changes together (nft), in order."""
        self.may_loop = False
        """Whether jumps, and from where rules are reached, must be looked at."""
        self._references: Counter[str] | None = None
        """How many rules lead to each chain, when somebody has asked."""
        self.written = False
        """Whether anything was told to change, if only to what it was: iptables-legacy then puts a new table in its place."""

    # --- looking -----------------------------------------------------------------------------------------------

    def policy_key(self, chain: str) -> str:
        """As ``Table.policy_key``."""
        return policy_key(self.family, self.name, chain)

    def __contains__(self, chain: str) -> bool:
        return chain in self.policies

    def chain(self, name: str | None) -> str:
        if name is None or name not in self.policies:
            raise refused(NO_CHAIN, nearest(name or "", self.policies, "chains"))
        return name

    def into(self, name: str | None) -> str:
        """The chain something is put into, which so comes to be there."""
        return self.chain(name)

    def listed(self, name: str | None) -> str:
        """The chain to be listed."""
        return self.chain(name)

    def numbered(self, name: str | None) -> str:
        """The chain of a rule whose counter is set to 0 by its number."""
        return self.chain(name)

    @property
    def rule_with_counter(self) -> bool:
        """Whether a rule minds ``-c``."""
        return True

    @property
    def remains(self) -> bool:
        """Whether the table is there afterwards."""
        return True

    def order(self) -> list[str]:
        """Built-in chains, then user chains by name: the tool lists them so."""
        builtin = [name for name, policy in self.policies.items() if policy is not None]
        users = [name for name, policy in self.policies.items() if policy is None]
        return builtin + sorted(users, key=lambda name: name.encode(errors="surrogateescape"))

    def of(self, chain: str) -> tuple[Rule, ...] | list[Rule]:
        """A chain's rules, to look at only."""
        return self.rules[chain] if chain in self.rules else self.kept[chain].rules

    def references(self, chain: str) -> int:
        """Rules that jump or go to it."""
        if self._references is None:
            self._references = Counter(r.target.chain for name in self.policies for r in self.of(name) if isinstance(r.target, Jump))
        return self._references[chain]

    def rivalled(self, rule: Rule) -> str:
        """Why the kernel will not have a rule beside others, or those that it is to replace; "" if it will."""
        for match in rule.evaluated:
            if isinstance(match, StatefulMatch) and match.rival is not None and match.shared is not None:
                if self._shared is None:
                    rules = (each for table in self.around for chain in table.chains.values() for each in chain.rules)
                    remembering = (one for each in rules for one in each.evaluated if isinstance(one, StatefulMatch))
                    self._shared = {one.shared for one in remembering if one.shared is not None}
                if match.rival in self._shared:
                    return f"{match.shared[1]} is the name of a table already whose buckets are of the other kind"
                self._shared.add(match.shared)
        return ""
