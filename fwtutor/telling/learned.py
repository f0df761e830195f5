"""A learner's summary in rows: what was learned, predictions right, hints used, the quiz before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.course.progressfile import WHENS
from fwtutor.course.standing import LessonSummary, summary
from fwtutor.telling import glyphs
from fwtutor.telling.prose import inline
from fwtutor.telling.spans import BLANK, Line, line, wrap

if TYPE_CHECKING:
    from fwtutor.course.model import Course
    from fwtutor.course.progress import Progress

_FACTS = 13
"""Cells of a fact's name."""


def summary_rows(course: Course, progress: Progress, width: int, *, review: str = "") -> list[Line]:
    """All of it. ``review`` says how one comes to the questions that are to be asked again."""
    found = summary(course, progress)
    begun = [each for each in found.begun if not each.finished]
    more = f", {len(begun)} begun" if begun else ""
    rows = _fact("Lessons", f"{len(found.finished)} of {found.lessons} finished{more}", width)
    asked, again, hints = found.total("asked"), found.total("again"), found.total("hints")
    if asked:
        rest = f"; {again} to be asked again{f' ({review})' if review else ''}" if again else ""
        rows += _fact("Predictions", f"{found.total('right')} of {asked} right at once{rest}", width)
    shown = found.total("solutions")
    solutions = f", {shown} solution{'' if shown == 1 else 's'} shown" if shown else ""
    rows += _fact("Hints", f"{hints} used{solutions}", width)
    rows += _fact("Quiz", _quiz(course, progress), width)
    if found.finished:
        rows += [BLANK, line(("What you have learned", "heading"))]
        for each in found.finished:
            rows += wrap(line((f"{glyphs.TICK} ", "accept"), (each.lesson.title, "strong"), (f"  {_beside(each)}", "dim")), width, 2)
            sentences = Line((*line("  ").spans, *inline(" ".join(each.lesson.therefore.split()))))
            rows += wrap(sentences, width, 2)
    if begun:
        rows += [BLANK, line(("Begun", "heading"))]
        for each in begun:
            goals = f"{each.met} of {len(each.lesson.goals)} goals"
            rows += wrap(line((f"{glyphs.BOX} ", "dim"), (each.lesson.title, "strong"), (f"  {goals}, {_beside(each)}", "dim")), width, 2)
    if not found.begun:
        rows += [BLANK, *wrap(line(("What you have learned will stand here, a lesson each.", "dim")), width)]
    return rows


def _fact(name: str, text: str, width: int) -> list[Line]:
    return wrap(line((f"{name:<{_FACTS}}", "dim"), text), width, _FACTS)


def _beside(each: LessonSummary) -> str:
    predictions = f"{each.right} of {each.asked} predictions right" if each.asked else "no prediction yet"
    hints = f", {each.hints} hint{'' if each.hints == 1 else 's'}" if each.hints else ""
    return f"{predictions}{hints}"


def _quiz(course: Course, progress: Progress) -> str:
    if not progress.quiz:
        return "not taken yet"
    from fwtutor.course.quiz import asked_of, score_words

    asked = asked_of(course.folder)
    scores = [(words, score_words(progress, when, asked)) for when, words in zip(WHENS, ("before the course", "after it"), strict=True)]
    return f" {glyphs.DOT} ".join(f"{words} {score}" for words, score in scores if score) or "not taken yet"
