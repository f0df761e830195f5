"""The pages of a lesson: ``lesson.md``, split at its headings."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fwtutor.course.model import LessonError
from fwtutor.course.tables import read_text, shown_name


class Page(NamedTuple):
    """One heading and what stands under it."""

    line: int
    heading: str
    text: str


def read_pages(folder: Path, name: str, *, whole: bool = True) -> list[Page]:
    """The pages of a file; ``whole``: each must say something. Raises LessonError."""
    file = shown_name(folder, name)
    found: list[tuple[int, str, list[str]]] = []
    fenced = False
    for number, line in enumerate(read_text(folder, name).split("\n"), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if line.startswith("## ") and not fenced:
            if not line[3:].strip():
                raise LessonError(file, number, "", "has a heading without words")
            found.append((number, line[3:].strip(), []))
        elif found:
            found[-1][2].append(line)
        elif line.strip():
            raise LessonError(file, number, "", "has text before the first heading (## ...)")
    if not found:
        raise LessonError(file, 0, "", "has no heading (## ...)")
    pages = [Page(number, title, "\n".join(lines).strip()) for number, title, lines in found]
    for page in pages:
        if whole and not page.text:
            raise LessonError(file, page.line, "", f'says nothing under "{page.heading}"')
    return pages
