"""A page of rows about one host. Rows are made one by one, when somebody looks at them: there may be many."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar

from fwtutor.telling import glyphs
from fwtutor.telling.spans import Line, line

if TYPE_CHECKING:
    from fwtutor.recording.jumps import Wanted
    from fwtutor.telling.look.seen import Seen

MARK = f"{glyphs.CHANGED} "
"""In front of what the last packet changed."""


class Page:
    """What every page says of itself. ``wanted``: words of a filter; only rows that have all of them are shown."""

    name: ClassVar[str]
    empty: str
    """What is said where there is nothing, filter or not."""
    things: ClassVar[str] = "rows"
    """What its rows are, for the count."""
    heads: str = ""
    """Titles of the columns."""
    complaint: str = ""
    """What is wrong with the filter."""
    marks: ClassVar[str] = ""
    """The kind of changes by the last packet that it marks."""
    filtered: ClassVar[bool] = True
    """Its rows are the things it counts, and nothing else."""
    verbatim: ClassVar[bool] = False
    """What there is to say about a row is a text of somebody else's."""

    def __init__(self, seen: Seen, wanted: str = "") -> None:
        self.seen = seen
        self.wanted = wanted.split()
        self.read()

    def read(self) -> None:
        """Look up what is needed for all rows."""

    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def total(self) -> int:
        """How many things there would be without a filter."""
        raise NotImplementedError

    def nothing(self) -> str:
        """What is said where there are no rows."""
        if not self.wanted or not self.total():
            return self.empty
        return f"No {self.things.removesuffix('s')} here has {' '.join(self.wanted)}."

    def counted(self) -> str:
        """``3 of 34 connections``."""
        total, one = self.total(), self.things.removesuffix("s")
        many = f"{total} {self.things if total != 1 else one}"
        return f"{self.count()} of {many}" if self.wanted and self.filtered else many

    def marked(self) -> bool:
        """Whether the last packet changed anything that is on this page."""
        return any(kind == self.marks for kind, _ in self.seen.fresh)

    def row(self, y: int, width: int) -> Line:
        """Row ``y``, from 0. What is too wide is cut by whoever shows it."""
        raise NotImplementedError

    def brief(self, y: int, width: int) -> Sequence[Line]:
        """A row whole, or a few words about it, for the foot of the screen."""
        return ()

    def about(self, y: int) -> tuple[str, Callable[[int], Sequence[Line]]] | None:
        """Everything there is to say about a row: a title, and rows for a width; None if the row says it all."""
        return None

    def packets_of(self, y: int) -> Wanted | None:
        """What to look for in the run to find the next packet that has to do with a row."""
        return None

    def since(self, y: int) -> int:
        """ns: from when on there may be such packets."""
        return 0

    def key(self, y: int) -> Hashable:
        """By what a row is known again at another place of the run."""
        return y

    def place_of(self, key: Hashable) -> int:
        """Where a row is now."""
        return key if isinstance(key, int) else 0

    def start(self) -> int:
        """The row to begin at."""
        return 0


def has_words(text: str, words: Sequence[str]) -> bool:
    """Whether a text has all the words, big or small; one that begins with ``!`` it must not have."""
    folded = text.casefold()
    return all((word[1:].casefold() not in folded) if word[:1] == "!" and word[1:] else word.casefold() in folded for word in words)


def in_columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Cells under each other; one that is too wide pushes the others."""
    return " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def widths_of(table: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column has to be."""
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def titled(text: str) -> Line:
    """A row that names those below it."""
    return line((text, "heading"))
