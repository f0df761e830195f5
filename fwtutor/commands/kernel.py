"""``fwtutor kernel``: asking the running kernel whether it does the same."""

from __future__ import annotations

import argparse
import os
import sys

from fwtutor.badinput import BadInput
from fwtutor.commands.output import NO, OK, colour, drop_output, note, say_line, unicode
from fwtutor.judging.options import add_options


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True)
    comparing = actions.add_parser("compare", help="packet by packet, engine and kernel; exit code 1 where they differ", allow_abbrev=False)
    add_options(comparing)
    comparing.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    from fwtutor.judging.command import compare
    from fwtutor.trace.people import Ink

    # The exit code is an answer here: it is not to say that all agreed when nobody could read what did.
    if getattr(sys.stdout, "name", "") == os.devnull:
        raise BadInput("standard output is closed: the answer cannot be written")
    try:
        return OK if compare(arguments, say_line, note, Ink(colour(), unicode())) else NO
    except BrokenPipeError:
        drop_output()
        raise BadInput("standard output was closed before the whole answer was written") from None
