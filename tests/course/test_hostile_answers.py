"""Answers made to harm: damaged zips, names that forge and steer, pipes, memory; each harms itself alone."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fwtutor.badinput import BadInput
from fwtutor.cli import run
from fwtutor.course.gradebook import gradebook, junit, text
from fwtutor.course.grading import Mark, Terms, grade
from fwtutor.course.handing import read_kept
from fwtutor.course.loader import load_lesson
from fwtutor.course.submissions import Submission, gather
from fwtutor.course.which import lessons_folder

FOLDER = lessons_folder() / "too-open"
SOLUTION = (FOLDER / "solution.rules").read_text()


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_member_of_a_zip_harms_nobody_else(tmp_path: Path, how: int) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr("bad/a.rules", SOLUTION)
        archive.writestr("good/a.rules", SOLUTION)
    data = bytearray(path.read_bytes())
    begin = data.index(b"bad/a.rules") + len(b"bad/a.rules")
    data[begin : begin + 30] = b"\xff" * 30
    path.write_bytes(data)
    assert [(each.student, bool(each.wrong)) for each in gather([path])] == [("bad", True), ("good", False)]


def test_a_member_without_a_name_harms_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "")
        archive.filelist[0].filename = ""
        archive.writestr("good/a.rules", SOLUTION)
    assert {each.student: bool(each.wrong) for each in gather([path])} == {"": True, "good": False}


def test_no_damage_of_a_zip_is_a_mistake_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one/a.rules", SOLUTION[:50])
        archive.writestr("two/a.rules", SOLUTION[:50])
    whole = path.read_bytes()
    for place in range(len(whole)):
        for new in (0, 0xFF):
            path.write_bytes(whole[:place] + bytes([new]) + whole[place + 1 :])
            try:
                gather([path])
            except BadInput:
                continue


def test_names_forge_no_lines_and_every_format_stays_itself(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("eve\nada: passed\x1b[2J/a.rules", "nonsense")
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/all/caf\xe9"))
    folder.mkdir(parents=True)
    (folder / "a.rules").write_text("nonsense")
    found = gather([path, tmp_path / "all"])
    marks = [Mark(each.student, each.source, refused="no \ufffe") for each in found]
    lesson = load_lesson(FOLDER)
    assert len(marks) == 2
    report = text(lesson, marks)
    assert "\x1b" not in report
    assert "ada: passed" not in [line[:11] for line in report.split("\n")]
    ElementTree.fromstring(junit(lesson, marks))
    report.encode()


def test_a_kept_file_has_no_line_ends_in_its_fields_and_its_version_is_a_number() -> None:
    content = {"fwtutor": "answer", "version": 1, "lesson": "too-open", "student": "Ada", "seed": None, "exam": True, "answer": []}
    assert read_kept(json.dumps(content)).exam
    for change in ({"student": "eve\nada: passed"}, {"version": True}, {"exam": 1}):
        with pytest.raises(ValueError, match="|".join(change)):
            read_kept(json.dumps(content | change))


def test_what_was_not_an_exam_is_noted() -> None:
    content = {"fwtutor": "answer", "version": 1, "lesson": "too-open", "student": "", "seed": None, "exam": False, "answer": []}
    kept = read_kept(json.dumps(content))
    (mark,) = grade(Terms(FOLDER), [Submission("ada", "ada.answer", json.dumps(content), kept=kept)])
    assert mark.note == "it was not played as an exam"


@pytest.mark.parametrize("name", ["=1+1", " =1+1", "\r=1+1", "\u00a0@x"])
def test_a_cell_is_no_formula(name: str) -> None:
    rows = list(csv.reader(io.StringIO(gradebook(load_lesson(FOLDER), [Mark(name, "x", refused="x")]), newline="")))
    assert rows[1][0].startswith("'")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "f.rules")
    os.mkfifo(tmp_path / "f.zip")
    (tmp_path / "z.zip").symlink_to("/dev/zero")
    for name in ("f.rules", "f.zip", "z.zip"):
        assert run(["grade", "too-open", str(tmp_path / name)]) == 2
        assert f"{name}: is not a regular file" in capsys.readouterr().err


def test_the_memory_of_one_answer_is_bounded_where_few_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwtutor.course.grading.Grader.mark", lambda *_: bytearray(3 << 30))
    (mark,) = grade(Terms(FOLDER), [Submission("eve", "eve.rules", SOLUTION)])
    assert "more memory" in mark.refused


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_workers_end_with_whoever_began_them(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, os\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import os, sys, time; from fwtutor.orphans import end_with;"
        " end_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(600)'])\n"
        "child.wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGTERM)
    parent.wait()
    while _runs(child):
        time.sleep(0.01)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
