"""``-m addrtype``: what kind of address it is for this box, by its routing table of local addresses.

LOCAL is an address of the box, BROADCAST and MULTICAST go to many, and whatever is none of them is UNICAST: other kinds of
routes are not asked. With ``--limit-iface-in`` (or ``-out``) an address counts as LOCAL or BROADCAST only if it is so on the
interface the packet came by (or leaves by).

IPv6 has no broadcasts, and types that its routes would have to tell are refused. There MULTICAST, UNICAST and UNSPEC say what an
address looks like, LOCAL, ANYCAST and UNREACHABLE what routes say of it; of both kinds, if both are asked for, one must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter import scopes
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.routing import Routing
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Header, Test
from fwtutor.netfilter.xtables.wording import Wording

TYPES = (
    "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE",
)  # fmt: skip
Types = frozenset[str]
NOT_IN_IPV6 = frozenset({"BROADCAST", "BLACKHOLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE"})
LOOKS, ROUTES = frozenset({"MULTICAST", "UNICAST", "UNSPEC"}), frozenset({"LOCAL", "ANYCAST", "UNREACHABLE"})
"""What an IPv6 address is by itself, and by what routes say."""


MAPPED = 0xFFFF
"""The upper bits of IPv4's addresses written as IPv6's."""


def types6(routing: Routing, address: int, interface: str | None) -> Types:
    """What an IPv6 address is for the box; LOCAL only if it is so on ``interface``, and of its routes only those by that."""
    found = set[str]()
    if not address or scopes.is_multicast(address):
        found.add("MULTICAST" if address else "UNSPEC")
    elif address >> 32 != MAPPED:
        found.add("UNICAST")
    at_home = routing.addresses.get(interface, ()) if interface is not None else ()
    local = routing.is_local(6, address) if interface is None else any((6, address) == own[:2] for own in at_home)
    if local:
        found.add("LOCAL")
        return frozenset(found)
    route = routing.lookup_by(6, address, interface) if interface else routing.lookup6(address, "")
    if route is None:
        found.add("UNREACHABLE")
    elif not route.gateway and route.network == address and route.mask.bit_count() < 127:
        found.add("ANYCAST")
    return frozenset(found)


def read_types(text: str) -> Types:
    found = set()
    at = 0
    rest: str | None = text
    while rest is not None:
        word, comma, behind = rest.partition(",")
        meant = next((name for name in TYPES if word and name.startswith(word.upper())), None)
        if meant is None:
            # Of what is not the last word the tool shows all that follows, in other quotes.
            said = f"`{rest}'" if comma else f'"{word}"'
            raise Unreadable(f"addrtype: bad type {said}", (at, at + len(word)), nearest(word, TYPES, "types"))
        found.add(meant)
        at += len(word) + 1
        rest = behind if comma else None
    return frozenset(found)


def write_types(value: Types) -> str:
    return ",".join(name for name in TYPES if name in value)


def _side(part: str) -> Option:
    word = "source" if part == "src" else "destination"
    return Option(
        field=word, names=(f"{part}-type",), argument="TYPE[,TYPE]", read=read_types, write=write_types, choices=TYPES,
        meaning=f"the {word} address is of one of these types: {' '.join(TYPES)}",
    )  # fmt: skip


def _limit(way: str) -> Option:
    return Option(
        field=f"only_{way}", names=(f"limit-iface-{way}",), arguments=0, read=lambda: True, invertible=False,
        meaning=f"only addresses of the interface the packet {'came' if way == 'in' else 'leaves'} by count",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AddrType(OptionMatch):
    """The type of an address."""

    name: ClassVar[str] = "addrtype"
    meaning: ClassVar[str] = "what kind of address it is for this box"
    words: ClassVar[Wording] = {
        "source": "whose source address is~ of type {or}",
        "destination": "whose destination address is~ of type {or}",
        "only_in": "+as the interface they arrive at has it",
        "only_out": "+as the interface they leave by has it",
    }
    options: ClassVar[tuple[Option, ...]] = (_side("src"), _side("dst"), _limit("in"), _limit("out"))

    source: Given[Types] | None = None
    destination: Given[Types] | None = None
    only_in: Given[bool] | None = None
    only_out: Given[bool] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not ("source" in given or "destination" in given):
            raise Unreadable("addrtype: you must specify --src-type or --dst-type")
        cls.exclude(given, "only_in", "only_out")
        return cls(**given)

    @property
    def hooks_by_options(self) -> tuple[str, ...]:
        if self.only_in is not None:
            return (PREROUTING, INPUT, FORWARD)
        return (FORWARD, OUTPUT, POSTROUTING) if self.only_out is not None else ()

    def misplaced(self, header: Header) -> str:
        asked = frozenset[str]().union(*(side.value for side in (self.source, self.destination) if side is not None))
        if header.family == 6 and asked & NOT_IN_IPV6:
            return f"IPv6 has no {' or '.join(name for name in TYPES if name in asked & NOT_IN_IPV6)}"
        return ""

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        interface = context.in_interface if self.only_in is not None else context.out_interface if self.only_out is not None else None
        assert context.routing is not None
        found = []
        for option, given in self.given():
            if not option.arguments:
                continue
            address = context.packet.src if option.field == "source" else context.packet.dst
            if context.packet.family == 4:
                kinds = frozenset({context.routing.type_of(4, address, interface)})
                fits = not kinds.isdisjoint(given.value)
            else:
                kinds = types6(context.routing, address, interface)
                fits = given.value & LOOKS <= kinds and (not given.value & ROUTES or not kinds.isdisjoint(given.value & ROUTES))
            where = f" on {interface}" if interface else ""
            because = f"{format_address(context.packet.family, address)} is {write_types(kinds)}{where}"
            found.append(Condition(option.text(given), fits != given.negated, because))
        return tuple(found)

    def compile(self) -> Test:
        return lambda context: all(condition.held for condition in self.conditions(context))

    def listing(self, numeric: bool) -> str:
        words = ["ADDRTYPE match"]
        for word, side in (("src-type", self.source), ("dst-type", self.destination)):
            if side is not None:
                words.append(f"{word} {'!' if side.negated else ''}{write_types(side.value)}")
        words += [word for word, limit in (("limit-in", self.only_in), ("limit-out", self.only_out)) if limit is not None]
        return " ".join(words)
