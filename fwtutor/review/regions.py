"""Which packets a rule is for, as boxes: one table of what each condition demands.

Where a condition's own terms are not known here, two of them are held for the same only when they read the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES
from fwtutor.netfilter.xtables.header import fits
from fwtutor.netfilter.xtables.matches.conntrack import VIRTUAL, Conntrack
from fwtutor.netfilter.xtables.matches.icmp import ANY, Icmp
from fwtutor.netfilter.xtables.matches.icmp6 import Icmp6
from fwtutor.netfilter.xtables.matches.iprange import IpRange
from fwtutor.netfilter.xtables.matches.length import Length
from fwtutor.netfilter.xtables.matches.multiport import Multiport
from fwtutor.netfilter.xtables.matches.native import NativeTcp, NativeUdp
from fwtutor.netfilter.xtables.matches.state import State
from fwtutor.netfilter.xtables.matches.tcp import Tcp
from fwtutor.netfilter.xtables.matches.udp import Udp
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Header, Match, Rule, Ruleset, StatefulMatch
from fwtutor.review.boxes import BROKEN, CUT, EITHER, FLAGS, HEADS, LATER, MOST_NAMES, STATES, THERE, WORDS, Box, Space
from fwtutor.review.sets import Ints

Boxes = tuple[Box, ...]
NONE: Boxes = ()
_HEADED: Box = {"head": frozenset({THERE, CUT})}
_PRESENT = {"sport": WORDS, "dport": WORDS, "flags": FLAGS, "protocol": Ints([(0, BROKEN - 1)])}
"""All values of fields a packet need not have: what is absent is no other value."""


class Part(NamedTuple):
    """One condition of a rule: the packets that may fit it, and those that do, whatever else they are."""

    text: str
    may: Boxes
    must: Boxes

    @classmethod
    def exactly(cls, text: str, *boxes: Box) -> Part:
        return cls(text, boxes, boxes)


def interfaces_of(rules: Iterable[Rule]) -> frozenset[str]:
    """All names of interfaces that these rules can tell apart, with "" for none, and one for every prefix that is none of the others."""
    patterns = {pattern for rule in rules for pattern in (rule.header.in_interface, rule.header.out_interface) if pattern}
    return frozenset({"", "\0"} | {f"{pattern[:-1]}\0" if pattern.endswith("+") else pattern for pattern in patterns})


class Regions:
    """What rules of one ruleset are for."""

    def __init__(self, ruleset: Ruleset, interfaces: Iterable[str] | None = None) -> None:
        self.family, self.nft = ruleset.family, ruleset.variant == "nft"
        rules = (rule for table in ruleset.tables.values() for chain in table.chains.values() for rule in chain.rules)
        self.interfaces = interfaces_of(rules) if interfaces is None else frozenset({"", *interfaces})
        self.space = Space(ruleset, self.interfaces)
        self._parts = dict[int, list[Part]]()
        """By a match's id: many rules share one."""

    def parts(self, rule: Rule) -> list[Part]:
        """Its conditions, in the order in which they are written."""
        found = list(self._header(rule.header))
        for match in rule.evaluated:
            if id(match) not in self._parts:
                self._parts[id(match)] = list(self._match(match))
            found += self._parts[id(match)]
        return found

    def _not(self, field: str, values: Any, negated: bool) -> Box:
        every = _PRESENT.get(field)
        return {field: (self.space.all_of(field) if every is None else every) - values if negated else values}

    # --- addresses, interfaces, protocol -------------------------------------------------------------------------

    def _header(self, header: Header) -> Iterator[Part]:
        from fwtutor.netfilter.xtables.header import _parts

        texts = iter([text for text, _ in _parts(header)])
        for field, network, negated in (("src", header.src, header.src_not), ("dst", header.dst, header.dst_not)):
            if network is not None:
                yield self._network(next(texts), field, *network, negated)
        for field, pattern, negated in (("in", header.in_interface, header.in_not), ("out", header.out_interface, header.out_not)):
            if pattern and len(self.interfaces) > MOST_NAMES:
                yield _literal(next(texts).removeprefix("! "), negated)
            elif pattern:
                names = frozenset(name for name in self.interfaces if fits(pattern, name) != negated)
                yield Part.exactly(next(texts), {field: names})
        if header.protocol:
            one = Ints([(header.protocol, header.protocol)])
            yield Part.exactly(next(texts), self._not("protocol", one, header.protocol_not))
        if header.fragment is not None:
            later = frozenset({LATER})
            yield Part.exactly(next(texts), {"head": later if header.fragment else HEADS - later})

    def _network(self, text: str, field: str, address: int, mask: int, negated: bool) -> Part:
        free = ALL_ONES[self.family] ^ mask
        if free & (free + 1):
            return _literal(text.removeprefix("! "), negated)  # its mask has holes
        return Part.exactly(text, self._not(field, Ints([(address, address | free)]), negated))

    # --- matches -------------------------------------------------------------------------------------------------

    def _match(self, match: Match) -> Iterator[Part]:
        if isinstance(match, StatefulMatch):
            yield Part(f"-m {match.name} {match.save()}", ({},), NONE)
        elif isinstance(match, Tcp | Udp | Icmp | Icmp6 | Multiport):
            asked, native = match.given(), isinstance(match, NativeTcp | NativeUdp)
            if not native:
                # A packet whose header is cut short comes no further, whether it matches or is dropped.
                yield Part(f"-m {match.name}", (_HEADED,), (_HEADED,))
            if native and [option.field for option, given in asked if given.negated and option.field in ("sport", "dport")][1:]:
                # It compares both at once, and fails only who has both.
                yield Part(match.save(), ({},), NONE)
                return
            for option, given in asked:
                yield self._of_header(match, option, given)
        elif isinstance(match, Conntrack):
            yield from self._conntrack(match)
        elif isinstance(match, State):
            for option, given in match.given():
                yield Part.exactly(option.text(given), *self._states(given))
        elif isinstance(match, IpRange | Length):
            for option, given in match.given():
                field = {"source": "src", "destination": "dst", "length": "length"}[option.field]
                yield Part.exactly(option.text(given), self._not(field, Ints([given.value]), given.negated))
        elif match.name != "comment":
            yield _literal(f"-m {match.name} {match.save()}", negated=False)

    def _of_header(self, match: OptionMatch, option: Option, given: Given[Any]) -> Part:
        text, value, negated = option.text(given), given.value, given.negated
        if option.field in ("sport", "dport"):
            return Part.exactly(text, self._not(option.field, Ints([value]), negated))
        if option.field in ("sports", "dports"):
            return Part.exactly(text, self._not(option.field[:-1], Ints(value.ranges), negated))
        if option.field == "ports":
            ports = Ints(value.ranges)
            if negated:
                return Part.exactly(text, {**self._not("sport", ports, True), **self._not("dport", ports, True)})
            return Part.exactly(text, {"sport": ports}, {"dport": ports})
        if option.field == "flags":
            mask, wanted = value
            fitting = frozenset(flags for flags in FLAGS if flags & mask == wanted)
            return Part.exactly(text, self._not("flags", fitting, negated))
        if option.field == "type":
            kind, low, high = value
            kinds = Ints([(kind << 8 | low, kind << 8 | high)] if low <= high else [])
            if kind == ANY and isinstance(match, Icmp):
                kinds = self.space.all_of("type")
            return Part.exactly(text, self._not("type", kinds, negated))
        return _literal(f"-m {match.name} {text.removeprefix('! ')}", negated)

    def _conntrack(self, match: Conntrack) -> Iterator[Part]:
        others = []
        for option, given in match.given():
            if option.field == "ctstate":
                yield Part.exactly(option.text(given), *self._states(given))
            else:
                others.append(option.text(given))
        if others:
            # Of a packet without an entry they are not asked, where a state is asked for besides.
            both = " ".join(others)
            yield Part.exactly(both, {f"{both}, {'if it has an entry' if match.ctstate is not None else ''}": frozenset({True})})

    def _states(self, given: Given[frozenset[str]]) -> tuple[Box, ...]:
        plain = self._not("state", given.value & STATES, given.negated)
        translated = f"--ctstate {','.join(word for word in VIRTUAL if word in given.value)}"
        if given.value <= STATES:
            return (plain,)
        if given.negated:
            return ({**plain, translated: frozenset({False})},)
        return plain, {translated: frozenset({True})}


def _literal(text: str, negated: bool) -> Part:
    return Part.exactly(f"{'! ' if negated else ''}{text}", {text: EITHER - {negated}})
