"""Where in a TOML text each key and value stands. ``tomllib`` gives values without their lines; errors want lines.

The text has been read by ``tomllib`` already, so its syntax is right and only structure is followed here.
"""

from __future__ import annotations

from contextlib import suppress

Path = tuple[str | int, ...]
"""``("stages", 2, "traffic", 1, "host")``: lists count from 1, as people do."""


def field_name(path: Path) -> str:
    """As shown in an error: ``stages[2].traffic[1].host``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Places:
    """The line of every path of a text; ``line`` falls back to the nearest path around it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        """How many [[tables]] of each name there have been."""
        self._breaks: list[int] = []

    def line(self, path: Path) -> int:
        """From 1; of the innermost part of the path that is written down; 1 if none is."""
        if not self._at:
            # Not before something is wrong: it takes as long as all the rest of reading a lesson.
            self._breaks = [i for i, letter in enumerate(self._text) if letter == "\n"]
            with suppress(RecursionError):
                self._read()
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1

    def line_inside(self, path: Path, number: int) -> int:
        """Where a line of a text stands; for one that is written with escapes in a single line, where that is."""
        line = self.line(path)
        first = self._text.split("\n")[line - 1]
        return line + number if first.rstrip().endswith(('"""', "'''")) else line

    def _note(self, path: Path, at: int) -> None:
        from bisect import bisect_left

        self._lines.setdefault(path, bisect_left(self._breaks, at) + 1)

    def _read(self) -> None:
        base: Path = ()
        while True:
            self._blank(newlines=True)
            if self._at >= len(self._text):
                return
            start = self._at
            if self._text.startswith("[[", start):
                self._at += 2
                base = self._inside(self._key())
                count = self._tables.get(base, 0) + 1
                self._tables[base] = count
                self._note(base, start)
                base = (*base, count)
                self._note(base, start)
                self._at += 2
            elif self._text[start] == "[":
                self._at += 1
                base = self._inside(self._key())
                self._note(base, start)
                self._at += 1
            else:
                self._pair(base)

    def _inside(self, key: Path) -> Path:
        """``[a.b]`` under an ``[[a]]`` means the last of them."""
        path: Path = ()
        for number, part in enumerate(key):
            path = (*path, part)
            if path in self._tables and number < len(key) - 1:
                path = (*path, self._tables[path])
        return path

    def _pair(self, base: Path) -> None:
        start = self._at
        path = (*base, *self._key())
        for length in range(len(base) + 1, len(path) + 1):
            self._note(path[:length], start)
        self._blank()
        self._at += 1  # =
        self._blank()
        self._value(path)

    def _key(self) -> Path:
        """A key, dotted or not, and the blanks after it."""
        parts: list[str | int] = []
        while True:
            self._blank()
            start = self._at
            if self._text[start] in "\"'":
                self._string()
                parts.append(self._text[start + 1 : self._at - 1])
            else:
                while self._at < len(self._text) and (self._text[self._at].isalnum() or self._text[self._at] in "-_"):
                    self._at += 1
                parts.append(self._text[start : self._at])
            self._blank()
            if self._at >= len(self._text) or self._text[self._at] != ".":
                return tuple(parts)
            self._at += 1

    def _value(self, path: Path) -> None:
        first = self._text[self._at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._at += 1
            count = 0
            while not self._closed("]"):
                count += 1
                self._note((*path, count), self._at)
                self._value((*path, count))
        elif first == "{":
            self._at += 1
            while not self._closed("}"):
                self._pair(path)
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}#\n":
                self._at += 1

    def _closed(self, bracket: str) -> bool:
        """Skips to the next item of a list or an inline table, or over its closing bracket."""
        while True:
            self._blank(newlines=True)
            if self._text[self._at] != ",":
                break
            self._at += 1
        if self._text[self._at] == bracket:
            self._at += 1
            return True
        return False

    def _string(self) -> None:
        """Skips over a string of any of the four kinds."""
        text, quote = self._text, self._text[self._at]
        end = quote * 3 if text.startswith(quote * 3, self._at) else quote
        self._at += len(end)
        while not text.startswith(end, self._at):
            self._at += 2 if quote == '"' and text[self._at] == "\\" else 1
        self._at += len(end)
        if len(end) == 3:
            # Up to two quotes may stand just before the closing three.
            while self._at < len(text) and text[self._at] == quote:
                self._at += 1

    def _blank(self, newlines: bool = False) -> None:
        text = self._text
        while self._at < len(text):
            letter = text[self._at]
            if letter in " \t" or (newlines and letter in "\r\n"):
                self._at += 1
            elif letter == "#" and newlines:
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            else:
                return
