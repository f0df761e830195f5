"""``-m icmp6``: the type and code of an ICMPv6 message. ``-p icmpv6`` loads it when its option is used.

A type alone takes every code; there is no word for every type. Without ICMPv6 there is no IPv6: who drops packet-too-big breaks
large transfers, and who drops neighbour-solicitation or -advertisement finds no machine on his own network any more.
A packet whose ICMPv6 header is cut short is dropped at once, without any counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.packet import ICMPV6
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.matches.icmp import Kind, Names, judged, kind_test, listed, read_kind, told_kind, write_kind
from fwtutor.netfilter.xtables.matches.ports import missing_header
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.wording import Wording

TYPES: Names = (
    ("destination-unreachable", 1, None), ("no-route", 1, 0), ("communication-prohibited", 1, 1), ("beyond-scope", 1, 2),
    ("address-unreachable", 1, 3), ("port-unreachable", 1, 4), ("failed-policy", 1, 5), ("reject-route", 1, 6),
    ("packet-too-big", 2, None), ("time-exceeded", 3, None), ("ttl-exceeded", 3, None), ("ttl-zero-during-transit", 3, 0),
    ("ttl-zero-during-reassembly", 3, 1), ("parameter-problem", 4, None), ("bad-header", 4, 0), ("unknown-header-type", 4, 1),
    ("unknown-option", 4, 2), ("echo-request", 128, None), ("ping", 128, None), ("echo-reply", 129, None), ("pong", 129, None),
    ("router-solicitation", 133, None), ("router-advertisement", 134, None), ("neighbour-solicitation", 135, None),
    ("neighbor-solicitation", 135, None), ("neighbour-advertisement", 136, None), ("neighbor-advertisement", 136, None),
    ("redirect", 137, None),
)  # fmt: skip
"""Names, types and codes (None: every code) in the tool's order. A beginning of a name will do when only one begins so."""


def read_type(text: str) -> Kind:
    return read_kind(text, TYPES, "ICMPv6")


def judge_type(kind: Kind, context: Context) -> tuple[bool, str]:
    return judged(kind, context, TYPES)


@dataclass(frozen=True, slots=True)
class Icmp6(OptionMatch):
    """The type and code of an ICMPv6 message."""

    name: ClassVar[str] = "icmp6"
    aliases: ClassVar[tuple[str, ...]] = ("icmpv6", "ipv6-icmp")
    protocol: ClassVar[int] = ICMPV6
    meaning: ClassVar[str] = "type and code of an ICMPv6 message (needs -p icmpv6)"
    words: ClassVar[Wording] = {
        "type": lambda kind, negated: told_kind(kind, negated, TYPES),
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="type", names=("icmpv6-type",), argument="TYPE[/CODE[:CODE]]|NAME", read=read_type, write=write_kind, judge=judge_type,
               required=True, choices=tuple(name for name, _, _ in TYPES),
               meaning="the message is of this type (and code): 128 or echo-request, 1/4 or port-unreachable"),
    )  # fmt: skip

    type: Given[Kind] | None = None

    def compile(self) -> Test:
        return kind_test(self.type)

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        return missing_header("icmp6", context, said="ICMPv6") or OptionMatch.conditions(self, context)

    def listing(self, numeric: bool) -> str:
        return listed(self.type, TYPES, "ipv6-icmp", numeric)
