"""What a learner has done, kept between runs: goals met, predictions answered, the place in each lesson.

One JSON file in the user's data directory (``FWTUTOR_HOME`` names another). It is written to one side, synced and
renamed, so a crash leaves the old file or the new one, never half of one. A file that cannot be read is set aside
under another name and reported; nothing here ever overwrites it.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from fwtutor.badinput import BadInput

VERSION = 1
FILE_NAME = "progress.json"
MAX_BYTES = 4 * 1024 * 1024
MAX_NUMBER = 10**9


@dataclass(slots=True)
class LessonProgress:
    """One lesson's part."""

    goals: set[str] = field(default_factory=set)
    """Ids of goals met, ever; a goal once met stays met."""
    predictions: dict[str, str] = field(default_factory=dict)
    """Prediction id -> the ``answer`` value of the choice picked first."""
    stage: int = 0
    """Stage (from 0) last looked at."""
    record: int = -1
    """Record index of the cursor, -1 = before everything."""
    bookmarks: list[int] = field(default_factory=list)
    """Record indices of moments of the lesson's own run."""
    solutions: set[int] = field(default_factory=set)
    """Pages (from 0) whose solution was shown."""


@dataclass(slots=True)
class Progress:
    """All lessons' progress; change it freely, then ``save()``."""

    path: Path
    lessons: dict[str, LessonProgress] = field(default_factory=dict)
    last: str = ""
    """Name of the lesson played last: where one goes on."""
    notice: str = ""
    """What to tell the learner about the file ("" if all is well): that a damaged one was set aside, and where."""
    blocked: bool = False
    """A damaged file could not be moved away: ``save`` refuses, rather than overwrite it."""

    def of(self, name: str) -> LessonProgress:
        """The lesson's part, made if it is not there yet."""
        return self.lessons.setdefault(name, LessonProgress())

    def meet(self, name: str, goal: str) -> bool:
        """Note a goal as met; True if that is news."""
        goals = self.of(name).goals
        news = goal not in goals
        goals.add(goal)
        return news

    def predict(self, name: str, prediction: str, answer: str) -> bool:
        """Note the first answer to a prediction; True if it was the first (later ones do not replace it)."""
        answers = self.of(name).predictions
        if prediction in answers:
            return False
        answers[prediction] = answer
        return True

    def place(self, name: str, stage: int, record: int) -> None:
        """Remember where the learner is in a lesson."""
        part = self.of(name)
        part.stage, part.record, self.last = stage, record, name

    def save(self) -> None:
        """Write the file, atomically. Raises OSError if the disk will not have it; the old file is then untouched."""
        if self.blocked:
            raise OSError(errno.EEXIST, "a damaged progress file is in the way", str(self.path))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".progress-", suffix=".tmp", dir=self.path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(_as_json(self), file, indent=1, sort_keys=True)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)


class Unkept(Progress):
    """Of what nobody is to go on with some day: a sandbox is kept in a file of its own, if at all."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull))

    def save(self) -> None:
        """Nothing is kept."""


def home() -> Path:
    """The data directory: ``FWTUTOR_HOME``, else ``XDG_DATA_HOME/fwtutor``, else ``~/.local/share/fwtutor`` (BadInput without ``~``)."""
    own = os.environ.get("FWTUTOR_HOME")
    if own:
        return Path(own)
    data = os.environ.get("XDG_DATA_HOME")
    # The XDG specification says that a relative path there is to be ignored.
    if data and Path(data).is_absolute():
        return Path(data) / "fwtutor"
    try:
        return Path.home() / ".local" / "share" / "fwtutor"
    except RuntimeError:
        raise BadInput("this user has no home folder to keep progress in; name a folder in FWTUTOR_HOME") from None


def load_progress(folder: Path | None = None) -> Progress:
    """The progress kept in ``folder`` (default ``home()``). Never fails on what the file holds: see ``Progress.notice``."""
    path = (folder if folder is not None else home()) / FILE_NAME
    try:
        # Opening a named pipe would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            return _set_aside(path, "it is not a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Progress(path)
    except OSError as error:
        return _set_aside(path, f"it cannot be read ({error.strerror})")
    try:
        return _read(path, data)
    except _Damaged as error:
        return _set_aside(path, str(error))


class _Damaged(ValueError):
    """Why a progress file is not one."""


def _read(path: Path, data: bytes) -> Progress:
    if len(data) > MAX_BYTES:
        raise _Damaged(f"it is larger than {MAX_BYTES} bytes")
    try:
        content = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _Damaged(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _Damaged(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise _Damaged("its numbers are too long or its brackets too deep") from None
    if not isinstance(content, dict):
        raise _Damaged("it is not a JSON object")
    if content.get("version") != VERSION:
        raise _Damaged(f"field version is {_shown(content.get('version'))}, this program writes {VERSION}")
    lessons = content.get("lessons", {})
    if not isinstance(lessons, dict):
        raise _Damaged("field lessons is not an object")
    last = content.get("last", "")
    if not isinstance(last, str):
        raise _Damaged("field last is not a string")
    return Progress(path, {name: _read_lesson(f"lessons.{name}", part) for name, part in lessons.items()}, last)


def _read_lesson(field_name: str, part: object) -> LessonProgress:
    if not isinstance(part, dict):
        raise _Damaged(f"field {field_name} is not an object")
    goals = part.get("goals", [])
    if not isinstance(goals, list) or not all(isinstance(goal, str) for goal in goals):
        raise _Damaged(f"field {field_name}.goals is not a list of strings")
    predictions = part.get("predictions", {})
    if not isinstance(predictions, dict) or not all(isinstance(answer, str) for answer in predictions.values()):
        raise _Damaged(f"field {field_name}.predictions is not an object of strings")
    stage, record = part.get("stage", 0), part.get("record", -1)
    for name, value, least in (("stage", stage, 0), ("record", record, -1)):
        if type(value) is not int or not least <= value <= MAX_NUMBER:
            raise _Damaged(f"field {field_name}.{name} is not a whole number from {least}")
    bookmarks = part.get("bookmarks", [])
    if not isinstance(bookmarks, list) or not all(type(each) is int and 0 <= each <= MAX_NUMBER for each in bookmarks):
        raise _Damaged(f"field {field_name}.bookmarks is not a list of whole numbers from 0")
    solutions = part.get("solutions", [])
    if not isinstance(solutions, list) or not all(type(each) is int and 0 <= each <= MAX_NUMBER for each in solutions):
        raise _Damaged(f"field {field_name}.solutions is not a list of whole numbers from 0")
    return LessonProgress(set(goals), dict(predictions), stage, record, sorted(set(bookmarks)), set(solutions))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "..."


def _as_json(progress: Progress) -> dict[str, object]:
    lessons = {
        name: {
            "goals": sorted(part.goals),
            "predictions": part.predictions,
            "stage": part.stage,
            "record": part.record,
            **({"bookmarks": part.bookmarks} if part.bookmarks else {}),
            **({"solutions": sorted(part.solutions)} if part.solutions else {}),
        }
        for name, part in progress.lessons.items()
    }
    return {"version": VERSION, "last": progress.last, "lessons": lessons}


def _set_aside(path: Path, why: str) -> Progress:
    """Move the damaged file to the first free name beside it and start anew."""
    numbers = itertools.count(1)
    aside = next(name for number in numbers if not os.path.lexists(name := path.with_name(f"progress.damaged-{number}.json")))
    try:
        path.rename(aside)
    except OSError as error:
        notice = f"{path} is damaged: {why}. It could not be set aside ({error.strerror}), so nothing is kept in this session."
        return Progress(path, notice=notice, blocked=True)
    return Progress(path, notice=f"{path} was damaged: {why}. It was set aside as {aside.name}; progress starts afresh.")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
