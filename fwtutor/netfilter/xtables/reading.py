"""A command line while it is read: what has been understood so far, and how to complain at one of its places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from fwtutor.netfilter.ipset.sets import NO_SETS, Sets
from fwtutor.netfilter.xtables.errors import TOOLS, USAGE as USAGE_ERROR, RuleRefused, Unreadable
from fwtutor.netfilter.xtables.getopt import Scanner, long_options
from fwtutor.netfilter.xtables.matches import MATCHES
from fwtutor.netfilter.xtables.parsed import Loaded, Parsed
from fwtutor.netfilter.xtables.targets import TARGETS
from fwtutor.netfilter.xtables.tokens import Token
from fwtutor.netfilter.xtables.values import EVERYWHERE

MAX_NAME = 28
"""Bytes of the name of a chain, match or target."""


def too_long(name: str) -> bool:
    """Whether a chain, match or target can have no such name."""
    return len(name.encode(errors="surrogateescape")) > MAX_NAME


class Reading:
    """One line, as far as ``parser`` has read it; ``restored``: the table whose save text it is in; ``sets``: those there are."""

    def __init__(
        self, line: str, words: list[Token], family: int = 4, variant: str = "legacy", restored: str = "", sets: Sets = NO_SETS
    ) -> None:
        self.line = line
        self.family, self.variant, self.sets = family, variant, sets
        self.known = MATCHES[family]
        self.targets = TARGETS[family]
        self.restoring = bool(restored)
        self.scanner = Scanner(words, TOOLS[family], long_options(family, variant))
        self.parsed = Parsed()
        if restored:
            self.parsed.table = restored
        self.invert = False
        self.inverted = ""
        self.loaded: list[Loaded] = []
        self.target: Loaded | None = None
        self.protocol = ""
        self.protocol_used = False
        self.source = self.destination = Token(EVERYWHERE[family], (), 0, 0)
        self.interfaces = {"i": "", "o": ""}
        self.number_of_protocol = 0
        self.places: dict[str, Token] = {}

    def refuse(
        self, message: str, token: Token | None = None, part: tuple[int, int] | None = None, hint: str = "", manner: int = USAGE_ERROR
    ) -> NoReturn:
        start, end = token.span(part) if token else (0, len(self.line))
        hint = hint or self._one_dash()
        raise RuleRefused(message, line=self.line, start=start, end=end, hint=hint, manner=manner)

    def _one_dash(self) -> str:
        """A hint: one of the words so far is an option's whole name behind a single dash, which means letters."""
        kinds = (*self.known.values(), *self.targets.values())
        for word in self.scanner.words[: self.scanner.next]:
            name = word.text[1:]
            letters = word.text.startswith("-") and len(name) > 1 and not name.startswith("-")
            if letters and (name in self.scanner.long or any(name in option.names for kind in kinds for option in kind.options)):
                return f"a name of several letters has two dashes: --{name}"
        return ""

    def read(self, reader: Callable[..., Any], token: Token, *more: Any) -> Any:
        """``reader`` applied to the word, its complaint pointed at the place."""
        try:
            return reader(token.text, *more)
        except Unreadable as wrong:
            self.refuse(str(wrong), token, wrong.part, wrong.hint)
