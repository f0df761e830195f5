"""Which files of a folder are a lesson's: what is copied when it is varied or packed. Anything else there is somebody's own."""

from __future__ import annotations

import re
from pathlib import Path

from fwtutor.course.model import LessonError
from fwtutor.course.tables import shown_name

MAX_FILES = 300
_OF_COURSE = re.compile(r"(course|quiz)(\.[a-z]{2,3})?\.toml")
_FILE = re.compile(r"lesson(\.[a-z]{2,3})?\.(md|toml)|(start|solution)\.(rules6?|commands)|wrong/[^/]+\.(rules6?|commands)")


def course_files(folder: Path) -> list[str]:
    """Those of a course beside its lessons: course.toml, the quiz, and what both are in other languages. Raises LessonError."""
    try:
        return sorted(path.name for path in folder.iterdir() if _OF_COURSE.fullmatch(path.name))
    except OSError as error:
        raise LessonError(shown_name(folder, "."), 0, "", f"cannot be read ({error.strerror})") from None


def lesson_files(folder: Path) -> list[str]:
    """Their names within the folder, in order; what they hold is judged by whoever reads them. Raises LessonError."""
    try:
        here = [path.name for path in folder.iterdir()]
        wrong = [f"wrong/{path.name}" for path in (folder / "wrong").iterdir()] if (folder / "wrong").is_dir() else []
    except OSError as error:
        raise LessonError(shown_name(folder, "."), 0, "", f"cannot be read ({error.strerror})") from None
    found = sorted(name for name in (*here, *wrong) if _FILE.fullmatch(name))
    if len(found) > MAX_FILES:
        raise LessonError(shown_name(folder, "."), 0, "", f"has more than {MAX_FILES} files")
    return found
