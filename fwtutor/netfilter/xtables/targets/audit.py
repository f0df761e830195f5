"""``-j AUDIT``: the packet is reported to the audit system, and the walk goes on. It decides nothing, whatever its ``--type`` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.wording import Wording

ACCEPTED = Given("accept")
TYPES = ("accept", "drop", "reject")


def read_type(text: str) -> str:
    if text.lower() not in TYPES:
        raise Unreadable(f'Bad action type value "{text}"', hint=f"types: {', '.join(TYPES)}")
    return text.lower()


@dataclass(frozen=True, slots=True)
class Audit(OptionTarget):
    """Reported, and on to the next rule."""

    name: ClassVar[str] = "AUDIT"
    goes_on: ClassVar[bool] = True
    meaning: ClassVar[str] = "the packet is reported to the audit system, and goes on to the next rule"
    words: ClassVar[Wording] = {
        "": "are reported to the audit system",
        "type": "as {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="type", names=("type",), argument="accept|drop|reject", read=read_type, invertible=False, required=True,
               meaning="what the report says became of it: that is for other rules to do"),
    )  # fmt: skip

    type: Given[str] = ACCEPTED

    def listing(self, numeric: bool) -> str:
        return f"AUDIT {self.type.value}"
