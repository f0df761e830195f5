"""The lessons themselves, and a copy of one to spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fwtutor.course.which import lessons_folder

Spoil = Callable[..., Path]


@pytest.fixture
def lessons() -> Path:
    return lessons_folder()


@pytest.fixture
def copied(tmp_path: Path, lessons: Path) -> Path:
    """A copy of the lesson too-open."""
    return Path(shutil.copytree(lessons / "too-open", tmp_path / "too-open"))


@pytest.fixture
def spoil(copied: Path) -> Spoil:
    """Replaces a text in a file of the copy, once; it must be there."""

    def change(name: str, old: str, new: str) -> Path:
        path = copied / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return copied

    return change
