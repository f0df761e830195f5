"""``fwtutor`` and ``fwtutor play``: the application, or a lesson as plain text."""

from __future__ import annotations

import argparse
from functools import partial

from fwtutor.badinput import BadInput
from fwtutor.commands.options import add_language, add_learner
from fwtutor.commands.starting import start_lightly
from fwtutor.commands.terminal import need_terminal


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", metavar="LESSON", help="its name, see `fwtutor lesson list`; or a folder")
    parser.add_argument("--at", type=_whole, metavar="STEP", help="begin at this step of the lesson (counted from 1)")
    parser.add_argument("--plain", action="store_true", help="lines of text instead of a screen: commands on standard input")
    add_learner(parser)
    add_language(parser)
    parser.set_defaults(run=run)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def open_map(arguments: argparse.Namespace) -> int:
    return _application(arguments, None, None)


def run(arguments: argparse.Namespace) -> int:
    open_lesson = _play_plainly if arguments.plain else _application
    return open_lesson(arguments, arguments.lesson, arguments.at)


def _play_plainly(arguments: argparse.Namespace, name: str, at: int | None) -> int:
    from fwtutor.course.language import chosen_language
    from fwtutor.course.learners import folder_of
    from fwtutor.course.loader import find_lesson, load_course
    from fwtutor.course.model import LessonError
    from fwtutor.plain.talk import talk

    folder, language = folder_of(arguments.learner), chosen_language(arguments.language)
    try:
        course = load_course(answers=False, language=language)
        lesson = find_lesson(name, language)
    except LessonError as error:
        raise BadInput(str(error)) from None
    return talk(course, lesson, at=at, folder=folder)


def _application(arguments: argparse.Namespace, name: str | None, at: int | None) -> int:
    """Opens the application, when there is a terminal that can show it."""
    need_terminal()
    start_lightly()
    from fwtutor.course.language import chosen_language
    from fwtutor.course.learners import folder_of
    from fwtutor.course.loader import find_lesson, load_course
    from fwtutor.course.model import LessonError
    from fwtutor.tui.app import run as run_application

    folder, language = folder_of(arguments.learner), chosen_language(arguments.language)
    try:
        # A lesson asked for is read alone: the others are when the map is first opened.
        lesson = None if name is None else find_lesson(name, language)
        course = partial(load_course, answers=False, language=language)
        whole = course if lesson is not None else course()
    except LessonError as error:
        raise BadInput(str(error)) from None
    return run_application(whole, lesson, at, folder=folder)
