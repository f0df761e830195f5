"""Which language a learner reads lessons in, where they are translated. What is not translated is English."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fwtutor.badinput import BadInput

VARIABLE = "FWTUTOR_LANGUAGE"
ENGLISH = ""
_CODE = re.compile(r"([a-z]{2,3})([_-][A-Za-z0-9]+)*([.@].*)?\Z", re.ASCII)
_FILE = re.compile(r"lesson\.([a-z]{2,3})\.(md|toml)\Z", re.ASCII)


def chosen_language(option: str | None, configured: str = "") -> str:
    """Its code, "" for English: as the command line says, or FWTUTOR_LANGUAGE, or the configuration, or the locale. Raises BadInput.

    ``configured``: as a person wrote it, and ``is_language`` has found it sound. A locale that names no language (C, POSIX) or one
    that no lesson has means English.
    """
    for asked, where in ((option, "--language"), (os.environ.get(VARIABLE) or None, VARIABLE)):
        if asked is not None:
            found = _CODE.match(asked)
            if not found:
                raise BadInput(f"{where}: {asked[:40]!r} is no language's code, as de or fr are")
            return _code(found[1])
    locale = configured or next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    found = _CODE.match(locale)
    return _code(found[1]) if found else ENGLISH


def is_language(text: str) -> bool:
    """Is it the code of one, as de or de_AT?"""
    return bool(_CODE.match(text))


def _code(code: str) -> str:
    return ENGLISH if code == "en" else code


def languages(folder: Path) -> list[str]:
    """The languages a lesson is translated into."""
    return sorted({found[1] for path in folder.iterdir() if (found := _FILE.match(path.name))})
