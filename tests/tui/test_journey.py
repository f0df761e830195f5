"""A learner's way through a lesson, without a screen: pages, questions, goals, branches."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fwtutor.course.model import Lesson
from fwtutor.course.progress import Progress
from fwtutor.recording import Session
from fwtutor.tui.journey import Journey, Outcome
from tests.tui.conftest import make_lesson


@pytest.fixture
def journey(progress: Progress) -> Journey:
    lesson = make_lesson()
    return Journey(lesson, Session(lesson.scenario), progress)


def walk_to_question(journey: Journey) -> list[Outcome]:
    outcomes = []
    while not journey.question:
        outcomes.append(journey.forward("packet"))
        assert len(outcomes) < 50
    return outcomes


def test_a_page_turns_before_its_packets_move(journey: Journey) -> None:
    outcomes = walk_to_question(journey)
    turned = outcomes.index(Outcome.TURNED)
    assert set(outcomes[:turned]) == {Outcome.MOVED}
    assert journey.stage == 1


def test_the_packet_in_question_is_seen_arriving_and_no_more(journey: Journey) -> None:
    walk_to_question(journey)
    cursor = journey.session.cursor
    assert cursor.step == 1
    assert cursor.walk is not None
    assert cursor.walk.packet.dport == 22
    assert cursor.view.ctstate == ""


@pytest.mark.parametrize("way", [lambda j: j.forward("packet"), lambda j: j.forward("rule"), lambda j: j.to_end(), lambda j: j.seek(999)])
def test_there_is_no_way_past_an_unanswered_question(journey: Journey, way: Callable[[Journey], Outcome]) -> None:
    walk_to_question(journey)
    place = journey.session.cursor.index, journey.session.cursor.step
    assert way(journey) is Outcome.ASKED
    assert (journey.session.cursor.index, journey.session.cursor.step) == place


def test_end_stops_at_the_first_question_and_then_runs_on(journey: Journey) -> None:
    assert journey.to_end() is Outcome.ASKED
    assert journey.answer(0)
    assert journey.to_end() is Outcome.END
    assert journey.session.cursor.at_end
    assert journey.ended


def test_rule_steps_halt_at_the_question_too(journey: Journey) -> None:
    for _ in range(300):
        if journey.forward("rule") is Outcome.ASKED:
            break
    assert journey.session.cursor.step == 1
    assert journey.question is not None


def test_an_answer_is_kept_and_the_first_one_counts(journey: Journey, progress: Progress) -> None:
    assert not journey.answer(0)
    walk_to_question(journey)
    assert not journey.answer(3)
    assert journey.answer(1)
    assert progress.of("tiny").predictions == {"shot": "ESTABLISHED"}
    assert journey.question is None
    again = Journey(journey.lesson, Session(journey.lesson.scenario), progress)
    assert again.to_end() is Outcome.END


def test_goals_come_true_where_they_do_and_stay(journey: Journey) -> None:
    assert journey.note() == []
    journey.forward("rule")
    assert journey.note() == []
    journey.forward("packet")
    assert journey.note() == ["open"]
    assert journey.note() == []
    journey.to_start()
    journey.note()
    assert journey.met == {"open"}


def test_back_goes_through_pages_to_the_start(journey: Journey) -> None:
    walk_to_question(journey)
    steps = 0
    while journey.back("packet") is not Outcome.END:
        steps += 1
        assert steps < 50
    assert (journey.stage, journey.session.cursor.index) == (0, -1)


def test_a_page_turned_back_is_turned_forward_again(journey: Journey) -> None:
    while journey.forward("packet") is not Outcome.TURNED:
        pass
    index = journey.session.cursor.index
    assert journey.back("packet") is Outcome.TURNED
    assert (journey.stage, journey.session.cursor.index) == (0, index)
    assert journey.forward("packet") is Outcome.TURNED


def test_hints_grow_to_the_last(journey: Journey) -> None:
    assert journey.hint() == (1, "Press space.")
    assert journey.hint() == (2, "Really: press space.")
    assert journey.hint() == (2, "Really: press space.")


def test_a_command_in_the_past_branches_and_undo_takes_it_back(journey: Journey) -> None:
    journey.forward("packet")
    record = journey.enter("server", "iptables -F INPUT")
    assert not record.refused
    assert len(journey.session.runs) == 2
    assert journey.undo()
    assert not journey.undo()
    assert journey.session.run.inputs == []


def test_runs_can_be_visited_in_turn(journey: Journey) -> None:
    assert not journey.next_run()
    journey.forward("packet")
    journey.enter("server", "iptables -F INPUT")
    first, second = journey.session.runs
    assert journey.session.run is second
    assert journey.next_run()
    assert journey.session.run is first


def test_a_lesson_whose_packet_never_comes_asks_nothing(progress: Progress) -> None:
    lesson: Lesson = make_lesson()
    journey = Journey(lesson, Session(lesson.scenario), progress)
    journey.enter("attacker", "reset 4000")
    journey.to_end()
    assert journey.stage == 1
