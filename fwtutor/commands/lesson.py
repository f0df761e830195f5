"""``fwtutor lesson``: the lessons listed, or proven sound."""

from __future__ import annotations

import argparse
from pathlib import Path

from fwtutor.commands.output import OK, say


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True)
    actions.add_parser("list", help="all lessons, by chapter", allow_abbrev=False).set_defaults(run=_list)
    check = actions.add_parser("check", help="prove that solutions solve, wrong answers fail, predictions are true", allow_abbrev=False)
    check.add_argument("lesson", nargs="*", metavar="LESSON", help="names of lessons, or folders; all lessons unless given")
    check.set_defaults(run=_check)
    new = actions.add_parser("new", help="make a folder with a small lesson that works, to begin with", allow_abbrev=False)
    new.add_argument("folder", type=Path, metavar="FOLDER", help="its name is the lesson's: lower-case words joined by hyphens")
    new.set_defaults(run=_new)


def _new(arguments: argparse.Namespace) -> int:
    from fwtutor.course.making import new_lesson

    return say(new_lesson(arguments.folder), OK)


def _list(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_list

    return say(*lesson_list())


def _check(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_check

    return say(*lesson_check(arguments.lesson))
