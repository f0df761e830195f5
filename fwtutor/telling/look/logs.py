"""The files of a host as they were: its logs, its configuration; and the kernel's log, with the lines of LOG rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fwtutor.recording.looking import log_at
from fwtutor.telling import told, words
from fwtutor.telling.look.page import MARK, Page, has_words, in_columns, widths_of
from fwtutor.telling.spans import Line, Span, clean, line

KERNEL = "kernel log (dmesg)"
HEADS = ("file", "lines", "written")


class Text(NamedTuple):
    """One file."""

    name: str
    lines: tuple[str, ...]
    written: str
    fresh: bool
    """Something was written since the moment before."""


class LogsPage(Page):
    """The list of files; each of them opens. A filter is about their names, or about their lines: then only those are left."""

    name = "logs"
    things = "files"
    verbatim = True
    empty = "There is no file here."

    def read(self) -> None:
        seen = self.seen
        texts = [self._kernel()]
        files = seen.host.files
        # Logs are what one comes for.
        paths = sorted(files.paths(seen.upto), key=lambda path: (not path.startswith("/var/log/"), path))
        texts += [self._file(path, files.read(path, seen.upto) or "") for path in paths]
        self._all = len(texts)
        self.texts = [found for text in texts if (found := self._found(text)) is not None]
        self._table = [[text.name, str(len(text.lines)), text.written] for text in self.texts]
        self._widths = widths_of([[HEADS[0], HEADS[1], HEADS[2]], *self._table])
        self.heads = f"  {in_columns([HEADS[0], HEADS[1].rjust(self._widths[1]), HEADS[2]], self._widths)}"

    def _found(self, text: Text) -> Text | None:
        """A file, as the filter leaves it."""
        if has_words(text.name, self.wanted):
            return text
        lines = tuple(each for each in text.lines if has_words(each, self.wanted))
        return text._replace(lines=lines, written=f"of {len(text.lines)} lines; {text.written}") if lines else None

    def _kernel(self) -> Text:
        lines = tuple(log_at(self.seen.cursor, self.seen.name))
        return Text(KERNEL, lines, "by LOG rules" if lines else "no LOG rule has matched", False)

    def _file(self, path: str, text: str) -> Text:
        index = self.seen.host.files.changed(path, self.seen.upto)
        records, stops = self.seen.session.run.records, self.seen.session.run.stops
        before = max((stop for stop in stops[-1:] if stop < self.seen.upto), default=-1)
        written = words.clock(records[index].at) if index >= 0 else "there from the beginning"
        return Text(path, tuple(text.splitlines()), written, index > before >= 0)

    def count(self) -> int:
        return len(self.texts)

    def total(self) -> int:
        return self._all

    def row(self, y: int, width: int) -> Line:
        name, many, written = self._table[y]
        widths = self._widths
        text = self.texts[y]
        return Line((
            Span(MARK if text.fresh else "  ", "change"), Span(f"{clean(name):<{widths[0]}} ", "strong" if text.lines else "dim"),
            Span(f"{many:>{widths[1]}} "), Span(written, "dim"),
        ))  # fmt: skip

    def brief(self, y: int, width: int) -> Sequence[Line]:
        """The last lines."""
        return [line(text.expandtabs(8)) for text in self.texts[y].lines[-3:]]

    def about(self, y: int) -> tuple[str, Callable[[int], Sequence[Line]]] | None:
        text = self.texts[y]
        title = f"{self.seen.name}: {text.name}, {words.clock(self.seen.at)}"
        return title, lambda width: content(text.lines, width)

    def key(self, y: int) -> str:
        return self.texts[y].name

    def place_of(self, key: object) -> int:
        return next((y for y, text in enumerate(self.texts) if text.name == key), 0)


def content(lines: Sequence[str], width: int) -> list[Line]:
    """Lines of a file, as they are."""
    rows = [line(row) if row else Line() for text in lines for row in told.printed(clean(text.expandtabs(8)), width)]
    return rows or [line(("(empty)", "dim"))]
