"""``fwtutor lesson``: the lessons listed, or proven sound."""

from __future__ import annotations

import argparse

from fwtutor.commands.output import say


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True)
    actions.add_parser("list", help="all lessons, by chapter", allow_abbrev=False).set_defaults(run=_list)
    check = actions.add_parser("check", help="prove that solutions solve, wrong answers fail, predictions are true", allow_abbrev=False)
    check.add_argument("lesson", nargs="*", metavar="LESSON", help="names of lessons, or folders; all lessons unless given")
    check.set_defaults(run=_check)


def _list(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_list

    return say(*lesson_list())


def _check(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_check

    return say(*lesson_check(arguments.lesson))
