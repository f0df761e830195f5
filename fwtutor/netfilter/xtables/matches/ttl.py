"""``-m ttl``: how many routers the packet may still pass, as its IP header has it when the rule is asked.

A router counts it down when it forwards: in FORWARD it is still what came in, and in POSTROUTING what goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import eq, gt, lt
from typing import Any, ClassVar, Self

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import number
from fwtutor.netfilter.xtables.wording import Wording

HOLDS: dict[str, tuple[Callable[[int, int], bool], str, str]] = {
    "eq": (eq, "==", "is"),
    "lt": (lt, "<", "is below"),
    "gt": (gt, ">", "is above"),
}
"""What each option compares, how -L writes it, and in words."""
ORDER = ("lt", "gt", "eq")
"""In which the tool finds two of them that do not go together."""


def read_number(name: str, option: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = number(text, 0, 255)
        if value is None:
            raise Unreadable(f'{name}: bad value for option "--{option}", or out of range (0-255).')
        return value

    return read


def ttl_options(name: str, said: str) -> tuple[Option, ...]:
    """``--NAME-eq``, ``--NAME-lt``, ``--NAME-gt`` for the header's field ``said``."""

    def option(field: str) -> Option:
        compare, _, words = HOLDS[field]

        def judge(value: int, context: Context) -> tuple[bool, str]:
            return compare(context.packet.ttl, value), f"the {said} is {context.packet.ttl}"

        names = (f"{name}-eq", name) if field == "eq" else (f"{name}-{field}",)
        return Option(
            field=field, names=names, argument="NUMBER", read=read_number(name, names[0]), judge=judge, invertible=field == "eq",
            meaning=f"the {said} {words} this number",
        )  # fmt: skip

    return tuple(option(field) for field in HOLDS)


@dataclass(frozen=True, slots=True)
class Ttl(OptionMatch):
    """The time to live."""

    name: ClassVar[str] = "ttl"
    meaning: ClassVar[str] = "the time to live of the packet"
    words: ClassVar[Wording] = {
        "eq": "whose TTL is~ {}",
        "lt": "whose TTL is below {}",
        "gt": "whose TTL is above {}",
    }
    options: ClassVar[tuple[Option, ...]] = ttl_options("ttl", "TTL")
    nothing: ClassVar[str] = "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt"

    eq: Given[int] | None = None
    lt: Given[int] | None = None
    gt: Given[int] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable(cls.nothing)
        found = [field for field in ORDER if field in given]
        if len(found) > 1:
            other = next(field for field in HOLDS if field in found[1:])
            raise Unreadable(f'{cls.name}: option "--{cls.name}-{found[0]}" cannot be used together with "--{cls.name}-{other}".')
        return cls(**given)

    def compile(self) -> Test:
        option, (value, negated) = self.given()[0]
        compare = HOLDS[option.field][0]
        return lambda c: compare(c.packet.ttl, value) != negated

    def listing(self, numeric: bool) -> str:
        option, (value, negated) = self.given()[0]
        word = self.name.upper()
        return f"{word} match {word} {'!=' if negated else HOLDS[option.field][1]} {value}"
