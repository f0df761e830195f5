"""``-m u32``: numbers of four bytes anywhere in the packet, masked, shifted, used as places to read on from, and compared.

``--u32 "6&0xFF=17 && 0>>22&0x3C@0>>16=53"``: each test begins with a place; behind it ``&``, ``<<``, ``>>`` change the number read, and
``@`` reads from where the number says, plus a place. Places count from the IP header. Whoever reads beyond the packet finds the whole
false: then a ``!`` before it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Header
from fwtutor.netfilter.xtables.values import leading_number
from fwtutor.netfilter.xtables.wording import Wording

MOST = 10
"""Tests, operations (with the first place) and ranges there may be of each."""
_ALL = 0xFFFFFFFF
_BITS = 32
_SPACE = " \t\n\v\f\r"


class Compared(NamedTuple):
    """One test."""

    place: int
    operations: tuple[tuple[str, int], ...]
    ranges: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        changed = "".join(f"{sign}{number:#x}" for sign, number in self.operations)
        wanted = ",".join(f"{low:#x}" if low == high else f"{low:#x}:{high:#x}" for low, high in self.ranges)
        return f"{self.place:#x}{changed}={wanted}"


Tests = tuple[Compared, ...]


class _Cursor:
    """A place in the text, and how to complain there."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def skip(self) -> str:
        """The next character that is no space; "" at the end."""
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def number(self) -> int:
        found = leading_number(self.text[self.at :], 0, _ALL)
        if found is None:
            raise self.wrong("not a number or out of range")
        self.at = len(self.text) - len(found[1])
        return found[0]

    def wrong(self, what: str, back: int = 0) -> Unreadable:
        at = self.at - back
        return Unreadable(f"u32: at char {at}: {what}", (at, at + 1) if at < len(self.text) else None)


def read_tests(text: str) -> Tests:
    cursor = _Cursor(text)
    tests: list[Compared] = []
    while True:
        place, operations = _location(cursor)
        ranges, more = _values(cursor)
        tests.append(Compared(place, operations, ranges))
        if len(tests) > MOST:
            raise cursor.wrong('too many "&&"s', 1 if more else 0)
        if not more:
            return tuple(tests)


def _location(cursor: _Cursor) -> tuple[int, tuple[tuple[str, int], ...]]:
    numbers: list[int] = []
    signs: list[str] = []
    while True:
        letter = cursor.skip()
        if not letter and (not signs or len(numbers) > len(signs)):
            raise Unreadable("u32: abrupt end of input after location specifier")
        if letter == "=" and not numbers:
            raise cursor.wrong("location spec missing")
        if len(numbers) == len(signs) + 1:
            if letter == "=":
                cursor.at += 1
                return numbers[0], tuple(zip(signs, numbers[1:], strict=True))
            cursor.at += 1
            if letter in "<>":
                if cursor.text[cursor.at : cursor.at + 1] != letter:
                    raise cursor.wrong(f"a second '{letter}' was expected")
                cursor.at += 1
                letter *= 2
            elif letter not in "&@":
                raise cursor.wrong("operator expected", 1)
            signs.append(letter)
            continue
        numbers.append(cursor.number())
        if len(numbers) > MOST:
            raise cursor.wrong("too many operators")


def _values(cursor: _Cursor) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The ranges, and whether another test follows."""
    ranges: list[tuple[int, int]] = []
    while True:
        letter = cursor.skip()
        if not letter or letter == "&":
            if not letter:
                if not ranges:
                    raise Unreadable("u32: test ended with no value specified")
                return tuple(ranges), False
            cursor.at += 1
            if cursor.text[cursor.at : cursor.at + 1] != "&":
                raise cursor.wrong("a second '&' was expected")
            cursor.at += 1
            return tuple(ranges), True
        if ranges:
            if letter != ",":
                raise cursor.wrong('expected "," or "&&"')
            cursor.at += 1
            cursor.skip()
        low = high = cursor.number()
        if len(ranges) == MOST:
            raise cursor.wrong('too many ","s')
        if cursor.skip() == ":":
            cursor.at += 1
            cursor.skip()
            high = cursor.number()
        ranges.append((low, high))


def write_tests(tests: Tests) -> str:
    return f'"{"&&".join(map(str, tests))}"'


def value_of(test: Compared, raw: bytes) -> int | None:
    """The number compared; None where it lies beyond the packet."""
    at, place = 0, test.place
    if place + 4 > len(raw):
        return None
    value = int.from_bytes(raw[place : place + 4], "big")
    for sign, number in test.operations:
        if sign == "&":
            value &= number
        elif sign == "<<":
            value = value << number & _ALL
        elif sign == ">>":
            value >>= number
        else:
            at += value
            if at + number + 4 > len(raw):
                return None
            value = int.from_bytes(raw[at + number : at + number + 4], "big")
    return value


def holds(tests: Tests, raw: bytes) -> bool:
    for test in tests:
        value = value_of(test, raw)
        if value is None or not any(low <= value <= high for low, high in test.ranges):
            return False
    return True


def judge_tests(tests: Tests, context: Context) -> tuple[bool, str]:
    raw = context.kept.raw
    values = [value_of(test, raw) for test in tests]
    said = "; ".join(
        f"{str(test).partition('=')[0]} {'lies beyond the packet' if value is None else f'is {value:#x}'}"
        for test, value in zip(tests, values, strict=True)
    )
    return holds(tests, raw), said


@dataclass(frozen=True, slots=True)
class U32(OptionMatch):
    """Numbers anywhere in the packet."""

    name: ClassVar[str] = "u32"
    meaning: ClassVar[str] = "numbers of four bytes anywhere in the packet"
    words: ClassVar[Wording] = {
        "tests": "in which {} holds|in which {} does not hold",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="tests", names=("u32",), argument="TESTS", read=read_tests, write=write_tests, judge=judge_tests, required=True,
               meaning="TEST[&&TEST...], each PLACE[&MASK|<<BITS|>>BITS|@PLACE...]=VALUE[:VALUE][,...]"),
    )  # fmt: skip

    tests: Given[Tests]

    def misplaced(self, header: Header) -> str:
        shifts = (number for test in self.tests.value for sign, number in test.operations if sign in ("<<", ">>"))
        return "a number of 32 bits cannot be shifted by 32 or more" if any(number >= _BITS for number in shifts) else ""

    def listing(self, numeric: bool) -> str:
        return f"u32 {'! ' if self.tests.negated else ''}{write_tests(self.tests.value)}"
