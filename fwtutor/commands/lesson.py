"""``fwtutor lesson``: the lessons listed, or proven sound."""

from __future__ import annotations

import argparse
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.commands.options import add_language, add_learner, language_of
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
    pack = actions.add_parser("pack", help="a course or a lesson as a zip; for students without answers and checks", allow_abbrev=False)
    pack.add_argument("folder", metavar="FOLDER", help="a course's folder (with course.toml), a lesson's, or the name of a lesson")
    pack.add_argument("out", type=Path, metavar="OUT.zip", help="the zip that is written; --course FOLDER plays what is in it")
    pack.add_argument(
        "--for-students", action="store_true", help="hold back solutions, wrong answers and checks: the lab keeps what is typed"
    )
    pack.add_argument(
        "--hints", choices=("all", "nudges", "none"), default="all", help="what students get of them; nudges: all but a page's last"
    )
    pack.add_argument("--exam", action="store_true", help="its course is an exam: no hints, no verdict")
    pack.set_defaults(run=_pack)


def _new(arguments: argparse.Namespace) -> int:
    from fwtutor.course.making import new_lesson

    return say(new_lesson(arguments.folder), OK)


def _pack(arguments: argparse.Namespace) -> int:
    from fwtutor.course.model import LessonError
    from fwtutor.course.packing import pack

    if arguments.hints != "all" and not arguments.for_students:
        raise BadInput("--hints is about what students get: give --for-students as well")
    try:
        said = pack(arguments.folder, arguments.out, for_students=arguments.for_students, hints=arguments.hints, exam=arguments.exam)
    except LessonError as error:
        raise BadInput(str(error)) from None
    return say(said, OK)


def _list(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_list

    return say(*lesson_list())


def _show(arguments: argparse.Namespace) -> int:
    from fwtutor.badinput import BadInput
    from fwtutor.commands.output import text_rows
    from fwtutor.commands.progress import load_kept
    from fwtutor.course.loader import find_lesson
    from fwtutor.course.model import LessonError
    from fwtutor.telling.finished import Finished

    try:
        lesson = find_lesson(arguments.lesson, language_of(arguments.language))
    except LessonError as error:
        raise BadInput(str(error)) from None
    page = Finished(lesson, load_kept(arguments.learner), spoil=arguments.solution)
    more = [] if page.whole else [f"fwtutor lesson show {arguments.lesson} --solution shows all of it now."]
    return say("\n".join([*text_rows(page.rows), *more]), OK)


def _check(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_check

    return say(*lesson_check(arguments.lesson))
