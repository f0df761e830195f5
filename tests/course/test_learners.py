"""Several learners on one machine, progress carried as one file, and what a learner has to show for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fwtutor.badinput import BadInput
from fwtutor.course import carrying
from fwtutor.course.carrying import export, take_in
from fwtutor.course.journey import Journey
from fwtutor.course.learners import chosen, folder_of, learners
from fwtutor.course.loader import load_course, load_lesson
from fwtutor.course.progress import load_progress
from fwtutor.course.questions import Review
from fwtutor.course.standing import summary
from fwtutor.course.which import lessons_folder
from fwtutor.recording import Session
from fwtutor.telling import asking
from fwtutor.telling.learned import summary_rows

COURSE = load_course(lessons_folder(), answers=False)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWTUTOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FWTUTOR_LEARNER", raising=False)


def test_each_learner_has_progress_of_his_own_and_nobody_by_name_has_what_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, goal in (("", "drop"), ("anna", "inside"), ("Jürgen_2", "hole")):
        progress = load_progress(folder_of(name))
        progress.meet("too-open", goal)
        progress.save()
    assert learners() == ["Jürgen_2", "anna"]
    assert load_progress().of("too-open").goals == load_progress(folder_of(None)).of("too-open").goals == {"drop"}
    monkeypatch.setenv("FWTUTOR_LEARNER", "anna")
    assert load_progress(folder_of(None)).of("too-open").goals == {"inside"}
    assert load_progress(folder_of("Jürgen_2")).of("too-open").goals == {"hole"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", ".hidden", "-x", "a\0", "a\n", "x" * 41, "a ", "\ud800", "a."])
def test_a_learner_s_name_leads_nowhere_else(name: str) -> None:
    with pytest.raises(BadInput, match="is no learner's name"):
        chosen(name)


def test_what_is_exported_is_taken_in_elsewhere_and_what_is_further_on_stays(tmp_path: Path) -> None:
    ours, theirs = load_progress(folder_of("anna")), load_progress(folder_of("laptop"))
    for progress, goal, stage, record, answer in ((ours, "inside", 3, 20, "NEW"), (theirs, "drop", 1, 90, "RELATED")):
        progress.meet("too-open", goal)
        progress.predict("too-open", "syn-to-22", answer, right=answer == "NEW")
        progress.place("too-open", stage, record)
    theirs.of("too-open").hints = {1: 2}
    theirs.of("too-open").mended = {"fin-to-22"}
    theirs.meet("udp", "answer")
    theirs.quiz = {"before": {"origin": True}}
    export(theirs, tmp_path / "carried.json")
    with pytest.raises(BadInput, match="there is such a file already"):
        export(ours, tmp_path / "carried.json")
    assert take_in(ours, tmp_path / "carried.json") == ["too-open", "udp", "the quiz"]
    part = ours.of("too-open")
    assert (part.goals, part.stage, part.record, part.hints, part.mended) == ({"inside", "drop"}, 3, 20, {1: 2}, {"fin-to-22"})
    assert (part.predictions, part.right) == ({"syn-to-22": "NEW"}, {"syn-to-22": True}), "a first answer stays the first"
    assert ours.quiz == {"before": {"origin": True}}
    assert take_in(ours, tmp_path / "carried.json") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not json", "line 1"),
        ('{"version": 2}', "field version is 2"),
        ('{"version": true}', "field version is True"),
        ('{"version": 1, "lessons": {"x\\nfwtutor: all is well": {"stage": "x"}}}', r"x\\nfwtutor: all is well.stage"),
        ('{"version": 1, "lessons": {"\\u001b[2J": {"stage": "x"}}}', "stage is not a whole number"),
        ('{"version": 1, "quiz": {"after": {"a": "yes"}}}', "field quiz.after"),
        ("[" * 50_000, "brackets too deep"),
    ],
)
def test_a_hostile_file_is_refused_with_its_field_and_nothing_is_lost(tmp_path: Path, text: str, why: str) -> None:
    progress = load_progress(folder_of("anna"))
    progress.meet("too-open", "inside")
    progress.save()
    before = progress.path.read_bytes()
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(BadInput, match=rf"bad\.json: .*{why}"):
        take_in(progress, tmp_path / "bad.json")
    progress.save()
    assert progress.path.read_bytes() == before
    assert (tmp_path / "bad.json").read_text() == text, "it is another's file, and is not set aside"


def test_a_file_that_would_make_progress_too_large_to_be_read_again_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "MAX_BYTES", 100)
    (tmp_path / "much.json").write_text(json.dumps({"version": 1, "lessons": {"x": {"goals": ["y" * 200]}}}))
    progress = load_progress(folder_of("anna"))
    with pytest.raises(BadInput, match="field lessons has so much that what is kept of it would be larger"):
        take_in(progress, tmp_path / "much.json")
    assert progress.lessons == {}


def test_a_lesson_goes_on_at_the_step_with_its_hints_and_hints_used_are_counted_once() -> None:
    lesson, progress = load_lesson(lessons_folder() / "too-open", answers=False), load_progress(folder_of("anna"))
    journey = Journey(lesson, Session(lesson.scenario), progress)
    journey.forward("packet")
    journey.forward("packet")
    journey.hint()
    journey.hint()
    journey.note()
    progress.save()
    again = Journey(lesson, Session(lesson.scenario), load_progress(folder_of("anna")))
    again.begin()
    assert (again.session.cursor.index, again.stage, again.hints) == (journey.session.cursor.index, 0, {0: 1})
    again.begin(afresh=True)
    assert again.hints == {}
    again.hint()
    assert summary(COURSE, again.progress).total("hints") == 1


def test_who_leaves_in_the_middle_of_a_packet_goes_on_at_that_rule() -> None:
    lesson, progress = load_lesson(lessons_folder() / "too-open", answers=False), load_progress(folder_of("anna"))
    journey = Journey(lesson, Session(lesson.scenario), progress)
    for _ in range(7):
        journey.forward("rule")
    place = journey.session.cursor.index, journey.session.cursor.step
    assert 1 < place[1] < len(journey.session.cursor.steps)
    journey.note()
    progress.save()
    again = Journey(lesson, Session(lesson.scenario), load_progress(folder_of("anna")))
    again.begin()
    assert (again.session.cursor.index, again.session.cursor.step) == place
    again.progress.of("too-open").step = 10**9
    again.begin()
    assert again.session.cursor.step == len(again.session.cursor.steps), "a file may say any number"


def test_what_was_answered_wrongly_is_asked_again_until_it_is_right() -> None:
    progress = load_progress(folder_of("anna"))
    progress.predict("too-open", "syn-to-22", "ESTABLISHED", right=False)
    progress.predict("too-open", "ack-to-22", "NEW", right=True)
    progress.predict("udp", COURSE.lesson("udp").predictions[0].id, "what an older file has")  # type: ignore[union-attr]
    review = Review(COURSE, progress)
    assert [question.lesson for question in review.questions] == ["too-open", "udp"]
    first = review.asked
    assert first is not None
    assert first.right == 0
    assert review.answer(2)
    assert not review.answer(0), "one answer a question"
    assert "no rule of INPUT decided" in asking.why_rows(first, 80)[1].text
    review.on()
    assert review.asked is not None
    review.answer(review.asked.right or 0)
    again = Review(COURSE, progress)
    assert [question.prediction.id for question in again.questions] == ["syn-to-22"]
    again.answer(0)
    assert Review(COURSE, progress).questions == []
    assert (summary(COURSE, progress).total("right"), summary(COURSE, progress).total("asked")) == (1, 3), "the first answer counts"


def test_every_prediction_of_the_course_can_be_asked_again() -> None:
    progress = load_progress(folder_of("anna"))
    for lesson in COURSE.lessons:
        for prediction in lesson.predictions:
            progress.predict(lesson.name, prediction.id, "?", right=False)
    review = Review(COURSE, progress)
    for question in review.questions:
        assert question.right is not None
        assert len(asking.why_rows(question, 76)) > 1
        assert len(asking.rules_rows(question, 76)) > 1


def test_the_summary_says_what_was_learned_of_finished_lessons_only() -> None:
    progress = load_progress(folder_of("anna"))
    done, begun = COURSE.lessons[0], COURSE.lessons[1]
    for goal in done.goals:
        progress.meet(done.name, goal.id)
    progress.meet(begun.name, begun.goals[0].id)
    progress.quiz = {"before": {str(number): number > 6 for number in range(13)}, "after": {"a": True}}
    text = " ".join(" ".join(row.text.split()) for row in summary_rows(COURSE, progress, 80))
    assert f"1 of {len(COURSE.lessons)} finished, 1 begun" in text
    assert "before the course 6 of 13 right · after it 1 of 13 answered" in text
    assert " ".join(done.therefore.split()) in text
    assert " ".join(begun.therefore.split()) not in text
    assert f"{begun.title} 1 of {len(begun.goals)} goals" in text
