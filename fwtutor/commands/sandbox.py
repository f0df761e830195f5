"""``fwtutor sandbox``: the lab without a lesson, in the application or as plain text."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.commands.options import RULES_FILE, add_language, add_learner, language_of
from fwtutor.commands.output import OK, note
from fwtutor.commands.starting import start_lightly
from fwtutor.commands.terminal import need_terminal


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "network", nargs="?", metavar="NETWORK", help="a ready-made network, or a file: a network of your own, or a sandbox that was kept"
    )
    parser.add_argument("--rules", type=Path, metavar="FILE", help=f"rules for the watched host: {RULES_FILE}")
    parser.add_argument("--rules6", type=Path, metavar="FILE", help="the same of ip6tables-save")
    parser.add_argument("--capture", type=Path, metavar="FILE", help="packets for the watched host: .pcap, .pcapng (gz too) or .jsonl")
    parser.add_argument("--in", dest="came_in", metavar="NAME", help="where packets came in, for captures without interface names")
    parser.add_argument("--watch", default="", metavar="HOST", help="the host whose firewall you look at")
    parser.add_argument("--plain", action="store_true", help="lines of text instead of a screen: commands on standard input")
    add_learner(parser)
    add_language(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from fwtutor.course.learners import folder_of
    from fwtutor.course.loader import load_course
    from fwtutor.course.model import LessonError
    from fwtutor.sandbox.making import make

    if not arguments.plain:
        need_terminal()
        start_lightly()
    given = {"rules": arguments.rules, "rules6": arguments.rules6, "capture": arguments.capture, "came_in": arguments.came_in}
    if arguments.network is None:
        if arguments.watch or any(given.values()):
            raise BadInput("name the network that these are for: one of those that fwtutor sandbox offers, or a file")
        return _choose(arguments)
    sandbox = make(arguments.network, watch=arguments.watch, note=note, **given)
    session = sandbox.opened(arguments.network)
    folder = folder_of(arguments.learner)
    course = partial(load_course, answers=False, language=language_of(arguments.language))
    if arguments.plain:
        try:
            whole = course()
        except LessonError as error:
            raise BadInput(str(error)) from None
        from fwtutor.plain.talk import talk
        from fwtutor.sandbox.lab import as_lesson

        return talk(whole, as_lesson(sandbox), session, folder=folder)
    from fwtutor.tui.app import run as run_application

    # The lessons are read when the map is first opened.
    return run_application(course, sandbox=(sandbox, session), folder=folder)


def _choose(arguments: argparse.Namespace) -> int:
    """Nobody has said in which network: tell of those there are."""
    if arguments.plain:
        from fwtutor.plain.talk import networks_in_words

        sys.stdout.writelines(f"{line}\n" for line in networks_in_words())
        return OK
    from fwtutor.course.learners import folder_of
    from fwtutor.course.loader import load_course
    from fwtutor.tui.app import run as run_application

    course = partial(load_course, answers=False, language=language_of(arguments.language))
    return run_application(course, choosing=True, folder=folder_of(arguments.learner))
