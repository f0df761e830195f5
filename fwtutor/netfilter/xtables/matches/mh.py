"""``-m mh``: the type of a Mobility header. ``-p mh`` loads it.

A packet that ends inside the header, or whose Mobility header says that something follows it, is dropped at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.exthdrs import NONE
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.matches.headers import Absent, HeaderMatch, transport
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.values import format_range, number
from fwtutor.netfilter.xtables.wording import Wording

MH = 135
SIZE = 6
TYPES = (
    "binding-refresh-request", "home-test-init", "careof-test-init", "home-test", "careof-test", "binding-update",
    "binding-acknowledgement", "binding-error",
)  # fmt: skip
_NAMES = {
    "binding-refresh-request": 0, "brr": 0, "home-test-init": 1, "hoti": 1, "careof-test-init": 2, "coti": 2, "home-test": 3, "hot": 3,
    "careof-test": 4, "cot": 4, "binding-update": 5, "bu": 5, "binding-acknowledgement": 6, "ba": 6, "binding-error": 7, "be": 7,
}  # fmt: skip
ALL = (0, 255)
Range = tuple[int, int]


def _one(text: str) -> int:
    """A type by its name, which may be cut short, or its number."""
    value = _NAMES.get(text.lower())
    if value is None:
        value = next((each for name, each in _NAMES.items() if name.startswith(text.lower())), None)
    if value is None:
        value = number(text, 0, 255)
    if value is None:
        raise Unreadable(f"Invalid MH type `{text}'", hint=nearest(text, TYPES, "types"))
    return value


def read_types(text: str) -> Range:
    low, colon, high = text.partition(":")
    if not colon:
        value = _one(text)
        return value, value
    first, last = _one(low) if low else 0, _one(high) if high else 255
    if first > last:
        raise Unreadable("Invalid MH type range (min > max)")
    return first, last


def judge_type(value: Range, context: Context) -> tuple[bool, str]:
    kind = context.packet.raw[context.packet.l4 + 2]
    return value[0] <= kind <= value[1], f"the Mobility header is of type {kind}{f', {TYPES[kind]}' if kind < len(TYPES) else ''}"


@dataclass(frozen=True, slots=True)
class Mh(HeaderMatch):
    """The type of a Mobility header."""

    name: ClassVar[str] = "mh"
    protocol: ClassVar[int] = MH
    meaning: ClassVar[str] = "the type of a Mobility header (needs -p mh)"
    words: ClassVar[Wording] = {
        "": "with a Mobility header",
        "type": "whose type there is~ {to}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="type", names=("mh-type",), argument="TYPE[:TYPE]", read=read_types, write=format_range, judge=judge_type,
               unsaved=lambda given: given.value == ALL, meaning=f"it is of this type, or in this range: {' '.join(TYPES)}"),
    )  # fmt: skip

    type: Given[Range] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        return cls(**{field: each for field, each in given.items() if each != (ALL, False)})

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        missing = transport(packet, SIZE, "Mobility")
        if missing is None and packet.raw[packet.l4] != NONE:
            return Absent("its Mobility header says that something follows: the packet is dropped at once", True)
        return missing

    def listing(self, numeric: bool) -> str:
        if self.type is None:
            return "mh"
        low, high = (str(each) if numeric or each >= len(TYPES) else TYPES[each] for each in self.type.value)
        return f"mh {'!' if self.type.negated else ''}{low if low == high else f'{low}:{high}'}"
