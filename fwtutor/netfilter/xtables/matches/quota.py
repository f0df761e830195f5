"""``-m quota``: holds until so many bytes have passed, and then never again.

Bytes are those of whole IP packets. The first packet that is larger than what is left ends it, also for smaller ones that would fit.
What is listed is what was given, not what is left; when the rule is written anew, as legacy does with a whole table, it is as at first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, StatefulMatch
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

NOTHING = Given(0)


@dataclass(frozen=True, slots=True)
class Quota(StatefulMatch, OptionMatch):
    """So many bytes."""

    name: ClassVar[str] = "quota"
    meaning: ClassVar[str] = "until so many bytes have passed"
    words: ClassVar[Wording] = {
        "quota": ";until {} bytes have come|;after {} bytes have come",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="quota", names=("quota",), argument="BYTES", read=bounded("quota", "quota", 0, 2**64 - 1), required=True,
               meaning="so many bytes; with a \"!\": only after them"),
    )  # fmt: skip

    quota: Given[int] = NOTHING

    def fresh(self, at: int, variant: str) -> int:
        return self.quota.value

    def evaluate(self, before: Any, context: Context) -> tuple[bool, Any]:
        left = before - context.packet.length
        return (left >= 0) != self.quota.negated, max(left, 0)

    def recall(self, before: Any, context: Context) -> tuple[Condition, ...]:
        length = context.packet.length
        said = f"{before} of {self.quota.value} bytes are left, the packet has {length}"
        if length > before > 0:
            said += ": too large, and from now on nothing is left"
        return (Condition(self.save(), (length <= before) != self.quota.negated, said),)

    def listing(self, numeric: bool) -> str:
        return f"quota: {self.quota.value} bytes"
