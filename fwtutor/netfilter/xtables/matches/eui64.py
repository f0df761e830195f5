"""``-m eui64``: the lower half of an IPv6 source is the one that is made from the link address of who sent it (EUI-64).

Where the packet came by something without link addresses (a tunnel, loopback) it never matches, and a later fragment is dropped at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.hooks import FORWARD, INPUT, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.wording import Wording

_HALF = (1 << 64) - 1


def interface_id(mac: str) -> int:
    """The lower half of the address that belongs to a link address."""
    parts = bytes(int(part, 16) for part in mac.split(":"))
    return int.from_bytes(bytes([parts[0] ^ 2]) + parts[1:3] + b"\xff\xfe" + parts[3:], "big")


def fits(context: Context) -> bool:
    return context.mac is not None and context.packet.src & _HALF == interface_id(context.mac)


@dataclass(frozen=True, slots=True)
class Eui64(OptionMatch):
    """A source made from a link address."""

    name: ClassVar[str] = "eui64"
    meaning: ClassVar[str] = "the source's lower half is made from the link address of who sent it"
    words: ClassVar[Wording] = {
        "": "whose source address was made from their sender's link address",
    }
    hooks: ClassVar[tuple[str, ...]] = (PREROUTING, INPUT, FORWARD)
    spaced: ClassVar[bool] = False

    shown: bool = True
    """Whether the variant's ``-L`` says anything of it."""

    def kept(self, variant: str, new: bool) -> Eui64:
        return Eui64(variant == "legacy")

    def compile(self) -> Test:
        def test(context: Context) -> bool:
            if context.mac is None and context.packet.offset:
                context.hot_drop = True
            return fits(context)

        return test

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        if context.mac is None:
            said = "it came by a link without addresses" + (
                ", and is a later fragment: it is dropped at once" if context.packet.offset else ""
            )
        else:
            wanted, there = (format_address(6, half) for half in (interface_id(context.mac), context.packet.src & _HALF))
            said = f"{context.mac} makes {wanted}, the source ends in {there}"
        return (Condition("-m eui64", fits(context), said),)

    def listing(self, numeric: bool) -> str:
        return "eui64 " if self.shown else ""
