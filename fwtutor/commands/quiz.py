"""``fwtutor quiz``: the quiz before and after the course, as lines of text."""

from __future__ import annotations

import argparse

from fwtutor.badinput import BadInput
from fwtutor.commands.options import add_learner


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "when",
        nargs="?",
        choices=("before", "after"),
        metavar="WHEN",
        help="before or after the course; unless given, before it until that is done",
    )
    parser.add_argument("--plain", action="store_true", help="as lines of text, which it is in any case")
    add_learner(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from fwtutor.commands.progress import load_kept
    from fwtutor.course.model import LessonError
    from fwtutor.course.quiz import QuizSeries, has_quiz, load_quiz
    from fwtutor.plain.talk import ask

    if not has_quiz():
        raise BadInput("this course has no quiz")
    try:
        quiz = load_quiz()
    except LessonError as error:
        raise BadInput(str(error)) from None
    progress = load_kept(arguments.learner)
    series = QuizSeries(quiz, progress, arguments.when or "")
    return ask(series, progress)
