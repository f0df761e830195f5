"""``-j CLASSIFY``: the packet is put into a class of the queue it will leave by, and the walk goes on.

The class is the packet's priority, in two hexadecimal numbers as tc writes them. Queues are not simulated: nothing here depends
on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.hooks import FORWARD, OUTPUT, POSTROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget
from fwtutor.netfilter.xtables.wording import Wording

_PART = r"[ \t\n\v\f\r]*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]{1,})"
_CLASS = re.compile(f"{_PART}:{_PART}", re.ASCII)
_EMPTY = re.compile(r"0[xX]:")
WORD = 2**32


def read_class(text: str) -> int:
    """As C's scanf reads two hexadecimal numbers: what follows is not looked at, and what is too large loses its upper bits."""
    found = _CLASS.match(_EMPTY.sub("0:", text, count=1))
    if not found:
        raise Unreadable(f'Bad class value "{text}"', hint="two hexadecimal numbers with a colon between them")
    parts = []
    for sign, digits in (found.group(1, 2), found.group(3, 4)):
        value = min(int(digits[:40], 16), 2**64 - 1)
        parts.append((-value if sign == "-" else value) % WORD)
    return parts[0] << 16 & 0xFFFF0000 | parts[1] & 0xFFFF


def write_class(value: int) -> str:
    return f"{value >> 16:04x}:{value & 0xFFFF:04x}"


@dataclass(frozen=True, slots=True)
class Classify(OptionTarget, ActingTarget):
    """Another priority."""

    name: ClassVar[str] = "CLASSIFY"
    hooks: ClassVar[tuple[str, ...]] = (FORWARD, OUTPUT, POSTROUTING)
    meaning: ClassVar[str] = "the packet is put into a class of the queue it leaves by"
    words: ClassVar[Wording] = {
        "value": "get the class {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="value", names=("set-class",), argument="MAJOR:MINOR", read=read_class, write=write_class, invertible=False,
               required=True, meaning="the class, in hexadecimal"),
    )  # fmt: skip

    value: int = 0

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        # The common check says what is missing.
        return cls(given["value"].value) if given else super(Classify, cls).build(given)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return [(self.options[0], Given(self.value))]

    def act(self, context: Context) -> bool:
        context.priority = self.value
        return True

    def listing(self, numeric: bool) -> str:
        return f"CLASSIFY set {self.value >> 16:x}:{self.value & 0xFFFF:x}"
