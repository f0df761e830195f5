"""The glossary: what each word means to the kernel, where it is taught, what shows it. The words are data, in ``glossary.toml``.

It is read when somebody asks for a word. Which word the eye is on, ``word_at`` says.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fwtutor.badinput import BadInput
from fwtutor.netfilter.packet import TCP
from fwtutor.netfilter.steps import PolicyApplied, RuleTried
from fwtutor.network.records import CommandRun, TimerFired
from fwtutor.telling.chain import chain_of, rule_at
from fwtutor.telling.reading import Place, packet_entry
from fwtutor.telling.spans import BLANK, Line, line, wrap

FILE = Path(__file__).with_suffix(".toml")
_WORD = re.compile(r"[A-Za-z][\w-]*")


class Term(NamedTuple):
    """One word."""

    term: str
    text: str
    """What it means: one to three sentences."""
    also: tuple[str, ...]
    """Other ways to write it."""
    lessons: tuple[str, ...]
    """Names of those that teach it."""
    shows: tuple[str, ...]
    """Commands that show it."""


@cache
def terms() -> tuple[Term, ...]:
    """All of them, in the order of the alphabet."""
    with FILE.open("rb") as file:
        found = tomllib.load(file)["terms"]
    made = (Term(each["term"], each["text"], tuple(each.get("also", ())), tuple(each["lessons"]), tuple(each["shows"])) for each in found)
    return tuple(sorted(made, key=lambda term: (term.term.lower(), term.term)))


@cache
def _as_written() -> dict[str, Term]:
    """By every way to write it."""
    return {word: term for term in terms() for word in (*term.also, term.term)}


@cache
def _by_word() -> dict[str, Term]:
    """The same in small letters too, where that is no other word."""
    return {word.lower(): term for word, term in _as_written().items()} | _as_written()


def term_of(word: str) -> Term | None:
    """What a word means, however it is written."""
    word = word.strip().strip("[]")
    known = _by_word()
    return known.get(word) or known.get(word.lower())


def in_short(word: str) -> str:
    """The first sentence of what a word means; "" if it is not there."""
    term = term_of(word)
    return f"{re.split(r'[.;:] ', term.text, maxsplit=1)[0].removesuffix('.')}." if term else ""


def searched(text: str) -> list[Term]:
    """The terms for what somebody has typed so far: those that begin so, then those with it in their names, then in their text."""
    wanted = text.strip().lower()
    ranked = []
    for term in terms():
        names = [name.lower() for name in (term.term, *term.also)]
        if names[0].startswith(wanted):
            rank = 0
        elif any(name.startswith(wanted) for name in names):
            rank = 1
        elif any(wanted in name for name in names):
            rank = 2
        elif wanted in term.text.lower():
            rank = 3
        else:
            continue
        ranked.append((rank, term))
    return [term for _, term in sorted(ranked, key=lambda pair: pair[0])]


def asked_for(word: str) -> Term:
    """The term somebody asked for. Raises BadInput, with what he may have meant."""
    found = term_of(word)
    if found is None:
        if only := [term for term in searched(word) if word.strip().lower() in term.term.lower()][:1]:
            return only[0]
        near = difflib.get_close_matches(word.lower(), _by_word(), 3, 0.6)
        meant = list(dict.fromkeys(_by_word()[each].term for each in near))
        hint = f"did you mean {' or '.join(meant)}?" if meant else "without a word it lists all there are"
        raise BadInput(f"{word[:60]!r} is not in the glossary; {hint}")
    return found


def rows(term: Term, width: int) -> list[Line]:
    """All there is to say of a term."""
    made = wrap(line(term.text), width)
    for heading, texts, role in (("See it", term.shows, "code"), ("Lessons", term.lessons, ""), ("Also", term.also, "dim")):
        if texts:
            parts: list[str | tuple[str, str]] = [(f"{heading:<8} ", "dim")]
            for number, text in enumerate(texts):
                parts += [", " if number else "", (text, role)]
            made += [BLANK, *wrap(line(*parts), width, 9)] if heading == "See it" else wrap(line(*parts), width, 9)
    return made


def plainly(term: Term) -> list[str]:
    """The same in lines, for who reads no columns."""
    said = [f"{term.term}: {term.text}", f"See it: {'; '.join(term.shows)}"]
    return said + ([f"Lessons: {', '.join(term.lessons)}"] if term.lessons else [])


def named(text: str) -> Iterator[tuple[int, int, Term]]:
    """The words of a text that are in the glossary as they are written there: (from, to, its term). "new" is not NEW."""
    for found in _WORD.finditer(text):
        term = _as_written().get(found.group())
        if term is not None:
            yield found.start(), found.end(), term


# --- the word that the eye is on ------------------------------------------------------------------------------


def word_at(place: Place, pane: str = "", text: str = "") -> str:
    """The main term of the pane that one looks at (``""``: none in particular), at a place of a run; ``text`` is what one reads there."""
    if pane == "lesson":
        return next((term.term for _, _, term in named(text)), "conntrack")
    if pane == "connections":
        return _of_entry(place)
    if pane == "chain":
        return _of_chain(place)
    if pane == "timeline" and isinstance(place.record, TimerFired):
        return "timeout"
    if pane == "timeline" and place.verdict is not None:
        return _known(place.verdict.verdict, "verdict")
    return _of_moment(place)


def _known(word: str, otherwise: str) -> str:
    found = term_of(word)
    return found.term if found else otherwise


def _of_moment(place: Place) -> str:
    if place.view.ctstate:
        return _known(place.view.ctstate, "ctstate")
    if place.walk is not None:
        return _known(place.hook, "hook") if place.hook else "tuple"
    if isinstance(place.record, TimerFired):
        return "timeout"
    if isinstance(place.record, CommandRun):
        return next((term.term for _, _, term in reversed(list(named(place.record.line)))), "rule")
    return "conntrack"


def _of_entry(place: Place) -> str:
    entry, _ = packet_entry(place)
    if entry is None:
        return "entry" if place.view.entries else "conntrack"
    if entry.original.protocol == TCP and entry.state:
        return "ESTABLISHED (entry)" if entry.state == "ESTABLISHED" else _known(entry.state, "entry")
    return "ASSURED" if entry.assured else "entry" if entry.seen_reply else "UNREPLIED"


def _of_chain(place: Place) -> str:
    rule = rule_at(place)
    if isinstance(rule, PolicyApplied):
        return "policy"
    if isinstance(rule, RuleTried) and rule.matched and rule.rule:
        return _known(rule.rule.target.name, "target")
    return "match" if isinstance(rule, RuleTried) else _known(chain_of(place)[1], "chain")


def all_rows(width: int) -> list[Line]:
    """All words, for a person who named none."""
    return wrap(line(", ".join(term.term for term in terms())), width)
