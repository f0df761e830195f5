"""A table being changed: chains and rules put in, taken out and renamed, with what the kernel would refuse.

A ``Draft`` is thrown away when anything is refused, so a refused command changes nothing. It speaks of rules as
values; words and places are ``parser``'s and ``commands``'. This one is the legacy tool's, ``edit_nft`` the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar, NamedTuple, NoReturn

from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.xtables.errors import KERNEL, RuleRefused, nearest
from fwtutor.netfilter.xtables.placing import Chains, Fault, chains_of, first_fault, wrong_hook
from fwtutor.netfilter.xtables.rule import (
    Chain,
    CounterKey,
    Header,
    Jump,
    Rule,
    SharedKey,
    StatefulMatch,
    Table,
    policy_key,
)

NO_CHAIN = "No chain/target/match by that name."
BAD_RULE = "Bad rule (does a matching rule exist in that chain?)."
EXISTS = "Chain already exists."
FILE_EXISTS = "File exists."
NOT_EMPTY = "Directory not empty."
IN_USE = "Too many links."
LOOP = "Too many levels of symbolic links."
INVALID = "Invalid argument. Run `dmesg' for more information."
OUT_OF_RANGE = "Numerical result out of range."
NOT_BUILTIN = "Bad built-in chain name."
BAD_POLICY = "Bad policy name. Run `dmesg' for more information."

POLICIES = ("ACCEPT", "DROP")
VERDICTS = ("ACCEPT", "DROP", "RETURN", "QUEUE")
MAX_RENAMED = 31
"""Bytes -E takes for a new name; of which the kernel keeps only KEPT_NAME."""
KEPT_NAME = 29
MAX_RULES = 100_000
"""Rules in one chain."""
MAX_CHAINS = 100_000
MAX_TRIED = 1_000_000
"""Rules of one table that a packet may have to try. Thirty chains that each jump twice to the next come to 1,000,000,000."""


def refused(message: str, hint: str = "") -> RuleRefused:
    """What the kernel (or the library that speaks to it) says. The place is filled in by who knows the line."""
    return RuleRefused(message, manner=KERNEL, hint=hint)


def new_table(name: str, *, family: int = 4, there: bool = True) -> Table:
    """A table nobody changed yet: built-in chains with policy ACCEPT, or (nft) not even those."""
    return Table(name, MappingProxyType({chain: Chain(chain, "ACCEPT", there=there) for chain in BUILTIN_CHAINS[name]}), (), family)


def same(one: Rule, other: Rule) -> bool:
    """Whether ``-D`` takes one for the other. An interface ``+``, fitting every name, is as good as none."""
    return one.matches == other.matches and one.target == other.target and _plain(one.header) == _plain(other.header)


def _plain(header: Header) -> Header:
    if header.in_interface == "+":
        header = replace(header, in_interface="")
    return replace(header, out_interface="") if header.out_interface == "+" else header


class Place(NamedTuple):
    """Where a rule was written: of a refusal that only comes at the end."""

    line: str
    start: int
    end: int
    number: int


class Draft:
    """A changeable copy of a table."""

    variant: ClassVar[str] = "legacy"
    policy_with_counter: ClassVar[bool] = True
    """Whether ``-P`` minds ``-c``."""

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
            self._check_jumps(met.jumps)
            self._check_places(met)
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

    def _check_places(self, chains: Chains) -> None:
        """Refuses rules that are reached from a hook at which they may not be met."""
        if any(chains.limited.values()):
            fault = first_fault(chains, [name for name, policy in self.policies.items() if policy is not None], self._directly)
            if fault is not None:
                raise self._misplaced(fault)

    def _misplaced(self, fault: Fault) -> RuleRefused:
        return refused(INVALID, wrong_hook(fault.rule, fault.hook))

    def _looping(self, chains: list[str], ways: list[Rule]) -> NoReturn:
        """Refuse the rules that lead round. ``ways``: all of them from the built-in chain on."""
        raise refused(LOOP, f"a packet could go round and round through {' -> '.join(chains)}")

    def _check_depth(self, depths: dict[str, int], chain: str, jumps: Mapping[str, list[Rule]]) -> None:
        """Refuse chains that are nested too deep below a built-in one; ``depths``: how deep it goes from each chain."""

    def _check_jumps(self, jumps: Mapping[str, list[Rule]]) -> None:
        """Refuses loops that a built-in chain leads to, and ways without end. Without recursion: chains may be nested deep.

        ``jumps``: the rules of each chain that lead to others.
        """
        done: dict[str, int] = {}
        depths: dict[str, int] = {}
        for start in [name for name, policy in self.policies.items() if policy is not None]:
            path = [start]
            ways: list[Rule] = []
            on_path = {start}
            stack = [iter(jumps[start])]
            while stack:
                way = next(stack[-1], None)
                if way is None:
                    stack.pop()
                    left = path.pop()
                    on_path.discard(left)
                    del ways[-1:]
                    further = [goes_to(rule) for rule in jumps[left]]
                    done[left] = len(self.of(left)) + sum(done[chain] for chain in further)
                    depths[left] = max((depths[chain] + 1 for chain in further), default=0)
                    if done[left] > MAX_TRIED:
                        hint = f"each jump to a chain makes it try all of that chain's rules; this one comes to {done[left]}"
                        raise refused(f"a packet in {left} could have to try more than {MAX_TRIED} rules, and fwtutor lets none", hint)
                    if not stack:
                        self._check_depth(depths, left, jumps)
                    continue
                following = goes_to(way)
                if following in on_path:
                    self._looping([*path[path.index(following) :], following], [*ways, way])
                elif following not in done:
                    path.append(following)
                    ways.append(way)
                    on_path.add(following)
                    stack.append(iter(jumps[following]))


def goes_to(rule: Rule) -> str:
    """The chain a rule jumps or goes to."""
    assert isinstance(rule.target, Jump)
    return rule.target.chain


def _redirected(rule: Rule, old: str, new: str) -> Rule:
    if isinstance(rule.target, Jump) and rule.target.chain == old:
        return replace(rule, target=Jump(new, rule.target.goto))
    return rule
