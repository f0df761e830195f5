"""``-j DNAT``: the connection goes to another destination, and its answers seem to come from where it was sent. Only in PREROUTING and
OUTPUT of table nat, before routing.

Of several ports it gets the first one, as long as answers could not be taken for another connection's. ``80-90/1080`` shifts ports: what
was sent to 1080 goes to 80, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.conntrack.nat.ranges import Range
from fwtutor.netfilter.hooks import OUTPUT, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.rule import NatTarget
from fwtutor.netfilter.xtables.targets.snat import range_of
from fwtutor.netfilter.xtables.targets.translation import PERSISTENT, RANDOM, Switched, To, read_to, write_to
from fwtutor.netfilter.xtables.wording import Wording


def _options(family: int) -> tuple[Option, ...]:
    ports = "PORT[-PORT[/PORT]]"
    argument = f"[ADDRESS[-ADDRESS]][:{ports}]" if family == 4 else f"ADDRESS[-ADDRESS] | [ADDRESS[-ADDRESS]]:{ports}"
    return (
        Option(field="to", names=("to-destination",), argument=argument, read=read_to(family, shifts=True), write=write_to(family),
               invertible=False, of_protocol=True, required=True, meaning="what to choose it from"),
        RANDOM, PERSISTENT,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dnat(Switched, NatTarget):
    """Another destination."""

    name: ClassVar[str] = "DNAT"
    hooks: ClassVar[tuple[str, ...]] = (PREROUTING, OUTPUT)
    meaning: ClassVar[str] = "the connection goes to another destination"
    words: ClassVar[Wording] = {
        "to": "go to {} instead",
        "random": ";with ports drawn by lot",
        "persistent": ";the same for each source every time",
    }
    options: ClassVar[tuple[Option, ...]] = _options(4)

    to: Given[To]
    random: Given[bool] | None = None
    persistent: Given[bool] | None = None

    def wanted(self, context: Context) -> Range:
        return range_of(self.to.value, random=self.random is not None, persistent=self.persistent is not None)

    def listing(self, numeric: bool) -> str:
        return f"to:{self.options[0].write(self.to.value)}{self.switches()}"


@dataclass(frozen=True, slots=True)
class Dnat6(Dnat):
    """The same of IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
