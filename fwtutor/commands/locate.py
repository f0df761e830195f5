"""``fwtutor locate``: where things are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import fwtutor
from fwtutor.badinput import printable
from fwtutor.commands.options import add_learner
from fwtutor.commands.output import OK


def add(parser: argparse.ArgumentParser) -> None:
    add_learner(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from fwtutor.course.learners import folder_of
    from fwtutor.course.loader import lessons_folder
    from fwtutor.folders import config_file

    places = {
        "program": Path(fwtutor.__file__).resolve().parent,
        "lessons": lessons_folder(),
        "progress": folder_of(arguments.learner),
        "config": config_file(),
    }
    for name, path in places.items():
        sys.stdout.write(printable(f"{name:<9} {path}\n"))
    return OK
