"""``fwtutor`` and ``fwtutor play``: the application, or a lesson as plain text."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from fwtutor.badinput import BadInput
from fwtutor.commands.options import add_language, add_learner, language_of, seed
from fwtutor.commands.output import BAD, note, say_line
from fwtutor.commands.starting import start_lightly
from fwtutor.commands.terminal import need_terminal

if TYPE_CHECKING:
    from fwtutor.course.model import Course, Lesson
    from fwtutor.course.sitting import Sitting

MAX_NAME = 100


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", metavar="LESSON", help="its name, see `fwtutor lesson list`; or a folder")
    parser.add_argument(
        "--at", type=_whole, metavar="PAGE", help="begin at this page of the lesson (counted from 1): puts a room on one screen"
    )
    parser.add_argument("--plain", action="store_true", help="lines of text instead of a screen: commands on standard input")
    parser.add_argument("--student", type=_name, metavar="NAME", help="with addresses and ports of one's own, where the lesson varies")
    parser.add_argument("--seed", type=seed, metavar="N", help="what they are drawn from, as whoever grades it says")
    parser.add_argument("--exam", action="store_true", help="no hints, no verdict: what is typed is kept in a file here, to be handed in")
    add_learner(parser)
    add_language(parser)
    parser.set_defaults(run=run)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _name(text: str) -> str:
    if not any(letter.isalnum() for letter in text) or not text.isprintable() or len(text) > MAX_NAME:
        raise argparse.ArgumentTypeError(f"{text[:MAX_NAME]!r} is no name")
    return text


def open_map(arguments: argparse.Namespace) -> int:
    return _application(arguments, None, None)


def run(arguments: argparse.Namespace) -> int:
    play = _play_plainly if arguments.plain else _application
    return play(arguments, arguments.lesson, arguments.at)


def _sitting(arguments: argparse.Namespace, language: str) -> Sitting:
    """On what terms is played; what an answer is kept in is looked at before anybody begins. Raises BadInput, LessonError."""
    from fwtutor.course.listed import is_exam
    from fwtutor.course.sitting import Sitting

    sitting = Sitting(exam=is_exam(), language=language)
    if "student" in arguments:  # the map is opened without
        sitting.student, sitting.seed, sitting.exam = arguments.student or "", arguments.seed, sitting.exam or arguments.exam
    if sitting.exam and (trouble := sitting.trouble()):
        raise BadInput(trouble)
    return sitting


def _to_play(name: str, at: int | None, sitting: Sitting) -> Lesson:
    """Raises BadInput, LessonError."""
    from fwtutor.course.loader import find_lesson

    lesson = sitting.prepared(find_lesson(name, sitting.language))
    if at is not None and not 0 < at <= len(lesson.stages):
        raise BadInput(f"--at {at}: {lesson.name} has the pages 1 to {len(lesson.stages)}")
    return lesson


def _handed_in(sitting: Sitting, code: int) -> int:
    """Says where answers were kept; ``code``, unless one could not be."""
    for keeper in sitting.keepers.values():
        if keeper.trouble:
            note(keeper.said())
            code = BAD
        elif keeper.path:
            say_line(keeper.said())
    return code


def _play_plainly(arguments: argparse.Namespace, name: str, at: int | None) -> int:
    from fwtutor.course.learners import folder_of
    from fwtutor.course.loader import load_course
    from fwtutor.course.model import LessonError
    from fwtutor.plain.talk import talk

    folder, language = folder_of(arguments.learner), language_of(arguments.language)
    try:
        course = load_course(answers=False, language=language)
        sitting = _sitting(arguments, language)
        lesson = _to_play(name, at, sitting)
    except LessonError as error:
        raise BadInput(str(error)) from None
    return _handed_in(sitting, talk(course, lesson, at=at, folder=folder, sitting=sitting))


def _application(arguments: argparse.Namespace, name: str | None, at: int | None) -> int:
    """Opens the application, when there is a terminal that can show it."""
    need_terminal()
    start_lightly()
    from fwtutor.course.learners import folder_of
    from fwtutor.course.listed import find_folder
    from fwtutor.course.model import LessonError
    from fwtutor.course.opening import Unopened
    from fwtutor.tui.app import run as run_application

    folder, language = folder_of(arguments.learner), language_of(arguments.language)
    try:
        sitting = _sitting(arguments, language)
        # A lesson asked for is read alone: the others are when the map is first opened.
        lesson = None if name is None else Unopened(find_folder(name), partial(_to_play, name, at, sitting))
        course = partial(_course, language)
        return _handed_in(sitting, run_application(course() if lesson is None else course, lesson, at, folder=folder, sitting=sitting))
    except LessonError as error:
        raise BadInput(str(error)) from None


def _course(language: str) -> Course:
    """Raises LessonError."""
    from fwtutor.course.loader import load_course

    return load_course(answers=False, language=language)
