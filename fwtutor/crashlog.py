"""The file in which the details of a mistake of ours are: tracebacks, for whoever is to mend it. People are told where it is."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from fwtutor import __version__

if TYPE_CHECKING:
    from pathlib import Path

NAME = "fwtutor-crash.log"
MOST = 20
"""Mistakes written down by one process; what comes after the twentieth tells nothing new."""

_noted: dict[str, str] = {}
"""What was written down already, by traceback: where it is."""


def note(error: BaseException) -> str:
    """Writes an exception down, once; the value is where: ``are in /home/me/.local/share/fwtutor/fwtutor-crash.log``.

    The first of a process begins the file anew.
    """
    import traceback

    from fwtutor.badinput import BadInput

    details = "".join(traceback.format_exception(error))
    if details in _noted or len(_noted) >= MOST:
        return _noted.get(details) or next(iter(_noted.values()))
    head = f"fwtutor {__version__}, Python {sys.version}\n{' '.join(sys.argv[1:])}\n\n"
    place = "could not be written to a file"
    for find in (_in_home, _elsewhere):
        try:
            file = find()
            with file.open("a" if _noted else "w", encoding="utf-8", errors="backslashreplace") as log:
                log.write(f"{head}{details}\n")
        except (OSError, BadInput):
            continue
        place = f"are in {file}"
        break
    _noted[details] = place
    return place


def _in_home() -> Path:
    """Raises OSError, BadInput."""
    from fwtutor.folders import home

    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / NAME


@cache
def _elsewhere() -> Path:
    """One for this process, in a folder that all write to: under a name that nobody can know before, and lay a link there."""
    import os
    import tempfile
    from pathlib import Path

    stem, _, ending = NAME.partition(".")
    handle, name = tempfile.mkstemp(prefix=f"{stem}-", suffix=f".{ending}")
    os.close(handle)
    return Path(name)
