"""``-m length``: how long the IP packet is, with its headers, as its IP header says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import format_range, number_range
from fwtutor.netfilter.xtables.wording import Wording

MOST = 0xFFFF
Range = tuple[int, int]


def read_length(text: str) -> Range:
    return number_range(text, "length", "length", MOST)


def judge_length(value: Range, context: Context) -> tuple[bool, str]:
    length = context.packet.length
    return value[0] <= length <= value[1], f"the packet has {length} bytes"


@dataclass(frozen=True, slots=True)
class Length(OptionMatch):
    """The length of the packet."""

    name: ClassVar[str] = "length"
    meaning: ClassVar[str] = "the length of the IP packet, headers included"
    words: ClassVar[Wording] = {
        "length": "that are~ {to} bytes long",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="length", names=("length",), argument="LENGTH[:LENGTH]", read=read_length, write=format_range, judge=judge_length,
               required=True, meaning="the packet is so many bytes long"),
    )  # fmt: skip

    length: Given[Range]

    def compile(self) -> Test:
        (low, high), negated = self.length
        return lambda context: (low <= context.packet.length <= high) != negated

    def listing(self, numeric: bool) -> str:
        value, negated = self.length
        return f"length {'!' if negated else ''}{format_range(value)}"
