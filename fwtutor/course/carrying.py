"""Progress carried from one machine to another as one file: out, in, and two made one. What a file may say is ``progressfile``'s."""

from __future__ import annotations

import os
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.course.progress import Progress
from fwtutor.course.progressfile import MAX_BYTES, MAX_NUMBER, Contents, Damaged, LessonProgress, read, written
from fwtutor.safefiles import NOT_REGULAR, write_whole


def export(progress: Progress, file: Path, *, replace: bool = False) -> None:
    """Writes all of it to a file of that name. Raises BadInput where there is something already, and OSError."""
    if os.path.lexists(file):
        if not file.is_file():
            raise BadInput(f"{file}: {NOT_REGULAR}")
        if not replace:
            raise BadInput(f"{file}: there is such a file already; --replace writes over it")
    write_whole(file, written(progress.contents).encode(), private=True)


def take_in(progress: Progress, file: Path) -> list[str]:
    """Takes in what a file says, where it is further on; what is further on now: names of lessons, and the quiz.

    Raises BadInput with file, field and reason; progress is then as it was.
    """
    try:
        brought = read(file)
    except FileNotFoundError:
        raise BadInput(f"{file}: there is no such file") from None
    except Damaged as error:
        raise BadInput(f"{file}: {error}") from None
    both = merged(progress.contents, brought)
    if len(written(both)) > MAX_BYTES:
        whose = "the two together" if progress.lessons or progress.quiz else "what is kept of it"
        raise BadInput(f"{file}: field lessons has so much that {whose} would be larger than {MAX_BYTES} bytes")
    news = [name for name, part in both.lessons.items() if part != progress.lessons.get(name, LessonProgress())]
    news += ["the quiz"] if both.quiz != progress.quiz else []
    progress.lessons, progress.last, progress.quiz = both
    return news


def merged(own: Contents, other: Contents) -> Contents:
    """Both, and of what is in both that which is further on. A first answer stays the first: one's own, where there are two."""
    names = [*own.lessons, *(name for name in other.lessons if name not in own.lessons)]
    lessons = {name: _merged(own.lessons.get(name, LessonProgress()), other.lessons.get(name, LessonProgress())) for name in names}
    quiz = {when: _longer(own.quiz.get(when, {}), other.quiz.get(when, {})) for when in {**own.quiz, **other.quiz}}
    return Contents(lessons, own.last or other.last, quiz)


def _merged(own: LessonProgress, other: LessonProgress) -> LessonProgress:
    further = max(own, other, key=lambda part: (part.stage, part.record, part.step or MAX_NUMBER))
    predictions = {**other.predictions, **own.predictions}
    right = {id: flag for id, flag in other.right.items() if id not in own.predictions} | own.right
    return LessonProgress(
        goals=own.goals | other.goals,
        predictions=predictions,
        stage=further.stage,
        record=further.record,
        step=further.step,
        bookmarks=sorted({*own.bookmarks, *other.bookmarks}),
        right=right,
        mended=own.mended | other.mended,
        hints={stage: max(own.hints.get(stage, 0), other.hints.get(stage, 0)) for stage in {**other.hints, **own.hints}},
        solutions=own.solutions | other.solutions,
        # The place means nothing without what was typed.
        typed=list(further.typed),
        typed_in=further.typed_in,
    )


def _longer(own: dict[str, bool], other: dict[str, bool]) -> dict[str, bool]:
    return dict(other if len(other) > len(own) else own)
