"""The history that an answer fails by, played again as a run: it is the same history, and it stops where it was decided."""

from __future__ import annotations

from random import Random

import pytest

from fwtutor.course.checks import Court, court_of
from fwtutor.course.ground import Ground
from fwtutor.course.loader import lessons_folder, load_course, load_lesson
from fwtutor.course.model import Lesson
from fwtutor.course.reenacting import reenact
from fwtutor.network.records import CommandRun, Record, Walked
from fwtutor.recording import Session

LESSONS = [lesson for lesson in load_course(lessons_folder()).lessons if lesson.checks]


def said(record: Record) -> object:
    if isinstance(record, Walked):
        return record.at, record.host, record.walk.packet.raw, record.walk.verdict, record.walk.states
    return (record.at, record.host, record.line if isinstance(record, CommandRun) else record.what)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_the_history_happens_again_as_it_did(lesson: Lesson) -> None:
    court = Court(lesson.scenario, lesson.checks, lesson.seed)
    told = []
    for wrong in lesson.wrong:
        answer, check = wrong.answer, next(check for check in lesson.checks if check.name == wrong.check)
        if getattr(getattr(check.trial, "traffic", None), "already", ()):
            continue  # rules that come into force later are no input
        ground = Ground(lesson.scenario.topology, lesson.scenario.watch, answer.rules, answer.commands, court.as_found(), answer.rules6)
        story = check.trial.story(ground, Random(f"{lesson.seed} {check.name}"))
        assert story is not None
        again = reenact(ground, story)
        records = story.world.records
        assert [said(record) for record in again.run.records[: len(records)]] == [said(record) for record in records]
        decided = again.run.records[again.index]
        if story.packets:
            assert isinstance(decided, Walked)
            assert (decided.walk.packet.raw, decided.host) == (story.packets[-1].raw, lesson.scenario.watch)
        elif story.decided is not None:
            assert again.index == story.decided
        told.append(again.text)
    assert told


def test_what_was_typed_fails_by_a_history_with_those_rules_in_it() -> None:
    lesson = load_lesson(lessons_folder() / "too-open")
    session = Session(lesson.scenario)
    repair = lesson.goals[-1]
    assert repair.failed(session.run) is None
    session.cursor.to_end()
    session.enter("server", "iptables -F INPUT")
    failed = repair.failed(session.run)
    assert failed is not None
    assert failed.failure.check.name == "world-1337"
    history = failed.history()
    assert history is not None
    packet = history.run.records[history.index]
    assert isinstance(packet, Walked)
    assert (packet.walk.verdict, packet.walk.packet.dport) == ("DROP", 1337)
    assert not history.run.world.hosts["server"].firewall.ruleset(4).tables["filter"].chains["INPUT"].rules
    session.enter("server", "iptables -A INPUT -p tcp --dport 1337 -j ACCEPT")
    session.enter("server", "iptables -A INPUT -i lan -p tcp --dport 22 -j ACCEPT")
    session.enter("server", "iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    assert repair.failed(session.run) is None


def test_a_history_of_knocking_has_all_knocks_in_it() -> None:
    lesson = load_lesson(lessons_folder() / "too-open")
    assert lesson.solution is not None
    knocking = ("--dport 7000 -m recent --name k --set -j DROP", "--dport 22 -m recent --name k --rcheck -j ACCEPT")
    typed = [line for line in lesson.solution.rules.splitlines() if line.startswith("-A")]
    typed += [f"-A INPUT -p tcp {line}" for line in knocking]
    court = court_of(lesson)
    lines = (*court.as_found(), ("server", "iptables -F INPUT"), *(("server", f"iptables {line}") for line in typed))
    history = court.history(lines, next(check for check in lesson.checks if check.name == "strangers-stay-out"))
    assert history is not None
    last = [record for record in history.run.records if isinstance(record, Walked)][-2:]
    assert [(record.walk.packet.dport, record.walk.verdict) for record in last] == [(7000, "DROP"), (22, "ACCEPT")]
    assert history.index == last[-1].index
