"""Finding the options of a command line among its words, the way GNU getopt does it for iptables.

Long options may be cut short while only one begins so; short ones may stand together (``-nvL``); words that are no
options come in their place. The options of loaded matches and targets join as they are loaded, the newest first.
What an option means is ``parser``'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from fwtutor.netfilter.xtables.options import Extension, Option
from fwtutor.netfilter.xtables.tokens import Token

SHORT = {
    **dict.fromkeys("ACDRIMNEPopsdjitmcg", 1), **dict.fromkeys("LSFZXwW", 2), **dict.fromkeys("Vhfvnx46b", 0),
}  # fmt: skip
"""Short options: 0 takes no argument, 1 takes one, 2 may have one attached."""

LONG = (
    ("append", 1, "A"), ("delete", 1, "D"), ("check", 1, "C"), ("insert", 1, "I"), ("replace", 1, "R"), ("list", 2, "L"),
    ("list-rules", 2, "S"), ("flush", 2, "F"), ("zero", 2, "Z"), ("new-chain", 1, "N"), ("delete-chain", 2, "X"), ("rename-chain", 1, "E"),
    ("policy", 1, "P"), ("source", 1, "s"), ("destination", 1, "d"), ("src", 1, "s"), ("dst", 1, "d"), ("protocol", 1, "p"),
    ("in-interface", 1, "i"), ("jump", 1, "j"), ("table", 1, "t"), ("match", 1, "m"), ("numeric", 0, "n"), ("out-interface", 1, "o"),
    ("verbose", 0, "v"), ("wait", 2, "w"), ("wait-interval", 2, "W"), ("exact", 0, "x"), ("fragments", 0, "f"), ("version", 0, "V"),
    ("help", 2, "h"), ("line-numbers", 0, "0"), ("modprobe", 1, "M"), ("set-counters", 1, "c"), ("goto", 1, "g"), ("ipv4", 0, "4"),
    ("ipv6", 0, "6"),
)  # fmt: skip


Entry = tuple[int, str | Option, Any]
"""How many arguments an option takes (2: one if attached), what it is, and the extension it belongs to."""


@cache
def long_options(family: int, variant: str) -> dict[str, Entry]:
    """The long options of one tool by name."""
    without = "f" if (family, variant) == (6, "legacy") else ""
    return {name: (kind, code, None) for name, kind, code in LONG if code != without}


@cache
def _of(extension: type[Extension]) -> dict[str, Entry]:
    """An extension's options by name."""
    return {name: (min(option.arguments, 1), option, extension) for option in extension.options for name in option.names}


WORD, UNKNOWN, NO_ARGUMENT = "word", "?", ":"


class Found(NamedTuple):
    """The next thing on the line. ``code`` is a letter, WORD, UNKNOWN, NO_ARGUMENT, or an extension's Option."""

    code: str | Option
    token: Token | None
    """The word it stands in."""
    argument: Token | None = None
    owner: Any = None
    """The extension class the Option belongs to."""


@dataclass(slots=True)
class Scanner:
    """A cursor over the words. ``next`` counts words; ``inside`` is the place within a cluster of short options, or 0."""

    words: list[Token]
    program: str
    long: dict[str, Entry]
    """The tool's own options by name."""
    next: int = 0
    inside: int = 0
    loaded: list[Any] = field(default_factory=list)
    """Extensions, the newest first."""

    def load(self, extension: Any) -> None:
        """Make an extension's options known, before all that were loaded earlier."""
        self.loaded.insert(0, extension)

    def before(self) -> tuple[str, Token | None]:
        """The word before the cursor, which messages and some options' values go by; the program's name at the beginning."""
        return (self.words[self.next - 1].text, self.words[self.next - 1]) if self.next else (self.program, None)

    def plain(self) -> Token | None:
        """The next word, if it can be an optional argument: there is one, and it begins neither with "-" nor "!". It is taken."""
        if self.next < len(self.words) and self.words[self.next].text[:1] not in ("-", "!"):
            return self.take()
        return None

    def take(self) -> Token:
        self.next += 1
        return self.words[self.next - 1]

    def scan(self) -> Found | None:
        """The next thing; None at the end, or behind a ``--``."""
        if self.inside:
            return self._short(self.words[self.next])
        if self.next >= len(self.words):
            return None
        token = self.words[self.next]
        if token.text == "--":
            self.next += 1
            return None
        if not token.text.startswith("-") or token.text == "-":
            self.next += 1
            return Found(WORD, token)
        if token.text.startswith("--"):
            self.next += 1
            return self._long(token)
        self.inside = 1
        return self._short(token)

    def _short(self, token: Token) -> Found:
        letter = token.text[self.inside]
        self.inside += 1
        last = self.inside == len(token.text)
        if last:
            self.inside = 0
            self.next += 1
        kind = SHORT.get(letter)
        if kind is None:
            return Found(UNKNOWN, token)
        if kind == 0:
            return Found(letter, token)
        if not last:
            rest = Token(token.text[self.inside :], token.at[self.inside :], token.at[self.inside], token.end)
            self.inside = 0
            self.next += 1
            return Found(letter, token, rest)
        if kind == 2:
            return Found(letter, token)
        return Found(letter, token, self.take()) if self.next < len(self.words) else Found(NO_ARGUMENT, token)

    def _long(self, token: Token) -> Found:
        name, equals, value = token.text[2:].partition("=")
        tables = [self.long, *map(_of, self.loaded)]
        meant = next((table[name] for table in tables if name in table), None)
        if meant is None:
            close = [entry for table in tables for known, entry in table.items() if known.startswith(name)]
            if not close or any(entry[:2] != close[0][:2] for entry in close):
                return Found(UNKNOWN, token)
            meant = close[0]
        kind, code, owner = meant
        if equals:
            start = 3 + len(name)
            argument = Token(value, token.at[start:], token.at[start] if value else token.end, token.end)
            return Found(code, token, argument, owner) if kind else Found(UNKNOWN, token)
        if kind != 1:
            return Found(code, token, None, owner)
        return Found(code, token, self.take(), owner) if self.next < len(self.words) else Found(NO_ARGUMENT, token)
