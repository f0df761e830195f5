"""A lesson that is done, to be looked up: its run with the tasks done as the lesson does them, and what each question was about."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fwtutor.course.queries import PacketAsk
from fwtutor.recording import Session

if TYPE_CHECKING:
    from fwtutor.course.model import Lesson, Prediction
    from fwtutor.course.progress import Progress
    from fwtutor.recording import Run


def finished(lesson: Lesson, progress: Progress) -> bool:
    """Has the learner met all its goals, ever?"""
    part = progress.lessons.get(lesson.name)
    return part is not None and all(goal.id in part.goals for goal in lesson.goals)


@dataclass(slots=True, frozen=True)
class Solved:
    """A lesson's run with what is to be typed typed, but for what was only to be looked at."""

    run: Run
    before: dict[int, int]
    """By page: the last moment before what is typed there."""


def solved(lesson: Lesson) -> Solved:
    """Plays it."""
    session = Session(lesson.scenario)
    before: dict[int, int] = {}
    for page, stage in enumerate(lesson.stages):
        if stage.deeds:
            run = session.run
            start = run.stage_starts[page] if page < len(run.stage_starts) else len(run.records)
            number = bisect_left(run.stops, start)
            session.cursor.seek(run.stops[number - 1] if number else -1)
            before[page] = session.cursor.index
        for deed in stage.deeds:
            if not deed.undo:
                session.enter(deed.host, deed.line)
    return Solved(session.run, before)


@dataclass(slots=True, frozen=True)
class Asked:
    """A question of the lesson, and what became of it."""

    prediction: Prediction
    picked: int | None
    """The choice picked first; None if it was never answered."""
    right: int | None
    """The choice that the run bears out."""
    index: int | None
    """The packet's record, if it is about one packet."""


def asked(lesson: Lesson, run: Run, progress: Progress) -> list[Asked]:
    """All its questions, in order."""
    part = progress.lessons.get(lesson.name)
    answers = part.predictions if part else {}
    found = []
    for each in lesson.predictions:
        value = answers.get(each.id)
        picked = next((number for number, choice in enumerate(each.choices) if value is not None and choice.answer == value), None)
        found.append(Asked(each, picked, each.answer(run), each.ask.record(run) if isinstance(each.ask, PacketAsk) else None))
    return found
