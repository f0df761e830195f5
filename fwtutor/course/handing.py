"""Handing in: what was typed in a lesson that somebody else judges, kept in a file as it is typed, and read back to be graded.

The file is JSON. ``typed`` is the log: what was done and when, taken back or refused. ``answer`` is what is graded: the learner's
lines that last in the run he was in, each behind so many of the lesson's own. Those are not in it: the grader has them. ``place`` is
where he was, and all that he had typed in that run, for going on with an exam that was left.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.course.answers import MAX_COMMANDS
from fwtutor.course.progressfile import LessonProgress, read_part, written_part
from fwtutor.course.tables import MAX_BYTES, control_character
from fwtutor.course.varying import key_of
from fwtutor.network.prompt import configures
from fwtutor.network.records import CommandRun
from fwtutor.safefiles import open_regular, write_whole

if TYPE_CHECKING:
    from fwtutor.course.model import Lesson
    from fwtutor.recording import Run

SUFFIX = ".answer"
VERSION = 1
MAX_LOG = 500
"""Lines of the log; older ones leave it, so that the file can always be handed in."""
MAX_LINE = 400
"""Characters of a line of the answer, and of the log."""
_MAX_FILES = 100


class Kept(NamedTuple):
    """What a file of an answer says."""

    lesson: str
    student: str
    """The name that it was played with, "" for none."""
    seed: int | None
    """What was drawn for that name, it was drawn from; None: the lesson's own seed."""
    answer: tuple[tuple[int, str, str], ...]
    """(how many of the lesson's lasting lines went before, host, line)."""
    exam: bool = True
    """Was it played without help and verdict?"""

    def with_those_of(self, script: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """All lines in the order in which they were entered, the lesson's lasting ones among them."""
        lines: list[tuple[str, str]] = []
        done = 0
        for after, host, line in self.answer:
            lines += script[done:after]
            done = max(done, after)
            lines.append((host, line))
        return (*lines, *script[done:])


def _utc() -> datetime:
    return datetime.now(UTC)


class Left(NamedTuple):
    """An exam that was left, as its file has it."""

    path: Path
    begun: str
    log: list[dict[str, object]]
    answer: tuple[tuple[int, str, str], ...]
    part: LessonProgress
    """The place, and what was typed."""


class Keeper:
    """Keeps one learner's lesson in a file that is whole at every moment."""

    def __init__(
        self, folder: Path, lesson: Lesson, *, seed: int | None = None, exam: bool = False, now: Callable[[], datetime] = _utc
    ) -> None:  # fmt: skip
        self.path: Path | None = None
        """The file, when there is one."""
        self.trouble = ""
        """Why it could not be written the last time."""
        self.exam = exam
        self._folder, self._lesson, self._seed, self._now = folder, lesson, seed, now
        self._begun = self._time()
        self._log: list[dict[str, object]] = []

    def left(self) -> Left | None:
        """The exam that somebody of this name has left; None if there is none that can be gone on with.

        Without a name nobody knows whose a file is, and the next one at the same machine must not find it.
        """
        if not (self.exam and self._lesson.student) or self.path is not None:
            return None
        there = [path for path in self._names() if os.path.lexists(path)]
        try:
            with open_regular(there[-1]) as file:
                text = file.read(MAX_BYTES).decode()
            kept, content = read_kept(text), json.loads(text)
            part = read_part("place", content.get("place"))
        except (IndexError, OSError, ValueError):
            return None
        mine = (self._lesson.name, key_of(self._lesson.student), self._seed, True)
        if (kept.lesson, key_of(kept.student), kept.seed, kept.exam) != mine:
            return None
        log = [entry for entry in content["typed"] if isinstance(entry, dict)] if isinstance(content.get("typed"), list) else []
        return Left(there[-1], str(content.get("begun")), log, kept.answer, part)

    def take_up(self, left: Left) -> None:
        """Go on with it, in its file."""
        self.path, self._begun, self._log = left.path, left.begun, left.log

    def note(self, did: str, page: int, run: Run, part: LessonProgress, host: str = "", line: str = "") -> None:
        """Something was done on a page (from 0): it and what is in force now are written; ``part``: the place, and what was typed."""
        entry: dict[str, object] = {"at": self._time(), "page": page + 1, "did": did}
        if line:
            entry |= {"host": host, "line": line[:MAX_LINE]}
        self._log = [*self._log, entry][-MAX_LOG:]
        content = {
            "fwtutor": "answer",
            "version": VERSION,
            "lesson": self._lesson.name,
            "student": self._lesson.student,
            "seed": self._seed,
            "exam": self.exam,
            "begun": self._begun,
            "predictions": part.predictions,
            "answer": [{"after": after, "host": host, "line": line} for after, host, line in in_force(run)],
            "typed": self._log,
        }
        if self.exam and len(part.typed) == len(run.inputs):  # of very much only the first part is kept
            content["place"] = written_part(part)
        try:
            self._write(json.dumps(content, indent=1, ensure_ascii=True) + "\n")
            self.trouble = ""
        except OSError as error:
            self.trouble = f"{self.path or self._folder}: {error.strerror or error}"

    def said(self, *, brief: bool = False) -> str:
        """What to tell about it: briefly after a command, and at the end."""
        if self.trouble:
            return f"Your answer could NOT be kept: {self.trouble}"
        if self.path is None:
            return ""
        return f"kept in {self.path.name}, to be handed in" if brief else f"Your answer is in {self.path}: hand in that file."

    def _write(self, text: str) -> None:
        path = self.path or self._free_name()
        write_whole(path, text.encode())
        self.path = path

    def _free_name(self) -> Path:
        """A name nobody has; what was kept before stays as it is."""
        free = next((path for path in self._names() if not os.path.lexists(path)), None)
        if free is None:
            raise OSError(17, f"there are {_MAX_FILES - 1} files like {next(self._names()).name} already")
        return free

    def _names(self) -> Iterator[Path]:
        stem = _stem(self._lesson.name, self._lesson.student)
        return (self._folder / (f"{stem}-{number}{SUFFIX}" if number > 1 else f"{stem}{SUFFIX}") for number in range(1, _MAX_FILES))

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _stem(lesson: str, student: str) -> str:
    who = "-".join("".join(letter if letter.isalnum() else " " for letter in student.casefold()).split())[:40]
    return f"{lesson}-{who}" if who else lesson


def is_named_for(stem: str, lesson: str, student: str) -> bool:
    """Is it the name that the lab gives a file of this student's, or what a browser makes of a second one?"""
    return bool(student) and re.fullmatch(rf"{re.escape(_stem(lesson, student))}(?:-\d+)?(?: ?\(\d+\))?", stem) is not None


def in_force(run: Run) -> Iterable[tuple[int, str, str]]:
    """The learner's lines of a run that last: (how many of the lesson's lasting lines went before, host, line)."""
    after = 0
    for record in run.records:
        # What a program does by itself is nobody's answer.
        if isinstance(record, CommandRun) and record.cause < 0 and configures(record.line):
            if not record.learner:
                after += 1
            elif not record.refused:
                yield after, record.host, record.line


def looks_kept(text: str) -> bool:
    return text.lstrip()[:1] == "{"


def read_kept(text: str) -> Kept:
    """Raises ValueError, naming the line or the field."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise ValueError("its numbers are too long or its brackets too deep") from None
    if not isinstance(content, dict) or content.get("fwtutor") != "answer":
        raise ValueError("is no answer that fwtutor kept")
    if type(content.get("version")) is not int or content["version"] != VERSION:
        raise ValueError(f"version: this program reads {VERSION}")
    answer = content.get("answer")
    if not isinstance(answer, list) or len(answer) > MAX_COMMANDS:
        raise ValueError(f"answer: is no list of at most {MAX_COMMANDS} lines")
    lines: list[tuple[int, str, str]] = []
    for number, item in enumerate(answer, 1):
        where = f"answer[{number}]"
        if not isinstance(item, dict):
            raise ValueError(f"{where}: is no object")
        after = item.get("after")
        if type(after) is not int or not (lines[-1][0] if lines else 0) <= after <= MAX_COMMANDS:
            raise ValueError(f"{where}.after: is no whole number, or smaller than the one before")
        lines.append((after, _text(item, "host", where), _text(item, "line", where)))
    seed = content.get("seed")
    if seed is not None and type(seed) is not int:
        raise ValueError("seed: is no whole number")
    exam = content.get("exam", True)
    if type(exam) is not bool:
        raise ValueError("exam: is neither true nor false")
    return Kept(_text(content, "lesson", ""), _text(content, "student", "", empty=True), seed, tuple(lines), exam)


def _text(item: dict[str, object], key: str, where: str, *, empty: bool = False) -> str:
    field = f"{where}.{key}" if where else key
    value = item.get(key)
    if not isinstance(value, str) or not (value or empty):
        raise ValueError(f"{field}: is no text")
    if len(value) > 8 * MAX_LINE:
        raise ValueError(f"{field}: is longer than {8 * MAX_LINE} characters")
    bad = "\n" if "\n" in value else control_character(value)
    if bad:
        raise ValueError(f"{field}: has the control character U+{ord(bad):04X}")
    return value
