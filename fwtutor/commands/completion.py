"""``fwtutor completion``: what a shell needs to complete fwtutor's words. shtab writes it, from the very parser that reads them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.commands.output import OK

SHELLS = {
    "bash": "in ~/.bashrc: source <(fwtutor completion bash)",
    "zsh": 'fwtutor completion zsh > "${fpath[1]}/_fwtutor"',
    "fish": "fwtutor completion fish > ~/.config/fish/completions/fwtutor.fish",
}
"""And where what is printed goes."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(SHELLS.values())
    parser.add_argument("shell", choices=tuple(SHELLS), help="whose words to write it in")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    import shtab

    # The parser of all commands, which the command line itself knows how to make.
    parser: argparse.ArgumentParser = arguments.whole()
    names = {
        # The names themselves: to ask for them at every press of tab would be felt.
        "LESSON": shtab.cmd(f"printf '%s\\n' {' '.join(_lessons())}"),
        "NETWORK": shtab.cmd(f"printf '%s\\n' {' '.join(_networks())}"),
        "FOLDER": shtab.DIRECTORY,
    }
    for action in _all_actions(parser):
        complete = names.get(str(action.metavar)) or (shtab.FILE if action.type is Path else None)
        if complete is not None:
            setattr(action, "complete", complete)  # noqa: B010 - shtab's own attribute, of which argparse knows nothing
    sys.stdout.write(shtab.complete(parser, arguments.shell) + "\n")
    return OK


def _lessons() -> tuple[str, ...]:
    from fwtutor.course.listed import lesson_names
    from fwtutor.course.model import LessonError

    try:
        return lesson_names()
    except LessonError as error:
        raise BadInput(str(error)) from None


def _networks() -> tuple[str, ...]:
    from fwtutor.course.networks import ready_made

    return tuple(ready_made())


def _all_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of the parser and of those of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _all_actions(inner)
