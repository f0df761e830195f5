"""What course.toml lists, and where a lesson is: known without any lesson being read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from fwtutor.badinput import BadInput
from fwtutor.course.tables import Table, read_text, shown_name
from fwtutor.course.which import is_own, lessons_folder

LESSON_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
"""Of lessons, and of the ids in them."""


class ListedChapter(NamedTuple):
    """A chapter as course.toml has it."""

    title: str
    about: str
    names: tuple[str, ...]
    """Of its lessons, each a folder."""


class Listed(NamedTuple):
    """A course as course.toml has it."""

    title: str
    exam: bool
    chapters: list[ListedChapter]


def read_listed(root: Path) -> Listed:
    """Of the course in a folder. Raises LessonError."""
    table = Table.parse(shown_name(root, "course.toml"), read_text(root, "course.toml"))
    return Listed(table.text("title", limit=100), table.flag("exam"), _chapters(table, root))


def _chapters(table: Table, root: Path) -> list[ListedChapter]:
    """What course.toml lists; there is nothing behind it. Raises LessonError."""
    chapters: list[ListedChapter] = []
    seen: set[str] = set()
    for part in table.tables("chapters", required=True):
        heading, about = part.text("title", limit=60), part.text("about", "", limit=200)
        names = part.texts("lessons", required=True)
        for number, name in enumerate(names, 1):
            if not LESSON_NAME.match(name) or len(name) > 60:
                part.fail(f'"{name[:40]}" is no lesson\'s name: lower-case words joined by hyphens', "lessons", number)
            if name in seen:
                part.fail(f'"{name}" is listed twice', "lessons", number)
            seen.add(name)
            if not (root / name).is_dir():
                part.fail(f'there is no folder "{name}" beside course.toml', "lessons", number)
        part.done()
        chapters.append(ListedChapter(heading, about, names))
    table.done()
    return chapters


def is_exam() -> bool:
    """Says its course.toml that the course is an exam? Raises LessonError."""
    return not is_own() and read_listed(lessons_folder()).exam


def lesson_names() -> tuple[str, ...]:
    """Of all lessons of the course, in its order; none of them is read. Raises LessonError."""
    return tuple(name for chapter in read_listed(lessons_folder()).chapters for name in chapter.names)


def find_folder(name: str) -> Path:
    """The folder of a lesson of the course, or of any. Raises BadInput."""
    return find(name)[0]


def find(name: str) -> tuple[Path, str]:
    """Of a lesson of the course, or of any folder: (folder, title of the chapter that lists it)."""
    root = lessons_folder()
    chapters = read_listed(root).chapters
    for chapter in chapters:
        if name in chapter.names:
            return root / name, chapter.title
    if Path(name).is_dir():
        return Path(name).absolute(), ""
    raise BadInput(f"there is no lesson {name!r}; there are: {', '.join(each for chapter in chapters for each in chapter.names)}")
