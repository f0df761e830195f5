"""``-j TTL`` (IPv4) and ``-j HL`` (IPv6): the TTL, or hop limit, is set, raised or lowered, and the walk goes on. Only in mangle.

It stays between 0 and 255. In PREROUTING it is changed before the box looks whether it ran out, and before the box takes one
off itself; what is raised each time it comes around could go around for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.changing import with_ttl
from fwtutor.netfilter.hooks import MANGLE
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

WORDS = {"set": "set to", "inc": "increment by", "dec": "decrement by"}


def _options(name: str, whose: str) -> tuple[Option, ...]:
    short = name.lower()
    lines = (("set", 0, f"the {whose} becomes this"), ("dec", 1, "it becomes less by so much"), ("inc", 1, "it becomes more by so much"))
    return tuple(
        Option(field=field, names=(f"{short}-{field}",), argument="N", read=bounded(name, f"{short}-{field}", low, 255),
               invertible=False, meaning=meaning)
        for field, low, meaning in lines
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ttl(OptionTarget, ActingTarget):
    """Another TTL."""

    name: ClassVar[str] = "TTL"
    tables: ClassVar[tuple[str, ...]] = (MANGLE,)
    meaning: ClassVar[str] = "the TTL is changed"
    words: ClassVar[Wording] = {
        "set": "get the TTL {}",
        "dec": "lose {} of their TTL",
        "inc": "get {} more of TTL",
    }
    options: ClassVar[tuple[Option, ...]] = _options("TTL", "TTL")

    mode: str = "set"
    """"set", "inc" or "dec"."""
    value: int = 0

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable(f"{cls.name}: You must specify an action")
        cls.exclude(given, "set", "inc", "dec")
        ((mode, one),) = given.items()
        return cls(mode, one.value)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return [(option, Given(self.value)) for option in self.options if option.field == self.mode]

    def act(self, context: Context) -> bool:
        before = context.packet.ttl
        after = {"set": self.value, "inc": min(before + self.value, 255), "dec": max(before - self.value, 0)}[self.mode]
        if after != before:
            context.packet = with_ttl(context.packet, after)
        return True

    def listing(self, numeric: bool) -> str:
        return f"{self.name} {WORDS[self.mode]} {self.value}"


@dataclass(frozen=True, slots=True)
class Hl(Ttl):
    """Another hop limit."""

    name: ClassVar[str] = "HL"
    meaning: ClassVar[str] = "the hop limit is changed"
    words: ClassVar[Wording] = {
        "set": "get the hop limit {}",
        "dec": "lose {} of their hop limit",
        "inc": "get {} more of hop limit",
    }
    options: ClassVar[tuple[Option, ...]] = _options("HL", "hop limit")
