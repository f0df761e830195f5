"""What a command says, and where: answers to standard output, complaints to standard error, and what becomes of them where nobody reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, TextIO

from fwtutor.badinput import BadInput, printable

if TYPE_CHECKING:
    from fwtutor.telling.spans import Line

OK, NO, BAD = 0, 1, 2
"""Exit codes: all well; the answer is no; bad input."""


def refuse(message: str) -> int:
    """Says on standard error what is wrong. Names and lines from files may hold escape codes, which the terminal is not to see."""
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
    complain(f"fwtutor: {printable(message)}\n")
    return BAD


def complain(text: str) -> None:
    """To standard error; where nobody can be told, the exit code still says it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        drop_output(sys.stderr)


def drop_output(stream: TextIO | None = None) -> None:
    """What is still to be written to standard output goes nowhere; else Python would try once more, and complain, when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


def check_target(option: str, path: Path, inputs: Iterable[Path]) -> None:
    """Before the work: can a file be written there, and is it none that is read? Raises BadInput."""
    if path.is_dir() or not path.parent.is_dir():
        raise BadInput(f"{option} {path}: {'Is a directory' if path.is_dir() else 'No such file or directory'}")
    if path.is_file() and any(each.is_file() and each.samefile(path) for each in inputs):
        raise BadInput(f"{option} {path}: that is a file to be read: it would be lost")


def write_target(option: str, path: Path, text: str) -> None:
    """Whole or not at all. Raises BadInput."""
    from fwtutor.safefiles import write_whole

    data = text.encode("utf-8", "backslashreplace")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # /dev/stdout, or what a shell's >(...) reads
        else:
            write_whole(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise BadInput(f"{option} {path}: {error.strerror or error}") from None


def note(text: str) -> None:
    refuse(text)


def say_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str, code: int) -> int:
    """An answer goes to standard output, a complaint about what was given to standard error."""
    if code == BAD and "\n" not in text:
        return refuse(text)
    if code == BAD:
        complain(printable(text) + "\n")
    else:
        sys.stdout.write(printable(text) + "\n")
    return code


def text_rows(rows: Callable[[int], Sequence[Line]]) -> list[str]:
    """Rows of the screen as plain text: as wide as the terminal, at most a hundred cells."""
    from fwtutor.telling import glyphs

    width = min(100, max(40, get_terminal_size().columns)) if sys.stdout.isatty() else 100
    return [glyphs.to_ascii(row.text) if glyphs.wants_ascii() else row.text for row in rows(width)]


def colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
