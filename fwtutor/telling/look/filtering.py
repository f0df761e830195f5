"""A filter of connections: words of a line, all of which must hold. ``1337``, ``ESTABLISHED``, ``tcp dport=22``, ``10.0.0.0/8 !ASSURED``.

A bare word is a port or id, an address or the beginning of one, a network, ``address:port``, or the beginning of a protocol, a state
(what rules see or the tracker's), a flag, SNAT, DNAT, or a helper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES, format_address, parse_address
from fwtutor.netfilter.conntrack.entry import DST_NAT, EXPECTED, SRC_NAT, Entry
from fwtutor.telling import words

Test = Callable[[Entry, str], bool]
"""Of an entry, and what rules see of it."""

DIGITS = 20
EXAMPLES = "a filter is words such as 1337, ESTABLISHED, tcp dport=22, 10.0.0.0/8, !ASSURED"


class Filter(NamedTuple):
    """A line that was read."""

    tests: tuple[Test, ...] = ()
    complaint: str = ""

    def fits(self, entry: Entry, seen_as: str) -> bool:
        """Whether all its words hold of an entry."""
        return all(test(entry, seen_as) for test in self.tests)


def read(line: Sequence[str]) -> Filter:
    """A filter of its words. One that makes no sense holds of nothing, and says why."""
    tests: list[Test] = []
    for word in line:
        bare = word.removeprefix("!")
        if not bare:
            continue
        name, equals, value = bare.partition("=")
        test = _named(name.lower(), value) if equals else _bare(bare)
        if isinstance(test, str):
            if not test:
                # Its value is still to be typed.
                continue
            return Filter((lambda entry, seen_as: False,), test)
        tests.append(_not(test) if word[0] == "!" else test)
    return Filter(tuple(tests))


def _not(test: Test) -> Test:
    return lambda entry, seen_as: not test(entry, seen_as)


def tags(entry: Entry) -> list[str]:
    """What an entry is called: its protocol, states, flags, translation and helper."""
    found = [words.protocol(entry.original.protocol), entry.state, words.entry_flags(entry).strip("[]"), entry.helper]
    marks = (("SNAT", SRC_NAT), ("DNAT", DST_NAT), ("EXPECTED", EXPECTED))
    return [each for each in (*found, *(name for name, bit in marks if entry.status & bit)) if each]


def _bare(text: str) -> Test:
    if text.isascii() and text.isdigit():
        # One too long is a number that nobody has.
        return _port(int(text) if len(text) < DIGITS else -1, "sport", "dport")
    if any(letter in text for letter in ".:/"):
        return _place(text)
    folded = text.casefold()
    return lambda entry, seen_as: any(tag.casefold().startswith(folded) for tag in (*tags(entry), seen_as))


def _named(name: str, value: str) -> Test | str:
    folded = value.casefold()
    if name in ("src", "dst"):
        return _address(value, name)
    if name in ("sport", "dport", "zone", "mark", "label"):
        number = _number(value)
        if number is None:
            return f"{name}= takes a number" if value else ""
        if name == "zone":
            return lambda entry, seen_as: entry.zone == number
        if name == "mark":
            return lambda entry, seen_as: entry.mark == number
        if name == "label":
            return lambda entry, seen_as: bool((entry.labels or 0) >> number & 1)
        return _port(number, name)
    values: dict[str, Callable[[Entry, str], str]] = {
        "proto": lambda entry, seen_as: words.protocol(entry.original.protocol),
        "state": lambda entry, seen_as: entry.state,
        "ctstate": lambda entry, seen_as: seen_as,
        "helper": lambda entry, seen_as: entry.helper,
    }
    of = values.get(name)
    if of is None:
        return f"{name}= is nothing a connection has: there are src, dst, sport, dport, proto, state, ctstate, zone, mark, label, helper"
    return lambda entry, seen_as: of(entry, seen_as).casefold() == folded


def _number(text: str) -> int | None:
    try:
        number = int(text, 0)
    except ValueError:
        return None
    return number if 0 <= number < 2**32 else None


def _port(number: int, *sides: str) -> Test:
    """A port, or an id of ICMP, in either tuple."""
    either = len(sides) == 2
    source = sides[0] == "sport"

    def test(entry: Entry, seen_as: str) -> bool:
        one, other = entry.original, entry.reply
        if either:
            return number in (one.sport, one.dport, other.sport, other.dport)
        return number in ((one.sport, other.sport) if source else (one.dport, other.dport))

    return test


def _place(text: str) -> Test:
    """An address, a network, the beginning of an address, or an address with its port."""
    host, colon, port = text.rpartition(":")
    number = _number(port)
    if colon and number is not None and ("." in host or host[-1:] == "]"):
        address = _address(host.strip("[]"), "src", "dst")
        return lambda entry, seen_as: (
            address(entry, seen_as) and any(_is_end(side, host.strip("[]"), number) for side in (entry.original, entry.reply))
        )
    return _address(text, "src", "dst")


def _is_end(side: tuple[int, ...], host: str, port: int) -> bool:
    family, src, dst, _, sport, dport = side[:6]
    return (format_address(family, src), sport) == (host, port) or (format_address(family, dst), dport) == (host, port)


def _address(text: str, *sides: str) -> Test:
    host, slash, length = text.partition("/")
    source, target = "src" in sides, "dst" in sides
    try:
        family, address = parse_address(host)
    except ValueError:
        family = address = 0
    bits = 32 if family == 4 else 128
    if family and (not slash or (length.isascii() and length.isdigit() and len(length) < 4 and int(length) <= bits)):
        ones = ALL_ONES[family]
        mask = ones << (bits - int(length)) & ones if slash else ones

        def test(entry: Entry, seen_as: str) -> bool:
            for side in (entry.original, entry.reply):
                if side.family == family and ((source and not (side.src ^ address) & mask) or (target and not (side.dst ^ address) & mask)):
                    return True
            return False

        return test

    def begins(entry: Entry, seen_as: str) -> bool:
        return any(
            (source and format_address(side.family, side.src).startswith(text))
            or (target and format_address(side.family, side.dst).startswith(text))
            for side in (entry.original, entry.reply)
        )

    return begins
