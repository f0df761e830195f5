"""Grading: answers in files, folders and zips; marks as text, JSON, JUnit and CSV; whatever is hostile harms itself alone."""

from __future__ import annotations

import csv
import json
import zipfile
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.badinput import BadInput
from fwtutor.cli import run
from fwtutor.course import grading
from fwtutor.course.checks import court_of
from fwtutor.course.gradebook import as_json, grade_of, gradebook, junit, one_each, text
from fwtutor.course.grading import Grader, Mark, Terms, grade
from fwtutor.course.loader import load_lesson
from fwtutor.course.submissions import Submission, gather
from fwtutor.course.tables import MAX_BYTES
from fwtutor.course.which import lessons_folder

FOLDER = lessons_folder() / "too-open"
SOLUTION = (FOLDER / "solution.rules").read_text()
WRONG = (FOLDER / "wrong" / "not-invalid.rules").read_text()
REPAIR = "server# iptables -R INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"


@pytest.fixture(scope="module")
def grader() -> Grader:
    return Grader(load_lesson(FOLDER))


# --- what is handed in ----------------------------------------------------------------------------------------


def test_a_file_is_named_for_its_student(tmp_path: Path) -> None:
    (tmp_path / "ada.rules").write_text(SOLUTION)
    assert gather([tmp_path / "ada.rules"]) == [Submission("ada", str(tmp_path / "ada.rules"), SOLUTION)]


def test_a_folder_may_have_a_folder_for_each_student(tmp_path: Path) -> None:
    for name in ("ada", "Grace Hopper_4711_assignsubmission_file_"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "answer.rules").write_text(SOLUTION)
    (tmp_path / "bob.commands").write_text(REPAIR)
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    assert [each.student for each in gather([tmp_path])] == ["Grace Hopper", "ada", "bob", "notes"]


def test_nobody_vanishes_whose_file_is_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Ada_1_assignsubmission_file_/rules.txt", SOLUTION)
        archive.writestr("Ada_1_assignsubmission_file_/more/report.pdf", "how I did it")
        archive.writestr("Bob_2_assignsubmission_file_/answer.docx", "PK")
        archive.writestr("Cy_3_assignsubmission_file_answer.docx", "PK")
    assert [(each.student, each.wrong) for each in gather([path])] == [
        ("Ada", ""),
        ("Bob", "nothing that can be graded: answer.docx"),
        ("Cy", "nothing that can be graded: Cy_3_assignsubmission_file_answer.docx"),
    ]


def test_of_several_files_of_one_student_the_best_counts(tmp_path: Path) -> None:
    for place, answer in (("ada/1.rules", SOLUTION), ("ada/2.rules", WRONG), ("two/ada/3.rules", WRONG)):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(answer)
    found = gather([tmp_path])
    marks = one_each(LESSON, found, grade(Terms(FOLDER), found))
    assert [(mark.student, mark.passed, mark.note) for mark in marks] == [
        ("ada", True, "1.rules counts, as the best, and not 2.rules"),
        ("ada", False, ""),
    ]


def test_a_zip_is_read_as_learning_platforms_export_it(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Ada Lovelace_1_assignsubmission_file_/rules.txt", SOLUTION)
        archive.writestr("../../etc/evil.rules", WRONG)
        archive.writestr("__MACOSX/Ada Lovelace_1_assignsubmission_file_/._rules.txt", b"\0\5\x16")
        archive.writestr("Ada Lovelace_1_assignsubmission_file_/.rules.txt", "nothing")
    found = gather([path])
    assert [(each.student, each.text) for each in found] == [("etc", WRONG), ("Ada Lovelace", SOLUTION)]


def test_what_cannot_be_read_is_refused_and_the_rest_is_graded(tmp_path: Path, grader: Grader) -> None:
    (tmp_path / "big.rules").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "bytes.rules").write_bytes(b"*filter\xff")
    (tmp_path / "escape.rules").write_text("*filter\x1b[2J")
    (tmp_path / "good.rules").write_text("\ufeff" + SOLUTION.replace("\n", "\r\n"))
    (tmp_path / "nothing.rules").write_text(" \n")
    marks = [grader.mark(each) for each in gather([tmp_path])]
    assert [mark.refused for mark in marks] == [
        "is larger than 256 KiB",
        "byte 7 is not UTF-8",
        "has the control character U+001B",
        "",
        "is empty",
    ]
    assert [mark.passed for mark in marks] == [False, False, False, True, False]


def test_a_zip_that_holds_far_more_than_it_is_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(257):
            archive.writestr(f"{number}.rules", "#" * MAX_BYTES)
    assert path.stat().st_size < 200_000
    with pytest.raises(BadInput, match=r"bomb\.zip: its answers are larger than 64 MiB together"):
        gather([path])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not quite", b"PK\x05\x06" + bytes(18)])
def test_a_zip_that_is_none_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"all\.zip"):
        gather([path])


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_no_bytes_of_a_zip_are_more_than_a_bad_input(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("zip") / "all.zip"
    path.write_bytes(b"PK\x03\x04" + data + b"PK\x05\x06" + bytes(18))
    with pytest.raises(BadInput):
        gather([path])


@pytest.mark.parametrize("name", ["nobody.rules", "empty"])
def test_an_answer_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=name):
        gather([tmp_path / name])


# --- marks ----------------------------------------------------------------------------------------------------


def test_rules_and_commands_are_both_answers(grader: Grader) -> None:
    assert grader.mark(Submission("ada", "a", SOLUTION)).passed
    assert grader.mark(Submission("bob", "b", REPAIR)).passed
    assert not grader.mark(Submission("eve", "c", "server# iptables -L\n")).passed


def test_a_wrong_answer_is_known_by_what_it_says_or_by_what_it_does(grader: Grader) -> None:
    assert grader.mark(Submission("ada", "a", WRONG)).like == "not-invalid"
    typed = "server# iptables -R INPUT 1 -m conntrack ! --ctstate INVALID -j ACCEPT\n"
    assert grader.mark(Submission("bob", "b", typed)).like == "not-invalid"
    no_related = WRONG.replace("! --ctstate INVALID", "--ctstate ESTABLISHED,UNTRACKED")
    assert grader.mark(Submission("eve", "e", no_related)).like == "established-alone"


def test_what_several_wrong_answers_fail_in_is_none_of_them(grader: Grader) -> None:
    other = WRONG.replace("! --ctstate INVALID", "--ctstate NEW,ESTABLISHED,RELATED")
    assert other != WRONG
    assert grader.mark(Submission("bob", "b", other)).like == ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("*filter\n-A INPUT --dport banana\nCOMMIT\n", "line 2: "),
        ("server# iptables -A INPUT --dport banana\n", "iptables -A INPUT --dport banana"),
        ("server# iptables -L\nmallory# help\n", "line 2: is not HOST# COMMAND"),
        ("I do not know.\n", "line 1: "),
        ("# nothing\n", "has no rules"),
        ("server# iptables -L\n", "nothing was changed"),
        ("table inet filter {\n}\n", "this looks like nft"),
        ("server# nft flush ruleset\n", "this looks like nft"),
    ],
)
def test_what_is_no_answer_is_refused_with_its_line(grader: Grader, answer: str, words: str) -> None:
    mark = grader.mark(Submission("ada", "a", answer))
    assert not mark.passed
    assert words in mark.refused


@pytest.mark.parametrize("before", ["", "$ ", "sudo ", "root@server:~# ", "[root@server ~]# ", "ada@laptop:~/lab$ sudo ", "server$ "])
def test_commands_are_taken_as_they_are_copied_from_a_terminal(grader: Grader, before: str) -> None:
    typed = f"# my repair\n\n{before}{REPAIR.removeprefix('server# ')}"
    for source in ("ada.commands", "ada.txt"):
        assert grader.mark(Submission("ada", source, typed)).passed


def test_a_file_of_commands_has_one(grader: Grader) -> None:
    assert grader.mark(Submission("ada", "ada.commands", "# I give up\n")).refused == "has no command"


def test_who_lets_all_in_or_nobody_has_done_nothing(grader: Grader) -> None:
    for lines in ("iptables -F\niptables -P INPUT ACCEPT\n", "iptables -F\n"):
        assert grade_of(LESSON, grader.mark(Submission("ada", "a.commands", lines))) == 0


ENDLESS = "".join(f"server# ipset create s{n} hash:ip maxelem 1048576\nserver# ipset add s{n} 10.0.0.0-10.15.255.254\n" for n in range(9))


def test_an_answer_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch, grader: Grader) -> None:
    monkeypatch.setattr(grading, "CPU_SECONDS", 0.2)
    endless = Submission("mallory", "m", ENDLESS)
    assert "could not be judged within" in grading._limited(grader, endless).refused
    monkeypatch.setattr(grading, "CPU_SECONDS", 60)
    assert grading._limited(grader, Submission("ada", "a", SOLUTION)).passed


def test_nothing_an_answer_does_can_catch_the_end_of_its_time(monkeypatch: pytest.MonkeyPatch, grader: Grader) -> None:
    """A flood that is refused something says so and goes on: the time that was up was taken for that once."""
    caught = 0

    def mark(answer: object) -> None:
        nonlocal caught
        while True:
            try:
                sum(range(10_000))
            except Exception:  # noqa: BLE001 - what must not happen
                caught += 1

    monkeypatch.setattr(grading, "CPU_SECONDS", 0.1)
    monkeypatch.setattr(grader, "mark", mark)
    assert "could not be judged within" in grading._limited(grader, Submission("mallory", "m", SOLUTION)).refused
    assert caught == 0


def test_the_end_of_the_time_comes_again_where_it_was_lost(monkeypatch: pytest.MonkeyPatch, grader: Grader) -> None:
    lost = 0

    def mark(answer: object) -> None:
        nonlocal lost
        try:
            while True:
                sum(range(10_000))
        except BaseException:  # noqa: BLE001 - as a callback of the garbage collector loses it
            lost += 1
        while True:
            sum(range(10_000))

    monkeypatch.setattr(grading, "CPU_SECONDS", 0.1)
    monkeypatch.setattr(grader, "mark", mark)
    assert "could not be judged within" in grading._limited(grader, Submission("mallory", "m", SOLUTION)).refused
    assert lost == 1


def test_another_seed_draws_other_histories(grader: Grader) -> None:
    here, there = (each.mark(Submission("ada", "a", WRONG)).failures for each in (grader, Grader(grader.lesson, Terms(FOLDER, 99))))
    assert [check for check, *_ in here] == [check for check, *_ in there]
    assert all("203.0.113" in happened for _, happened, _ in there)


# --- many -----------------------------------------------------------------------------------------------------


def test_workers_judge_as_one_does() -> None:
    answers = [Submission(f"s{number}", "x", (SOLUTION, WRONG, "nonsense\n")[number % 3]) for number in range(9)]
    done: list[int] = []
    marks = grade(Terms(FOLDER), answers, workers=2, told=done.append)
    assert [mark.student for mark in marks] == [answer.student for answer in answers]
    assert [mark.passed for mark in marks] == [True, False, False] * 3
    assert done == list(range(1, 10))


def test_an_answer_that_kills_its_worker_is_lost_alone(monkeypatch: pytest.MonkeyPatch, grader: Grader) -> None:
    answers = [Submission(f"s{number}", "x", SOLUTION) for number in range(4)]

    def judge(terms: Terms, workers: int | None, submissions: list[Submission], which: list[int], done: grading.Done) -> None:
        for number in which:
            if number == 2:
                raise BrokenProcessPool
            done(number, Mark(submissions[number].student, "x"))

    monkeypatch.setattr(grading, "_judge", judge)
    marks = grade(Terms(FOLDER), answers, workers=2)
    assert [mark.passed for mark in marks] == [True, True, False, True]
    assert "more memory" in marks[2].refused


# --- how it is told -------------------------------------------------------------------------------------------

LESSON = load_lesson(FOLDER)
MARKS = [
    Mark("ada", "ada.rules"),
    Mark("=cmd()", "bob.rules", (("own-dns", "no answer came back", "The server asks for a name."),), like="not-invalid"),
    Mark("eve", "eve.rules", refused="is empty"),
]


def test_people_read_who_passed_by_what_the_others_failed_and_what_the_class_chose() -> None:
    said = text(LESSON, MARKS)
    assert "ada: passed\n" in said
    assert "    own-dns: no answer came back.\n        The server asks for a name.\n" in said
    assert "    eve.rules: is empty\n" in said
    assert "1 of 3 passed\n     1 failed own-dns\n     1 answered as not-invalid: what is not INVALID is also NEW" in said


def test_programs_read_json_and_junit() -> None:
    answers = json.loads(as_json(LESSON, MARKS))["answers"]
    assert [(each["student"], each["passed"]) for each in answers] == [("ada", True), ("=cmd()", False), ("eve", False)]
    suite = ElementTree.fromstring(junit(LESSON, MARKS))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("18", "1", "6")


def test_a_gradebook_has_a_grade_of_100_and_nothing_that_a_spreadsheet_would_run() -> None:
    rows = list(csv.reader(gradebook(LESSON, MARKS).splitlines()))
    assert [row[:3] for row in rows[1:]] == [["ada", "100", "yes"], ["'=cmd()", "80", "no"], ["eve", "0", "no"]]


def test_what_is_told_in_a_gradebook_is_one_line_without_pointing() -> None:
    refused = Mark("bob", "b", refused="line 2: iptables: unknown option\n-A INPUT --what\n         ^~~~~~\n")
    assert gradebook(LESSON, [refused]).splitlines()[1:] == ["bob,0,no,line 2: iptables: unknown option -A INPUT --what"]


def test_the_command_ends_with_0_1_or_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, book = tmp_path / "ada.rules", tmp_path / "bob.rules", tmp_path / "book.csv"
    good.write_text(SOLUTION)
    bad.write_text(WRONG)
    assert run(["grade", "too-open", str(good)]) == 0
    assert run(["grade", "too-open", str(good), str(bad), "--format", "csv", "--output", str(book)]) == 1
    assert book.read_text().startswith("student,grade,passed,feedback\nada,100,yes,")
    capsys.readouterr()
    assert run(["grade", "too-open", str(tmp_path / "nobody.rules")]) == 2
    assert "nobody.rules: No such file or directory" in capsys.readouterr().err
    assert run(["grade", "no-such-lesson", str(good)]) == 2
    assert "there is no lesson 'no-such-lesson'" in capsys.readouterr().err
    assert run(["--course", str(FOLDER), "grade", "too-open", str(good)]) == 2
    assert "it is one lesson; leave --course out" in capsys.readouterr().err
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "cy.docx").write_text("PK")
    assert run(["grade", "too-open", str(good), str(tmp_path / "more")]) == 1
    assert "cy: refused" in capsys.readouterr().out


DONE_BEFORE = """visitor# curl http://203.0.113.1
server# iptables -F
server# iptables -P INPUT DROP
server# iptables -A INPUT -p tcp -m multiport --dports 25,113 -j REJECT --reject-with tcp-reset
"""


def test_what_an_answer_does_itself_is_no_proof_that_it_works() -> None:
    """Once the conversation that must go on could be had before the door was shut."""
    drop_or_reject = Grader(load_lesson(FOLDER.parent / "drop-or-reject"))
    assert drop_or_reject.mark(Submission("eve", "e", DONE_BEFORE)).failures
    lines = tuple((host, line) for host, _, line in (row.partition("# ") for row in DONE_BEFORE.splitlines()))
    assert not drop_or_reject.court.judge_on(drop_or_reject.court.ground_typed(lines)).passed


def test_the_task_is_done_at_its_own_host() -> None:
    capstone = Grader(load_lesson(FOLDER.parent / "capstone"))
    line = "attacker# iptables -A OUTPUT -p tcp --dport 1337 -j DROP\n"
    assert "line 1: the task is done at server, not at attacker" in capstone.mark(Submission("eve", "e", line)).refused
    forgotten = load_lesson(FOLDER.parent / "forgotten")
    assert court_of(forgotten).places >= {"gate", "alice"}
