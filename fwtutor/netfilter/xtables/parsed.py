"""What one command line asks for: the result of ``parser``, the input of ``commands``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fwtutor.netfilter.xtables.options import Extension, Given, OptionMatch, OptionTarget
from fwtutor.netfilter.xtables.rule import Header
from fwtutor.netfilter.xtables.tokens import Token


@dataclass(slots=True)
class Loaded:
    """A match or target named on the line, and the options it was given."""

    kind: type[Extension]
    token: Token
    given: dict[str, Given[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Parsed:
    """What a line asks for."""

    commands: str = ""
    """Letters; d is -D with a number, z is -Z with one; L or S may come with Z or z. "V" and "h" ask for words only."""
    chain: str | None = None
    chain_token: Token | None = None
    number: int = 0
    number_token: Token | None = None
    name: str = ""
    """New name (-E) or policy (-P)."""
    name_token: Token | None = None
    table: str = "filter"
    table_token: Token | None = None
    options: str = ""
    counter: tuple[int, int] | None = None
    headers: list[Header] = field(default_factory=list)
    matches: list[tuple[OptionMatch, Token]] = field(default_factory=list)
    target: OptionTarget | None = None
    jump: str = ""
    jump_token: Token | None = None
    goto: bool = False
    output: str = ""
    warning: str = ""
    """What the tool has to say about a line that it takes."""
    ignored: bool = False
    """A line for the other family in a save file."""

    @property
    def verbose(self) -> bool:
        return "v" in self.options
