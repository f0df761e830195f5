"""``fwtutor lesson new``: what it makes is proven, and nothing is written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwtutor.badinput import BadInput
from fwtutor.cli import run
from fwtutor.course.loader import load_lesson
from fwtutor.course.making import new_lesson
from fwtutor.course.proof import check_lesson


def test_a_new_lesson_is_proven(tmp_path: Path) -> None:
    said = new_lesson(tmp_path / "my-lesson")
    assert f"fwtutor play {tmp_path / 'my-lesson'}" in said
    assert check_lesson(load_lesson(tmp_path / "my-lesson")) == []


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(BadInput, match="mine: is there already"):
        new_lesson(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("name", ["My Lesson", "UPPER", "x" * 61, "a--b"])
def test_a_name_that_no_lesson_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="lower-case words"):
        new_lesson(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lesson", "new", str(tmp_path / "doors")]) == 0
    assert "is a lesson that works" in capsys.readouterr().out
    assert run(["lesson", "new", str(tmp_path / "doors")]) == 2
    assert run(["lesson", "new", str(tmp_path / "no" / "such" / "place")]) == 0
