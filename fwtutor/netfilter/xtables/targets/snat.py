"""``-j SNAT``: the connection gets another source, and its answers come back to that. Only in POSTROUTING and INPUT of table nat.

The port stays what it is, as long as answers could not be taken for another connection's, or is one of those given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.conntrack.nat.ranges import Range
from fwtutor.netfilter.hooks import INPUT, POSTROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.rule import NatTarget
from fwtutor.netfilter.xtables.targets.translation import FULLY, PERSISTENT, RANDOM, Switched, To, read_to, write_to
from fwtutor.netfilter.xtables.wording import Wording


def _options(family: int) -> tuple[Option, ...]:
    argument = "[ADDRESS[-ADDRESS]][:PORT[-PORT]]" if family == 4 else "ADDRESS[-ADDRESS] | [ADDRESS[-ADDRESS]]:PORT[-PORT]"
    return (
        Option(field="to", names=("to-source",), argument=argument, read=read_to(family, shifts=False), write=write_to(family),
               invertible=False, of_protocol=True, required=True, meaning="what to choose it from"),
        RANDOM, FULLY, PERSISTENT,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snat(Switched, NatTarget):
    """Another source."""

    name: ClassVar[str] = "SNAT"
    hooks: ClassVar[tuple[str, ...]] = (POSTROUTING, INPUT)
    meaning: ClassVar[str] = "the connection gets another source"
    words: ClassVar[Wording] = {
        "to": "get {} as their source",
        "random": ";with ports drawn by lot",
        "fully": ";with ports drawn by lot",
        "persistent": ";the same for each source every time",
    }
    options: ClassVar[tuple[Option, ...]] = _options(4)

    to: Given[To]
    random: Given[bool] | None = None
    fully: Given[bool] | None = None
    persistent: Given[bool] | None = None

    def wanted(self, context: Context) -> Range:
        return range_of(self.to.value, random=bool(self.random or self.fully), persistent=self.persistent is not None)

    def listing(self, numeric: bool) -> str:
        return f"to:{self.options[0].write(self.to.value)}{self.switches()}"


@dataclass(frozen=True, slots=True)
class Snat6(Snat):
    """The same of IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)


def range_of(to: To, *, random: bool, persistent: bool) -> Range:
    """What SNAT and DNAT ask for."""
    ports = None if to.ports is None else (to.ports.low, to.ports.high)
    return Range(to.low, to.high, ports, None if to.ports is None else to.ports.base, random, persistent)
