"""``-j NETMAP``: a whole network becomes another one, each host the host with the same number in it. Only in table nat: in PREROUTING and
OUTPUT of the destination, in POSTROUTING and INPUT of the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.addresses import format_address, prefix_mask
from fwtutor.netfilter.conntrack.nat.ranges import SRC, Range, end_at
from fwtutor.netfilter.hooks import INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import NatTarget
from fwtutor.netfilter.xtables.values import BITS, NO_NAMES, colons, dotted, is_of_other_family, mask_length, number, resolved_address


def read_network(family: int) -> Callable[[str], tuple[int, int]]:
    """A reader of ADDRESS/BITS, to (address, bits of the network)."""

    def read(text: str) -> tuple[int, int]:
        host, slash, given = text.partition("/")
        length = _length(given, family) if slash else BITS[family]
        address = resolved_address(host, family)
        if address is None:
            why = "Address family for hostname not supported" if is_of_other_family(host, family) else "Name or service not known"
            raise Unreadable(f"getaddrinfo: {why}\n", hint=NO_NAMES if re.search("[g-zG-Z]", host) else "")
        return address & prefix_mask(family, length), length

    return read


def _length(text: str, family: int) -> int:
    """Bits of a network, from their number or from a mask; a mask that is none means all of them."""
    bits = BITS[family]
    if family == 6 and ":" in text and (whole := colons(text)) is not None:
        found = mask_length(whole, 6)
        return bits if found is None else found
    if family == 4 and re.fullmatch(r"\d+(\.\d+)+", text):
        parts = [number(part, 0, 255) for part in text.split(".")]
        if None not in parts:
            found = mask_length(dotted(text) or 0, 4) if len(parts) == 4 else None
            return bits if found is None else found
    length = number(text, 0, 0xFFFFFFFF if family == 4 else bits)
    if length is None:
        raise Unreadable(f'NETMAP: bad value for option "--to", neither a valid network mask nor valid CIDR (0-{bits}).\n')
    return min(length, bits)


def write_network(family: int) -> Callable[[tuple[int, int]], str]:
    return lambda network: f"{format_address(family, network[0])}/{network[1]}"


def _options(family: int) -> tuple[Option, ...]:
    return (
        Option(field="to", names=("to",), argument="NETWORK", read=read_network(family), write=write_network(family), invertible=False,
               required=True, meaning="the other network"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Netmap(OptionTarget, NatTarget):
    """One network for another."""

    name: ClassVar[str] = "NETMAP"
    hooks: ClassVar[tuple[str, ...]] = (PREROUTING, OUTPUT, POSTROUTING, INPUT)
    meaning: ClassVar[str] = "a network is mapped onto another, host by host"
    options: ClassVar[tuple[Option, ...]] = _options(4)

    to: Given[tuple[int, int]]

    def wanted(self, context: Context) -> Range:
        network, length = self.to.value
        packet = context.packet
        own = packet.src if end_at(context.hook) == SRC else packet.dst
        mapped = network | own & ~prefix_mask(packet.family, length)
        return Range(mapped, mapped)

    def listing(self, numeric: bool) -> str:
        return f"to:{self.options[0].write(self.to.value)}"


@dataclass(frozen=True, slots=True)
class Netmap6(Netmap):
    """The same of IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
