"""``-m iprange``: addresses from the one to the other, both included.

A range whose ends are the wrong way round is taken (with a warning): nothing is in it, and with a ``!`` everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import dotted, resolved_address
from fwtutor.netfilter.xtables.wording import Wording

Range = tuple[int, int]
"""First and last."""


def read_range(option: str, family: int) -> Callable[[str], Range]:
    def read(text: str) -> Range:
        first, dash, last = text.partition("-")
        found: list[int] = []
        for part in (first, last) if dash else (first,):
            address = dotted(part) if family == 4 else resolved_address(part, 6)
            if address is None or (family == 4 and len(part) > 19):
                at = len(first) + 1 if found else 0
                raise Unreadable(f'iprange: Bad value for "--{option}" option: "{part}"', (at, at + len(part)))
            found.append(address)
        return found[0], found[-1]

    return read


def write_range(family: int) -> Callable[[Range], str]:
    return lambda value: f"{format_address(family, value[0])}-{format_address(family, value[1])}"


def _option(field: str, part: str, family: int) -> Option:
    word = "source" if part == "src" else "destination"

    def judge(value: Range, context: Context) -> tuple[bool, str]:
        address = getattr(context.packet, part)
        said = f"the {word} is {format_address(context.packet.family, address)}"
        if value[0] > value[1]:
            said += ", and no address is in a range that ends before it begins"
        return value[0] <= address <= value[1], said

    return Option(
        field=field, names=(f"{part}-range",), argument="FIRST[-LAST]", read=read_range(f"{part}-range", family),
        write=write_range(family), judge=judge, meaning=f"the {word} address is one of these",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class IpRange(OptionMatch):
    """Addresses from one to another."""

    name: ClassVar[str] = "iprange"
    meaning: ClassVar[str] = "addresses from one to another"
    words: ClassVar[Wording] = {
        "source": "from the addresses {}|from any address but {}",
        "destination": "to the addresses {}|to any address but {}",
    }
    options: ClassVar[tuple[Option, ...]] = (_option("source", "src", 4), _option("destination", "dst", 4))

    source: Given[Range] | None = None
    destination: Given[Range] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("iprange match: You must specify `--src-range' or `--dst-range'")
        return cls(**given)

    def compile(self) -> Test:
        (low, high), not_from = self.source or Given((0, 1 << 128))
        (first, last), not_to = self.destination or Given((0, 1 << 128))

        def test(context: Context) -> bool:
            packet = context.packet
            return (low <= packet.src <= high) != not_from and (first <= packet.dst <= last) != not_to

        return test

    def listing(self, numeric: bool) -> str:
        words = {"source": "source IP range", "destination": "destination IP range"}
        parts = [(words[option.field], "! " if given.negated else "", option.write(given.value)) for option, given in self.given()]
        return " ".join(f"{word} {no}{shown}" for word, no, shown in parts)


@dataclass(frozen=True, slots=True)
class IpRange6(IpRange):
    """The same with addresses of IPv6."""

    options: ClassVar[tuple[Option, ...]] = (_option("source", "src", 6), _option("destination", "dst", 6))
