"""A ruleset as lines of iptables-save's text: what each rule asks, and which rules lead to it.

Read from the rules' own words, not the engine's idea of them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING

HOOKS = {PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING}


class Condition(NamedTuple):
    """``--dport 80``, or the like."""

    option: str
    values: tuple[str, ...]
    negated: bool


class Line(NamedTuple):
    """A rule."""

    table: str
    chain: str
    number: int
    conditions: tuple[Condition, ...]
    target: str
    options: tuple[str, ...]
    """What stands behind the target's name."""
    text: str

    @property
    def words(self) -> str:
        """As TRACE names it."""
        return f"{self.table}:{self.chain}:rule:{self.number}"


def lines(saved: str) -> Iterator[Line]:
    """The rules of iptables-save's text."""
    table, counts = "", dict[str, int]()
    for text in saved.splitlines():
        if text.startswith("*"):
            table, counts = text[1:], {}
        elif text.startswith("-A "):
            words = shlex.split(text)
            counts[words[1]] = counts.get(words[1], 0) + 1
            yield _line(table, words, counts[words[1]], text)


def _line(table: str, words: list[str], number: int, text: str) -> Line:
    found, place, negated = list[Condition](), 2, False
    while place < len(words) and words[place] not in ("-j", "-g"):
        word, place = words[place], place + 1
        if word == "!":
            negated = True
            continue
        values = list[str]()
        while place < len(words) and (not values or word == "--tcp-flags") and words[place] != "!" and not words[place].startswith("-"):
            values.append(words[place])
            place += 1
        if word not in ("-m", "--comment"):
            found.append(Condition(word, tuple(values), negated))
        negated = False
    target = words[place + 1] if place < len(words) else ""
    return Line(table, words[1], number, tuple(found), target, tuple(words[place + 2 :]), text)


Leading = Mapping[tuple[str, str], Sequence[Line]]
"""By table and chain, the rules that lead to it."""


def callers(rules: Iterable[Line]) -> Leading:
    found = dict[tuple[str, str], list[Line]]()
    for line in rules:
        found.setdefault((line.table, line.target), []).append(line)
    return found


def way(leading: Leading, line: Line, random: Random) -> tuple[str, list[Line]] | None:
    """A way to a rule: the built-in chain it begins in, and the rules that lead to its chain; None: there is none."""
    found, chain = list[Line](), line.chain
    while chain not in HOOKS:
        before = leading.get((line.table, chain))
        if not before or len(found) > 40:
            return None
        found.append(random.choice(before))
        chain = found[-1].chain
    return chain, found[::-1]


def hooks(leading: Leading, line: Line) -> set[str]:
    """The built-in chains from which there is a way to a rule."""
    seen, ahead = {line.chain}, [line.chain]
    while ahead:
        new = {each.chain for each in leading.get((line.table, ahead.pop()), ())} - seen
        seen |= new
        ahead += new
    return seen & HOOKS
