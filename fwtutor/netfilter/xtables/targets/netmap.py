"""``-j NETMAP``: a whole network becomes another one, each host the host with the same number in it. Only in table nat: in PREROUTING and
OUTPUT of the destination, in POSTROUTING and INPUT of the source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.addresses import ALL_ONES, format_address, prefix_mask
from fwtutor.netfilter.conntrack.nat.ranges import SRC, Range, end_at
from fwtutor.netfilter.hooks import INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import NatTarget
from fwtutor.netfilter.xtables.values import NO_NAMES, mask_length, number, resolved_address


def read_network(text: str) -> tuple[int, int]:
    """(address, bits of the network). Raises Unreadable."""
    host, slash, given = text.partition("/")
    length = _length(given) if slash else 32
    address = resolved_address(host, 4)
    if address is None:
        raise Unreadable("getaddrinfo: Name or service not known\n", hint=NO_NAMES if re.search("[a-zA-Z]", host) else "")
    return address & prefix_mask(4, length), length


def _length(text: str) -> int:
    if re.fullmatch(r"\d+(\.\d+)+", text):
        parts = [number(part, 0, 255) for part in text.split(".")]
        if None not in parts:
            whole = len(parts) == 4
            found = mask_length(int.from_bytes(bytes(part or 0 for part in parts), "big"), 4) if whole else None
            return 32 if found is None else found
    length = number(text, 0, ALL_ONES[4])
    if length is None:
        raise Unreadable('NETMAP: bad value for option "--to", neither a valid network mask nor valid CIDR (0-32).\n')
    return min(length, 32)


def write_network(network: tuple[int, int]) -> str:
    return f"{format_address(4, network[0])}/{network[1]}"


@dataclass(frozen=True, slots=True)
class Netmap(OptionTarget, NatTarget):
    """One network for another."""

    name: ClassVar[str] = "NETMAP"
    hooks: ClassVar[tuple[str, ...]] = (PREROUTING, OUTPUT, POSTROUTING, INPUT)
    meaning: ClassVar[str] = "a network is mapped onto another, host by host"
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="to", names=("to",), argument="NETWORK", read=read_network, write=write_network, invertible=False, required=True,
               meaning="the other network"),
    )  # fmt: skip

    to: Given[tuple[int, int]]

    def wanted(self, context: Context) -> Range:
        network, length = self.to.value
        packet = context.packet
        own = packet.src if end_at(context.hook) == SRC else packet.dst
        mapped = network | own & ~prefix_mask(4, length)
        return Range(mapped, mapped)

    def listing(self, numeric: bool) -> str:
        return f"to:{write_network(self.to.value)}"
