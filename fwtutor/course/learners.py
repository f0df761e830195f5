"""Learners: whose progress it is, where several share one user's folder. Who gives no name has the folder itself, as ever."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.folders import home

VARIABLE = "FWTUTOR_LEARNER"
FOLDER = "learners"
MOST = 40
_NAME = re.compile(r"[^\W_][\w.-]*\Z")


def checked(name: str) -> str:
    """The name as folders have it. Raises BadInput: it becomes a folder's name, so it can lead nowhere else."""
    name = unicodedata.normalize("NFC", name)
    if not _NAME.match(name) or len(name) > MOST or name.endswith("."):
        raise BadInput(
            f"{name[:60]!r} is no learner's name: it begins with a letter or digit, and has letters, digits, - _ . only, {MOST} at most"
        )
    return name


def chosen(name: str | None) -> str:
    """Who it is: as the command line says (None: not at all), else as FWTUTOR_LEARNER says; "" for nobody by name. Raises BadInput."""
    if name is not None:
        return checked(name)
    name = os.environ.get(VARIABLE, "")
    try:
        return checked(name) if name else ""
    except BadInput as error:
        raise BadInput(f"{VARIABLE}: {error}") from None


def folder_of(learner: str | None = None) -> Path:
    """Where the progress of that learner is kept; None: of whoever the environment names. Raises BadInput."""
    name = chosen(learner) if learner != "" else ""
    return home() / FOLDER / name if name else home()


def learners() -> list[str]:
    """All that have a folder here, by name."""
    try:
        return sorted(entry.name for entry in (home() / FOLDER).iterdir() if entry.is_dir() and _NAME.match(entry.name))
    except OSError:
        return []
