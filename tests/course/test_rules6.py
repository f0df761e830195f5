"""Rules of IPv6 in a lesson: start.rules6, solution.rules6, and those of wrong answers beside their .rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fwtutor.course.checks import Court
from fwtutor.course.ground import Ground
from fwtutor.course.loader import load_lesson
from fwtutor.course.model import Answer, LessonError
from fwtutor.course.proof import check_lesson
from fwtutor.recording import Scripted

SIX = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
OTHER = SIX.replace("FORWARD DROP", "FORWARD ACCEPT")


def write(copied: Path, *names: str, text: str = SIX) -> None:
    for name in names:
        (copied / name).write_text(text)


def test_the_watched_host_begins_with_them(copied: Path) -> None:
    write(copied, "start.rules6")
    lesson = load_lesson(copied)
    assert lesson.scenario.topology.host("server").rules6 == SIX
    assert lesson.solution.rules6 == ""
    assert "FORWARD DROP" in Ground(lesson.scenario.topology, "server", "").world().hosts["server"].firewall.save(family=6)


def test_an_answer_brings_its_own_or_leaves_them_as_they_are(copied: Path) -> None:
    write(copied, "start.rules6")
    write(copied, "solution.rules6", text=OTHER)
    solution = load_lesson(copied).solution
    assert solution.rules6 == OTHER
    topology = load_lesson(copied).scenario.topology
    world = Ground(topology, "server", solution.rules, rules6=solution.rules6).world()
    assert "FORWARD ACCEPT" in world.hosts["server"].firewall.save(family=6)


def test_wrong_answers_have_theirs_beside_them(copied: Path) -> None:
    name = sorted(path.name for path in (copied / "wrong").glob("*.rules"))[0]
    write(copied, f"wrong/{name}6")
    lesson = load_lesson(copied)
    found = {wrong.answer.source: wrong.answer.rules6 for wrong in lesson.wrong}
    assert found[f"wrong/{name}"] == SIX
    assert list(found.values()).count("") == len(found) - 1


def test_a_lesson_with_them_is_proven_like_another(copied: Path) -> None:
    write(copied, "start.rules6", "solution.rules6")
    assert check_lesson(load_lesson(copied)) == []


def test_what_the_script_does_to_them_is_found(copied: Path) -> None:
    write(copied, "start.rules6")
    lesson = load_lesson(copied)
    scenario = lesson.scenario
    script = (*scenario.script, Scripted(1, "server", "ip6tables -A INPUT -p udp -j DROP", 9))
    found = Court(replace(scenario, script=script), lesson.checks, 1).as_found()
    ground = Ground(scenario.topology, scenario.watch, before=found)
    assert "-A INPUT -p udp -j DROP" in ground.world().hosts["server"].firewall.save(family=6)
    answered = replace(ground, rules6=SIX)
    assert "-A INPUT -p udp -j DROP" not in answered.world().hosts["server"].firewall.save(family=6)


@pytest.mark.parametrize("name", ["start.rules6", "solution.rules6"])
def test_what_ip6tables_refuses_is_named_with_file_and_line(copied: Path, name: str) -> None:
    write(copied, name, text=SIX.replace("COMMIT", "-A INPUT -s 10.0.0.1 -j DROP\nCOMMIT"))
    with pytest.raises(LessonError) as caught:
        load_lesson(copied)
    assert (caught.value.file, caught.value.line) == (f"too-open/{name}", 5)


@pytest.mark.parametrize("name", ["wrong/alone.rules6", "solution.rules6"])
def test_rules_of_ipv6_alone_are_no_answer(copied: Path, name: str) -> None:
    check = load_lesson(copied).checks[0].name
    if name == "solution.rules6":
        (copied / "solution.rules").unlink()
        (copied / "solution.commands").write_text("server# iptables -F\n")
    write(copied, name, text=f"# fails: {check}: it is no answer\n{SIX}")
    with pytest.raises(LessonError, match="stands beside no"):
        load_lesson(copied)


def test_rules_that_are_judged_alone_leave_ipv6_as_the_lesson_began(copied: Path) -> None:
    write(copied, "start.rules6")
    lesson = load_lesson(copied)
    assert Court(lesson.scenario, lesson.checks, lesson.seed).judge(Answer("mine", lesson.solution.rules)).passed
