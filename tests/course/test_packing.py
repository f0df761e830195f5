"""Packs: a course in a zip; what students get has no answers in it, and still plays."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from fwtutor.badinput import BadInput
from fwtutor.cli import run
from fwtutor.course.loader import load_course, load_lesson
from fwtutor.course.model import LessonError
from fwtutor.course.packing import pack
from fwtutor.course.proof import check_lesson
from fwtutor.course.which import lessons_folder
from tests.course.conftest import Spoil


def unpacked(out: Path) -> Path:
    with zipfile.ZipFile(out) as archive:
        archive.extractall(out.parent / "unpacked")
    return out.parent / "unpacked" / out.stem


def test_what_students_get_has_neither_checks_nor_answers_in_it(tmp_path: Path) -> None:
    pack("too-open", tmp_path / "lab.zip", for_students=True, hints="nudges")
    folder = unpacked(tmp_path / "lab.zip")
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert names == [
        "course.toml", "too-open/lesson.de.md", "too-open/lesson.de.toml", "too-open/lesson.md", "too-open/lesson.toml",
        "too-open/start.rules",
    ]  # fmt: skip
    for text in ((folder / "too-open" / name).read_text() for name in ("lesson.toml", "lesson.de.toml")):
        assert "strangers-stay-out" not in text
        assert "iptables -R" not in text
    lesson = load_lesson(folder / "too-open")
    assert lesson.held_back
    assert (lesson.checks, lesson.solution, lesson.wrong) == ((), None, ())
    assert [goal.id for goal in lesson.goals if goal.withheld] == ["repair"]
    assert not any(stage.deeds for stage in lesson.stages)
    whole = load_lesson(lessons_folder() / "too-open")
    assert [len(stage.hints) for stage in lesson.stages] == [max(0, len(stage.hints) - 1) for stage in whole.stages]
    assert lesson.scenario == whole.scenario


def test_what_teachers_get_proves_as_before(tmp_path: Path) -> None:
    pack("first-match", tmp_path / "lab.zip", for_students=False)
    course = load_course(unpacked(tmp_path / "lab.zip"))
    assert not course.broken
    assert [check_lesson(lesson) for lesson in course.lessons] == [[]]


def test_every_lesson_can_be_packed_for_students(tmp_path: Path) -> None:
    said = pack(str(lessons_folder()), tmp_path / "all.zip", for_students=True, hints="none", exam=True)
    course = load_course(unpacked(tmp_path / "all.zip"))
    assert not course.broken
    assert course.exam
    assert f"{len(course.lessons)} lessons" in said
    assert all(lesson.held_back for lesson in course.lessons)
    german = load_course(course.folder, language="de")
    assert not german.broken
    assert any(lesson.language == "de" and not lesson.untranslated for lesson in german.lessons)


def test_the_same_course_makes_the_same_zip_and_none_is_written_over(tmp_path: Path) -> None:
    for name in ("a/lab.zip", "b/lab.zip"):
        (tmp_path / name).parent.mkdir()
        pack("first-match", tmp_path / name, for_students=True)
    assert (tmp_path / "a/lab.zip").read_bytes() == (tmp_path / "b/lab.zip").read_bytes()
    with pytest.raises(BadInput, match=r"lab\.zip: is there already"):
        pack("first-match", tmp_path / "a/lab.zip", for_students=True)
    with pytest.raises(BadInput, match=r"ends in \.zip"):
        pack("first-match", tmp_path / "lab.tar", for_students=True)


def test_a_file_that_leads_out_of_the_folder_is_not_packed(tmp_path: Path, copied: Path) -> None:
    (tmp_path / "secret.rules").write_text("# mine\n")
    (copied / "wrong" / "zz.rules").symlink_to(tmp_path / "secret.rules")
    with pytest.raises(LessonError, match=r"zz\.rules: leads out of the lesson's folder"):
        pack(str(copied), tmp_path / "lab.zip", for_students=False)
    assert not (tmp_path / "lab.zip").exists()


def test_checks_that_are_held_back_are_not_here_as_well(spoil: Spoil) -> None:
    with pytest.raises(LessonError, match="checks: are here, and held_back says they are not"):
        load_lesson(spoil("lesson.toml", "minutes = 15", "minutes = 15\nheld_back = true"))


def test_what_is_held_back_is_neither_proven_nor_graded_and_another_course_is_meant_only_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lesson", "pack", "too-open", str(tmp_path / "lab.zip"), "--for-students"]) == 0
    folder = unpacked(tmp_path / "lab.zip")
    answer = tmp_path / "ada.rules"
    answer.write_text((lessons_folder() / "too-open/solution.rules").read_text())
    capsys.readouterr()
    for arguments in (["lesson", "check"], ["grade", "too-open", str(answer)]):
        assert run(["--course", str(folder), *arguments]) == 2
        assert "too-open" in (said := capsys.readouterr().err)
        assert "held back from students" in said
    assert run(["--course", str(folder), "lesson", "list"]) == 0
    assert "first-match" not in capsys.readouterr().out
    assert run(["grade", "too-open", str(answer)]) == 0
    assert run(["--course", str(tmp_path), "lesson", "list"]) == 2
    assert "there is no course.toml in it" in capsys.readouterr().err
