"""``-m devgroup``: the group of the interface the packet came in by or leaves by. All interfaces of the box are in group 0, "default"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.values import leading_number
from fwtutor.netfilter.xtables.wording import Wording

ALL = 0xFFFFFFFF
NAMES = {"default": 0}
Group = tuple[int, int]
"""Number and mask."""


def _read(option: str) -> Callable[[str], Group]:
    def read(text: str) -> Group:
        found = leading_number(text, 0, ALL)
        if found is None or not (not found[1] or found[1].startswith("/")):
            if text in NAMES:
                return NAMES[text], ALL
            raise Unreadable(f'devgroup: could not map name {text} to an integer value for option "--{option}".')
        mask = leading_number(found[1][1:], 0, ALL) if found[1] else (ALL, "")
        if mask is None:
            raise Unreadable(f'devgroup: bad integer value for option "--{option}", or out of range.')
        if mask[1]:
            raise Unreadable(f'devgroup: trailing garbage after value for option "--{option}".')
        return found[0], mask[0]

    return read


def write_group(value: Group) -> str:
    group, mask = value
    if mask != ALL:
        return f"{group:#x}/{mask:#x}"
    return next((name for name, known in NAMES.items() if known == group), f"{group:#x}")


def judge_group(value: Group, context: Context) -> tuple[bool, str]:
    return not value[0] & value[1], 'the interface is in group 0, "default", as all are here'


def _option(side: str, word: str) -> Option:
    return Option(
        field=side, names=(f"{side}-group",), argument="GROUP[/MASK]", read=_read(f"{side}-group"), write=write_group, judge=judge_group,
        meaning=f"the interface it {word} by is in this group",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DevGroup(OptionMatch):
    """The groups of interfaces."""

    name: ClassVar[str] = "devgroup"
    meaning: ClassVar[str] = "the group of an interface (here all are in group 0)"
    words: ClassVar[Wording] = {
        "src": "arriving at an interface of group {under}|arriving at an interface that is not of group {under}",
        "dst": "leaving by an interface of group {under}|leaving by an interface that is not of group {under}",
    }
    options: ClassVar[tuple[Option, ...]] = (_option("src", "came in"), _option("dst", "leaves"))

    src: Given[Group] | None = None
    dst: Given[Group] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("devgroup match: You must specify either '--src-group' or '--dst-group'")
        return cls(**given)

    @property
    def hooks_by_options(self) -> tuple[str, ...]:
        if self.src is None:
            return FORWARD, OUTPUT, POSTROUTING
        return (PREROUTING, INPUT, FORWARD) if self.dst is None else (FORWARD,)

    def listing(self, numeric: bool) -> str:
        words = []
        for side, given in (("src", self.src), ("dst", self.dst)):
            if given is not None:
                group, mask = given.value
                said = f"{group:#x}" if numeric and mask == ALL else write_group(given.value)
                words.append(f"{'! ' if given.negated else ''}{side}-group {said}")
        return " ".join(words)
