"""``-m frag``: the Fragment header of an IPv6 packet.

With connection tracking, fragments are put together before rules see them, and such a header is seen only of a datagram in one piece.
``--fraglen`` is taken and shown, and the kernel does not look at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from fwtutor.netfilter.exthdrs import FRAGMENT
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.matches.headers import (
    MOST,
    Absent,
    HeaderMatch,
    Range,
    demanding,
    extension,
    extension_at,
    listed_range,
    range_option,
    word,
)
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

SIZE = 8
_MORE, _RESERVED, _OFFSET = 1, 6, 0xFFF8


def _at(packet: Packet) -> int:
    return extension_at(packet, FRAGMENT)


def _place(packet: Packet) -> int:
    """Offset, two reserved bits, and whether more come."""
    return word(packet, _at(packet) + 2, 2)


def judge_length(value: int, context: Context) -> tuple[bool, str]:
    return True, "the kernel does not look at the length"


def judge_reserved(value: bool, context: Context) -> tuple[bool, str]:
    packet = context.packet
    used = packet.raw[_at(packet) + 1] or _place(packet) & _RESERVED
    return not used, "its reserved bits are not all 0" if used else "its reserved bits are 0"


def _bits(field: str, mask: int, wanted: int, meaning: str) -> Option:
    def judge(value: bool, context: Context) -> tuple[bool, str]:
        place = _place(context.packet)
        said = f"it begins at byte {place & _OFFSET}" if mask == _OFFSET else f"{'more' if place & _MORE else 'no'} fragments follow it"
        return bool(place & mask) == bool(wanted), said

    return _flag(field, judge, meaning)


def _flag(field: str, judge: Callable[[Any, Context], tuple[bool, str]], meaning: str) -> Option:
    name = {"reserved": "res"}.get(field, field)
    return Option(field=field, names=(f"frag{name}",), arguments=0, read=lambda: True, judge=judge, invertible=False, meaning=meaning)


@dataclass(frozen=True, slots=True)
class Frag(HeaderMatch):
    """The Fragment header."""

    name: ClassVar[str] = "frag"
    meaning: ClassVar[str] = "the Fragment header of an IPv6 packet"
    words: ClassVar[Wording] = {
        "": "with a Fragment header",
        "id": "whose datagram has~ the number {to}|whose datagram has not the number {to}",
        "length": "whose Fragment header is~ {} bytes long",
        "reserved": "whose reserved bits there are 0",
        "first": "that are first fragments",
        "more": "that more fragments follow",
        "last": "that are last fragments",
    }
    options: ClassVar[tuple[Option, ...]] = (
        range_option("frag", "fragid", "the datagram's number is this one, or in this range", "fragment's id",
                     lambda packet: word(packet, _at(packet) + 4, 4)),
        Option(field="length", names=("fraglen",), argument="BYTES", read=bounded("frag", "fraglen", 0, MOST), judge=judge_length,
               meaning="of such a length (the kernel does not look at it)"),
        _flag("reserved", judge_reserved, "the reserved bits are 0"),
        _bits("first", _OFFSET, 0, "it is the first fragment"),
        _bits("more", _MORE, 1, "more fragments follow"),
        _bits("last", _MORE, 0, "it is the last fragment"),
    )  # fmt: skip

    id: Given[Range] | None = None
    length: Given[int] | None = None
    reserved: Given[bool] | None = None
    first: Given[bool] | None = None
    more: Given[bool] | None = None
    last: Given[bool] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        cls.exclude(given, "more", "last")
        return cls(**demanding(given))

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        return extension(packet, FRAGMENT, SIZE, "Fragment")

    def compile(self) -> Test:
        return HeaderMatch.compile(self if self.length is None else replace(self, length=None))

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        found = HeaderMatch.conditions(self, context)
        if self.absent(context.packet) is not None:
            return found
        return tuple(each._replace(held=True) if "--fraglen" in each.text else each for each in found)

    def listing(self, numeric: bool) -> str:
        words = [f"frag {listed_range('id', self.id)}"]
        if self.length is not None:
            words.append(f"length:{'!' if self.length.negated else ''}{self.length.value}")
        words += [name for name in ("reserved", "first", "more", "last") if getattr(self, name) is not None]
        return " ".join(words)
