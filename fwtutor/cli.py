"""The command line: thin. It reads arguments, runs a command of ``commands``, and turns every bad input into a sentence and exit code 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Container, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from fwtutor import __version__
from fwtutor.badinput import BadInput, printable
from fwtutor.commands.options import add_language, add_learner
from fwtutor.commands.output import OK, complain, drop_output, refuse
from fwtutor.course.which import use_course

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

BROKEN, INTERRUPTED = 70, 130
"""Exit codes nobody hopes for: a mistake of ours; ctrl-C."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; the value is the exit code. No exception leaves it that a person could have caused."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - closed before we began (>&-)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        code = _obey(arguments)
        sys.stdout.flush()
    except BadInput as error:
        return refuse(str(error))
    except BrokenPipeError:
        # Whoever read us has read enough.
        drop_output()
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        return refuse(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
    except Exception as error:  # noqa: BLE001 - the outermost place there is: a mistake of ours, of which people see a sentence
        return _broken(error)
    return code


def _obey(arguments: Sequence[str]) -> int:
    try:
        parsed = _parser(arguments).parse_args(arguments)
    except SystemExit as end:
        # Help was printed, or a complaint about the arguments.
        complain("")
        return int(end.code or OK)
    if parsed.course is not None and not (parsed.course / "course.toml").is_file():
        remedy = (
            ": it is one lesson; leave --course out, and give the folder as LESSON" if (parsed.course / "lesson.toml").is_file() else ""
        )
        raise BadInput(f"--course {parsed.course}: there is no course.toml in it{remedy}")
    use_course(parsed.course)
    code: int = parsed.run(parsed)
    return code


def _broken(error: Exception) -> int:
    """Writes the traceback to a file and says where it is."""
    from fwtutor.crashlog import note

    place = note(error)
    refuse(f"this should not have happened: {type(error).__name__}: {error}\nThe details {place}. What you had done is kept.")
    return BROKEN


# --- arguments ------------------------------------------------------------------------------------------------


class _Arguments(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are fit for a terminal, whatever was given."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("argument --rule: expected"):
            message += "; one word that begins with - is written with =, as in --rule=-F"
        super().error(printable(message))

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is sys.stdout:
            file.write(message)  # where it goes wrong, that is told, and not passed over as argparse would
        else:
            super()._print_message(message, file)


COMMANDS = {
    "play": "open a lesson",
    "progress": "what you have learned; progress out as one file, and in; who learns here",
    "quiz": "the quiz before and after the course",
    "sandbox": "the lab without a lesson: networks, rules and captures of your own",
    "trace": "what a ruleset does with packets from a file, and why",
    "rules": "check a ruleset, and print it",
    "grade": "judge answers to a lesson's task by what they do",
    "lesson": "list the lessons, look one up, or prove them sound",
    "glossary": "what a word means: NEW, entry, policy, ...",
    "kernel": "ask the running kernel whether it does the same",
    "config": "how the application is set, and all keys: what a configuration file may say",
    "completion": "what a shell needs to complete fwtutor's words",
    "locate": "where the program, its lessons, your progress and configuration are",
}
"""Each a module of ``commands`` of that name, and what it is for."""


def _parser(arguments: Container[str]) -> argparse.ArgumentParser:
    """For these arguments: of the commands that are not among them it knows no more than their help."""
    parser = _Arguments(
        prog="fwtutor",
        description="An interactive tutor for Linux stateful firewalls. Without a command it opens the course map.",
        epilog="Exit codes: 0 all well, 1 the answer is no, 2 bad input.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=_open_map, whole=partial(_parser, COMMANDS))
    parser.add_argument("--version", action="version", version=f"fwtutor {__version__}", help="print the version and leave")
    parser.add_argument("--course", type=Path, metavar="FOLDER", help="another course than fwtutor's own: a folder with a course.toml")
    add_learner(parser, first=True)
    add_language(parser, first=True)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, allow_abbrev=False)
        if name in arguments:
            import_module(f"fwtutor.commands.{name}").add(command)
    return parser


def _open_map(arguments: argparse.Namespace) -> int:
    from fwtutor.commands.play import open_map

    return open_map(arguments)
