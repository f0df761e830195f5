"""Rules, chains, tables, rulesets: immutable values, one version of a ruleset after another.

The language (commands, save text, listings) is ``commands``, ``savefile`` and ``listing``; walking them is ``compiled``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from fwtutor.netfilter.conntrack.nat.ranges import Range
from fwtutor.netfilter.hooks import NAT
from fwtutor.netfilter.xtables.context import Context

CounterKey = int | str
"""A rule's ``id``, or ``policy_key`` for the policy of a built-in chain."""
Counters = Mapping[CounterKey, tuple[int, int]]
"""(packets, bytes) by key; absent is (0, 0)."""
Test = Callable[[Context], bool]


class Condition(NamedTuple):
    """One option of a rule held against one packet."""

    text: str
    """The option as iptables-save writes it: ``"-s 192.168.0.0/16"``, ``"! --dport 22"``, ``"--ctstate NEW"``."""
    held: bool
    because: str
    """With the packet's own values: ``"the source is 203.0.113.9"``."""


def policy_key(family: int, table: str, chain: str) -> str:
    """The key of the counter of a policy: "filter:INPUT", of IPv6 "filter6:INPUT"."""
    return f"{table}:{chain}" if family == 4 else f"{table}6:{chain}"


class Match(ABC):
    """A ``-m NAME`` with its options. Subclasses are frozen dataclasses, one file each in ``matches/``."""

    name: ClassVar[str] = ""
    tracks: ClassVar[bool] = False
    """True when a ruleset holding it switches connection tracking on."""
    accounts: ClassVar[bool] = False
    """True when a ruleset holding it switches net.netfilter.nf_conntrack_acct on."""
    labels: ClassVar[bool] = False
    """True when connections that begin while a ruleset holds it have room for labels."""

    @abstractmethod
    def compile(self) -> Test:
        """A function that says whether the packet matches; it may set ``context.hot_drop``."""

    @abstractmethod
    def conditions(self, context: Context) -> tuple[Condition, ...]:
        """The options in order, each with whether it held and why; pure, never changes anything."""

    @abstractmethod
    def save(self) -> str:
        """The options as iptables-save prints them after ``-m NAME`` ("" if none)."""

    def misplaced(self, header: Header) -> str:
        """Why the kernel refuses it in a rule with this header; "" if it does not."""
        return ""

    def listing(self, numeric: bool) -> str:
        """As ``-L`` prints it after the addresses; ``numeric`` as with ``-n``."""
        return ""

    spaced: ClassVar[bool] = True
    """Whether ``-L`` puts a space before that."""
    tables: ClassVar[tuple[str, ...]] = ()
    """The tables its rule may stand in; () all."""
    hooks: ClassVar[tuple[str, ...]] = ()
    """The hooks from which its rule may be reached; () all."""

    @property
    def compared(self) -> object:
        """What ``-D`` and ``-C`` tell it by from others of its name."""
        return self

    def unknown(self) -> str:
        """What it names that the kernel has not; "" if there is nothing."""
        return ""

    @property
    def hooks_by_options(self) -> tuple[str, ...]:
        """The same, where it depends on its options; of these nft's kernel looks only at rules in the built-in chains themselves."""
        return ()

    def exact_ports(self) -> tuple[int | None, int | None]:
        """(source, destination) port when this match, un-negated, demands exactly one; for the compiled index."""
        return None, None


class StatefulMatch(Match):
    """A match that remembers something from packet to packet: it is evaluated whenever the kernel would, and never else.

    What it remembers is a value in ``State.memory``, kept by the walk under the rule's id and its place in the rule. Each
    evaluation, hit or miss, is recorded with the value before it and after it.
    """

    lasting: ClassVar[bool] = False
    """True when what it remembers is the box's own: there before its rule, and after it."""

    @abstractmethod
    def fresh(self, at: int, variant: str) -> Any:
        """What it remembers when its rule is made, at the time ``at``."""

    @property
    def shared(self) -> SharedKey | None:
        """The name under which all rules of the box that say it remember the same; None: each remembers for itself."""
        return None

    @property
    def rival(self) -> SharedKey | None:
        """What no rule may remember under while there is this one; None: it stands nobody in the way."""
        return None

    @property
    def draws(self) -> bool:
        """Whether whether it holds is a matter of chance."""
        return False

    def joined(self, known: Any, at: int, variant: str) -> Any:
        """What is remembered under a shared name, when its rule comes to those (or itself) that remember ``known``."""
        return known

    @abstractmethod
    def evaluate(self, before: Any, context: Context) -> tuple[bool, Any]:
        """Whether the packet matches, and what is remembered after it; pure, so that it can be told again."""

    @abstractmethod
    def recall(self, before: Any, context: Context) -> tuple[Condition, ...]:
        """``conditions``, from what it remembered when it was evaluated; pure."""

    def recalled(self, before: Any, after: Any, context: Context) -> tuple[Condition, ...]:
        """The same from what it remembered before and after: for one that also looked at what is not told again, the table of entries."""
        return self.recall(before, context)

    def compile(self) -> Test:
        raise TypeError(f"-m {self.name} remembers: it is compiled as part of its rule")

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        """When it was not evaluated: something before it was false already."""
        return (Condition(f"-m {self.name} {self.save()}", False, "it is not asked"),)


class ActingMatch(Match):
    """A match that, asked, may also change the packet's entry."""

    @abstractmethod
    def act(self, context: Context) -> bool:
        """Whether the packet matches; may put another Entry in the place of ``context.entry``. Pure but for that."""

    def compile(self) -> Test:
        raise TypeError(f"-m {self.name} changes entries: it is compiled as part of its rule")


MemoryKey = tuple[int, int]
"""What a stateful match remembers is found by its rule's id and its place among the rule's matches."""
SharedKey = tuple[str, ...]
"""Or, where rules share it, by the match's name, that they gave it, and what else tells it from others."""


def memory_key(rule: Rule, place: int) -> MemoryKey | SharedKey:
    """Where the stateful match at that place of a rule keeps what it remembers."""
    match = rule.evaluated[place]
    assert isinstance(match, StatefulMatch)
    return match.shared or (rule.id, place)


class Target:
    """A ``-j NAME`` with its options. Subclasses are frozen dataclasses, one file each in ``targets/``."""

    name: ClassVar[str] = ""
    goes_on: ClassVar[bool] = False
    """True when the table's walk goes on after it, in this chain or in another."""
    listed: ClassVar[str] = ""
    """The name ``-L`` gives it, where that is another."""
    tracks: ClassVar[bool] = False
    tables: ClassVar[tuple[str, ...]] = ()
    """The tables it may stand in; () all."""
    hooks: ClassVar[tuple[str, ...]] = ()
    """The hooks from which its rule may be reached; () all."""

    @property
    def hooks_by_options(self) -> tuple[str, ...]:
        """As ``Match.hooks_by_options``."""
        return ()

    @property
    def tables_by_options(self) -> tuple[str, ...]:
        """As ``tables``, where it depends on its options."""
        return ()

    @property
    def decides(self) -> str:
        """ "ACCEPT", "DROP" or "RETURN", when that is all it does to a packet; else ""."""
        return ""

    def misplaced(self, header: Header) -> str:
        """As ``Match.misplaced``."""
        return ""

    def unknown(self, header: Header) -> str:
        """What it names that the kernel has not, in a rule with this header; "" if there is nothing."""
        return ""

    def starts_tracking(self) -> bool:
        """Whether a ruleset holding it switches connection tracking on."""
        return self.tracks

    def needs(self, rule: Rule) -> str:
        """What the legacy kernel misses among the rule's matches; "" if nothing."""
        return ""

    def save(self) -> str:
        """The options as iptables-save prints them after ``-j NAME`` ("" if none)."""
        return ""

    def listing(self, numeric: bool) -> str:
        """As ``-L`` prints it at the end of the line; ``numeric`` as with ``-n``."""
        return ""


class ActingTarget(Target):
    """A target that changes the packet, its marks or its entry, and lets the walk go on."""

    goes_on: ClassVar[bool] = True
    flattens: ClassVar[bool] = False
    """Whether it puts all of the packet into one piece, so that what came in fragments is cut anew."""
    remembers: ClassVar[SharedKey | None] = None
    """Where in the context's memory is what it changes besides."""

    @abstractmethod
    def act(self, context: Context) -> bool:
        """Change ``context`` (packet, mark, entry, what it remembers); pure but for that. False: the packet is dropped.

        Values are immutable: another Packet, another Entry take the place of the former.
        """


class CopyingTarget(Target):
    """A target that sends a copy of the packet to a gateway, and lets the walk go on."""

    goes_on: ClassVar[bool] = True

    gateway: int
    oif: str
    """The interface by which the copy leaves; "": routing says which."""


class NatTarget(Target):
    """A target that decides what one end of a connection is translated to. It is asked about first packets only."""

    tracks: ClassVar[bool] = True
    tables: ClassVar[tuple[str, ...]] = (NAT,)

    @abstractmethod
    def wanted(self, context: Context) -> Range | None:
        """What to choose from; None when there is nothing, and the packet is dropped. Pure."""


@dataclass(slots=True, frozen=True)
class Continue(Target):
    """No ``-j``: the rule counts and the walk goes on."""

    goes_on: ClassVar[bool] = True


@dataclass(slots=True, frozen=True)
class Jump(Target):
    """``-j CHAIN`` (or ``-g CHAIN``: ``goto``) to a user chain."""

    goes_on: ClassVar[bool] = True

    chain: str
    goto: bool = False


@dataclass(slots=True, frozen=True)
class Header:
    """A rule's own part. Addresses are (address & mask, mask) integers or None; each part can be inverted."""

    family: int = 4
    src: tuple[int, int] | None = None
    src_not: bool = False
    dst: tuple[int, int] | None = None
    dst_not: bool = False
    in_interface: str = ""
    """"" = any; a trailing "+" means prefix."""
    in_not: bool = False
    out_interface: str = ""
    out_not: bool = False
    protocol: int = 0
    """0 = any."""
    protocol_not: bool = False
    fragment: bool | None = None
    """True: ``-f``; False: ``! -f``; None: absent."""
    plus_listed: bool = False
    """Whether the variant lists an interface that is "+"; legacy keeps it, but does not print it."""

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        """The parts that are present, in iptables-save's order."""
        from fwtutor.netfilter.xtables.header import conditions

        return conditions(self, context)

    def save(self) -> str:
        """As iptables-save prints it, with no leading or trailing space."""
        from fwtutor.netfilter.xtables.header import save

        return save(self)


@dataclass(slots=True, frozen=True)
class Rule:
    """One rule. Two rules are equal when they say the same; ``id`` is its identity, the key of its counter."""

    header: Header
    matches: tuple[Match, ...]
    target: Target
    id: int = field(compare=False)
    decided_by: tuple[Match, ...] | None = field(default=None, compare=False)
    """What the kernel evaluates, where that is not ``matches``, the ones that are listed (nft)."""

    @property
    def evaluated(self) -> tuple[Match, ...]:
        """The matches as the kernel asks them, in order."""
        return self.matches if self.decided_by is None else self.decided_by

    @property
    def tracks(self) -> bool:
        return self.target.starts_tracking() or any(match.tracks for match in self.matches)

    def hooks(self, directly: bool = True) -> frozenset[str] | None:
        """The hooks from which it may be reached, None for all; ``directly``: with those that depend on options."""
        found: frozenset[str] | None = None
        parts: tuple[Match | Target, ...] = (*self.evaluated, self.target)
        for part in parts:
            for allowed in (part.hooks, part.hooks_by_options if directly else ()):
                if allowed:
                    found = frozenset(allowed) if found is None else found.intersection(allowed)
        return found

    def save(self, counter: tuple[int, int] | None = None) -> str:
        """Everything after ``-A CHAIN``, as iptables-save prints it; with a ``counter``, as ``-S -v`` does."""
        parts = [self.header.save()]
        for match in self.matches:
            parts += [f"-m {match.name}", match.save()]
        if counter is not None:
            parts.append(f"-c {counter[0]} {counter[1]}")
        if isinstance(self.target, Jump):
            parts.append(f"-{'g' if self.target.goto else 'j'} {self.target.chain}")
        elif not isinstance(self.target, Continue):
            parts += [f"-j {self.target.name}", self.target.save()]
        return " ".join(part for part in parts if part)

    def conditions(self, context: Context, remembered: Sequence[Any] = (), afterwards: Sequence[Any] = ()) -> tuple[Condition, ...]:
        """All conditions in the order they are evaluated; evaluation stops at the first that does not hold.

        ``remembered``: what the stateful matches that were evaluated remembered then, in their order; ``afterwards``: what after that.
        """
        found = list(self.header.conditions(context))
        known, later = iter(remembered), iter(afterwards)
        for match in self.evaluated:
            if isinstance(match, StatefulMatch) and (before := next(known, None)) is not None:
                found += match.recalled(before, next(later), context) if afterwards else match.recall(before, context)
            else:
                found += match.conditions(context)
        return tuple(found)


@dataclass(slots=True, frozen=True)
class Chain:
    """``policy`` is "ACCEPT" or "DROP" for a built-in chain, None for a user chain."""

    name: str
    policy: str | None
    rules: tuple[Rule, ...] = ()
    there: bool = True
    """False (nft): a built-in chain that is listed, but which no command has made yet: packets pass it by, uncounted."""
    counted: bool = True
    """False (nft): a rule made the built-in chain, and until somebody names its policy, that has no counter."""


@dataclass(slots=True, frozen=True)
class Table:
    """Chains by name: built-in ones first in hook order, then user chains in the order iptables lists them."""

    name: str
    chains: Mapping[str, Chain]
    made: tuple[str, ...] = ()
    """Its user chains in the order in which they were made."""
    family: int = 4

    def policy_key(self, chain: str) -> str:
        """The key of the counter of a built-in chain's policy."""
        return policy_key(self.family, self.name, chain)


@dataclass(slots=True, frozen=True)
class Ruleset:
    """One version of one family's tables. Only tables that were named are present."""

    family: int = 4
    tables: Mapping[str, Table] = field(default_factory=lambda: MappingProxyType({}))
    variant: str = "legacy"
    """Which tool's: "legacy" or "nft"."""

    @property
    def tracks(self) -> bool:
        """True when some rule needs connection tracking."""
        return any(rule.tracks for rule in self.rules())

    @property
    def accounts(self) -> bool:
        """True when some rule has connections counted."""
        return any(match.accounts for rule in self.rules() for match in rule.matches)

    @property
    def labels(self) -> bool:
        """True when some rule asks for labels of connections."""
        return any(match.labels for rule in self.rules() for match in rule.matches)

    def rules(self) -> Iterator[Rule]:
        """All of them."""
        return (rule for table in self.tables.values() for chain in table.chains.values() for rule in chain.rules)
