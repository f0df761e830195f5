"""Lines in and lines out: from a terminal, a file or a pipe. Nothing is drawn, and the cursor is moved by nobody."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill

from fwtutor.badinput import printable
from fwtutor.course.model import Course, Lesson
from fwtutor.course.progress import Progress, Unkept, load_progress
from fwtutor.course.questions import Series
from fwtutor.course.quiz import score_before
from fwtutor.course.sitting import Sitting
from fwtutor.plain.asking import Asker
from fwtutor.plain.shell import Shell
from fwtutor.recording import Session

OK, BAD = 0, 2
LONGEST = 8192
"""Characters of a line that are looked at."""


def talk(
    course: Course | None, lesson: Lesson, session: Session | None = None, *, at: int | None = None, folder: Path | None = None,
    sitting: Sitting | None = None,
) -> int:  # fmt: skip
    """Plain mode, to its end; ``folder`` is where progress is kept. The value is the exit code: 2 if a script's line could not be done."""
    # What somebody did before tells nothing in an exam, and is not changed by it.
    shell = Shell(course, Unkept() if sitting is not None and sitting.exam else load_progress(folder), _say, sitting)
    if shell.progress.notice:
        _say(shell.progress.notice)
    if sitting is not None and sitting.said():
        _say(sitting.said())
    by_hand = _by_hand()
    try:
        shell.open(lesson, session, at=at)
        while not shell.over:
            text = _line(shell.prompt, by_hand=by_hand)
            if text is None:
                break
            shell.hear(text)
    finally:
        # However it ends: ctrl-C, a pipe that nobody reads, a mistake of ours.
        shell.leave()
    return BAD if shell.not_understood and not by_hand else OK


def ask(series: Series, progress: Progress) -> int:
    """Questions outside a lab, to their end. The value is the exit code, as ``talk`` has it."""
    by_hand, misheard = _by_hand(), 0
    asker = Asker(series, _say_all, progress.save, before=score_before(series, progress))
    while not asker.over:
        text = _line("answer", by_hand=by_hand)
        if text is None:
            break
        misheard += not asker.hear(text)
    return BAD if misheard and not by_hand else OK


def _by_hand() -> bool:
    """Does a person type? Whoever types, what cannot be read as text is no reason to end."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="backslashreplace")
    return sys.stdin is not None and sys.stdin.isatty()


def _say_all(*texts: str) -> None:
    for text in texts:
        _say(printable(text))


def _say(text: str) -> None:
    """A line; on a terminal broken between words, unless it is a table's."""
    if sys.stdout.isatty() and "  " not in text.strip():
        text = fill(text, max(20, get_terminal_size().columns), break_long_words=False, break_on_hyphens=False)
    sys.stdout.write(text + "\n")


def _line(host: str, *, by_hand: bool) -> str | None:
    """The next line; None when there are no more. What a file or a pipe says is repeated, so that the transcript can be read alone."""
    sys.stdout.flush()
    if by_hand:
        sys.stdout.write(f"{host}> ")
        sys.stdout.flush()
    text = sys.stdin.readline() if sys.stdin is not None else ""
    if not text:
        if by_hand:
            sys.stdout.write("\n")
        return None
    text = text.rstrip("\r\n")[:LONGEST]
    if not by_hand:
        _say(f"{host}> {printable(text)}")
    return text


def networks_in_words() -> list[str]:
    """The ready-made networks, for somebody who has named none."""
    from fwtutor.course.networks import ready_made, ready_network
    from fwtutor.telling.network import links

    said = ["Networks there are; name one: fwtutor sandbox NAME --plain"]
    for name, title in ready_made().items():
        said.append(f"{name}: {title}")
        said += [f"  {link}: {who}" for link, who in links(ready_network(name))]
    return said
