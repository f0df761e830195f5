"""Sitting: who plays lessons, and on what terms: with addresses of his own, or in an exam. The lab asks it before it opens one."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fwtutor.course.model import Goal, Lesson, Withheld

if TYPE_CHECKING:
    from fwtutor.course.handing import Keeper


@dataclass(slots=True)
class Sitting:
    """As ever, unless something is said."""

    student: str = ""
    """Whose addresses and ports are drawn, and whose name is in the file that is handed in."""
    seed: int | None = None
    """What they are drawn from; None: the lesson's own."""
    exam: bool = False
    """No hints, and no word about whether it passes."""
    folder: Path = field(default_factory=Path.cwd)
    """Where answers are kept."""
    language: str = ""
    """In which lessons are read."""
    keepers: dict[str, Keeper] = field(default_factory=dict)
    """By the lesson's name."""

    def trouble(self) -> str:
        """Why an answer could not be kept; "" if it can. Looked at before an exam begins."""
        try:
            with tempfile.TemporaryFile(dir=self.folder):
                return ""
        except OSError as error:
            return f"{self.folder}: {error.strerror or error}: an exam's answer is kept in the folder it is begun in"

    def said(self) -> str:
        """What somebody should know before he begins; "" if it is as ever."""
        where = f"What you type is kept in a file in {self.folder}, to be handed in."
        return f"This is an exam: no hints, and no word about whether your answer passes. {where}" if self.exam else ""

    def prepared(self, lesson: Lesson) -> Lesson:
        """The lesson as it is to be played. Raises LessonError."""
        if lesson.free:
            return lesson
        if self.student and lesson.student != self.student:
            from fwtutor.course.varying import load_variant

            lesson = load_variant(lesson.folder, self.seed, self.student, chapter=lesson.chapter, answers=False, language=lesson.language)
        return in_exam(lesson) if self.exam else lesson

    def keeper(self, lesson: Lesson) -> Keeper | None:
        """Who keeps what is typed, where somebody else judges it."""
        if not lesson.held_back:
            return None
        from fwtutor.course.handing import Keeper

        if lesson.name not in self.keepers:
            self.keepers[lesson.name] = Keeper(self.folder, lesson, seed=self.seed, exam=self.exam)
        return self.keepers[lesson.name]


def in_exam(lesson: Lesson) -> Lesson:
    """The lesson without help, and without its verdict and its moral: its last page would tell the answer."""
    stages = tuple(replace(stage, hints=(), deeds=()) for stage in lesson.stages)
    goals = tuple(map(_withheld, lesson.goals))
    return replace(
        lesson, stages=stages, goals=goals, checks=(), solution=None, wrong=(), held_back=True, therefore="", on_server="", next=""
    )  # fmt: skip


def _withheld(goal: Goal) -> Goal:
    from fwtutor.course.checks import Passes

    return replace(goal, when=Withheld()) if isinstance(goal.when, Passes) else goal
