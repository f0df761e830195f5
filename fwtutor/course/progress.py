"""What a learner has done, kept between runs: goals met, predictions answered, hints used, the place in each lesson.

One JSON file in the user's data directory (``FWTUTOR_HOME`` names another; ``learners`` has who it is of). It is written to
one side, synced and renamed, so a crash leaves the old file or the new one, never half of one. A file that cannot be read is
set aside under another name and reported; nothing here ever overwrites it. What the file says is ``progressfile``'s.
"""

from __future__ import annotations

import errno
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path

from fwtutor.course.progressfile import Contents, Damaged, LessonProgress, Quiz, read, written
from fwtutor.folders import home
from fwtutor.safefiles import write_whole

FILE_NAME = "progress.json"


@dataclass(slots=True)
class Progress:
    """All lessons' progress; change it freely, then ``save()``."""

    path: Path
    lessons: dict[str, LessonProgress] = field(default_factory=dict)
    last: str = ""
    """Name of the lesson played last: where one goes on."""
    quiz: Quiz = field(default_factory=dict)
    """What became of the quiz, before and after the course."""
    notice: str = ""
    """What to tell the learner about the file ("" if all is well): that a damaged one was set aside, and where."""
    blocked: bool = False
    """A damaged file could not be moved away: ``save`` refuses, rather than overwrite it."""

    @property
    def contents(self) -> Contents:
        """What the file is to say."""
        return Contents(self.lessons, self.last, self.quiz)

    def of(self, name: str) -> LessonProgress:
        """The lesson's part, made if it is not there yet."""
        return self.lessons.setdefault(name, LessonProgress())

    def meet(self, name: str, goal: str) -> bool:
        """Note a goal as met; True if that is news."""
        goals = self.of(name).goals
        news = goal not in goals
        goals.add(goal)
        return news

    def predict(self, name: str, prediction: str, answer: str, *, right: bool | None = None) -> bool:
        """Note the first answer to a prediction, and what it was worth; True if it was the first (later ones do not replace it)."""
        part = self.of(name)
        if prediction in part.predictions:
            return False
        part.predictions[prediction] = answer
        if right is not None:
            part.right[prediction] = right
        return True

    def place(self, name: str, stage: int, record: int, step: int = 0) -> None:
        """Remember where the learner is in a lesson."""
        part = self.of(name)
        part.stage, part.record, part.step, self.last = stage, record, step, name

    def save(self) -> None:
        """Write the file, atomically. Raises OSError if the disk will not have it; the old file is then untouched."""
        if self.blocked:
            raise OSError(errno.EEXIST, "a damaged progress file is in the way", str(self.path))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, written(self.contents).encode(), private=True)


class Unkept(Progress):
    """Of what nobody is to go on with some day: a sandbox is kept in a file of its own, if at all."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull))

    def save(self) -> None:
        """Nothing is kept."""


def load_progress(folder: Path | None = None) -> Progress:
    """The progress kept in ``folder`` (default ``home()``). Never fails on what the file holds: see ``Progress.notice``."""
    path = (folder if folder is not None else home()) / FILE_NAME
    try:
        return Progress(path, *read(path))
    except FileNotFoundError:
        return Progress(path)
    except Damaged as error:
        return _set_aside(path, str(error))


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
