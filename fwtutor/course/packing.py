"""``fwtutor lesson pack``: a course, or one lesson, as a zip for others; for students without what would tell them the answers.

Only files that are a lesson's are packed, read with the same distrust as for playing. What is packed is loaded once before it is
written.
"""

from __future__ import annotations

import tempfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.course.files import course_files, lesson_files
from fwtutor.course.listed import find_folder
from fwtutor.course.loader import load_course, load_lesson
from fwtutor.course.model import Lesson
from fwtutor.course.tables import read_text
from fwtutor.tomlwriting import document

HINTS = ("all", "nudges", "none")
"""What students get of the hints: all; all but the last of a page, which says what to type; none."""
_SAME_TIME = (1980, 1, 1, 0, 0, 0)
"""Of each file in the zip: the same course makes the same zip."""


def pack(name: str, out: Path, *, for_students: bool, hints: str = "all", exam: bool = False) -> str:
    """Writes the zip; what is said then. ``name``: a course's folder, a lesson's, or the name of one. Raises BadInput, LessonError."""
    if out.suffix != ".zip":
        raise BadInput(f"{out}: the name of a pack ends in .zip")
    folder = Path(name)
    texts = _course(folder) if (folder / "course.toml").is_file() else _lone(find_folder(name))
    if exam:
        texts["course.toml"] = document({**tomllib.loads(texts["course.toml"]), "exam": True})
    if for_students:
        texts = {file: _held_back(file, text, hints) for file, text in texts.items() if not _tells(file)}
    lessons = _tried(texts)
    _write(out, texts)
    held_back = sum(lesson.held_back for lesson in lessons)
    whose = f"checks and answers held back in {held_back}: for students" if held_back else "with checks and answers: for teachers"
    return f"{out}: {len(lessons)} {'lesson' if len(lessons) == 1 else 'lessons'}, {whose}"


def _course(folder: Path) -> dict[str, str]:
    """Its files by name. A lesson that cannot be loaded is not packed, and neither is the rest: somebody would miss it."""
    course = load_course(folder.absolute())
    if course.broken:
        raise course.broken[0]
    texts = {name: read_text(folder, name) for name in course_files(folder)}
    for lesson in course.lessons:
        texts |= _lesson(lesson.folder)
    return texts


def _lone(folder: Path) -> dict[str, str]:
    lesson = load_lesson(folder)
    course = {"title": lesson.title, "chapters": [{"title": lesson.title, "about": lesson.question, "lessons": [lesson.name]}]}
    return {"course.toml": document(course), **_lesson(folder)}


def _lesson(folder: Path) -> dict[str, str]:
    return {f"{folder.name}/{name}": read_text(folder, name) for name in lesson_files(folder)}


def _tells(file: str) -> bool:
    """Is it an answer, right or wrong?"""
    return file.partition("/")[2].startswith(("solution.", "wrong/"))


def _held_back(file: str, text: str, hints: str) -> str:
    """A lesson.toml, or its translation, without checks and ways through. Comments go too: nobody knows what they tell."""
    name = file.partition("/")[2]
    if not name.endswith(".toml"):
        return text
    fields = tomllib.loads(text)
    fields.pop("checks", None)
    for stage in fields.get("stages", ()):
        stage.pop("do", None)
        told = stage.pop("hints", [])
        kept = {"all": told, "nudges": told[:-1], "none": []}[hints]
        if kept:
            stage["hints"] = kept
    return document({"held_back": True, **fields} if name == "lesson.toml" else fields)


def _tried(texts: Mapping[str, str]) -> Sequence[Lesson]:
    """The lessons that are in it, all of which load."""
    with tempfile.TemporaryDirectory(prefix="fwtutor-") as place:
        for name, text in texts.items():
            file = Path(place) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        course = load_course(Path(place))
    if course.broken:
        raise course.broken[0]
    return course.lessons


def _write(out: Path, texts: Mapping[str, str]) -> None:
    """Whole or not at all; nothing that is there is written over."""
    try:
        # Made first: two who write the same name do not both have it.
        with out.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted(texts.items()):
                member = zipfile.ZipInfo(f"{out.stem}/{name}", _SAME_TIME)
                member.external_attr = 0o644 << 16
                archive.writestr(member, text, zipfile.ZIP_DEFLATED)
    except FileExistsError:
        raise BadInput(f"{out}: is there already") from None
    except OSError as error:
        out.unlink(missing_ok=True)
        raise BadInput(f"{out}: {error.strerror or error}") from None
