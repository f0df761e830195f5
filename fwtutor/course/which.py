"""Which course is meant where none is named: fwtutor's own, or the one that somebody chose."""

from __future__ import annotations

from pathlib import Path

_chosen: list[Path] = []


def use_course(folder: Path | None) -> None:
    """From now on it is the one in that folder; None: fwtutor's own."""
    _chosen[:] = [] if folder is None else [folder.absolute()]


def is_own() -> bool:
    return not _chosen


def lessons_folder() -> Path:
    """Where it is. fwtutor's own is inside the package when installed from a wheel, beside it in a clone."""
    if _chosen:
        return _chosen[0]
    package = Path(__file__).resolve().parent.parent
    inside = package / "lessons"
    return inside if inside.is_dir() else package.parent / "lessons"
