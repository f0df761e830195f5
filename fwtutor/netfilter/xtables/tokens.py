"""Cutting a line into words, each with the place of every letter, so that a fault can be pointed at.

Two grammars: the shell's (a line typed at a prompt) and iptables-restore's (a line of a save file). They differ
in quotes: only the shell knows single quotes and a backslash outside quotes, and only there do quotes join words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fwtutor.netfilter.xtables.errors import BARE, RuleRefused

MAX_LINE = 10_240
"""Characters; iptables-restore reads lines into a buffer of this size."""
MAX_WORD = 1_023
"""Characters of one word of a save file."""

_SHELL_MEANS_MORE = "|&;<>()`$"


class Token(NamedTuple):
    """One word; ``at[i]`` is the index in the line of ``text[i]``, ``start`` and ``end`` cover its quotes too."""

    text: str
    at: Sequence[int]
    start: int
    end: int

    def span(self, part: tuple[int, int] | None) -> tuple[int, int]:
        """The place in the line of ``text[part[0]:part[1]]``; of the whole word when that range is empty or None."""
        if part is None or not part[0] < part[1] <= len(self.at):
            return self.start, self.end
        return self.at[part[0]], self.at[part[1] - 1] + 1


def _bounded(line: str) -> None:
    if len(line) > MAX_LINE:
        raise RuleRefused(f"the line has {len(line)} characters, {MAX_LINE} are the most", line=line[:200], start=0, end=200)
    if not line.isascii():
        try:
            line.encode(errors="surrogateescape")
        except UnicodeEncodeError as wrong:
            raise RuleRefused("this is not text", line=line, start=wrong.start, end=wrong.end) from None
    nul = line.find("\0")
    if nul >= 0:
        raise RuleRefused("a zero byte cannot be part of a command", line=line, start=nul, end=nul + 1)


def shell_words(line: str) -> list[Token]:
    """The words as a POSIX shell hands them to a command.

    What a shell would do more than that (variables, pipes, redirection) is refused rather than misread.
    """
    _bounded(line)
    words: list[Token] = []
    at = 0
    while found := _SHELL_PLAIN.match(line, at):
        at = found.end()
        if not found[1]:
            return words
        words.append(Token(found[1], range(*found.span(1)), *found.span(1)))
    return words + _shell_spelled(line, at)


_SHELL_PLAIN = re.compile(r"""[ \t\n]*(?:([^ \t\n'"\\|&;<>()`$#][^ \t\n'"\\|&;<>()`$]*)(?![^ \t\n])|\Z)""")
"""The next word where a shell takes all its letters as they are, or the end."""


def _shell_spelled(line: str, i: int) -> list[Token]:
    """The words from the index ``i`` on, letter by letter."""
    words: list[Token] = []
    letters: list[str] = []
    places: list[int] = []
    start = -1
    quote = ""
    opened = 0
    while i < len(line):
        letter = line[i]
        if quote == "'":
            if letter == "'":
                quote = ""
            else:
                letters.append(letter)
                places.append(i)
        elif quote == '"':
            if letter == '"':
                quote = ""
            elif letter == "\\" and i + 1 < len(line) and line[i + 1] in '"\\$`':
                i += 1
                letters.append(line[i])
                places.append(i)
            elif letter in "$`":
                raise _shell_only(line, i)
            else:
                letters.append(letter)
                places.append(i)
        elif letter in " \t\n":
            if start >= 0:
                words.append(Token("".join(letters), tuple(places), start, i))
                letters, places, start = [], [], -1
        elif letter == "#" and start < 0:
            break
        else:
            if letter in _SHELL_MEANS_MORE:
                raise _shell_only(line, i)
            if start < 0:
                start = i
            if letter in "'\"":
                quote, opened = letter, i
            else:
                if letter == "\\" and i + 1 < len(line):
                    i += 1
                    letter = line[i]
                letters.append(letter)
                places.append(i)
        i += 1
    if quote:
        raise RuleRefused(f"unexpected EOF while looking for matching `{quote}'", line=line, start=opened, end=len(line), manner=BARE)
    if start >= 0:
        words.append(Token("".join(letters), tuple(places), start, i))
    return words


def _shell_only(line: str, at: int) -> RuleRefused:
    hint = "in quotes, or after a backslash, it is an ordinary character"
    words = f"`{line[at]}' means something to a shell, and this is none"
    return RuleRefused(words, line=line, start=at, end=at + 1, hint=hint, manner=BARE)


def restore_words(line: str, start: int = 0) -> list[Token]:
    """The words of a save file's line from ``start`` on, as iptables-restore cuts them.

    Only double quotes quote; a backslash escapes inside them only; a closing quote ends the word at once. An open
    quote at the end of the line takes the rest of it, newline included, as the tool does.
    """
    _bounded(line)
    words: list[Token] = []
    at = start
    while found := _PLAIN.match(line, at):
        at = found.end()
        group = found.lastindex
        if group is None:
            return words
        begin, end = found.span(group)
        quote = group - 1
        words.append(_word(line, found[group], range(begin, end), begin - quote, end + quote))
    return words + _spelled(line, at)


_PLAIN = re.compile(r'[ \t\n]*(?:([^" \t\n]+)(?![^ \t\n])|"([^"\\]*)"|\Z)')
"""The next word where its letters are those of the line, bare (1) or between quotes (2); or the end."""


def _spelled(line: str, start: int) -> list[Token]:
    """The words from ``start`` on, letter by letter."""
    text = line + "\n"
    words: list[Token] = []
    letters: list[str] = []
    places: list[int] = []
    begin = -1
    quoted = escaped = False
    for i in range(start, len(text)):
        letter = text[i]
        if quoted:
            if not escaped and letter == "\\":
                escaped = True
                continue
            if escaped or letter != '"':
                escaped = False
                letters.append(letter)
                places.append(i)
                continue
            quoted = False
        elif letter == '"':
            quoted = True
            begin = i if begin < 0 else begin
            continue
        elif letter not in " \t\n":
            begin = i if begin < 0 else begin
            letters.append(letter)
            places.append(i)
            continue
        elif not letters:
            continue
        words.append(_word(line, "".join(letters), places, begin, i + (letter == '"')))
        letters, places, begin = [], [], -1
    if letters:
        words.append(_word(line, "".join(letters), places, begin, len(line)))
    return words


def _word(line: str, text: str, places: Sequence[int], start: int, end: int) -> Token:
    if len(text) > MAX_WORD // 4 and len(text.encode(errors="surrogateescape")) > MAX_WORD:
        raise RuleRefused("Parameter too long!", line=line, start=start, end=end)
    return Token(text, places, start, end)
