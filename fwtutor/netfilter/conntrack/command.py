"""The program ``conntrack``: which entries a command line means, and what it prints.

A line is parsed into a ``Command``, a value; showing needs entries and expectations, changing them is the firewall's. What the program
prints is what goes to its standard output; how many it were, it says elsewhere, and that is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES, parse_address
from fwtutor.netfilter.conntrack.entry import (
    ASSURED,
    DST_NAT,
    EXPECTED,
    FIXED_TIMEOUT,
    ORIGINAL,
    REPLY,
    SEEN_REPLY,
    SRC_NAT,
    Entry,
)
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.listing import NAMES, format_entry, format_expectation, uses_of

VERSION = "conntrack v1.4.7 (conntrack-tools)"
CONNTRACK, EXPECT = "conntrack", "expect"
TABLES = (CONNTRACK, EXPECT, "dying", "unconfirmed")
COMMANDS = {"L": "dump", "C": "count", "D": "delete", "F": "flush", "V": "version"}
NOT_SIMULATED = {"G": "get", "I": "create", "U": "update", "E": "event", "S": "stats", "A": "add", "R": "load-file"}
STATUSES = {"EXPECTED": EXPECTED, "SEEN_REPLY": SEEN_REPLY, "ASSURED": ASSURED, "FIXED_TIMEOUT": FIXED_TIMEOUT}
UNREPLIED = "UNREPLIED"
FAMILIES = {"ipv4": 4, "ipv6": 6}
STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2")
FORMATS = ("extended", "id")

Test = Callable[[Entry], bool]


class ConntrackRefused(ValueError):
    """The line makes no sense; its text is the program's own."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line that makes sense."""

    letter: str
    table: str = CONNTRACK
    tests: tuple[Test, ...] = ()
    formats: frozenset[str] = field(default_factory=frozenset)

    @property
    def changes(self) -> bool:
        """Whether it does more than look."""
        return self.letter in "DF"

    def chosen(self, entries: Iterable[Entry], at: int) -> list[Entry]:
        """The entries it means, of those whose time is not over."""
        if self.table not in (CONNTRACK, EXPECT):
            return []
        return [entry for entry in entries if entry.expires > at and all(test(entry) for test in self.tests)]

    def shown(self, entries: Mapping[int, Entry], expectations: Mapping[int, Expectation], at: int, held: Mapping[int, int]) -> str:
        """What it prints of the state as it is; of one that deletes, what will be no more. ``held``: as in ``uses_of``."""
        if self.letter == "V":
            return f"{VERSION}\n"
        if self.letter == "F":
            what = "expectation table" if self.table == EXPECT else "connection tracking table"
            return f"{VERSION}: {what} has been emptied.\n"
        awaited = [one for one in expectations.values() if one.expires > at and one.master in entries]
        if self.letter == "C":
            return f"{len(awaited) if self.table == EXPECT else len(self.chosen(entries.values(), at))}\n"
        if self.table == EXPECT:
            return "".join(format_expectation(one, entries[one.master], at) + "\n" for one in awaited)
        uses = uses_of(entries, held)
        return "".join(self._line(entry, at, uses[entry.id]) + "\n" for entry in self.chosen(entries.values(), at))

    def _line(self, entry: Entry, at: int, uses: int) -> str:
        family = f"ipv{entry.original.family}     {2 if entry.original.family == 4 else 10} " if "extended" in self.formats else ""
        return family + format_entry(entry, at, uses) + (f" id={entry.id}" if "id" in self.formats else "")


def parse(words: list[str]) -> Command:
    """What the words behind ``conntrack`` ask for. Raises ConntrackRefused."""
    return _Line(words).parse()


class _Option(NamedTuple):
    name: str
    read: Callable[[_Line, str], Test | None]
    optional: bool = False
    """Whether it may stand without an argument."""


class _Line:
    """One command line being read."""

    def __init__(self, words: list[str]) -> None:
        self.words, self.at = words, 0
        self.letter = ""
        self.table = CONNTRACK
        self.protocol: int | None = None
        self.family: int | None = None
        self.given: list[_Option] = []
        self.tests: list[Test] = []
        self.formats: frozenset[str] = frozenset()

    def parse(self) -> Command:
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word.startswith("-") and len(word) > 1:
                self._option(word)
        if not self.letter:
            raise ConntrackRefused("no command specified; there are -L, -C, -D and -F")
        self._legal()
        return Command(self.letter, self.table, tuple(self.tests), self.formats)

    def _option(self, word: str) -> None:
        name, given, value = word.lstrip("-").partition("=")
        if not word.startswith("--"):
            # The argument of a letter may follow it at once.
            name, given, value = word[1], word[2:], word[2:]
        commands = {**COMMANDS, **NOT_SIMULATED}
        command = next((letter for letter, long in commands.items() if name in (letter, long)), None)
        if command is not None:
            self._command(command)
            return
        option = self._options().get(name)
        if option is None:
            raise ConntrackRefused(f"unknown option `{word}'")
        if not given:
            if self.at < len(self.words) and not (option.optional and self.words[self.at].startswith("-")):
                value = self.words[self.at]
                self.at += 1
            elif not option.optional:
                raise ConntrackRefused(f"option `{word}' requires an argument")
        self.given.append(option)
        test = option.read(self, value)
        if test is not None:
            self.tests.append(test)

    def _command(self, letter: str) -> None:
        if self.letter:
            raise ConntrackRefused("Invalid commands combination")
        if letter in NOT_SIMULATED:
            raise ConntrackRefused(f"fwtutor does not simulate -{letter} (--{NOT_SIMULATED[letter]})")
        self.letter = letter
        if letter != "V" and self.at < len(self.words) and not self.words[self.at].startswith("-"):
            word = self.words[self.at]
            if word not in TABLES:
                raise ConntrackRefused(f"unknown type `{word}'")
            self.table = word
            self.at += 1

    def _legal(self) -> None:
        allowed = {"L": {"family"} if self.table == EXPECT else None, "C": set[str](), "F": set[str](), "V": set[str](), "D": None}[
            self.letter
        ]
        for option in self.given:
            if (option.name == "output" and self.letter != "L") or (allowed is not None and option.name not in {*allowed, "output"}):
                raise ConntrackRefused(f"Illegal option `--{option.name}' with this command")
        if self.letter == "D" and self.table == EXPECT:
            raise ConntrackRefused("fwtutor does not simulate -D expect: -F expect empties the table")

    # --- what options mean ------------------------------------------------------------------------------------

    def _options(self) -> dict[str, _Option]:
        known = dict(_OPTIONS)
        if self.protocol in _PORTED:
            known.update(_PORT_OPTIONS)
        if self.protocol == 6:
            known["state"] = _Option("state", _state)
        if self.protocol in (1, 58):
            known.update(_ICMP_OPTIONS)
        return known

    def read_protocol(self, text: str) -> Test:
        value = int(text) if re.fullmatch("[0-9]{1,3}", text) else next((n for n, name in NAMES.items() if name == text.lower()), 256)
        if value > 255:
            raise ConntrackRefused(f"`{text}' unsupported protocol")
        self.protocol = value
        return lambda entry: entry.original.protocol == value

    def read_family(self, text: str) -> Test:
        value = FAMILIES.get(text)
        if value is None:
            raise ConntrackRefused(f"`{text}' unsupported protocol")
        return lambda entry: entry.original.family == value

    def read_output(self, text: str) -> None:
        for word in text.split(","):
            if word not in FORMATS:
                raise ConntrackRefused(f"Bad parameter `{word}'")
        self.formats = frozenset(text.split(","))


def _address(direction: int, part: str) -> Callable[[_Line, str], Test]:
    def read(line: _Line, text: str) -> Test:
        family, address, mask = _network(text)

        def test(entry: Entry) -> bool:
            side = entry.reply if direction else entry.original
            value: int = getattr(side, part)
            return side.family == family and not (value ^ address) & mask

        return test

    return read


def _network(text: str) -> tuple[int, int, int]:
    host, slash, length = text.partition("/")
    try:
        family, address = parse_address(host)
    except ValueError:
        raise ConntrackRefused(f"Invalid IP address `{text}'") from None
    bits = 32 if family == 4 else 128
    size = int(length) if re.fullmatch("[0-9]{1,3}", length) else bits if not slash else 999
    if size > bits:
        raise ConntrackRefused("Invalid netmask")
    return family, address, ALL_ONES[family] << (bits - size) & ALL_ONES[family]


def _translated(bits: int) -> Callable[[_Line, str], Test]:
    def read(line: _Line, text: str) -> Test:
        family, address, mask = _network(text) if text else (0, 0, 0)

        def test(entry: Entry) -> bool:
            if not entry.status & bits:
                return False
            shown = [entry.reply.dst] * bool(bits & SRC_NAT) + [entry.reply.src] * bool(bits & DST_NAT)
            return not text or (entry.original.family == family and any(not (one ^ address) & mask for one in shown))

        return test

    return read


def _decimal(text: str) -> int:
    """What the number begins with, 0 if it begins with none."""
    found = re.match(r"\s*[0-9]+", text)
    return int(found[0][-20:]) if found else 0


def _number(text: str) -> int:
    found = re.match(r"\s*(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", text)
    if not found:
        return 0
    digits = found[1][:20]
    return int(digits, 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" and len(digits) > 1 else 10)


def _mark(line: _Line, text: str) -> Test:
    value, _, mask = text.partition("/")
    bits = _number(mask) if mask else 0xFFFFFFFF
    wanted = _number(value)
    return lambda entry: entry.mark & bits == wanted


def _status(line: _Line, text: str) -> Test:
    bits = 0
    words = [word.upper() for word in text.split(",")]
    for word, shown in zip(words, text.split(","), strict=True):
        if word not in STATUSES and word != UNREPLIED:
            raise ConntrackRefused(f"Bad parameter `{shown}'")
        bits |= STATUSES.get(word, 0)
    # UNREPLIED makes it look at that bit alone.
    mask = SEEN_REPLY if UNREPLIED in words else bits
    return lambda entry: entry.status & mask == bits


def _zone(directions: int) -> Callable[[_Line, str], Test]:
    def read(line: _Line, text: str) -> Test:
        wanted = _number(text) & 0xFFFF

        def test(entry: Entry) -> bool:
            original, reply = entry.original.zone, entry.reply.zone
            if original == reply:
                return wanted == (original if directions == 3 else 0)
            return wanted == {1: original, 2: reply, 3: 0}[directions]

        return test

    return read


def _port(direction: int, part: str) -> Callable[[_Line, str], Test]:
    def read(line: _Line, text: str) -> Test:
        wanted = _decimal(text) & 0xFFFF
        return lambda entry: getattr(entry.reply if direction else entry.original, part) == wanted

    return read


def _state(line: _Line, text: str) -> Test:
    if text not in STATES:
        raise ConntrackRefused(f"unknown TCP state `{text}'")
    return lambda entry: entry.state == text


def _icmp(shift: int, mask: int, part: str) -> Callable[[_Line, str], Test]:
    def read(line: _Line, text: str) -> Test:
        wanted = _decimal(text) & mask
        return lambda entry: getattr(entry.original, part) >> shift & mask == wanted

    return read


def _named(*options: tuple[tuple[str, ...], _Option]) -> dict[str, _Option]:
    return {name: option for names, option in options for name in names}


_PORTED = (6, 17, 33, 132, 136)
_OPTIONS = _named(
    (("s", "src", "orig-src"), _Option("src", _address(ORIGINAL, "src"))),
    (("d", "dst", "orig-dst"), _Option("dst", _address(ORIGINAL, "dst"))),
    (("r", "reply-src"), _Option("reply-src", _address(REPLY, "src"))),
    (("q", "reply-dst"), _Option("reply-dst", _address(REPLY, "dst"))),
    (("p", "protonum", "proto"), _Option("protonum", _Line.read_protocol)),
    (("f", "family"), _Option("family", _Line.read_family)),
    (("o", "output"), _Option("output", _Line.read_output)),
    (("m", "mark"), _Option("mark", _mark)),
    (("u", "status"), _Option("status", _status)),
    (("w", "zone"), _Option("zone", _zone(3))),
    (("orig-zone",), _Option("orig-zone", _zone(1))),
    (("reply-zone",), _Option("reply-zone", _zone(2))),
    (("n", "src-nat"), _Option("src-nat", _translated(SRC_NAT), optional=True)),
    (("g", "dst-nat"), _Option("dst-nat", _translated(DST_NAT), optional=True)),
    (("j", "any-nat"), _Option("any-nat", _translated(SRC_NAT | DST_NAT), optional=True)),
)  # fmt: skip
_PORT_OPTIONS = _named(
    (("sport", "orig-port-src"), _Option("sport", _port(ORIGINAL, "sport"))),
    (("dport", "orig-port-dst"), _Option("dport", _port(ORIGINAL, "dport"))),
    (("reply-port-src",), _Option("reply-port-src", _port(REPLY, "sport"))),
    (("reply-port-dst",), _Option("reply-port-dst", _port(REPLY, "dport"))),
)  # fmt: skip
_ICMP_OPTIONS = _named(
    (("icmp-type",), _Option("icmp-type", _icmp(8, 0xFF, "dport"))),
    (("icmp-code",), _Option("icmp-code", _icmp(0, 0xFF, "dport"))),
    (("icmp-id",), _Option("icmp-id", _icmp(0, 0xFFFF, "sport"))),
)  # fmt: skip
