"""Files that are none, links in the way, and what is written: whole, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fwtutor import crashlog
from fwtutor.badinput import BadInput
from fwtutor.cli import run
from fwtutor.course.handing import Keeper
from fwtutor.course.loader import find_lesson
from fwtutor.course.networks import ready_made
from fwtutor.course.progressfile import LessonProgress
from fwtutor.recording import Session
from fwtutor.safefiles import open_regular, write_whole
from fwtutor.sandbox.making import make

RULES = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe.rules")
    return tmp_path / "pipe.rules"


def test_a_pipe_and_a_device_are_not_opened_for_reading(pipe: Path) -> None:
    for path in (pipe, Path("/dev/zero"), pipe.parent):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
            open_regular(path)


def test_a_pipe_is_not_replaced_by_a_file(pipe: Path) -> None:
    for replace in (False, True):
        with pytest.raises(OSError, match="is not a regular file"):
            write_whole(pipe, b"text", replace=replace)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(pipe.parent.iterdir()) == [pipe]


@pytest.mark.parametrize("option", ["rules", "rules6", "capture"])
def test_a_sandbox_waits_for_no_pipe(pipe: Path, option: str) -> None:
    given = {option: pipe}
    with pytest.raises(BadInput, match="is not a regular file"):
        make(next(iter(ready_made())), **given)  # type: ignore[arg-type]


def test_trace_waits_for_no_pipe_of_sets(pipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = pipe.with_name("some.rules")
    rules.write_text(RULES)
    arguments = ["trace", "--rules", str(rules), "--sets", str(pipe), "--interface", "wan=203.0.113.1/24", str(rules)]
    assert run(arguments) == 2
    assert f"{pipe}: is not a regular file" in capsys.readouterr().err


def test_an_output_that_is_an_input_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "some.rules"
    rules.write_text(RULES)
    assert run(["trace", "--rules", str(rules), "--interface", "wan=203.0.113.1/24", "--counters", str(rules), str(rules)]) == 2
    assert run(["grade", "too-open", str(tmp_path), "--output", str(rules)]) == 2
    assert run(["grade", "too-open", str(tmp_path), "--output", str(tmp_path / "none" / "marks")]) == 2
    assert capsys.readouterr().err.count("that is a file to be read") == 2
    both = str(tmp_path / "both")
    assert run(["trace", "--rules", str(rules), "--interface", "wan=203.0.113.1/24", "--counters", both, "--conntrack", both, "x"]) == 2
    assert "another option writes to that file too" in capsys.readouterr().err
    assert rules.read_text() == RULES


def test_a_link_where_an_answer_is_kept_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    lesson = find_lesson("too-open")
    keeper = Keeper(tmp_path, lesson, exam=True)
    (tmp_path / ".too-open.answer.tmp").symlink_to(precious)
    keeper.note("enter", 0, Session(lesson.scenario).run, LessonProgress())
    assert (keeper.trouble, precious.read_text()) == ("", "mine")


def test_a_link_where_a_crash_is_noted_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "fwtutor-crash.log").symlink_to(precious)
    (tmp_path / "no-folder").write_text("")
    monkeypatch.setenv("FWTUTOR_HOME", str(tmp_path / "no-folder"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(crashlog, "_noted", {})
    crashlog._elsewhere.cache_clear()
    for number in (1, 2):
        place = crashlog.note(ValueError(f"mistake {number}"))
    crashlog._elsewhere.cache_clear()
    log = Path(place.removeprefix("are in ")).read_text()
    assert (precious.read_text(), log.count("mistake 1"), log.count("mistake 2")) == ("mine", 1, 1)


def test_a_clock_is_between_1970_and_2100(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("9999-12-31T23:59:59", "1969-12-31", "0001-01-01T00:00:00+14:00"):
        assert run(["trace", "--rules", "x", "--clock", text, "x"]) == 2
        assert "1970" in (said := capsys.readouterr().err) or "is no time" in said
