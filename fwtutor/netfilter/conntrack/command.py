"""The program ``conntrack``: which entries a command line means, and what it prints.

A line is parsed into a ``Command``, a value; showing needs entries, expectations, or messages about them; changing them is the firewall's.
What the program prints is what goes to its standard output; how many it were, it says elsewhere, and that is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fwtutor.netfilter.conntrack.entry import SECOND, Entry
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.listing import DESTROYED, PROTOINFO, format_entry, format_expectation, format_told, uses_of
from fwtutor.netfilter.conntrack.options import ALL_KINDS, EXTENDED, ID, TIMESTAMP, Asked, ConntrackRefused, Option, Test, options_for

if TYPE_CHECKING:
    from fwtutor.netfilter.messages import Message

VERSION = "conntrack v1.4.7 (conntrack-tools)"
CONNTRACK, EXPECT = "conntrack", "expect"
TABLES = (CONNTRACK, EXPECT, "dying", "unconfirmed")
COMMANDS = {"L": "dump", "C": "count", "D": "delete", "F": "flush", "E": "event", "V": "version"}
NOT_SIMULATED = {"G": "get", "I": "create", "U": "update", "S": "stats", "A": "add", "R": "load-file"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command line that makes sense."""

    letter: str
    table: str = CONNTRACK
    tests: tuple[Test, ...] = ()
    formats: frozenset[str] = frozenset()
    kinds: frozenset[str] = ALL_KINDS
    """Of the messages it prints."""

    @property
    def changes(self) -> bool:
        """Whether it does more than look."""
        return self.letter in "DF"

    @property
    def listens(self) -> bool:
        """Whether it prints what happens, and nothing of what is."""
        return self.letter == "E"

    def chosen(self, entries: Iterable[Entry], at: int) -> list[Entry]:
        """The entries it means, of those whose time is not over."""
        if self.table not in (CONNTRACK, EXPECT):
            return []
        return [entry for entry in entries if entry.expires > at and all(test(entry) for test in self.tests)]

    def shown(self, entries: Mapping[int, Entry], expectations: Mapping[int, Expectation], at: int, held: Mapping[int, int]) -> str:
        """What it prints of the state as it is; of one that deletes, what will be no more. ``held``: as in ``uses_of``."""
        if self.letter == "V":
            return f"{VERSION}\n"
        if self.letter == "E":
            return ""
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

    def heard(self, message: Message) -> str:
        """What it prints of a message, without a line end; "" if it is none of those it wants."""
        kind, at, about, entry, one, ordered = message
        if (one is not None) != (self.table == EXPECT) or kind not in self.kinds or not all(test(_shown(message)) for test in self.tests):
            return ""
        stamp = f"[{at // SECOND}.{at % SECOND // 1000:06}]\t" if TIMESTAMP in self.formats else ""
        head = f"{stamp}{f'[{kind}]':>9} "
        if one is not None:
            return head + format_expectation(one, entry, at)
        by = " [USERSPACE] progname=conntrack" if ordered else ""
        return head + self._more(entry, format_told(entry, kind, about, at)) + by

    def _line(self, entry: Entry, at: int, uses: int) -> str:
        return self._more(entry, format_entry(entry, at, uses))

    def _more(self, entry: Entry, line: str) -> str:
        """With what was asked for with ``-o``."""
        family = f"ipv{entry.original.family}     {2 if entry.original.family == 4 else 10} " if EXTENDED in self.formats else ""
        return family + line + (f" id={entry.id}" if ID in self.formats else "")


def _shown(message: Message) -> Entry:
    """The entry as tests see it: of a state that a message does not tell of, nothing is known."""
    told = message.kind == DESTROYED or PROTOINFO in message.about
    return message.entry if told else message.entry._replace(tracker=None)


def parse(words: list[str]) -> Command:
    """What the words behind ``conntrack`` ask for. Raises ConntrackRefused."""
    return _Line(words).parse()


class _Line(Asked):
    """One command line being read."""

    def __init__(self, words: list[str]) -> None:
        super().__init__()
        self.words, self.at = words, 0
        self.letter = ""
        self.table = CONNTRACK
        self.given: list[Option] = []
        self.tests: list[Test] = []

    def parse(self) -> Command:
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word.startswith("-") and len(word) > 1:
                self._option(word)
        if not self.letter:
            raise ConntrackRefused("no command specified; there are -L, -C, -D, -F and -E")
        self._legal()
        return Command(self.letter, self.table, tuple(self.tests), self.formats, self.kinds or ALL_KINDS)

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
        option = options_for(self.protocol).get(name)
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
        if self.letter == "D" and self.table == EXPECT:
            raise ConntrackRefused("fwtutor does not simulate -D expect: -F expect empties the table")
        if self.letter == "E" and self.table not in (CONNTRACK, EXPECT):
            raise ConntrackRefused("Can't do that command with tables `dying' and `unconfirmed'")
        allowed = _ALLOWED.get((self.letter, self.table))
        for option in self.given:
            if option.name not in allowed if allowed is not None else option.name in _REFUSED[self.letter]:
                raise ConntrackRefused(f"Illegal option `--{option.name}' with this command")


_ALLOWED: Mapping[tuple[str, str], frozenset[str]] = {
    ("L", EXPECT): frozenset({"family", "output"}),
    ("E", EXPECT): frozenset({"output"}),
    **{(letter, table): frozenset() for letter in "CFV" for table in TABLES},
}
"""Options of a command about a table, where they are few."""
_REFUSED = {"L": ("event-mask", "buffer-size"), "D": ("event-mask", "buffer-size"), "E": ("status",)}
"""Where they are many, those that are none of it."""
