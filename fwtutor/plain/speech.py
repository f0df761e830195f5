"""Rows as plain sentences: the signs of the screen become words, and nothing is wrapped, drawn or aligned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fwtutor.telling import glyphs
from fwtutor.telling.prose import prose
from fwtutor.telling.spans import Line, Span

WIDE = 1 << 20
"""Cells of a row that is never broken."""
_WORDS = {
    glyphs.TICK: "yes,", glyphs.CROSS: "no,", glyphs.BOX: "open:", glyphs.ARROW: "to", glyphs.LEFT: "from", glyphs.BOTH: "and",
    glyphs.CHANGED: "changed:", glyphs.WAIT: "", glyphs.HERE: "", glyphs.BACK: "", glyphs.NEXT: "then", glyphs.MORE: "...",
}  # fmt: skip
_VERDICTS = "ACCEPT|DROP|REJECT|DISCARD|HELD"
_MATCHES = re.compile(f"(?<=MATCH) {glyphs.ARROW} |(?<=matches) {glyphs.ARROW} | {glyphs.ARROW} (?=(?:{_VERDICTS})\\b)")
_LABEL = re.compile(r" *[a-z][a-z ]*?  *")
_DOT = re.compile(f" *{glyphs.DOT} *")
_SPACES = re.compile(r"(?<=\S) {2,}")
_DRAWN = re.compile(r"[─━│┄╭╮╰╯├┤┬┴┼▌▐]+")


def spoken(text: str) -> str:
    """One row of ours in words."""
    text = _MATCHES.sub(": ", text)
    for sign, word in _WORDS.items():
        text = text.replace(sign, word)
    text = _DRAWN.sub("", text).strip()
    if text.startswith(glyphs.DOT):
        # An item of a list.
        text = f"-{text[1:]}"
    text = _DOT.sub(", ", text)
    return _SPACES.sub(" ", text).strip()


def sentences(rows: Iterable[Line]) -> list[str]:
    """Rows of ours, each in words; blank ones are left out."""
    return [text for row in rows if (text := spoken(_labelled(row)))]


def _labelled(row: Line) -> str:
    """A row's text; a label in a column of its own gets a colon."""
    first, *rest = row.spans or (Span(""),)
    labelled = rest and first.role == "dim" and _LABEL.fullmatch(first.text)
    return f"{first.text.rstrip()}: {''.join(span.text for span in rest).lstrip()}" if labelled else row.text


def as_written(rows: Iterable[Line]) -> list[str]:
    """Rows of what a program printed, as they are."""
    return [row.text.rstrip() for row in rows]


def read_aloud(text: str) -> list[str]:
    """Prose, a paragraph a line, without its marks."""
    return sentences(prose(text, WIDE))


def listed(items: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""
