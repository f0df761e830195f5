"""Lesson prose: a small, forgiving part of Markdown as rows of the screen.

Headings, paragraphs, lists, quotes, fenced and indented code, **strong**, *emphasis* and `code`. Anything else is shown as it
is written: there is no error here, and a mark without its partner is itself.
"""

from __future__ import annotations

import re

from fwtutor.telling import glyphs
from fwtutor.telling.spans import BLANK, Line, Span, clean, line, wrap

_INLINE = re.compile(
    r"(?P<code>`[^`\n]+`)"
    r"|(?P<strong>\*\*(?=\S)[^\n]+?(?<=\S)\*\*)"
    r"|(?P<em>(?<![\w*])(?P<mark>[*_])(?=[^\s*_])[^*_\n]*?(?<=[^\s*_])(?P=mark)(?![\w*]))"
)
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,3}[.)])\s+(.*)")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")


def inline(text: str, role: str = "") -> tuple[Span, ...]:
    """One paragraph's text as spans; ``role`` is that of unmarked text."""
    spans: list[Span] = []
    at = 0
    for found in _INLINE.finditer(text):
        if found.start() > at:
            spans.append(Span(clean(text[at : found.start()]), role))
        kind = next(name for name in ("code", "strong", "em") if found[name])
        size = 2 if kind == "strong" else 1
        spans.append(Span(clean(found.group()[size:-size]), kind))
        at = found.end()
    if at < len(text):
        spans.append(Span(clean(text[at:]), role))
    return tuple(spans)


def prose(text: str, width: int, role: str = "") -> list[Line]:
    """``text`` (Markdown) wrapped to ``width``."""
    rows: list[Line] = []
    paragraph: list[str] = []
    fenced = False

    def flush() -> None:
        if paragraph:
            rows.extend(wrap(Line(inline(" ".join(paragraph), role)), width))
            paragraph.clear()

    def gap() -> None:
        if rows and rows[-1] != BLANK:
            rows.append(BLANK)

    for raw in text.expandtabs(4).split("\n"):
        bare = raw.strip(" \r")
        if bare.startswith("```"):
            flush()
            if not fenced:
                gap()
            fenced = not fenced
            continue
        if fenced or (raw.startswith("    ") and bare and not paragraph and not (rows and rows[-1].text.startswith(" "))):
            rows.extend(wrap(line((" " + raw.rstrip("\r") if fenced else raw[3:].rstrip("\r"), "code")), width, 3))
            continue
        item, heading = _ITEM.match(raw), _HEADING.match(bare)
        if not bare:
            flush()
            gap()
        elif heading:
            flush()
            gap()
            rows.extend(wrap(line((heading[1], "heading")), width))
        elif item:
            flush()
            mark = glyphs.DOT if item[2] in "-*+" else item[2]
            rows.extend(wrap(Line((Span(f" {mark} ", "dim"), *inline(item[3], role))), width, len(mark) + 2))
        elif bare.startswith(">"):
            flush()
            rows.extend(Line((Span("│ ", "dim"), *row.spans)) for row in wrap(Line(inline(bare[1:].strip(), "em")), width - 2))
        elif raw.startswith("  ") and not paragraph and rows and rows[-1].text.startswith(" "):
            rows.extend(Line((Span("   "), *row.spans)) for row in wrap(Line(inline(bare, role)), width - 3))
        else:
            paragraph.append(bare)
    flush()
    while rows and rows[-1] == BLANK:
        rows.pop()
    return rows
