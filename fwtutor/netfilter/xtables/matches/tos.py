"""``-m tos``: the TOS byte of IPv4, or the traffic class of IPv6, under a mask.

A name means the four bits it had before DSCP took the byte over, of the lower six.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import leading_number
from fwtutor.netfilter.xtables.wording import Wording

NAMES = {
    "Minimize-Delay": 0x10, "Maximize-Throughput": 0x08, "Maximize-Reliability": 0x04, "Minimize-Cost": 0x02, "Normal-Service": 0x00,
}  # fmt: skip
NAMED_BITS = 0x3F
Byte = tuple[int, int]
"""Value and mask."""


def read_tos(text: str) -> Byte:
    """A number with a mask or without, or a name."""
    value = leading_number(text, 0, 0xFF)
    if value is None:
        named = next((bits for name, bits in NAMES.items() if name.lower() == text.lower()), None)
        if named is None:
            raise Unreadable(f'Symbolic name "{text}" is unknown', hint=nearest(text, NAMES, "names"))
        return named, NAMED_BITS
    mask: tuple[int, str] | None = (0xFF, value[1])
    if value[1].startswith("/"):
        mask = leading_number(value[1][1:], 0, 0xFF)
    if mask is None or mask[1]:
        raise Unreadable(f'Illegal value: "{text}"')
    return value[0], mask[0]


def write_tos(value: Byte) -> str:
    return f"0x{value[0]:02x}/0x{value[1]:02x}"


def name_of(value: Byte) -> str:
    """The name it is listed by; "" when it has none."""
    return next((name for name, bits in NAMES.items() if value == (bits, NAMED_BITS)), "")


def judge_tos(value: Byte, context: Context) -> tuple[bool, str]:
    seen = context.packet.tos & value[1]
    said = f"the packet's TOS byte is 0x{context.packet.tos:02x}"
    return seen == value[0], said if value[1] == 0xFF else f"{said}, under the mask 0x{seen:02x}"


@dataclass(frozen=True, slots=True)
class Tos(OptionMatch):
    """The TOS byte."""

    name: ClassVar[str] = "tos"
    meaning: ClassVar[str] = "the TOS byte, or traffic class"
    words: ClassVar[Wording] = {
        "tos": "whose TOS byte is~ {under}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="tos", names=("tos",), argument="VALUE[/MASK]|NAME", read=read_tos, write=write_tos, judge=judge_tos, required=True,
               meaning=f"the byte, under the mask, is this value; names: {' '.join(NAMES)}"),
    )  # fmt: skip

    tos: Given[Byte]

    def compile(self) -> Test:
        (value, mask), negated = self.tos
        return lambda context: (context.packet.tos & mask == value) != negated

    def listing(self, numeric: bool) -> str:
        value, negated = self.tos
        name = "" if numeric else name_of(value)
        return f"tos match{'!' if negated else ''}{f' {name}' if name else write_tos(value)}"
