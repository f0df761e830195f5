"""``fwtutor lesson``: the lessons listed, or proven sound."""

from __future__ import annotations

import argparse
from pathlib import Path

from fwtutor.commands.options import add_language, add_learner
from fwtutor.commands.output import OK, say


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True)
    actions.add_parser("list", help="all lessons, by chapter", allow_abbrev=False).set_defaults(run=_list)
    check = actions.add_parser("check", help="prove that solutions solve, wrong answers fail, predictions are true", allow_abbrev=False)
    check.add_argument("lesson", nargs="*", metavar="LESSON", help="names of lessons, or folders; all lessons unless given")
    check.set_defaults(run=_check)
    show = actions.add_parser("show", help="a lesson you have finished, to look up", allow_abbrev=False)
    show.add_argument("lesson", metavar="LESSON", help="its name, see `fwtutor lesson list`; or a folder")
    show.add_argument("--solution", action="store_true", help="all of it, whether you have finished it or not")
    add_learner(show)
    add_language(show)
    show.set_defaults(run=_show)
    new = actions.add_parser("new", help="make a folder with a small lesson that works, to begin with", allow_abbrev=False)
    new.add_argument("folder", type=Path, metavar="FOLDER", help="its name is the lesson's: lower-case words joined by hyphens")
    new.set_defaults(run=_new)


def _new(arguments: argparse.Namespace) -> int:
    from fwtutor.course.making import new_lesson

    return say(new_lesson(arguments.folder), OK)


def _list(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_list

    return say(*lesson_list())


def _show(arguments: argparse.Namespace) -> int:
    from fwtutor.badinput import BadInput
    from fwtutor.commands.output import text_rows
    from fwtutor.commands.progress import load_kept
    from fwtutor.course.language import chosen_language
    from fwtutor.course.loader import find_lesson
    from fwtutor.course.model import LessonError
    from fwtutor.telling.finished import Finished

    try:
        lesson = find_lesson(arguments.lesson, chosen_language(arguments.language))
    except LessonError as error:
        raise BadInput(str(error)) from None
    page = Finished(lesson, load_kept(arguments.learner), spoil=arguments.solution)
    more = [] if page.whole else [f"fwtutor lesson show {arguments.lesson} --solution shows all of it now."]
    return say("\n".join([*text_rows(page.rows), *more]), OK)


def _check(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_check

    return say(*lesson_check(arguments.lesson))
