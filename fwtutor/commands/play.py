"""``fwtutor`` and ``fwtutor play``: the application, when there is a terminal that can show it."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from functools import partial

from fwtutor.badinput import BadInput


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", metavar="LESSON", help="its name, see `fwtutor lesson list`; or a folder")
    parser.add_argument("--at", type=_whole, metavar="STEP", help="begin at this step of the lesson (counted from 1)")
    parser.set_defaults(run=run)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def open_map(arguments: argparse.Namespace) -> int:
    return _application(None, None)


def run(arguments: argparse.Namespace) -> int:
    return _application(arguments.lesson, arguments.at)


def _application(name: str | None, at: int | None) -> int:
    """Opens the application, when there is a terminal that can show it."""
    for stream, word in ((sys.stdin, "input"), (sys.stdout, "output"), (sys.stderr, "error")):
        if stream is None or not stream.isatty():
            raise BadInput(f"standard {word} is not a terminal; fwtutor needs one to draw on. For scripts there is fwtutor trace")
    if os.environ.get("TERM") == "dumb":
        raise BadInput("this terminal cannot move its cursor (TERM is dumb)")
    # What starting makes stays: to look through it for garbage is a tenth of the time it takes. The application enables it again.
    gc.disable()
    from fwtutor.course.loader import find_lesson, load_course
    from fwtutor.course.model import LessonError
    from fwtutor.tui.app import run as run_application
    from fwtutor.tui.screens.too_small import LEAST

    size = os.get_terminal_size(sys.stdout.fileno())
    # A terminal that says 0 x 0 does not know its size; Textual then takes 80 x 24.
    if 0 < size.columns < LEAST[0] or 0 < size.lines < LEAST[1]:
        raise BadInput(
            f"this terminal has {size.columns} columns and {size.lines} lines, and the lab needs at least {LEAST[0]} x {LEAST[1]} "
            "(80 x 24 is good, 120 x 40 shows everything)"
        )
    try:
        # A lesson asked for is read alone: the others are when the map is first opened.
        lesson = None if name is None else find_lesson(name)
        course = partial(load_course, answers=False)
        whole = course if lesson is not None else course()
    except LessonError as error:
        raise BadInput(str(error)) from None
    return run_application(whole, lesson, at)
