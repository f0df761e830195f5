"""The file in which the details of a mistake of ours are: tracebacks, for whoever is to mend it. People are told where it is."""

from __future__ import annotations

import sys

from fwtutor import __version__

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
    from pathlib import Path
    from tempfile import gettempdir

    from fwtutor.badinput import BadInput
    from fwtutor.folders import home

    details = "".join(traceback.format_exception(error))
    if details in _noted or len(_noted) >= MOST:
        return _noted.get(details) or next(iter(_noted.values()))
    head = f"fwtutor {__version__}, Python {sys.version}\n{' '.join(sys.argv[1:])}\n\n"
    place = "could not be written to a file"
    for place_for_logs in (home, lambda: Path(gettempdir())):
        try:
            folder = place_for_logs()
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / NAME).open("a" if _noted else "w", encoding="utf-8", errors="backslashreplace") as log:
                log.write(f"{head}{details}\n")
        except (OSError, BadInput):
            continue
        place = f"are in {folder / NAME}"
        break
    _noted[details] = place
    return place
