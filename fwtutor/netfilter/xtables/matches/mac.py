"""``-m mac``: the link address of the machine that put the packet onto the wire: the last router's, not the first sender's.

Where the packet came by something without link addresses (a tunnel, loopback) it never matches, even with a ``!``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.hooks import FORWARD, INPUT, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.wording import Wording

_PART = re.compile(r"(?=.{0,2}\Z)(?:[ \t\n\v\f\r]*([+-]?)([0-9a-fA-F]+))?\Z")
"""The tool takes two letters, whatever makes a number of them, or nothing at all."""


def read_mac(text: str) -> str:
    parts = [_PART.match(part) for part in text.split(":")]
    if len(parts) != 6 or None in parts:
        raise Unreadable("Invalid MAC address specified.", hint="six hexadecimal numbers with colons between them")
    numbers = [int(part[2] or "0", 16) * (-1 if part[1] == "-" else 1) for part in parts if part]
    return ":".join(f"{number & 0xFF:02x}" for number in numbers)


def judge_mac(value: str, context: Context) -> tuple[bool, str]:
    if context.mac is None:
        return False, "it came by a link without addresses"
    return context.mac == value, f"who put it onto the wire is {context.mac}"


@dataclass(frozen=True, slots=True)
class Mac(OptionMatch):
    """The sender's link address."""

    name: ClassVar[str] = "mac"
    meaning: ClassVar[str] = "the link address of who put the packet onto the wire"
    hooks: ClassVar[tuple[str, ...]] = (PREROUTING, INPUT, FORWARD)
    words: ClassVar[Wording] = {
        "source": "put onto the wire by {}|put onto the wire by any other than {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="source", names=("mac-source",), argument="XX:XX:XX:XX:XX:XX", read=read_mac, judge=judge_mac, required=True,
               meaning="its link address is this one"),
    )  # fmt: skip

    source: Given[str]

    def compile(self) -> Test:
        address, negated = self.source
        return lambda context: context.mac is not None and (context.mac == address) != negated

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        (found,) = OptionMatch.conditions(self, context)
        return (found if context.mac is not None else found._replace(held=False),)

    def listing(self, numeric: bool) -> str:
        return f"MAC {'! ' if self.source.negated else ''}{self.source.value}"
