"""``-m physdev``: the port of a bridge the packet came in by or leaves by.

The box has no bridge, and without one the kernel finds every option false: what has a ``!`` before each option fits all packets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.hooks import FORWARD, INPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.values import interface, odd_interface
from fwtutor.netfilter.xtables.wording import Wording


def judge(value: Any, context: Context) -> tuple[bool, str]:
    return False, "no bridge has anything to do with the packet"


def _named(way: str, said: str) -> Option:
    meaning = f"the bridge port it {said} by"
    return Option(
        field=f"{way}_port",
        names=(f"physdev-{way}",),
        argument="NAME[+]",
        read=interface,
        warns=odd_interface,
        judge=judge,
        meaning=meaning,
    )


def _yes(name: str, meaning: str) -> Option:
    return Option(field=name.replace("-", "_"), names=(f"physdev-{name}",), arguments=0, read=lambda: True, judge=judge, meaning=meaning)


@dataclass(frozen=True, slots=True)
class PhysDev(OptionMatch):
    """The ports of a bridge."""

    name: ClassVar[str] = "physdev"
    meaning: ClassVar[str] = "the ports of a bridge (here there is none)"
    words: ClassVar[Wording] = {
        "is_in": "that came in by a bridge port|that did not come in by a bridge port",
        "in_port": "that came in by the bridge port {}|that did not come in by the bridge port {}",
        "is_out": "that will~ leave by a bridge port",
        "out_port": "that will~ leave by the bridge port {}",
        "is_bridged": "that are~ bridged",
    }
    options: ClassVar[tuple[Option, ...]] = (
        _yes("is-in", "it came in by a bridge port"),
        _named("in", "came in"),
        _yes("is-out", "it will leave by a bridge port"),
        _named("out", "will leave"),
        _yes("is-bridged", "it is bridged, and so not routed"),
    )

    is_in: Given[bool] | None = None
    in_port: Given[str] | None = None
    is_out: Given[bool] | None = None
    out_port: Given[str] | None = None
    is_bridged: Given[bool] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("PHYSDEV: no physdev option specified")
        return cls(**given)

    @property
    def hooks_by_options(self) -> tuple[str, ...]:
        # What the box itself sends has not met a bridge yet, unless the rule says that only bridged packets count.
        bridged = self.is_bridged is not None and not self.is_bridged.negated
        return () if bridged or (self.out_port is None and self.is_out is None) else (PREROUTING, INPUT, FORWARD, POSTROUTING)

    def listing(self, numeric: bool) -> str:
        return f"PHYSDEV match {self.save()}"
