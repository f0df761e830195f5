"""A learner's way through a lesson, without a screen: pages, questions, goals, branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fwtutor.course.journey import Journey, Outcome
from fwtutor.course.model import Lesson
from fwtutor.course.progress import Progress, load_progress
from fwtutor.recording import Session
from tests.tui.conftest import STATELESS, make_lesson


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


def test_end_runs_to_the_end_of_a_page_and_no_further(journey: Journey) -> None:
    assert journey.to_end() is Outcome.MOVED
    run = journey.session.run
    assert journey.stage == 0
    assert run.stops[run.stops.index(journey.session.cursor.index) + 1] >= run.stage_starts[1]
    assert journey.to_end() is Outcome.TURNED
    assert journey.stage == 1


def test_end_stops_at_the_question_and_then_at_the_end_of_all(journey: Journey) -> None:
    outcomes = [journey.to_end() for _ in range(3)]
    assert outcomes == [Outcome.MOVED, Outcome.TURNED, Outcome.ASKED]
    assert journey.answer(0)
    assert journey.to_end() is Outcome.MOVED
    assert journey.session.cursor.at_end
    assert journey.to_end() is Outcome.END


def test_home_goes_to_the_beginning_of_the_page_and_then_of_the_run(journey: Journey) -> None:
    walk_to_question(journey)
    first = journey.session.run.stage_starts[1]
    assert journey.to_start() is Outcome.TURNED
    assert journey.stage == 1
    assert -1 < journey.session.cursor.index < first
    assert journey.to_start() is Outcome.TURNED
    assert (journey.stage, journey.session.cursor.index) == (0, -1)
    assert journey.to_start() is Outcome.END


def test_the_lesson_has_ended_when_its_goals_are_met_and_seen(journey: Journey) -> None:
    walk_to_question(journey)
    journey.answer(0)
    journey.note()
    assert journey.open_goal is not None
    assert journey.open_goal.id == "drop"
    assert not journey.ended
    journey.forward("packet")
    journey.note()
    assert journey.ended
    journey.back("packet")
    assert not journey.ended


def test_back_at_its_moment_an_answered_question_is_told_again(journey: Journey) -> None:
    walk_to_question(journey)
    place = journey.session.cursor.index, journey.session.cursor.step
    assert journey.review is None
    journey.answer(1)
    journey.forward("packet")
    assert journey.review is None
    journey.back("packet")
    assert (journey.session.cursor.index, journey.session.cursor.step) == place
    assert journey.review is not None
    assert journey.picked(journey.review) == 1
    journey.to_start()
    assert walk_to(journey, place) is Outcome.MOVED


def walk_to(journey: Journey, place: tuple[int, int]) -> Outcome:
    for _ in range(50):
        outcome = journey.forward("packet")
        if (journey.session.cursor.index, journey.session.cursor.step) == place:
            return outcome
    return Outcome.END


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
    assert Outcome.ASKED not in [again.to_end() for _ in range(9)]


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


def test_hints_grow_to_the_last_and_then_come_round(journey: Journey) -> None:
    hints = [journey.hint() for _ in range(4)]
    assert [(hint.number, hint.total, hint.new) for hint in hints if hint] == [(1, 2, True), (2, 2, True), (1, 2, False), (2, 2, False)]
    assert [hint.text for hint in hints if hint][:2] == ["Press space.", "Really: press space."]
    assert journey.hints == {0: 2}


def test_a_command_in_the_past_branches_and_undo_takes_it_back(journey: Journey) -> None:
    journey.forward("packet")
    record = journey.enter("server", "iptables -F INPUT")
    assert not record.refused
    assert len(journey.session.runs) == 2
    assert journey.undo()
    assert not journey.undo()
    assert journey.session.run.inputs == []


def test_undo_goes_back_to_the_page_on_which_the_command_was_typed(journey: Journey) -> None:
    journey.forward("packet")
    typed_on = journey.stage
    journey.enter("server", "iptables -P INPUT ACCEPT")
    for _ in range(40):
        if journey.question:
            journey.answer(0)
        if journey.forward("packet") is Outcome.TURNED:
            break
    assert journey.stage == typed_on + 1
    assert journey.undo()
    assert journey.stage == typed_on


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
    scenario = replace(lesson.scenario, script=lesson.scenario.script[:1], stages=2)
    journey = Journey(lesson, Session(scenario), progress)
    assert Outcome.ASKED not in [journey.to_end() for _ in range(9)]
    assert journey.stage == 1


def test_commands_one_after_another_are_one_history(journey: Journey) -> None:
    journey.forward("packet")
    for port in (1, 2, 3):
        journey.enter("server", f"iptables -A INPUT -p udp --dport {port} -j DROP")
    assert len(journey.histories) == 2
    present = journey.session.run
    assert len(present.inputs) == 3
    assert journey.next_run()
    assert journey.session.run.inputs == []
    assert journey.next_run()
    assert journey.session.run is present


# --- jumping -------------------------------------------------------------------------------------------------


def test_a_jump_on_turns_the_page_first_and_goes_on_when_asked_again(journey: Journey) -> None:
    run = journey.session.run
    drop = run.stops[-1]
    assert journey.jump(drop) is Outcome.TURNED
    assert (journey.stage, journey.session.cursor.index) == (1, max(stop for stop in run.stops if stop < run.stage_starts[1]))
    assert journey.jump(drop) is Outcome.ASKED
    assert journey.jump(drop) is Outcome.ASKED
    assert journey.answer(0)
    assert journey.jump(drop) is Outcome.MOVED
    assert journey.session.cursor.at_end


def test_what_is_not_there_is_not_told_while_a_question_lies_ahead(journey: Journey) -> None:
    assert journey.jump(None) is Outcome.TURNED
    assert journey.jump(None) is Outcome.ASKED
    assert journey.answer(0)
    assert journey.jump(None) is Outcome.END


def test_a_jump_on_one_page_moves_and_turns_nothing(journey: Journey) -> None:
    second = journey.session.run.stops[1]
    assert journey.jump(second) is Outcome.MOVED
    assert (journey.stage, journey.session.cursor.index) == (0, second)


def test_one_may_jump_back_from_a_question_and_not_on(journey: Journey) -> None:
    walk_to_question(journey)
    first = journey.session.run.stops[0]
    assert journey.jump(first, -1) is Outcome.MOVED
    assert (journey.stage, journey.session.cursor.index) == (0, first)
    assert journey.jump(None, -1) is Outcome.END


def test_a_bookmark_outlives_the_sitting_and_another_press_takes_it_away(journey: Journey) -> None:
    assert journey.bookmark() is None
    journey.forward("packet")
    index = journey.session.cursor.index
    assert journey.bookmark() is True
    again = Journey(journey.lesson, Session(journey.lesson.scenario), journey.progress)
    assert again.session.bookmarks.of(again.session.run) == (index,)
    assert journey.bookmark() is False
    assert journey.progress.of(journey.lesson.name).bookmarks == []


def left_and_opened_again(journey: Journey, lesson: Lesson | None = None) -> Journey:
    """As after the program was left and started again."""
    journey.note()
    journey.progress.path.parent.mkdir(parents=True, exist_ok=True)
    journey.progress.save()
    lesson = lesson or journey.lesson
    again = Journey(lesson, Session(lesson.scenario), load_progress(journey.progress.path.parent))
    again.begin()
    return again


def test_what_was_typed_is_there_again_with_the_place(journey: Journey) -> None:
    """The finished lesson that said "at your rules", and showed the administrator's."""
    while not journey.stage:
        journey.forward("packet")
    journey.enter("server", "iptables -A INPUT -p udp -j ACCEPT")
    journey.to_end()
    again = left_and_opened_again(journey)
    old, new = journey.session, again.session
    assert again.lost == ""
    assert (new.run.inputs, len(new.run.records)) == (old.run.inputs, len(old.run.records))
    assert (new.cursor.index, new.cursor.step, again.stage) == (old.cursor.index, old.cursor.step, journey.stage)
    assert again.histories == [new.runs[0], new.run]
    assert again.reset_task()
    again.undo()
    assert again.undo()
    assert not again.session.run.inputs
    assert left_and_opened_again(again).session.run.inputs == []


def test_in_a_lesson_that_has_changed_nothing_is_typed_and_it_is_said(journey: Journey) -> None:
    journey.enter("server", "iptables -A INPUT -p udp -j ACCEPT")
    lesson = journey.lesson
    hosts = tuple(replace(host, title="der Server", rules=host.rules and STATELESS) for host in lesson.scenario.topology.hosts)
    other = replace(lesson, scenario=replace(lesson.scenario, topology=replace(lesson.scenario.topology, hosts=hosts)))
    again = left_and_opened_again(journey, other)
    assert again.lost
    assert not again.session.run.inputs
    hosts = tuple(replace(host, title="der Server") for host in lesson.scenario.topology.hosts)
    translated = replace(lesson, scenario=replace(lesson.scenario, topology=replace(lesson.scenario.topology, hosts=hosts)))
    assert left_and_opened_again(journey, translated).session.run.inputs == journey.session.run.inputs


@pytest.mark.parametrize(
    "nonsense",
    [{"after": 999_999}, {"host": "nobody"}, {"stage": 500}, {"ns": 0, "after": 1}, {"line": "x" * 30_000}, {"line": ":() { \x1b[31m"}],
)
def test_a_progress_file_made_by_hand_breaks_nothing(journey: Journey, nonsense: dict[str, object]) -> None:
    journey.enter("server", "iptables -A INPUT -p udp -j ACCEPT")
    journey.note()
    part = journey.progress.of(journey.lesson.name)
    part.typed = [part.typed[0]._replace(**nonsense)]  # type: ignore[arg-type]
    again = Journey(journey.lesson, Session(journey.lesson.scenario), journey.progress)
    again.begin()
    assert bool(again.lost) != bool(again.session.run.inputs)


def test_an_exam_keeps_nothing_of_what_was_typed(progress: Progress) -> None:
    lesson = replace(make_lesson(), held_back=True)
    journey = Journey(lesson, Session(lesson.scenario), progress)
    journey.enter("server", "iptables -A INPUT -p udp -j ACCEPT")
    journey.note()
    assert not progress.of(lesson.name).typed
