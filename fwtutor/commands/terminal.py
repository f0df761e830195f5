"""Is there a terminal that can show the application? Who needs none can have plain mode."""

from __future__ import annotations

import os
import sys

from fwtutor.badinput import BadInput


def need_terminal() -> None:
    """Raises BadInput that says what is missing."""
    for stream, word in ((sys.stdin, "input"), (sys.stdout, "output"), (sys.stderr, "error")):
        if stream is None or not stream.isatty():
            raise BadInput(
                f"standard {word} is not a terminal; fwtutor needs one to draw on. "
                "For scripts there are fwtutor play LESSON --plain, fwtutor sandbox --plain and fwtutor trace"
            )
    if os.environ.get("TERM") == "dumb":
        raise BadInput("this terminal cannot move its cursor (TERM is dumb); fwtutor play LESSON --plain needs no more than lines of text")
    from fwtutor.tui import LEAST

    size = os.get_terminal_size(sys.stdout.fileno())
    # A terminal that says 0 x 0 does not know its size; Textual then takes 80 x 24.
    if 0 < size.columns < LEAST[0] or 0 < size.lines < LEAST[1]:
        raise BadInput(
            f"this terminal has {size.columns} columns and {size.lines} lines, and the lab needs at least {LEAST[0]} x {LEAST[1]} "
            "(80 x 24 is good, 120 x 40 shows everything)"
        )
