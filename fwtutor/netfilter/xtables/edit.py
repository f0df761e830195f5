"""A table being changed: chains and rules put in, taken out and renamed, with what the kernel would refuse.

A ``Draft`` is a copy (``draft``), and speaks of rules as values; words and places are ``parser``'s and ``commands``'.
This one is the legacy tool's, ``edit_nft`` the other.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar, NoReturn

from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.xtables.draft import Copy
from fwtutor.netfilter.xtables.errors import RuleRefused, nearest
from fwtutor.netfilter.xtables.jumps import Jumps, check
from fwtutor.netfilter.xtables.placing import Chains, Fault, chains_of, first_fault, wrong_hook
from fwtutor.netfilter.xtables.rule import Chain, Header, Jump, Rule, Table
from fwtutor.netfilter.xtables.sentences import (
    BAD_POLICY,
    BAD_RULE,
    EXISTS,
    FILE_EXISTS,
    IN_USE,
    INVALID,
    LOOP,
    NO_CHAIN,
    NOT_BUILTIN,
    NOT_EMPTY,
    refused,
)  # fmt: skip

POLICIES = ("ACCEPT", "DROP")
VERDICTS = ("ACCEPT", "DROP", "RETURN", "QUEUE")
MAX_RENAMED = 31
"""Bytes -E takes for a new name; of which the kernel keeps only KEPT_NAME."""
KEPT_NAME = 29
MAX_RULES = 100_000
"""Rules in one chain."""
MAX_CHAINS = 100_000


def new_table(name: str, *, family: int = 4, there: bool = True) -> Table:
    """A table nobody changed yet: built-in chains with policy ACCEPT, or (nft) not even those."""
    return Table(name, MappingProxyType({chain: Chain(chain, "ACCEPT", there=there) for chain in BUILTIN_CHAINS[name]}), (), family)


def same(one: Rule, other: Rule) -> bool:
    """Whether ``-D`` takes one for the other. An interface ``+``, fitting every name, is as good as none."""
    return compared(one) == compared(other) and one.target == other.target and _plain(one.header) == _plain(other.header)


def compared(rule: Rule) -> list[object]:
    """What ``-D`` looks at of a rule's matches."""
    return [match.compared for match in rule.matches]


def _plain(header: Header) -> Header:
    if header.in_interface == "+":
        header = replace(header, in_interface="")
    return replace(header, out_interface="") if header.out_interface == "+" else header


class Draft(Copy):
    """What iptables-legacy does to a table."""

    variant: ClassVar[str] = "legacy"
    policy_with_counter: ClassVar[bool] = True
    """Whether ``-P`` minds ``-c``."""

    def _change(self, chain: str) -> list[Rule]:
        self.written, self._references = True, None
        if chain not in self.rules:
            self.rules[chain] = list(self.kept[chain].rules)
        return self.rules[chain]

    def _at(self, chain: str, number: int, what: str) -> int:
        if number > len(self.of(chain)):
            count = len(self.of(chain))
            raise refused(f"Index of {what} too big.", f"{chain} has {count} rule{'' if count == 1 else 's'}")
        return number - 1

    # --- rules ---------------------------------------------------------------------------------------------------

    def form(self, rule: Rule) -> Rule:
        """The rule as the tool would list it."""
        return rule

    def _admit(self, rule: Rule, verb: str, chain: str) -> None:
        """``verb``: the kernel's word for the change."""
        if isinstance(rule.target, Jump):
            if self.policies.get(rule.target.chain) is not None:
                raise refused(INVALID, f"{rule.target.chain} is a built-in chain: only the kernel enters those")
            self.may_loop = True
        elif rule.hooks() is not None:
            self.may_loop = True

    def _room(self, chain: str) -> list[Rule]:
        """The rules of a chain, if it can have one more."""
        rules = self._change(chain)
        if len(rules) >= MAX_RULES:
            raise refused(f"fwtutor holds {MAX_RULES} rules in a chain, no more")
        return rules

    def append(self, chain: str, rule: Rule) -> None:
        self._admit(rule, "RULE_APPEND", chain)
        self._room(chain).append(rule)

    def insert(self, chain: str, number: int, rule: Rule) -> None:
        if number > len(self.of(chain)) + 1:
            raise refused("Index of insertion too big.", f"{len(self.of(chain)) + 1} is the last place in {chain}")
        self._admit(rule, "RULE_APPEND" if 1 < number == len(self.of(chain)) + 1 else "RULE_INSERT", chain)
        self._room(chain).insert(number - 1, rule)

    def replace(self, chain: str, number: int, rule: Rule) -> None:
        at = self._at(chain, number, "replacement")
        self._admit(rule, "RULE_REPLACE", chain)
        self.may_loop = True
        self._change(chain)[at] = rule

    def find(self, chain: str, rule: Rule) -> int:
        """The index of the first rule that is the same."""
        if chain not in self.policies:
            raise refused(BAD_RULE, f"there is no chain {chain}: {nearest(chain, self.policies, 'chains')}")
        if isinstance(rule.target, Jump) and self.policies.get(rule.target.chain) is not None:
            raise refused(INVALID, f"{rule.target.chain} is a built-in chain: no rule can jump there")
        for index, other in enumerate(self.of(chain)):
            if same(rule, other):
                return index
        said = BAD_RULE if rule.target.name in ("", *VERDICTS) and not isinstance(rule.target, Jump) else NO_CHAIN
        raise refused(said, f"no rule of {chain} is exactly this one: -S {chain} shows them")

    def delete(self, chain: str, index: int) -> None:
        del self._change(chain)[index]
        self.may_loop = True

    def delete_number(self, chain: str, number: int) -> None:
        self.delete(chain, self._at(chain, number, "deletion"))

    def flushed(self, verbose: bool) -> list[str]:
        """Chains that -F without a name empties."""
        return self.order()

    def flush(self, chain: str) -> None:
        self.written, self._references = True, None
        self.rules[chain] = []
        self.may_loop = True

    def zeroed(self, chain: str | None, listing: bool) -> list[str]:
        """Chains whose counters -Z sets to 0; ``listing``: it came with -L or -S."""
        return self.order() if chain is None else [self.chain(chain)]

    def zero(self, chain: str) -> None:
        """Counters of a chain's rules and policy to 0."""
        self.written = True
        for rule in self.of(chain):
            self.counters[rule.id] = (0, 0)
        if self.policies[chain] is not None:
            self.counters[self.policy_key(chain)] = (0, 0)

    def zero_number(self, chain: str, number: int) -> None:
        self.written = True
        self.counters[self.of(chain)[self._at(chain, number, "counter")].id] = (0, 0)

    # --- chains ---------------------------------------------------------------------------------------------------

    def create(self, chain: str) -> None:
        if chain in self.policies or chain in VERDICTS:
            raise refused(EXISTS)
        if len(self.policies) >= MAX_CHAINS:
            raise refused(f"fwtutor holds {MAX_CHAINS} chains, no more")
        self.written = True
        self.policies[chain] = None
        self.rules[chain] = []
        self.made[chain] = None

    def dropped(self, verbose: bool) -> list[str]:
        """Chains that -X without a name deletes."""
        return [name for name in self.order() if self.policies[name] is None]

    def drop(self, chain: str) -> bool:
        """Delete a chain. Whether -v tells of it."""
        if self.policies[chain] is not None:
            raise refused(INVALID, f"{chain} is a built-in chain and stays")
        count = self.references(chain)
        if count:
            raise refused(IN_USE, f"{count} rule{' jumps' if count == 1 else 's jump'} to {chain}")
        if self.of(chain):
            raise refused(NOT_EMPTY, f"{chain} has rules: -F {chain} first")
        self._forget(chain)
        return True

    def _forget(self, chain: str) -> None:
        self.written = True
        del self.policies[chain], self.made[chain]
        self.rules.pop(chain, None)

    def rename(self, old: str, new: str) -> None:
        if new in self.policies or new in VERDICTS:
            raise refused(FILE_EXISTS)
        if self.policies.get(old, "") is not None:
            raise refused(NO_CHAIN, f"user chains: {', '.join(n for n in self.order() if self.policies[n] is None) or 'none'}")
        raw = new.encode(errors="surrogateescape")
        if len(raw) > MAX_RENAMED:
            raise refused(INVALID, f"{MAX_RENAMED} bytes are the most")
        new = raw[:KEPT_NAME].decode(errors="surrogateescape")
        if new in self.policies:
            raise refused(FILE_EXISTS, f"only {KEPT_NAME} bytes of a name are kept")
        self._rename(old, new)

    def _rename(self, old: str, new: str) -> None:
        self.written, self._references = True, None
        for name in list(self.policies):
            if any(isinstance(rule.target, Jump) and rule.target.chain == old for rule in self.of(name)):
                self.rules[name] = [_redirected(rule, old, new) for rule in self.of(name)]
        self.rules[new] = list(self.of(old))
        del self.policies[old]
        self.rules.pop(old, None)
        self.policies[new] = None
        self.made = {new if name == old else name: None for name in self.made}

    def set_policy(self, chain: str, policy: str, counter: tuple[int, int] | None = None) -> None:
        """A new policy starts with a counter of 0, also when it is the old one."""
        if self.policies.get(chain) is None:
            builtin = ", ".join(name for name, own in self.policies.items() if own is not None)
            raise refused(NOT_BUILTIN, f"only built-in chains have a policy: {builtin}")
        if policy not in POLICIES:
            raise refused(BAD_POLICY, f"policies: {', '.join(POLICIES)}")
        self.absent.discard(chain)
        self.uncounted.discard(chain)
        self.written = True
        self.policies[chain] = policy
        self.counters[self.policy_key(chain)] = counter or (0, 0)

    # --- the end ---------------------------------------------------------------------------------------------------

    def finish(self) -> Table:
        """The new table. Refuses loops that a packet could run into, and rules reached from where they may not be."""
        if self.may_loop:
            met = chains_of({name: self._met(name) for name in self.policies}, self._directly)
            starts = [name for name, policy in self.policies.items() if policy is not None]
            check(starts, met.jumps, lambda chain: len(self.of(chain)), self._looping, self._check_depth)
            self._check_places(met, starts)
        self._settle_counters()
        chains = {}
        for name in self.order():
            policy = self.policies[name]
            kept = self.kept.get(name)
            there, counted = name not in self.absent, name not in self.uncounted
            if kept is not None and name not in self.rules and (kept.policy, kept.there, kept.counted) == (policy, there, counted):
                chains[name] = kept
            else:
                chains[name] = Chain(name, policy, tuple(self.of(name)), there, counted)
        return Table(self.name, MappingProxyType(chains), tuple(self.made), self.family)

    def _settle_counters(self) -> None:
        """Whatever is changed, the legacy tool puts a new table in the place of the old one, and forgets what its policies counted."""
        if self.written:
            for chain, policy in self.policies.items():
                if policy is not None:
                    self.counters.setdefault(self.policy_key(chain), (0, 0))

    def _met(self, chain: str) -> list[Rule]:
        """Rules that a packet may meet. Behind an unconditional verdict the kernel does not look."""
        rules, blank = self.of(chain), Header(self.family)
        for number, rule in enumerate(rules, 1):
            if not rule.matches and rule.target.name in VERDICTS and rule.header == blank:
                return list(rules[:number])
        return list(rules)

    def _directly(self, chain: str) -> bool:
        """Whether the options of rules in that chain count for where they may be reached from."""
        return True

    def _check_places(self, chains: Chains, starts: list[str]) -> None:
        """Refuses rules that are reached from a hook at which they may not be met."""
        if any(chains.limited.values()):
            fault = first_fault(chains, starts, self._directly)
            if fault is not None:
                raise self._misplaced(fault)

    def _misplaced(self, fault: Fault) -> RuleRefused:
        return refused(INVALID, wrong_hook(fault.rule, fault.hook))

    def _looping(self, chains: list[str], ways: list[Rule]) -> NoReturn:
        """Refuse the rules that lead round. ``ways``: all of them from the built-in chain on."""
        raise refused(LOOP, f"a packet could go round and round through {' -> '.join(chains)}")

    def _check_depth(self, depths: dict[str, int], chain: str, jumps: Jumps) -> None:
        """Refuse chains that are nested too deep below a built-in one; ``depths``: how deep it goes from each chain."""


def _redirected(rule: Rule, old: str, new: str) -> Rule:
    if isinstance(rule.target, Jump) and rule.target.chain == old:
        return replace(rule, target=Jump(new, rule.target.goto))
    return rule
