"""Every lesson walked as a learner does it: step by step, each question answered, each task done as the lesson says, to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwtutor.course.journey import Journey, Outcome
from fwtutor.course.loader import load_course
from fwtutor.course.model import Lesson
from fwtutor.course.progress import Progress
from fwtutor.course.which import lessons_folder
from fwtutor.recording import Session

LESSONS = load_course(lessons_folder()).lessons


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_whoever_follows_a_lesson_comes_to_its_end(lesson: Lesson, tmp_path: Path) -> None:
    journey = Journey(lesson, Session(lesson.scenario), Progress(tmp_path / "progress.json"))
    journey.begin(afresh=True)
    opened, answered = -1, 0
    for _ in range(5000):
        if journey.stage > opened:
            opened = journey.stage
            for deed in lesson.stages[opened].deeds:
                before, record = journey.failed, journey.enter(deed.host, deed.line)
                assert not record.refused
                journey.note()
                assert (spoilt := journey.verdict(record, before).failed) is None or not spoilt.lapsed, deed
                if deed.undo:
                    journey.to_end()
                    journey.note()
                    assert journey.undo()
        question = journey.question
        if question is not None:
            # The way is the learner's own now: what the script would have led to may not come to pass.
            right = question.answer(journey.session.run)
            assert journey.answer(right if right is not None else 0)
            answered += 1
            continue
        outcome = journey.forward("packet")
        journey.note()
        if outcome is Outcome.END:
            break
    assert (journey.stage, journey.open_goal) == (journey.last_stage, None)
    assert journey.ended
    assert answered == len(lesson.predictions)
