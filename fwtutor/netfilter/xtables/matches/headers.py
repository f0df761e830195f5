"""What matches on one header of a packet share: nothing holds where the header is missing, and where it is cut short the packet is dropped.

Also the numbers of IPsec (SPI) and of fragments, which are ranges read alike.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import format_range, number_range

MOST = 0xFFFFFFFF
ALL = (0, MOST)
Range = tuple[int, int]


class Absent(NamedTuple):
    """Why a packet has no such header."""

    because: str
    dropped: bool = False
    """Whether it is dropped at once for it."""


def transport(packet: Packet, size: int, said: str) -> Absent | None:
    """What is wrong with a transport header of ``size`` bytes; None if nothing is."""
    if packet.offset:
        return Absent(f"this is a later fragment: the {said} header was in the first")
    if packet.l4 + size > len(packet.raw):
        return Absent(f"the {said} header is cut short: the packet is dropped at once", True)
    return None


def extension(packet: Packet, protocol: int, size: int, said: str) -> Absent | None:
    """The same of an IPv6 extension header."""
    at = exthdrs.find(packet.raw, protocol)
    if at is None:
        return Absent("its extension headers are cut short: it is dropped at once", True)
    if at < 0:
        return Absent(f"it has no {said} header")
    if at + size > len(packet.raw):
        return Absent(f"its {said} header is cut short: it is dropped at once", True)
    return None


def extension_at(packet: Packet, protocol: int) -> int:
    """Where an extension header is that is there."""
    at = exthdrs.find(packet.raw, protocol)
    assert at is not None
    assert at >= 0
    return at


def as_transport(packet: Packet) -> int:
    """Where a header is read from by those who do not ask whether this is a later fragment: of IPv6, from the packet's beginning."""
    return 0 if packet.family == 6 and packet.offset else packet.l4


def word(packet: Packet, at: int, size: int) -> int:
    """The number in ``size`` bytes of the packet."""
    return int.from_bytes(packet.raw[at : at + size], "big")


@dataclass(frozen=True, slots=True)
class HeaderMatch(OptionMatch):
    """A match on one header."""

    @classmethod
    @abstractmethod
    def absent(cls, packet: Packet) -> Absent | None:
        """Why there is no such header to look at; None if there is."""

    def compile(self) -> Test:
        absent, judged = self.absent, OptionMatch.compile(self)

        def test(context: Context) -> bool:
            missing = absent(context.packet)
            if missing is None:
                return judged(context)
            if missing.dropped:
                context.hot_drop = True
            return False

        return test

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        missing = self.absent(context.packet)
        if missing is not None:
            return (Condition(f"-m {self.name} {self.save()}".rstrip(), False, missing.because),)
        found = OptionMatch.conditions(self, context)
        return found if found or self.protocol else (Condition(f"-m {self.name}", True, "the packet has that header"),)


def range_option(match: str, name: str, meaning: str, said: str, of: Callable[[Packet], int]) -> Option:
    """A number of 32 bits, or a range. All there are, negated or not, the tool does not print; one that runs backwards fits none."""

    def judge(value: Range, context: Context) -> tuple[bool, str]:
        found = of(context.packet)
        return value[0] <= found <= value[1], f"the {said} is {found}"

    return Option(
        field=name.removeprefix(match).strip("-"), names=(name,), argument="NUMBER[:NUMBER]", judge=judge, meaning=meaning,
        read=lambda text: number_range(text, match, name, MOST), write=format_range, unsaved=lambda given: given.value == ALL,
    )  # fmt: skip


def demanding(given: Mapping[str, Given[Any]]) -> dict[str, Given[Any]]:
    """Options without those that demand nothing: to be any number there is."""
    return {field: each for field, each in given.items() if each != (ALL, False)}


def listed_range(word: str, given: Given[Range] | None) -> str:
    """As ``-L`` prints it: ``spi:5``, ``spis:!5:9``."""
    if given is None:
        return ""
    plural = "" if given.value[0] == given.value[1] else "s"
    return f"{word}{plural}:{'!' if given.negated else ''}{format_range(given.value)}"
