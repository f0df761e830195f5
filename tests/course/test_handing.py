"""Handing in: what the lab keeps of an exam, and what becomes of it when it is graded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fwtutor.course.grading import Grader, Terms
from fwtutor.course.handing import Keeper
from fwtutor.course.journey import Journey
from fwtutor.course.loader import find_lesson
from fwtutor.course.progress import Unkept
from fwtutor.course.sitting import Sitting
from fwtutor.course.submissions import gather
from fwtutor.course.which import lessons_folder
from fwtutor.recording import Session

FOLDER = lessons_folder() / "too-open"
REPAIR = "iptables -R INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


def begun(folder: Path, student: str = "", name: str = "too-open") -> Journey:
    sitting = Sitting(student, exam=True, folder=folder)
    lesson = sitting.prepared(find_lesson(name))
    journey = Journey(lesson, Session(lesson.scenario), Unkept())
    journey.keeper = sitting.keeper(lesson)
    journey.begin(at=7)
    return journey


def test_an_exam_gives_no_hint_and_no_verdict_and_can_be_ended(tmp_path: Path) -> None:
    journey = begun(tmp_path)
    assert journey.hint() is None
    assert not any(stage.deeds for stage in journey.lesson.stages)
    assert (journey.lesson.therefore, journey.lesson.on_server, journey.lesson.next) == ("", "", "")
    journey.enter("server", REPAIR)
    assert (journey.missing(), journey.lesson.checks) == ("", ())
    journey.session.cursor.to_end()
    assert "repair" not in journey.note()


def test_what_is_typed_is_in_the_file_at_once_with_what_was_taken_back(tmp_path: Path) -> None:
    journey = begun(tmp_path, "Ada Lovelace")
    assert list(tmp_path.iterdir()) == []
    journey.enter("server", "iptables -P INPUT ACCEPT")
    journey.enter("server", "iptables -A INPUT --dport banana")
    journey.enter("attacker", "send tcp 198.18.0.1:1 > 198.18.0.2:2 SYN")
    journey.undo()
    journey.undo()
    journey.enter("server", REPAIR)
    path = tmp_path / "too-open-ada-lovelace.answer"
    content = json.loads(path.read_text())
    assert [(each["page"], each["did"]) for each in content["typed"]] == [
        (7, "typed"), (7, "was refused"), (7, "typed"), (7, "took back"), (7, "took back"), (7, "typed"),
    ]  # fmt: skip
    assert [each["line"] for each in content["answer"]] == [REPAIR]
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_it_is_graded_as_it_was_played(tmp_path: Path) -> None:
    for student, line in (("Ada", REPAIR), ("Bob", REPAIR.replace("RELATED,", ""))):
        begun(tmp_path, student).enter("server", line)
    marks = [Grader.of(Terms(FOLDER, per_student=True)).mark(each) for each in gather([tmp_path])]
    assert [(mark.student, mark.passed, mark.like, mark.note) for mark in marks] == [
        ("Ada", True, "", ""), ("Bob", False, "established-alone", ""),
    ]  # fmt: skip


def test_a_line_is_graded_at_its_place_among_those_of_the_lesson(tmp_path: Path) -> None:
    """What is typed before the administrator changes his rules is what he changes."""
    journey = begun(tmp_path)
    journey.begin(at=4)
    journey.enter("server", "iptables -I INPUT -m conntrack --ctstate NEW -j ACCEPT")
    journey.begin(at=7)
    journey.enter("server", "iptables -D INPUT 1")
    content = json.loads((tmp_path / "too-open.answer").read_text())
    assert [each["after"] for each in content["answer"]] == [0, 4]
    mark = Grader.of(Terms(FOLDER)).mark(gather([tmp_path])[0])
    # The rule that is deleted is his new one, so the hole is left.
    assert "strangers-stay-out" in {check for check, *_ in mark.failures}


def test_who_played_under_another_name_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "Bob_17_assignsubmission_file_"
    folder.mkdir()
    begun(folder, "Ada").enter("server", "iptables -P INPUT DROP")
    (mark,) = (Grader.of(Terms(FOLDER, per_student=True)).mark(each) for each in gather([tmp_path]))
    assert (mark.student, mark.note) == ("Bob", "it was played as 'Ada'")
    begun(tmp_path, "Eve").enter("server", REPAIR)
    (_, alone) = (Grader.of(Terms(FOLDER)).mark(each) for each in gather([tmp_path]))
    assert "try --seed-per-student" in alone.note
    (_, other) = (Grader.of(Terms(FOLDER, 7, per_student=True)).mark(each) for each in gather([tmp_path]))
    assert other.note == "it was played with --seed 1337, and is judged with 7"


def test_the_name_inside_a_file_is_not_stronger_than_that_of_the_file(tmp_path: Path) -> None:
    begun(tmp_path, "Ada").enter("server", REPAIR)
    (tmp_path / "eve.answer").write_text((tmp_path / "too-open-ada.answer").read_text())
    (tmp_path / "too-open-ada (1).answer").write_text((tmp_path / "too-open-ada.answer").read_text())
    marks = [Grader.of(Terms(FOLDER, per_student=True)).mark(each) for each in gather([tmp_path])]
    assert [(mark.student, mark.note) for mark in marks] == [("eve", "it was played as 'Ada'"), ("Ada", ""), ("Ada", "")]


def come_back(folder: Path, student: str = "Ada", exam: bool = True) -> Journey:
    """In another sitting, from the map or by name."""
    sitting = Sitting(student, exam=exam, folder=folder)
    lesson = sitting.prepared(find_lesson("too-open"))
    journey = Journey(lesson, Session(lesson.scenario), Unkept())
    journey.keeper = sitting.keeper(lesson)
    journey.begin()
    return journey


def test_an_exam_that_was_left_is_gone_on_with_in_its_file(tmp_path: Path) -> None:
    first = come_back(tmp_path)
    while (question := first.question) is None:
        first.to_end()
    assert first.answer(0)
    first.enter("server", "iptables -P INPUT ACCEPT")
    first.enter("server", "iptables -A INPUT -p udp -j DROP")
    first.undo()
    first.enter("attacker", "send tcp 198.18.0.1:1 > 198.18.0.2:2 SYN")
    path = tmp_path / "too-open-ada.answer"
    before = json.loads(path.read_text())
    again = come_back(tmp_path, "ada")
    assert again.resumed == "You go on with too-open-ada.answer, where you left it."
    assert (again.session.run.inputs, again.stage) == (first.session.run.inputs, first.stage)
    assert (again.session.cursor.index, again.session.cursor.step) == (first.session.cursor.index, first.session.cursor.step)
    assert again.picked(question) == 0
    after = json.loads(path.read_text())
    assert after["answer"] == before["answer"]
    assert (after["begun"], after["typed"][:-1], after["typed"][-1]["did"]) == (before["begun"], before["typed"], "came back")
    again.enter("server", REPAIR)
    assert [each["line"] for each in json.loads(path.read_text())["answer"]] == ["iptables -P INPUT ACCEPT", REPAIR]
    assert again.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["too-open-ada.answer"]


@pytest.mark.parametrize("student", ["", "Ada"])
def test_by_way_of_the_map_one_comes_back_to_what_one_typed(tmp_path: Path, student: str) -> None:
    sitting, progress = Sitting(student, exam=True, folder=tmp_path), Unkept()
    lesson = sitting.prepared(find_lesson("too-open"))
    for typed in (["iptables -P INPUT ACCEPT"], ["iptables -P INPUT ACCEPT", REPAIR]):
        journey = Journey(lesson, Session(lesson.scenario), progress)
        journey.keeper = sitting.keeper(lesson)
        journey.begin()
        journey.enter("server", typed[-1])
        (path,) = tmp_path.iterdir()
        assert [each["line"] for each in json.loads(path.read_text())["answer"]] == typed


def test_nobody_goes_on_with_what_is_not_his_or_was_no_exam(tmp_path: Path) -> None:
    come_back(tmp_path, "").enter("server", REPAIR)
    come_back(tmp_path, "Ada").enter("server", REPAIR)
    for student in ("", "Bob"):
        journey = come_back(tmp_path, student)
        assert (journey.resumed, journey.lost, list(journey.session.run.inputs)) == ("", "", [])
    path = tmp_path / "too-open-ada.answer"
    content = json.loads(path.read_text())
    assert come_back(tmp_path).resumed
    changes = (
        {"student": "Eve"},
        {"exam": False},
        {"seed": 5},
        {"lesson": "udp"},
        {"version": 9},
        {"place": None},
        {"place": {"typed": 5}},
    )
    for change in changes:
        path.write_text(json.dumps({**content, **change}))
        journey = come_back(tmp_path)
        assert (journey.resumed, journey.session.run.inputs) == ("", [])
    path.write_bytes(b"\xff")
    assert come_back(tmp_path).resumed == ""


@pytest.mark.parametrize("change", ["answer", "typed", "typed_in"])
def test_an_exam_whose_file_says_something_else_gets_another_file(tmp_path: Path, change: str) -> None:
    come_back(tmp_path).enter("server", REPAIR)
    path = tmp_path / "too-open-ada.answer"
    content = json.loads(path.read_text())
    if change == "answer":
        content["answer"][0]["line"] = "iptables -F"
    elif change == "typed":
        content["place"]["typed"] = []
    else:
        content["place"]["typed_in"] += 1
    path.write_text(text := json.dumps(content))
    journey = come_back(tmp_path)
    assert "cannot be gone on with" in journey.lost
    assert (journey.resumed, journey.session.run.inputs) == ("", [])
    journey.enter("server", "iptables -P INPUT DROP")
    assert path.read_text() == text
    assert [each["line"] for each in json.loads((tmp_path / "too-open-ada-2.answer").read_text())["answer"]] == ["iptables -P INPUT DROP"]


def test_whoever_begins_the_task_anew_has_that_in_the_file(tmp_path: Path) -> None:
    journey = come_back(tmp_path)
    journey.enter("server", REPAIR)
    journey.restart()
    content = json.loads((tmp_path / "too-open-ada.answer").read_text())
    assert (content["answer"], content["typed"][-1]["did"]) == ([], "began anew")


def test_no_file_is_written_over_and_a_disk_that_will_not_have_it_is_told(tmp_path: Path) -> None:
    for _ in range(2):
        begun(tmp_path).enter("server", REPAIR)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["too-open-2.answer", "too-open.answer"]
    assert Sitting(folder=tmp_path).trouble() == ""
    assert "nowhere: No such file or directory" in Sitting(folder=tmp_path / "nowhere").trouble()
    journey = begun(tmp_path / "nowhere")
    journey.enter("server", REPAIR)
    assert journey.keeper is not None
    assert "could NOT be kept" in journey.keeper.said()


def test_times_are_those_of_the_clock_on_the_wall(tmp_path: Path) -> None:
    journey = begun(tmp_path)
    journey.keeper = Keeper(tmp_path, journey.lesson, exam=True, now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    journey.enter("server", REPAIR)
    content = json.loads((tmp_path / "too-open.answer").read_text())
    assert (content["begun"], content["typed"][0]["at"]) == ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z")


GOOD = {
    "fwtutor": "answer",
    "version": 1,
    "lesson": "too-open",
    "student": "",
    "answer": [{"after": 0, "host": "server", "line": "iptables -F"}],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fwtutor": "sandbox"}, "is no answer that fwtutor kept"),
        ({"version": 2}, "version: this program reads 1"),
        ({"answer": "iptables"}, "answer: is no list"),
        ({"answer": [{}] * 501}, "answer: is no list of at most 500"),
        ({"answer": ["iptables"]}, "answer[1]: is no object"),
        ({"answer": [{"after": True, "host": "server", "line": "x"}]}, "answer[1].after"),
        ({"answer": [{"after": 2, "host": "a", "line": "x"}, {"after": 1, "host": "a", "line": "x"}]}, "answer[2].after"),
        ({"answer": [{"after": 0, "host": "eve", "line": "iptables -F"}]}, "answer[1].host: there is no host 'eve'"),
        ({"answer": [{"after": 0, "host": "server", "line": "\u001b[2J"}]}, "answer[1].line: has the control character U+001B"),
        ({"answer": [{"after": 0, "host": "server", "line": "x" * 5000}]}, "answer[1].line: is longer"),
        ({"lesson": "first-match"}, "is an answer to first-match, not to too-open"),
        ({"lesson": 5}, "lesson: is no text"),
        ({"student": None}, "student: is no text"),
        ({"seed": "5"}, "seed: is no whole number"),
    ],
)
def test_what_somebody_made_of_the_file_is_refused_with_its_field(tmp_path: Path, change: dict[str, object], said: str) -> None:
    (tmp_path / "ada.answer").write_text(json.dumps({**GOOD, **change}))
    mark = Grader.of(Terms(FOLDER)).mark(gather([tmp_path])[0])
    assert said in mark.refused


@pytest.mark.parametrize("text", ["{", "[" * 5000, '{"a": ' + "9" * 5000 + "}", "null"])
def test_no_text_is_more_than_a_refused_answer(tmp_path: Path, text: str) -> None:
    (tmp_path / "ada.answer").write_text(text)
    assert gather([tmp_path])[0].wrong
