"""Spans and lines: text with a role, which is all that any widget of this application draws.

A role is a name for a meaning ("accept", "dim", "badge"), never a colour; ``widgets.lines`` turns roles into styles. There
is no markup anywhere, so no string that a learner, a rule or a lesson brings can be taken for one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that would move, hide or recolour other text in a terminal."""


class Span(NamedTuple):
    """A piece of text, what it means, and the action that clicking it runs ("" for none)."""

    text: str
    role: str = ""
    click: str = ""


class Line(NamedTuple):
    """One row of the screen; ``fill`` is the role of the whole row's background ("" for none)."""

    spans: tuple[Span, ...] = ()
    fill: str = ""

    @property
    def text(self) -> str:
        """The row as plain text."""
        return "".join(span.text for span in self.spans)

    @property
    def width(self) -> int:
        """Cells the row takes."""
        return sum(cell_len(span.text) for span in self.spans)


BLANK = Line()


def pill(text: str, click: str = "") -> list[Span]:
    """``text`` marked as the place where we are: ``▐text▌``."""
    return [Span("▐", "current", click), Span(text, "here", click), Span("▌", "current", click)]


def clean(text: str) -> str:
    """``text`` with every invisible or control character written as an escape, all others as they are."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _HIDDEN else char for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def line(*parts: str | Span | tuple[str, str], fill: str = "") -> Line:
    """A Line from texts, (text, role) pairs and Spans; empty texts are left out."""
    spans = []
    for part in parts:
        span = Span(part) if isinstance(part, str) else Span(*part)
        if span.text:
            spans.append(span._replace(text=clean(span.text)))
    return Line(tuple(spans), fill)


def crop(row: Line, width: int, more: str = "…") -> Line:
    """``row`` cut to ``width`` cells; a cut is marked with ``more``."""
    if row.width <= width:
        return row
    room = width - cell_len(more)
    if room < 0:
        return Line((), row.fill)
    spans: list[Span] = []
    for span in row.spans:
        size = cell_len(span.text)
        if size > room:
            spans.append(span._replace(text=set_cell_size(span.text, room) + more))
            return Line(tuple(spans), row.fill)
        spans.append(span)
        room -= size
    return Line(tuple(spans), row.fill)


def crop_middle(row: Line, end: Line, width: int) -> Line:
    """``row`` and then ``end`` in ``width`` cells: what is cut is cut from ``row``, as long as ``end`` leaves it a third."""
    if row.width + end.width <= width:
        return Line(row.spans + end.spans, row.fill)
    end = crop(end, max(width - row.width, width * 2 // 3))
    return Line(crop(row, width - end.width).spans + end.spans, row.fill)


def pad(row: Line, width: int, role: str = "") -> Line:
    """``row`` cropped or filled with spaces to exactly ``width`` cells."""
    row = crop(row, width)
    missing = width - row.width
    return Line((*row.spans, Span(" " * missing, role)), row.fill) if missing > 0 else row


def ends(left: Line, right: Line, width: int) -> Line:
    """``left`` at the left edge and ``right`` at the right one; the left gives way when there is no room for both."""
    room = max(0, width - right.width - 1)
    return Line((*pad(left, room).spans, Span(" "), *right.spans), left.fill or right.fill) if room else crop(right, width)


def beside(left: Line, right: Line, width: int) -> Line:
    """``left`` filled to ``width`` cells, then ``right``."""
    return Line(pad(left, width).spans + right.spans, left.fill or right.fill)


def wrap(row: Line, width: int, indent: int = 0) -> list[Line]:
    """``row`` broken between words into rows of at most ``width`` cells; all but the first begin with ``indent`` spaces."""
    width = max(width, indent + 4)
    rows: list[Line] = []
    current: list[Span] = []
    used = 0

    def flush() -> None:
        nonlocal current, used
        while current and not current[-1].text.strip(" "):
            current.pop()
        rows.append(Line(tuple(_join(current)), row.fill))
        current, used = ([Span(" " * indent)], indent) if indent else ([], 0)

    for word in _words(row.spans):
        size = sum(cell_len(span.text) for span in word)
        if not word[0].text.strip(" "):
            if used > (indent if rows else 0) or not rows:
                current += word
                used += size
            continue
        if used + size > width and used > (indent if rows else 0):
            flush()
        while used + size > width:
            head, word = _split(word, width - used)
            if not head:
                break
            current += head
            flush()
            size = sum(cell_len(span.text) for span in word)
        current += word
        used += size
    flush()
    return rows


def _words(spans: Iterable[Span]) -> list[list[Span]]:
    """Spans regrouped: each group is one run of spaces or one word, which may have several roles."""
    words: list[list[Span]] = []
    for span in spans:
        start = 0
        text = span.text
        for at in range(1, len(text) + 1):
            if at < len(text) and (text[at] == " ") == (text[start] == " "):
                continue
            piece = span._replace(text=text[start:at])
            if words and (words[-1][0].text[0] == " ") == (piece.text[0] == " "):
                words[-1].append(piece)
            else:
                words.append([piece])
            start = at
    return words


def _split(word: list[Span], room: int) -> tuple[list[Span], list[Span]]:
    """The beginning of a word that is longer than a row, as much as has room, and the rest."""
    head: list[Span] = []
    for number, span in enumerate(word):
        for at, char in enumerate(span.text):
            size = cell_len(char)
            if size > room:
                if at:
                    head.append(span._replace(text=span.text[:at]))
                return head, [span._replace(text=span.text[at:]), *word[number + 1 :]]
            room -= size
        head.append(span)
    return head, []


def _join(spans: list[Span]) -> list[Span]:
    """Neighbours of the same role and action made one."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1][1:] == span[1:]:
            joined[-1] = span._replace(text=joined[-1].text + span.text)
        else:
            joined.append(span)
    return joined
