"""``-m mark``: the mark a packet carries inside the box. It is 0 until a rule or a program sets it.

``--mark VALUE/MASK`` holds when the mark, of which only the bits in the mask are looked at, is the value. A value with
bits outside its mask can never be; it is taken nonetheless, as by the tool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import leading_number
from fwtutor.netfilter.xtables.wording import Wording

ALL_BITS = 0xFFFFFFFF
Marked = tuple[int, int]
"""Value and mask."""


def read_mark(extension: str, option: str = "mark") -> Callable[[str], Marked]:
    """A reader of ``VALUE[/MASK]`` with the words of that extension."""

    def read(text: str) -> Marked:
        value = leading_number(text, 0, ALL_BITS)
        mask: tuple[int, str] | None = (ALL_BITS, value[1]) if value else None
        if value and value[1].startswith("/"):
            mask = leading_number(value[1][1:], 0, ALL_BITS)
        if value is None or mask is None:
            raise Unreadable(f'{extension}: bad integer value for option "--{option}", or out of range.')
        if mask[1]:
            raise Unreadable(f'{extension}: trailing garbage after value for option "--{option}".', (len(text) - len(mask[1]), len(text)))
        return value[0], mask[0]

    return read


def write_mark(value: Marked) -> str:
    return f"0x{value[0]:x}" if value[1] == ALL_BITS else f"0x{value[0]:x}/0x{value[1]:x}"


def judge(value: Marked, mark: int, whose: str) -> tuple[bool, str]:
    """Whether a mark fits; ``whose`` it is, in words."""
    seen = mark & value[1]
    said = f"{whose} mark is 0x{mark:x}"
    return seen == value[0], said if value[1] == ALL_BITS else f"{said}, under the mask 0x{seen:x}"


def judge_mark(value: Marked, context: Context) -> tuple[bool, str]:
    return judge(value, context.mark, "the packet's")


@dataclass(frozen=True, slots=True)
class Mark(OptionMatch):
    """The mark of the packet."""

    name: ClassVar[str] = "mark"
    meaning: ClassVar[str] = "the mark the packet carries inside the box"
    words: ClassVar[Wording] = {
        "mark": "with the mark {under}|without the mark {under}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="mark", names=("mark",), argument="VALUE[/MASK]", read=read_mark("mark"), write=write_mark, judge=judge_mark,
               required=True, meaning="the packet's mark, under the mask, is this value"),
    )  # fmt: skip

    mark: Given[Marked] | None = None

    def compile(self) -> Test:
        (value, mask), negated = self.mark or Given((0, 0))
        return (lambda c: c.mark & mask != value) if negated else (lambda c: c.mark & mask == value)

    def listing(self, numeric: bool) -> str:
        value, negated = self.mark or Given((0, 0))
        return f"mark match {'! ' if negated else ''}{write_mark(value)}"
