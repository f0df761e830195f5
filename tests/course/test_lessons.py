"""The lessons themselves: each is proven, fits its screen, and can be finished by someone who follows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fwtutor.course.loader import load_course, load_lesson
from fwtutor.course.model import Lesson
from fwtutor.course.patterns import Pattern
from fwtutor.course.proof import check_lesson, lesson_check, lesson_list
from fwtutor.course.queries import PacketAsk, Selection
from fwtutor.course.which import lessons_folder
from fwtutor.netfilter.packet import TCP
from fwtutor.network.records import Walked
from fwtutor.network.tools.registry import TOOLS
from fwtutor.recording import Run, Session
from tests.course.conftest import Spoil

LESSONS = load_course(lessons_folder()).lessons
EACH = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@EACH
def test_a_lesson_is_proven(lesson: Lesson) -> None:
    assert [str(finding) for finding in check_lesson(lesson)] == []


@EACH
def test_paragraphs_are_short_enough_for_a_small_pane(lesson: Lesson) -> None:
    for stage in lesson.stages:
        for paragraph in re.split(r"\n\n|\n(?=- )", stage.text):
            assert len(paragraph) <= 240, paragraph
        assert len(stage.title) <= 30
    assert len(lesson.title) <= 20
    assert len(lesson.question) <= 52
    for goal in lesson.goals:
        assert len(goal.text) <= 34


@EACH
def test_a_wrong_choice_says_what_is_wrong_with_it(lesson: Lesson) -> None:
    for prediction in lesson.predictions:
        whys = [choice.why for choice in prediction.choices]
        assert len(set(whys)) == len(whys)
        assert all(why.endswith((".", "?", "!")) for why in whys)


@EACH
def test_the_right_choice_is_not_always_the_same_letter(lesson: Lesson) -> None:
    run = Run(lesson.scenario)
    assert len({prediction.answer(run) for prediction in lesson.predictions}) > 1


@EACH
def test_hints_end_with_what_to_type_when_there_is_a_task(lesson: Lesson) -> None:
    tasks = [stage for stage in lesson.stages if stage.prompt]
    assert tasks
    assert all(any(word in TOOLS for word in re.findall("`([a-z0-9-]+)[ `]", stage.hints[-1])) for stage in tasks)
    assert all(stage.hints for stage in lesson.stages)


@EACH
def test_every_command_the_prose_shows_is_taken(lesson: Lesson) -> None:
    session = Session(lesson.scenario)
    texts = [stage.text for stage in lesson.stages] + [hint for stage in lesson.stages for hint in stage.hints]
    shown = [command for text in texts for command in re.findall(r"`([a-z0-9-]+ [^`]+)`", text) if command.split()[0] in TOOLS]
    shown = [command for command in shown if "NAME" not in command]
    assert shown
    session.cursor.to_end()
    for command in shown:
        # The prose says where; here it is enough that somebody can type it.
        records = [session.enter(host, command) for host in lesson.prompts]
        assert not all(record.refused for record in records), (command, [record.output for record in records])


# --- three-packets ------------------------------------------------------------------------------------------


def test_the_three_packets_show_the_three_states_in_order() -> None:
    run = Run(load_lesson(lessons_folder() / "three-packets").scenario)

    def asked(text: str, what: str) -> str | None:
        return PacketAsk(Selection(Pattern.parse(text), "server"), what).answer(run)

    syn, answer, ack = ("tcp *:5000 > *:1337 SYN", "tcp *:1337 > *:5000 SYN+ACK", "tcp *:5000 > *:1337 ACK")
    assert [asked(text, "entry") for text in (syn, answer, ack)] == ["SYN_SENT [UNREPLIED]", "SYN_RECV", "ESTABLISHED [ASSURED]"]
    assert [asked(text, "ctstate") for text in (syn, answer, ack)] == ["NEW", "ESTABLISHED", "ESTABLISHED"]


def test_a_dropped_third_packet_still_makes_the_entry_established() -> None:
    run = Run(load_lesson(lessons_folder() / "three-packets").scenario)
    lost = Selection(Pattern.parse("tcp *:5001 > *:1337 ACK"), "server")
    assert [PacketAsk(lost, what).answer(run) for what in ("verdict", "entry")] == ["DROP", "ESTABLISHED [ASSURED]"]


def test_three_packets_can_be_finished() -> None:
    lesson = load_lesson(lessons_folder() / "three-packets")
    session = Session(lesson.scenario)
    session.cursor.seek(session.run.stage_starts[3] - 1)
    session.enter("server", "iptables -I INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    session.enter("visitor", "connect 203.0.113.1:1337 from 5002")
    assert [goal.id for goal in lesson.goals if goal.met_at(session.run) is None] == []


def test_the_visitor_who_asks_after_the_repair_is_hung_up_on() -> None:
    session = Session(load_lesson(lessons_folder() / "three-packets").scenario)
    session.cursor.seek(session.run.stage_starts[3] - 1)
    session.enter("server", "iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    answer = Selection(Pattern.parse("tcp 203.0.113.1:1337 > 203.0.113.7:5001 RST"), "server", stage=4)
    assert PacketAsk(answer, "verdict").answer(session.run) == "ACCEPT"


# --- too-open -----------------------------------------------------------------------------------------------


@pytest.fixture
def too_open() -> Lesson:
    return load_lesson(lessons_folder() / "too-open")


def met(lesson: Lesson, session: Session) -> set[str]:
    return {goal.id for goal in lesson.goals if goal.met_at(session.run) is not None}


def test_attacking_22_from_the_connection_s_own_port_ends_at_the_policy(too_open: Lesson) -> None:
    session = Session(too_open.scenario)
    session.cursor.to_end()
    assert "attack" not in met(too_open, session)
    session.enter("attacker", "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN")
    assert "attack" in met(too_open, session)


def test_the_hole_lets_the_sweep_in_and_undo_closes_it(too_open: Lesson) -> None:
    session = Session(too_open.scenario)
    whole = met(too_open, session)
    assert "sweep" in whole
    assert "hole" not in whole
    session.cursor.seek(session.run.stage_starts[3] - 1)
    session.enter("server", "iptables -I INPUT -m conntrack --ctstate NEW -j ACCEPT")
    assert {"hole"} <= met(too_open, session)
    assert "sweep" not in met(too_open, session)
    answers = {
        packet: PacketAsk(Selection(Pattern.parse(packet), host), "to").answer(session.run)
        for packet, host in (
            ("tcp 203.0.113.1:22 > 203.0.113.9:4022 SYN+ACK", "attacker"),
            ("tcp 203.0.113.9:4022 > 203.0.113.1:22 RST", "server"),
            ("tcp 203.0.113.1:8080 > 203.0.113.9:4080 RST+ACK", "attacker"),
        )
    }
    assert set(answers.values()) == {"local"}
    hung_up = Selection(Pattern.parse("tcp 203.0.113.9:4022 > 203.0.113.1:22 RST"), "server")
    assert PacketAsk(hung_up, "entry").answer(session.run) == "CLOSE"
    assert session.undo()
    assert met(too_open, session) == whole


def test_only_1337_answers_the_sweep(too_open: Lesson) -> None:
    run = Run(too_open.scenario)
    answered = {
        record.walk.packet.sport
        for index, record in enumerate(run.records)
        if run.stage_of(index) == 3 and hasattr(record, "walk") and record.host == "attacker" and record.walk.to == "local"
    }
    assert answered == {1337}


def test_the_word_about_the_upload_comes_in_time(too_open: Lesson) -> None:
    run = Run(too_open.scenario)
    sizes = [
        len(record.walk.packet.raw)
        for index, record in enumerate(run.records)
        if run.stage_of(index) == 4 and isinstance(record, Walked) and record.host == "server" and record.walk.packet.payload
        if record.walk.packet.protocol == TCP
    ]
    assert sizes[0] > 1400
    assert max(sizes[1:]) == 1400
    last = Selection(Pattern.parse("tcp 198.51.100.80:80 > 203.0.113.1:50080 ACK"), "server", nth=2, stage=5)
    assert PacketAsk(last, "verdict").answer(run) == "ACCEPT"


def test_too_open_can_be_finished(too_open: Lesson) -> None:
    session = Session(too_open.scenario)
    starts = session.run.stage_starts
    session.cursor.seek(starts[3] - 1)
    session.enter("server", "iptables -I INPUT -m conntrack --ctstate NEW -j ACCEPT")
    seen = met(too_open, session)
    session.undo()
    session.cursor.seek(starts[2] - 1)
    session.enter("attacker", "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN")
    session.cursor.seek(session.run.stage_starts[6] - 1)
    session.enter("server", "iptables -R INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    assert seen | met(too_open, session) == {goal.id for goal in too_open.goals}


def test_after_the_repair_the_server_finds_names_and_strangers_find_nothing(too_open: Lesson) -> None:
    session = Session(too_open.scenario)
    session.cursor.seek(session.run.stage_starts[6] - 1)
    session.enter("server", "iptables -R INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    name = Selection(Pattern.parse("udp 198.51.100.53:53 > 203.0.113.1"), "server", stage=7)
    stranger = Selection(Pattern.parse("tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN"), "server", stage=8)
    assert [PacketAsk(one, "to").answer(session.run) for one in (name, stranger)] == ["local", "nowhere"]


# --- a lesson that is not sound is found out ------------------------------------------------------------------


WRONG = "wrong/not-invalid.rules"


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        ("lesson.toml", 'expect = "NEW"', 'expect = "INVALID"', 'predictions: syn-to-22: expects "INVALID", and the engine says "NEW"'),
        ("lesson.toml", ':22 SYN", what', ':23 SYN", what', "predictions: syn-to-22: the run has no such packet"),
        ("lesson.toml", 'run = "dig @', 'run = "dug @', "stages: server# dug @198.51.100.53 web.example: refused:"),
        ("lesson.toml", 'title = "', 'title = "A title that is too long: ', 'title: "A title that is too long: '),
        ("solution.rules", "RELATED,ESTABLISHED", "ESTABLISHED", "solution.rules: does not pass: path-mtu:"),
        (WRONG, "! --ctstate INVALID", "--ctstate RELATED,ESTABLISHED", f"{WRONG}: passes every check, and must fail"),
        (WRONG, "# fails: strangers-stay-out", "# fails: own-dns", f"{WRONG}: does not fail own-dns, but strangers-"),
        ("lesson.toml", 'run = "iptables -R INPUT 1', 'run = "iptables -R INPUT 9', "stages: Repair it: do: server# iptables -R INPUT 9"),
        ("lesson.toml", '"iptables -R INPUT 1 -m', '"iptables -S INPUT 1 -m', "goals: repair: is not met by what the stages say to do"),
        ("lesson.toml", "-I INPUT 1 -p tcp --dport 1337 ", "-I INPUT 1 ", "start.rules: passes every check, and must not"),
    ],
)
def test_what_is_not_so_is_found(spoil: Spoil, name: str, old: str, new: str, finding: str) -> None:
    folder = spoil(name, old, new)
    found = [str(finding) for finding in check_lesson(load_lesson(folder))]
    assert any(text.startswith(f"too-open: {finding}") for text in found), found


# --- the command line's words ---------------------------------------------------------------------------------


def test_the_list_names_every_lesson_and_its_question() -> None:
    text, code = lesson_list(lessons_folder())
    assert code == 0
    for lesson in LESSONS:
        assert lesson.name in text
        assert lesson.question in text


def test_a_check_says_proven_and_ends_with_0() -> None:
    text, code = lesson_check(["three-packets"], lessons_folder())
    assert (code, text.startswith("three-packets: proven")) == (0, True)


def test_a_check_that_finds_something_ends_with_1(spoil: Spoil) -> None:
    folder = spoil("lesson.toml", 'expect = "NEW"', 'expect = "RELATED"')
    text, code = lesson_check([str(folder)], lessons_folder())
    assert code == 1
    assert 'expects "RELATED"' in text


def test_a_check_of_a_broken_lesson_ends_with_2_and_names_the_place(spoil: Spoil) -> None:
    folder = spoil("lesson.toml", "minutes = 15", 'minutes = "15"')
    text, code = lesson_check([str(folder), "three-packets"], lessons_folder())
    assert code == 2
    assert text.split("\n")[0] == "too-open/lesson.toml:3: minutes: is not a whole number"
    assert "three-packets: proven" in text


def test_a_check_of_nothing_ends_with_2() -> None:
    assert lesson_check(["no-such-lesson"], lessons_folder())[1] == 2


def test_a_list_without_a_course_ends_with_2(tmp_path: Path) -> None:
    text, code = lesson_list(tmp_path)
    assert code == 2
    assert "course.toml" in text
