"""``-j DSCP``: the upper six bits of the TOS byte (IPv6: of the traffic class) are set, and the walk goes on. Only in mangle.

They say how routers on the way should treat the packet; who heeds them is up to each. The lower two (ECN) stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.changing import with_tos
from fwtutor.netfilter.hooks import MANGLE
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.dscp import CLASSES, MOST, read_class, write_dscp
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording


@dataclass(frozen=True, slots=True)
class DscpTarget(OptionTarget, ActingTarget):
    """Another DSCP."""

    name: ClassVar[str] = "DSCP"
    tables: ClassVar[tuple[str, ...]] = (MANGLE,)
    meaning: ClassVar[str] = "how routers are asked to treat the packet is changed"
    words: ClassVar[Wording] = {
        "value": "get the DSCP {}",
        "by_class": "get the DSCP {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="value", names=("set-dscp",), argument="VALUE", read=bounded("DSCP", "set-dscp", 0, MOST), write=write_dscp,
               invertible=False, meaning="the DSCP becomes this"),
        Option(field="by_class", names=("set-dscp-class",), argument="CLASS", read=read_class, invertible=False,
               meaning=f"the DSCP becomes that of this class: {' '.join(CLASSES)}"),
    )  # fmt: skip

    value: int = 0

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("DSCP target: Parameter --set-dscp is required")
        cls.exclude(given, "value", "by_class")
        return cls(next(iter(given.values())).value)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return [(self.options[0], Given(self.value))]

    def act(self, context: Context) -> bool:
        packet = context.packet
        if packet.tos >> 2 != self.value:
            context.packet = with_tos(packet, packet.tos & 3 | self.value << 2)
        return True

    def listing(self, numeric: bool) -> str:
        return f"DSCP set {write_dscp(self.value)}"
