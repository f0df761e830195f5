"""``-m rt``: the Routing header of an IPv6 packet; of type 0 also its reserved bytes and the addresses on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.exthdrs import ROUTING
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.headers import (
    MOST,
    Absent,
    HeaderMatch,
    Range,
    demanding,
    extension,
    extension_at,
    listed_range,
    range_option,
    word,
)
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import bounded, colons
from fwtutor.netfilter.xtables.wording import Wording

HOPS = 16
"""Addresses that can be asked for."""
_FIXED, _FIRST, _ADDRESS = 4, 8, 16
Addresses = tuple[int, ...]


def _at(packet: Packet) -> int:
    return extension_at(packet, ROUTING)


def _length(packet: Packet) -> int:
    return exthdrs.length(ROUTING, packet.raw, _at(packet))


def judge_type(value: int, context: Context) -> tuple[bool, str]:
    kind = context.packet.raw[_at(context.packet) + 2]
    return kind == value, f"the Routing header is of type {kind}"


def judge_length(value: int, context: Context) -> tuple[bool, str]:
    length = _length(context.packet)
    return length == value, f"the Routing header has {length} bytes"


def judge_reserved(value: bool, context: Context) -> tuple[bool, str]:
    reserved = word(context.packet, _at(context.packet) + _FIXED, 4)
    return not reserved, f"the reserved bytes are {reserved:#010x}" if reserved else "the reserved bytes are 0"


def addresses_of(packet: Packet) -> Addresses:
    begin, count = _at(packet) + _FIRST, (_length(packet) - _FIRST) // _ADDRESS
    return tuple(word(packet, begin + number * _ADDRESS, _ADDRESS) for number in range(count))


def read_addresses(text: str) -> Addresses:
    found: list[int] = []
    for piece in text.split(","):
        if len(found) == HOPS:
            raise Unreadable("too many addresses specified", hint=f"{HOPS} are the most")
        address = colons(piece)
        if address is None:
            raise Unreadable(f"bad address: {piece}")
        found.append(address)
    return tuple(found)


def write_addresses(value: Addresses) -> str:
    return ",".join(format_address(6, address) for address in value)


def passes(wanted: Addresses, found: Addresses, strict: bool) -> bool:
    """Whether the way is exactly that one, or (not ``strict``) passes those addresses in that order."""
    if strict:
        return wanted == found
    rest = iter(found)
    return all(address in rest for address in wanted)


@dataclass(frozen=True, slots=True)
class Rt(HeaderMatch):
    """The Routing header."""

    name: ClassVar[str] = "rt"
    meaning: ClassVar[str] = "the Routing header of an IPv6 packet"
    words: ClassVar[Wording] = {
        "": "with a Routing header",
        "type": "whose type there is~ {to}",
        "segsleft": "with {to} addresses still to be visited|not with {to} addresses still to be visited",
        "length": "whose Routing header is~ {} bytes long",
        "reserved": "whose reserved bytes there are 0",
        "addresses": "whose way is by {}",
        "loose": "+(and perhaps by others)",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="type", names=("rt-type",), argument="TYPE", read=bounded("rt", "rt-type", 0, MOST), judge=judge_type,
               meaning="the header is of this type"),
        range_option("rt", "rt-segsleft", "so many addresses are still to be visited", "number of segments left",
                     lambda packet: packet.raw[_at(packet) + 3]),
        Option(field="length", names=("rt-len",), argument="BYTES", read=bounded("rt", "rt-len", 0, MOST), judge=judge_length,
               meaning="the header is so many bytes long"),
        Option(field="reserved", names=("rt-0-res",), arguments=0, read=lambda: True, judge=judge_reserved, invertible=False,
               meaning="the reserved bytes are 0 (after --rt-type 0)"),
        Option(field="addresses", names=("rt-0-addrs",), argument="ADDRESS[,...]", read=read_addresses, write=write_addresses,
               invertible=False, meaning="the way is by these addresses, in this order (after --rt-type 0)"),
        Option(field="loose", names=("rt-0-not-strict",), arguments=0, read=lambda: True, invertible=False,
               after=("addresses", "`--rt-0-addr ...' required before `--rt-0-not-strict'"),
               meaning="and perhaps by others (after --rt-0-addrs)"),
    )  # fmt: skip

    type: Given[int] | None = None
    segsleft: Given[Range] | None = None
    length: Given[int] | None = None
    reserved: Given[bool] | None = None
    addresses: Given[Addresses] | None = None
    loose: Given[bool] | None = None

    @classmethod
    def premature(cls, given: Mapping[str, Given[Any]], option: Option) -> str:
        wanting = option.field in ("reserved", "addresses") and given.get("type") != (0, False)
        return f"`--rt-type 0' required before `--{option.names[0]}'" if wanting else HeaderMatch.premature(given, option)

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        return cls(**demanding(given))

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        missing = extension(packet, ROUTING, _FIXED, "Routing")
        if missing is None and _at(packet) + _length(packet) > len(packet.raw):
            return Absent("the packet ends before its Routing header does: it is dropped at once", True)
        return missing

    def _way(self, packet: Packet) -> bool:
        return self.addresses is None or passes(self.addresses.value, addresses_of(packet), self.loose is None)

    def compile(self) -> Test:
        judged = HeaderMatch.compile(self)
        return judged if self.addresses is None else lambda context: judged(context) and self._way(context.packet)

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        found = HeaderMatch.conditions(self, context)
        if self.addresses is None or self.absent(context.packet) is not None:
            return found
        way = f"the way is by {write_addresses(addresses_of(context.packet)) or 'nowhere'}"
        found = tuple(each for each in found if "not-strict" not in each.text)
        return (*found[:-1], found[-1]._replace(held=self._way(context.packet), because=way))

    def listing(self, numeric: bool) -> str:
        words = ["rt"]
        if self.type is not None:
            words.append(f"type:{'!' if self.type.negated else ''}{self.type.value}")
        words += filter(None, [listed_range("segsleft", self.segsleft)])
        if self.length is not None:
            words.append(f"length:{'!' if self.length.negated else ''}{self.length.value}")
        words += ["reserved"] if self.reserved is not None else []
        if self.addresses is not None:
            words.append(f"0-addrs {write_addresses(self.addresses.value)}")
        return " ".join([*words, *(["0-not-strict"] if self.loose is not None else [])])
