"""``-m dscp``: the upper six bits of the TOS byte (IPv6: of the traffic class): how routers are asked to treat the packet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

MOST = 63
CLASSES = {
    **{f"CS{number}": number << 3 for number in range(8)}, "BE": 0,
    **{f"AF{group}{drop}": group << 3 | drop << 1 for group in range(1, 5) for drop in range(1, 4)}, "EF": 46,
}  # fmt: skip


def read_class(text: str) -> int:
    """The tool looks no further than a name goes: CS10 is CS1."""
    value = next((value for name, value in CLASSES.items() if text.upper().startswith(name)), None)
    if value is None:
        raise Unreadable(f"Invalid DSCP value `{text}'", hint=nearest(text, CLASSES, "classes"))
    return value


def write_dscp(value: int) -> str:
    return f"0x{value:02x}"


def judge_dscp(value: int, context: Context) -> tuple[bool, str]:
    seen = context.packet.tos >> 2
    return seen == value, f"the packet's DSCP is 0x{seen:02x}"


@dataclass(frozen=True, slots=True)
class Dscp(OptionMatch):
    """The DSCP."""

    name: ClassVar[str] = "dscp"
    meaning: ClassVar[str] = "how routers are asked to treat the packet"
    words: ClassVar[Wording] = {
        "dscp": "whose DSCP is~ {}",
        "by_class": "whose DSCP is~ {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="dscp", names=("dscp",), argument="VALUE", read=bounded("dscp", "dscp", 0, MOST), write=write_dscp, judge=judge_dscp,
               meaning="the DSCP is this one"),
        Option(field="by_class", names=("dscp-class",), argument="CLASS", read=read_class,
               meaning=f"the DSCP is that of this class: {' '.join(CLASSES)}"),
    )  # fmt: skip

    dscp: Given[int]

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("DSCP match: Parameter --dscp is required")
        cls.exclude(given, "dscp", "by_class")
        return cls(next(iter(given.values())))

    def given(self) -> list[tuple[Option, Given[Any]]]:
        return [(self.options[0], self.dscp)]

    def compile(self) -> Test:
        value, negated = self.dscp
        return lambda context: (context.packet.tos >> 2 == value) != negated

    def listing(self, numeric: bool) -> str:
        return f"DSCP match {'!' if self.dscp.negated else ''}{write_dscp(self.dscp.value)}"
