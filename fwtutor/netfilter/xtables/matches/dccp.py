"""``-m dccp``: the ports, the type and the options of a DCCP packet. ``-p dccp`` loads it.

A packet that ends inside its header, or whose options are asked for and do not hold together, is dropped at once; in the legacy variant,
if a ``!`` stands before ``--dccp-option``, the rule has counted it by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.matches.headers import Absent, HeaderMatch, transport, word
from fwtutor.netfilter.xtables.matches.ports import Ports, listed_ports
from fwtutor.netfilter.xtables.matches.udp import read_range
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import ALL_PORTS, bounded, format_range
from fwtutor.netfilter.xtables.wording import Wording

DCCP = 33
HEADER = 12
TYPES = ("REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK", "CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK")
INVALID = frozenset(range(len(TYPES), 16))
"""Types there are not; one word stands for all of them."""
BEHIND = (4, 12, 0, 8, 8, 8, 8, 12, 8, 8)
"""Bytes between the header and the options, by type; of those there are not it is as of RESET."""
OTHER = 12
Types = frozenset[int]


def read_types(text: str) -> Types:
    found = set[int]()
    for word_ in filter(None, text.split(",")):
        if word_.upper() in TYPES:
            found.add(TYPES.index(word_.upper()))
        elif word_.upper() == "INVALID":
            found |= INVALID
        else:
            raise Unreadable(f"Unknown DCCP type `{word_}'", hint=nearest(word_, (*TYPES, "INVALID"), "types"))
    return frozenset(found)


def write_types(value: Types) -> str:
    return ",".join([*(name for number, name in enumerate(TYPES) if number in value), *(("INVALID",) if value & INVALID else ())])


def type_of(packet: Packet) -> int:
    return packet.raw[packet.l4 + 8] >> 1 & 15


def judge_type(value: Types, context: Context) -> tuple[bool, str]:
    kind = type_of(context.packet)
    return kind in value, f"its type is {TYPES[kind]}" if kind < len(TYPES) else f"its type is {kind}, and there is no such type"


def options_of(packet: Packet) -> list[int] | None:
    """The kinds of the options; None when they do not hold together."""
    raw, kind = packet.raw, type_of(packet)
    begin = packet.l4 + HEADER + (4 if raw[packet.l4 + 8] & 1 else 0) + (BEHIND[kind] if kind < len(BEHIND) else OTHER)
    end = packet.l4 + raw[packet.l4 + 4] * 4
    if end < begin or (end > len(raw) and end > begin):
        return None
    found = []
    while begin < end:
        found.append(raw[begin])
        begin += 1 if raw[begin] < 2 or begin + 1 >= end else raw[begin + 1] or 1
    return found


def judge_option(value: int, context: Context) -> tuple[bool, str]:
    kinds = options_of(context.packet)
    if kinds is None:
        return False, "its options are cut short: the packet is dropped at once"
    listed = ", ".join(map(str, dict.fromkeys(kinds)))
    return value in kinds, f"its options are of kind {listed}" if listed else "it has no option"


def _ports(field: str, said: str, place: int) -> Option:
    def judge(value: tuple[int, int], context: Context) -> tuple[bool, str]:
        port = word(context.packet, context.packet.l4 + place, 2)
        return value[0] <= port <= value[1], f"the {said} port is {port}"

    return Option(
        field=field, names=(f"{said}-port", field), saved=field, argument="PORT[:PORT]", write=format_range, judge=judge,
        read=lambda text: read_range(text, "dccp", f"{said}-port"), meaning=f"the {said} port is this one, or in this range",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dccp(HeaderMatch):
    """The ports, type and options of a DCCP packet."""

    name: ClassVar[str] = "dccp"
    protocol: ClassVar[int] = DCCP
    meaning: ClassVar[str] = "the ports, type and options of a DCCP packet (needs -p dccp)"
    words: ClassVar[Wording] = {
        "sport": "from {port}|from any port but {to}",
        "dport": "to {port}|to any port but {to}",
        "types": "whose DCCP type is~ {or}",
        "option": "with the DCCP option {}|without the DCCP option {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        _ports("sport", "source", 0),
        _ports("dport", "destination", 2),
        Option(field="types", names=("dccp-types",), argument="TYPE[,...]", read=read_types, write=write_types, judge=judge_type,
               meaning=f"it is of one of these types: {' '.join(TYPES)} INVALID"),
        Option(field="option", names=("dccp-option",), argument="KIND", read=bounded("dccp", "dccp-option", 1, 255), judge=judge_option,
               meaning="the option of this kind (1 to 255) is present"),
    )  # fmt: skip

    sport: Ports = None
    dport: Ports = None
    types: Given[Types] | None = None
    option: Given[int] | None = None

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        return transport(packet, HEADER, "DCCP")

    def compile(self) -> Test:
        judged = HeaderMatch.compile(self)
        if self.option is None:
            return judged
        others = HeaderMatch.compile(type(self)(self.sport, self.dport, self.types))

        def test(context: Context) -> bool:
            if not others(context):
                return False
            if options_of(context.packet) is None:
                context.hot_drop = True
            return judged(context)

        return test

    def listing(self, numeric: bool) -> str:
        shown = {"sport": self.sport, "dport": self.dport}
        kept = {field: each for field, each in shown.items() if each is not None and each != (ALL_PORTS, False)}
        words = ["dccp", *listed_ports(kept.get("sport"), kept.get("dport"), "dccp", True)]
        if self.types is not None:
            kinds = ",".join(map(str, sorted(self.types.value))) if numeric else write_types(self.types.value)
            words.append(f"{'! ' if self.types.negated else ''}{kinds}")
        if self.option is not None:
            words.append(f"option={'!' if self.option.negated else ''}{self.option.value}")
        return " ".join(words)
