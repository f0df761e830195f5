"""``-j MARK``: the mark the packet carries inside the box is changed, and the walk goes on. It is never sent anywhere.

Whatever it is told, it takes some bits of the mark away and turns some around: (mark and not mask) xor value. It is listed so.
``--set-mark VALUE/MASK`` adds the value's bits to the mask, so that the mark has them whatever it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.mark import ALL_BITS, Marked, read_mark
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording, changed

OPERATIONS = ("set_mark", "and_mark", "or_mark", "xor_mark", "set_xmark")
"""In the order in which the tool looks for a second one."""


def write_xmark(value: Marked) -> str:
    return f"0x{value[0]:x}/0x{value[1]:x}"


def operations(extension: str, whose: str) -> tuple[Option, ...]:
    """--set-xmark, --set-mark, --and-mark, --or-mark and --xor-mark of MARK or CONNMARK."""
    bits = {name: bounded(extension, f"{name}-mark", 0, ALL_BITS) for name in ("and", "or", "xor")}
    return (
        Option(field="set_xmark", names=("set-xmark",), argument="VALUE[/MASK]", read=read_mark(extension, "set-xmark"),
               write=write_xmark, invertible=False, meaning=f"{whose} loses the bits in the mask, then those of the value turn around"),
        Option(field="set_mark", names=("set-mark",), argument="VALUE[/MASK]", read=read_mark(extension, "set-mark"), invertible=False,
               meaning=f"{whose} loses the bits in the mask and gets those of the value"),
        Option(field="and_mark", names=("and-mark",), argument="BITS", read=bits["and"], invertible=False,
               meaning=f"{whose} keeps only these bits"),
        Option(field="or_mark", names=("or-mark",), argument="BITS", read=bits["or"], invertible=False,
               meaning=f"{whose} gets these bits"),
        Option(field="xor_mark", names=("xor-mark",), argument="BITS", read=bits["xor"], invertible=False,
               meaning=f"these bits of {whose} turn around"),
    )  # fmt: skip


def value_and_mask(field: str, value: Any) -> Marked:
    """What an operation means."""
    match field:
        case "set_mark":
            return value[0], value[0] | value[1]
        case "and_mark":
            return 0, ~value & ALL_BITS
        case "or_mark":
            return value, value
        case "xor_mark":
            return value, 0
    return value[0], value[1]


def listed(value: int, mask: int) -> str:
    if not value:
        return f"and 0x{~mask & ALL_BITS:x}"
    if value == mask:
        return f"or 0x{value:x}"
    if not mask:
        return f"xor 0x{value:x}"
    return f"set 0x{value:x}" if mask == ALL_BITS else f"xset 0x{value:x}/0x{mask:x}"


@dataclass(frozen=True, slots=True)
class MarkTarget(OptionTarget, ActingTarget):
    """The packet's mark changes."""

    name: ClassVar[str] = "MARK"
    meaning: ClassVar[str] = "the packet's mark is changed"
    words: ClassVar[Wording] = {
        "set_xmark": lambda change, negated: changed(change[0], change[1], "their mark"),
    }
    options: ClassVar[tuple[Option, ...]] = operations("MARK", "the mark")

    value: int = 0
    mask: int = 0

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required")
        cls.exclude(given, *OPERATIONS)
        ((field, one),) = given.items()
        return cls(*value_and_mask(field, one.value))

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return [(self.options[0], Given((self.value, self.mask)))]

    def act(self, context: Context) -> bool:
        context.mark = context.mark & ~self.mask ^ self.value
        return True

    def listing(self, numeric: bool) -> str:
        return f"MARK {listed(self.value, self.mask)}"
