"""Symbols: one set for the whole application, and what stands for them where the terminal has no UTF-8.

Every symbol is one cell wide in every font we know (no emoji, no variation selectors). Text is composed with the Unicode
symbols; ``to_ascii`` is applied to a finished row, so no widget needs to know which set is in use.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping

TICK, BOX, CROSS, NEXT, HERE, BACK, ARROW, LEFT = "✔", "▢", "✖", "▸", "▶", "◀", "→", "←"
MARK = "*"
"""A bookmark: the sign on its key."""
CHANGED, WAIT, BOTH, DOT, MORE, WIRE, LINE = "◆", "◌", "↔", "·", "…", "━", "─"
UNLIKE = "≠"
PACKET, GONE, COMMAND, TIMER, FAINT, CARET, UP, DOWN = "●", "✖", "$", "◷", "·", "▲", "↑", "↓"

_ASCII = str.maketrans({
    "✔": "*", "▢": "o", "✖": "x", "▸": ">", "▶": ">", "→": ">", "←": "<", "◆": "*", "◌": "o", "↔": "-", "·": ".", "…": "~",
    "━": "=", "─": "-", "●": "@", "◷": "t", "▲": "^", "↑": "^", "↓": "v", "▐": "[", "▌": "]", "│": "|", "╰": "`", "╯": "'",
    "╭": ".", "╮": ".", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "┄": "-", "⌫": "<", "␣": "_", "█": "#", "░": ".",
    "—": "-", "–": "-", "’": "'", "“": '"', "”": '"', "×": "x", "≥": ">", "≤": "<", "▼": "v", "◀": "<", "○": "o", "▏": "|",
    "≠": "!",
})  # fmt: skip


def wants_ascii(environ: Mapping[str, str] | None = None, *, chosen: bool | None = None) -> bool:
    """True when FWTUTOR_ASCII says so (0 says no), else what was ``chosen``, else whether the locale's encoding is not UTF-8."""
    environ = os.environ if environ is None else environ
    asked = environ.get("FWTUTOR_ASCII", "")
    if asked:
        return asked != "0"
    if chosen is not None:
        return chosen
    names = (environ.get("LC_ALL", ""), environ.get("LC_CTYPE", ""), environ.get("LANG", ""))
    named = next((name for name in names if name), "")
    encoding = named.partition(".")[2] or ("" if named not in ("C", "POSIX") else "ascii")
    encoding = encoding or locale.getpreferredencoding(False)
    return encoding.partition("@")[0].lower().replace("-", "") not in ("utf8", "cp65001")


def wants_stillness(environ: Mapping[str, str] | None = None, *, chosen: bool = False) -> bool:
    """True when nothing should move: FWTUTOR_STILL=1 (0 says no) or TEXTUAL_ANIMATIONS=none, else what was ``chosen``."""
    environ = os.environ if environ is None else environ
    asked = environ.get("FWTUTOR_STILL", "")
    if environ.get("TEXTUAL_ANIMATIONS", "").lower() == "none":
        return True
    return asked != "0" if asked else chosen


def to_ascii(text: str) -> str:
    """``text`` in ASCII: our symbols one for one, anything else as a backslash escape."""
    return text if text.isascii() else text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
