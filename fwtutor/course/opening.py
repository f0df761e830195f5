"""What there is to read of a lesson before it is loaded: its question, and the page somebody is on. ``loader`` has the rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fwtutor.course.model import Lesson, LessonError, Stage
from fwtutor.course.pages import Page, read_pages
from fwtutor.course.tables import Table, read_text


class Opening(NamedTuple):
    """The texts of a lesson, as far as they can be read without understanding it."""

    question: str
    pages: tuple[Stage, ...]
    """Without what belongs to them."""
    page: int
    """The one to read, from 0."""


class Unopened(NamedTuple):
    """A lesson that is still to be loaded."""

    folder: Path
    load: Callable[[], Lesson]
    """Raises BadInput, LessonError."""


def read_opening(folder: Path, page: int, language: str = "") -> Opening | None:
    """Of the lesson in a folder; None if it cannot be read, or has no such page: whoever loads it then says what is wrong."""
    try:
        table = Table.parse("", read_text(folder, "lesson.toml"))
        question, pages = table.text("question", limit=120), read_pages(folder, "lesson.md")
        if language:
            question, pages = _translated(folder, language, question, pages)
    except LessonError:
        return None
    if not 0 <= page < len(pages):
        return None
    return Opening(question, tuple(Stage(each.heading, each.text) for each in pages), page)


def _translated(folder: Path, language: str, question: str, pages: list[Page]) -> tuple[str, list[Page]]:
    if os.path.lexists(folder / f"lesson.{language}.toml"):
        question = Table.parse("", read_text(folder, f"lesson.{language}.toml")).text("question", question, limit=120)
    if os.path.lexists(folder / f"lesson.{language}.md"):
        found = read_pages(folder, f"lesson.{language}.md", whole=False)
        pages = [Page(own.line, there.heading, there.text or own.text) for own, there in zip(pages, found, strict=False)]
    return question, pages
