"""``-j NETMAP``: a whole network becomes another one, each host the host with the same number in it. Only in table nat: in PREROUTING and
OUTPUT of the destination, in POSTROUTING and INPUT of the source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.addresses import format_address, prefix_mask
from fwtutor.netfilter.conntrack.nat.ranges import SRC, Range, end_at
from fwtutor.netfilter.hooks import INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import NatTarget
from fwtutor.netfilter.xtables.values import read_host
from fwtutor.netfilter.xtables.wording import Wording


def read_network(family: int) -> Callable[[str], tuple[int, int]]:
    """A reader of ADDRESS/BITS, to (address, bits of the network)."""

    whole = read_host("NETMAP", "to", family)

    def read(text: str) -> tuple[int, int]:
        address, mask = whole(text)
        return address & mask, mask.bit_count()

    return read


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
    words: ClassVar[Wording] = {
        "to": "are mapped onto the network {}, host by host",
    }
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
