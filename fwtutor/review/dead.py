"""What can never match in a ruleset: conditions that contradict each other, rules behind others that take all, chains nothing gets into.

Each chain is walked once for everything that may come into it, with boxes of packets in the place of packets. What is not known is held
for possible: so what is said is certain, but not everything is found. Each table is looked at alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fwtutor.netfilter.hooks import BUILTIN_CHAINS, FORWARD, INPUT, NAT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.xtables.rule import ActingTarget, Chain, Jump, Rule, Ruleset, Table
from fwtutor.netfilter.xtables.targets.verdicts import Return
from fwtutor.review.boxes import CUT, HEADS, LATER, MOST_BOXES, Box
from fwtutor.review.regions import Part, Regions

LASTING = frozenset({"src", "dst", "protocol", "sport", "dport", "in", "out", "head"})
"""Fields no target changes that lets the walk go on."""
FIRST_PACKETS = frozenset({"NEW", "RELATED"})
_WHY_NOT = {
    "in": "what {hook} sees has not come in by any interface",
    "out": "what {hook} sees has no outgoing interface yet",
    "state": "the table nat is asked about the first packet of a connection only",
    "head": "connection tracking puts fragments together before rules see them",
}
PATIENCE = 200_000
"""Rules that are looked at to find out which of them take a packet; after that it is only said that they do."""
ASIDE, ATTEMPTS = 32, 1_000_000
"""What rules take that is remembered for later where it cannot be taken out of what is left, and how often it is compared."""
UNUSED = "no packet comes into this chain: no rule that is reached leads to it"
NAMED = 3
"""Rules that are named at most as those that take a packet."""


class Dead(NamedTuple):
    """A rule that no packet can match; or (``number`` 0) a chain no packet can come into."""

    table: str
    chain: str
    number: int
    """Of the rule in its chain, from 1, as -L numbers them."""
    rule: Rule | None
    why: str


def dead(ruleset: Ruleset, interfaces: Iterable[str] | None = None) -> list[Dead]:
    """Everything in a ruleset that is found to be dead, in its order; ``interfaces``: all there are, if that is known."""
    regions = Regions(ruleset, interfaces)
    return [found for table in ruleset.tables.values() for found in _Survey(table, ruleset, regions).dead()]


class _Region(NamedTuple):
    """The packets a rule may match, those it certainly does, and its conditions."""

    may: list[Box]
    must: list[Box]
    parts: list[Part]


class _Survey:
    """One table."""

    def __init__(self, table: Table, ruleset: Ruleset, regions: Regions) -> None:
        self.table, self.space = table, regions.space
        self.regions = {rule.id: self._region(regions.parts(rule)) for chain in table.chains.values() for rule in chain.rules}
        self.hooks = [hook for hook in BUILTIN_CHAINS[table.name] if hook in table.chains]
        heads = HEADS if regions.nft else HEADS - {CUT}
        untracked = any(rule.target.name in ("CT", "NOTRACK") for other in ruleset.tables.values() for rule in _rules(other))
        self.heads = heads - {LATER} if ruleset.tracks and not untracked else heads
        self.order = self._in_order()
        self.patience = PATIENCE
        """How many more rules are looked at to find out which of them take a packet."""
        self.attempts = ATTEMPTS
        """How often it is still tried whether one rule takes all of another's."""
        self.taker = 0
        """Where the rule stands that was last found to take all that another is for."""
        self.callers = self._called()
        self.changes, self.taken = dict[str, bool](), dict[str, list[Box]]()
        for name in reversed(self.order):
            self._look_through(table.chains[name])
        self.arriving: dict[str, list[Box]] = {name: [self._at(name)] if name in self.hooks else [] for name in self.order}

    def _region(self, parts: list[Part]) -> _Region:
        may, must = list[Box]([{}]), list[Box]([{}])
        for part in parts:
            narrower, must = self.space.meets(may, part.may), self.space.meets(must, part.must)
            # Where there would be too many boxes: more packets that may fit, and none that certainly do.
            may = narrower if len(narrower) <= MOST_BOXES else may
            must = must if len(must) <= MOST_BOXES else []
        return _Region(may, must, parts)

    def _at(self, hook: str) -> Box:
        """What packets at a hook have in common."""
        names = self.space.all_of("in")
        box: dict[str, object] = {"head": self.heads}
        if hook in (PREROUTING, INPUT, FORWARD):
            box["in"] = names - {""}
        if hook == OUTPUT:
            box["in"] = frozenset({""})
        if hook in (PREROUTING, INPUT):
            box["out"] = frozenset({""})
        if hook in (FORWARD, OUTPUT, POSTROUTING):
            box["out"] = names - {""}
        if self.table.name == NAT:
            box["state"] = FIRST_PACKETS
        return box

    def _in_order(self) -> list[str]:
        """The chains that rules lead to from the built-in ones, each before those it leads to."""
        done = list[str]()
        seen = set[str]()
        for hook in self.hooks:
            ways: list[tuple[str, Iterator[str]]] = [(hook, self._targets(hook))]
            seen.add(hook)
            while ways:
                chain, further = ways[-1]
                following = next((name for name in further if name and name not in seen), None)
                if following is None:
                    ways.pop()
                    done.append(chain)
                else:
                    seen.add(following)
                    ways.append((following, self._targets(following)))
        return done[::-1]

    def _targets(self, chain: str) -> Iterator[str]:
        """Where each of its rules leads to; "" for nowhere."""
        return (rule.target.chain if isinstance(rule.target, Jump) else "" for rule in self.table.chains[chain].rules)

    # --- from the last chains to the first: what never comes out of them --------------------------------------

    def _look_through(self, chain: Chain) -> None:
        """What becomes of all packets in a chain: those that certainly do not come out again, and whether others may be changed."""
        changes, taken, left = False, list[Box](), list[Box]([{}])
        for rule in chain.rules:
            gone = self.space.meets(left, self.takes(rule))
            taken += [box for box in gone if not changes or box.keys() <= LASTING]
            changes = changes or self._changes(rule)
            # From where a chain sends packets on they come out, unless the other chain takes them all.
            away = isinstance(rule.target, Jump) and rule.target.goto and {} not in self.taken[rule.target.chain]
            if isinstance(rule.target, Return) or away:
                left = self.space.remaining(left, self.regions[rule.id].may, sure=True)
        # Where there are too many to think of, those that take most: with the fewest conditions.
        self.changes[chain.name], self.taken[chain.name] = changes, sorted(taken, key=len)[:MOST_BOXES]

    def takes(self, rule: Rule) -> list[Box]:
        """The packets whose walk through the table certainly ends with this rule, or in the chain it leads to."""
        must = self.regions[rule.id].must
        if isinstance(rule.target, Jump):
            return self.space.meets(must, self.taken[rule.target.chain])
        return [] if rule.target.goes_on or isinstance(rule.target, Return) else must

    def _changes(self, rule: Rule) -> bool:
        """Whether packets may be others behind it."""
        return self.changes[rule.target.chain] if isinstance(rule.target, Jump) else isinstance(rule.target, ActingTarget)

    def leaves(self, rule: Rule) -> list[Box]:
        """The packets that certainly never come to the rule behind this one."""
        returns = isinstance(rule.target, Return) or (isinstance(rule.target, Jump) and rule.target.goto)
        return self.regions[rule.id].must if returns else self.takes(rule)

    # --- from the first chains to the last: what may come to a rule -----------------------------------------------

    def dead(self) -> Iterator[Dead]:
        found = dict[str, list[Dead]]()
        for name in self.order:
            found[name] = list(self._walk(self.table.chains[name]))
        for name in self.table.chains:
            if name not in found:
                yield Dead(self.table.name, name, 0, None, UNUSED)
            yield from found.get(name, ())

    def _walk(self, chain: Chain) -> Iterator[Dead]:
        left = self.arriving[chain.name]
        self.taker = len(chain.rules)
        if not left:
            yield Dead(
                self.table.name,
                chain.name,
                0,
                None,
                f"no packet comes into this chain: {self._callers(chain.name, 'never matches', 'never match')}",
            )
            return
        aside = list[Box]()
        for position, rule in enumerate(chain.rules):
            matched = self._but_for(aside, self.space.meets(left, self.regions[rule.id].may))
            if not matched:
                yield Dead(self.table.name, chain.name, position + 1, rule, self._why(chain, position))
                continue
            if isinstance(rule.target, Jump):
                sent = self.arriving[rule.target.chain] + matched
                self.arriving[rule.target.chain] = sent if len(sent) <= MOST_BOXES else [{}]
            leaves = self.leaves(rule)
            if len(left) > MOST_BOXES // 2 and len(aside) < ASIDE:
                aside += leaves
            left = self.space.remaining(left, leaves)
            if self._changes(rule):
                left = [{field: values for field, values in box.items() if field in LASTING} for box in left]
                aside = [box for box in aside if box.keys() <= LASTING]

    def _but_for(self, aside: list[Box], boxes: list[Box]) -> list[Box]:
        """Without what rules before take that what is left was not made narrower by, as it was in too many pieces already."""
        self.attempts -= len(aside) * len(boxes)
        return boxes if self.attempts < 0 else [box for box in boxes if not any(self.space.within(box, one) for one in aside)]

    # --- why ---------------------------------------------------------------------------------------------------

    def _why(self, chain: Chain, position: int) -> str:
        region, arriving = self.regions[chain.rules[position].id], self.arriving[chain.name]
        if not region.may:
            return self._contradiction(region.parts)
        wanted = self.space.meets(arriving, region.may)
        if not wanted:
            return self._not_here(chain, region.parts)
        # What took the one before most likely took this one too.
        for at in (self.taker, *range(min(position, self.patience))):
            self.patience -= 1
            if at < position and self._takes_all(self.leaves(chain.rules[at]), wanted):
                self.taker = at
                return f"rule {at + 1} takes every packet it is for"
        if self.patience < position:
            return "the rules before it take every packet it is for"
        self.patience -= position
        takers = [number for number, rule in enumerate(chain.rules[:position], 1) if self.space.meets(wanted, self.leaves(rule))]
        return f"{_numbered(takers)} take every packet it is for"

    def _takes_all(self, taken: list[Box], wanted: list[Box]) -> bool:
        return not self.space.remaining([box for box in wanted if not any(self.space.within(box, one) for one in taken)], taken)

    def _contradiction(self, parts: list[Part]) -> str:
        for place, part in enumerate(parts):
            if not self.space.meets([{}], part.may):
                return f"no packet fits {part.text}"
            for other in parts[:place]:
                if not self.space.meets(other.may, part.may):
                    return f"no packet fits both {other.text} and {part.text}"
        return f"no packet fits {', '.join(part.text for part in parts[:-1])} and {parts[-1].text}"

    def _not_here(self, chain: Chain, parts: list[Part]) -> str:
        """Why nothing that comes into the chain is what the rule is for."""
        arriving = self.arriving[chain.name]
        one = next((part for part in parts if not self.space.meets(arriving, part.may)), None)
        if chain.name not in self.hooks:
            what = "of all its conditions" if one is None else one.text
            return f"{self._callers(chain.name, 'sends', 'send')} nothing here that fits {what}"
        assert one is not None, "what packets at a hook have in common says one thing of a field"
        field = next(field for box in one.may for field in box if field in _WHY_NOT)
        return f"nothing fits {one.text}: {_WHY_NOT[field].format(hook=chain.name)}"

    def _callers(self, chain: str, does: str, do: str) -> str:
        """The rules that lead to it, and what they do."""
        found = self.callers[chain]
        said = " and ".join(f"{name}'s {_numbered(numbers)}" for name, numbers in list(found.items())[:NAMED])
        more = len(found) - NAMED
        said += f" and rules of {more} other chains" if more > 0 else ""
        return f"{said} {does if sum(map(len, found.values())) == 1 else do}"

    def _called(self) -> dict[str, dict[str, list[int]]]:
        """By chain: the numbers of the rules that lead to it, by the chain they stand in."""
        found = dict[str, dict[str, list[int]]]()
        for name in self.order:
            for number, target in enumerate(self._targets(name), 1):
                if target:
                    found.setdefault(target, {}).setdefault(name, []).append(number)
        return found


def _rules(table: Table) -> Iterator[Rule]:
    return (rule for chain in table.chains.values() for rule in chain.rules)


def _numbered(numbers: list[int]) -> str:
    more = len(numbers) - NAMED
    said = [str(number) for number in numbers[:NAMED]] + ([f"{more} more"] if more > 0 else [])
    return f"rule {said[0]}" if len(said) == 1 else f"rules {', '.join(said[:-1])} and {said[-1]}"
