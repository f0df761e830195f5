"""Undo takes back whatever was done; the solution is what the lesson does itself, and that it was shown is kept."""

from __future__ import annotations

from pathlib import Path
from random import Random

from fwtutor.course.journey import Journey
from fwtutor.course.loader import find_lesson, lessons_folder, load_course
from fwtutor.course.progress import Progress, load_progress
from fwtutor.course.summary import asked, finished, solved
from fwtutor.network.tools.registry import TOOLS
from fwtutor.recording import Session
from fwtutor.recording.editing import Draft, plan
from fwtutor.telling.finished import Finished
from fwtutor.telling.learned import summary_rows
from fwtutor.telling.solution import explained


def journey_of(name: str, progress: Progress) -> Journey:
    lesson = find_lesson(name)
    for prediction in lesson.predictions:
        progress.predict(name, prediction.id, prediction.expect)
    return Journey(lesson, Session(lesson.scenario), progress)


def test_undo_takes_back_whatever_was_done_in_the_order_it_was_done(tmp_path: Path) -> None:
    """Commands, sysctls, packets, edits here and from the beginning, the task and the lesson begun anew: mixed, ten times over."""
    journey = journey_of("too-open", Progress(tmp_path / "progress.json"))
    session, random = journey.session, Random(8)
    lines = [
        "iptables -A INPUT -p udp -j ACCEPT",
        "sysctl -w net.netfilter.nf_conntrack_tcp_loose=0",
        "iptables -D INPUT 1",
        "ping 127.0.0.1",
    ]

    def something(number: int) -> None:
        kind = random.choice(["line", "line", "packet", "sysctl", "edit", "task", "lesson"])
        if kind == "line":
            journey.enter("server", random.choice(lines))
        elif kind == "packet":
            journey.enter("attacker", f"send tcp 203.0.113.9:{5000 + number} > 203.0.113.1:22 SYN")
        elif kind in ("sysctl", "edit"):
            draft = Draft(sysctls={"net.netfilter.nf_conntrack_tcp_be_liberal": number % 2})
            journey.edit(plan(session, "server", draft, first=kind == "edit"))
        elif kind == "task":
            journey.reset_task()
        else:
            journey.restart()

    was: list[tuple[object, ...]] = []
    for number in range(40):
        before = tuple(session.run.inputs)
        for _ in range(random.randrange(3)):
            journey.to_end()
        something(number)
        if tuple(session.run.inputs) != before:
            was.append(before)
    assert len(was) > 15
    for before in reversed(was):
        assert journey.undo()
        assert tuple(session.run.inputs) == before
    assert not session.run.inputs
    assert not journey.undo()


def test_the_task_anew_is_as_the_task_began_and_what_came_before_it_stays(tmp_path: Path) -> None:
    journey = journey_of("too-open", Progress(tmp_path / "progress.json"))
    while journey.stage < 2:
        journey.to_end()
    journey.enter("attacker", "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN")
    shot = list(journey.session.run.inputs)
    while journey.stage < 6:
        journey.to_end()
    assert journey.task == 6
    journey.enter("server", "iptables -P INPUT ACCEPT")
    journey.to_end()
    journey.enter("server", "iptables -F")
    assert journey.reset_task()
    assert list(journey.session.run.inputs) == shot
    assert journey.stage == 6
    assert journey.session.run.world.hosts["server"].firewall.ruleset(4).tables["filter"].chains["INPUT"].policy == "DROP"
    assert not journey.reset_task()
    assert journey.undo()
    assert [each.line for each in journey.session.run.inputs[1:]] == ["iptables -P INPUT ACCEPT", "iptables -F"]
    # An edit that was put before everything belongs to the task all the same.
    assert journey.reset_task()
    journey.edit(plan(journey.session, "server", Draft(sysctls={"net.netfilter.nf_conntrack_tcp_loose": 0}), first=True))
    assert [each.line[:6] for each in journey.session.run.inputs] == ["sysctl", "send t"]
    while journey.stage < 6:
        journey.to_end()
    assert journey.reset_task()
    assert [each.line for each in journey.session.run.inputs] == [each.line for each in shot]


def test_that_a_solution_was_shown_is_kept_and_it_meets_the_goal(tmp_path: Path) -> None:
    journey = journey_of("first-match", Progress(tmp_path / "progress.json"))
    while journey.stage < 2:
        journey.to_end()
    journey.enter("server", "iptables -A INPUT -s 203.0.113.66 -j DROP")
    assert "hold" not in journey.met
    page, deeds = journey.solution()
    assert page == 2
    (record,) = journey.enter_solution()
    assert (record.line, record.refused) == (deeds[0].line, False)
    journey.note()
    journey.progress.save()
    kept = load_progress(tmp_path)
    assert kept.lessons["first-match"].solutions == {2}
    text = " ".join(row.text for row in summary_rows(load_course(lessons_folder(), answers=False), kept, 100))
    assert "0 used, 1 solution shown" in text


def test_a_page_of_solutions_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text('{"version": 1, "lessons": {"udp": {"solutions": [-1]}}}')
    assert "field lessons.udp.solutions is not a list of whole numbers from 0" in load_progress(tmp_path).notice


def test_every_lesson_done_is_a_page_with_its_answer_its_questions_and_its_solution(tmp_path: Path) -> None:
    """The run of the solution bears out what each question expects, and each line typed has a sentence."""
    progress = Progress(tmp_path / "progress.json")
    for lesson in load_course(lessons_folder(), answers=False).lessons:
        assert not finished(lesson, progress)
        done = solved(lesson)
        wrong = [each.prediction.id for each in asked(lesson, done.run, progress) if each.right is None]
        assert wrong == [], lesson.name
        for page, stage in enumerate(lesson.stages):
            for deed, text in explained(done.run, done.before[page], stage.deeds) if stage.deeds else ():
                assert text.endswith((".", '."')), (lesson.name, deed.line)
                assert deed.line.split()[0] in TOOLS


def test_an_unfinished_lesson_tells_nothing_and_a_finished_one_all(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.json")
    lesson = find_lesson("too-open")
    progress.predict("too-open", "syn-to-22", "RELATED")

    def text() -> str:
        return " ".join(row.text for row in Finished(lesson, progress).rows(200))

    assert "badge" not in text()
    assert "hole: reach 22" in text()
    for goal in lesson.goals:
        progress.meet("too-open", goal.id)
    assert "no badge a person wears" in text()
    assert "you said RELATED. Friend of a friend is not enough" in text()
    assert "tcp 203.0.113.9:4000 → 203.0.113.1:22 SYN: NEW → DROP, by INPUT policy; entry: nothing kept" in text()
    assert "server# iptables -R INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" in text()
    assert 'It replaces "Packets of TCP to port 1337 that belong' in text()
