"""``fwtutor grade LESSON ANSWER...``: answers judged by what they do, for one person or a class."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fwtutor.badinput import BadInput, printable
from fwtutor.commands.options import seed
from fwtutor.commands.output import NO, OK, check_target, write_target

FORMATS = ("text", "json", "junit", "csv")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", metavar="LESSON", help="its name, see `fwtutor lesson list`; or a folder")
    parser.add_argument("answers", nargs="+", type=Path, metavar="ANSWER", help="files (.rules, .commands), folders of them, or a zip")
    parser.add_argument("--format", choices=FORMATS, default="text", help="csv: a gradebook; junit: a test case for each check")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it there, and not to standard output")
    parser.add_argument("--seed", type=seed, metavar="N", help="what the histories are drawn from, instead of the lesson's own")
    parser.add_argument(
        "--seed-per-student", action="store_true", help="each has addresses, ports, histories of his own: those of play --student NAME"
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from fwtutor.course.gradebook import FORMATS as WRITERS, one_each
    from fwtutor.course.grading import Terms, grade
    from fwtutor.course.listed import find_folder
    from fwtutor.course.loader import load_lesson
    from fwtutor.course.model import LessonError
    from fwtutor.course.proof import HELD_BACK
    from fwtutor.course.submissions import SUFFIXES, gather

    try:
        folder = find_folder(arguments.lesson)
        lesson = load_lesson(folder)
    except LessonError as error:
        raise BadInput(str(error)) from None
    if lesson.held_back:
        raise BadInput(f"{lesson.name}: {HELD_BACK}")
    if arguments.output is not None:
        # Answers in a folder too are not to be written over; marks of last time may be.
        inside = (file for path in arguments.answers if path.is_dir() for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        check_target("--output", arguments.output, [*arguments.answers, *inside])
    submissions = gather(arguments.answers)
    shows = sys.stderr.isatty() and len(submissions) > 1

    def told(done: int) -> None:
        if shows:
            sys.stderr.write(f"\r{done} of {len(submissions)}" + ("\n" if done == len(submissions) else ""))
            sys.stderr.flush()

    marks = grade(Terms(folder, arguments.seed, arguments.seed_per_student), submissions, told=told)
    marks = one_each(lesson, submissions, marks)
    text = WRITERS[arguments.format](lesson, marks)
    if arguments.output is not None:
        write_target("--output", arguments.output, text)
    else:
        sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
    return OK if all(mark.passed for mark in marks) else NO
