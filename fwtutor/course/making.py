"""``fwtutor lesson new``: a folder with a small lesson in it that is proven already, to be made into another one."""

from __future__ import annotations

import shutil
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.course.listed import LESSON_NAME

TEMPLATE = Path(__file__).resolve().parent.parent / "template"


def new_lesson(folder: Path) -> str:
    """Makes it; what is said then. Raises BadInput: nothing that is there is written over."""
    if not LESSON_NAME.match(folder.name) or len(folder.name) > 60:
        raise BadInput(f"{folder.name or folder}: a lesson's folder is named in lower-case words joined by hyphens, like return-traffic")
    try:
        shutil.copytree(TEMPLATE, folder)
    except FileExistsError:
        raise BadInput(f"{folder}: is there already") from None
    except OSError as error:
        raise BadInput(f"{folder}: {error.strerror or error}") from None
    return f"{folder} is a lesson that works. Try it: fwtutor play {folder}\nChange it, and prove it: fwtutor lesson check {folder}"
