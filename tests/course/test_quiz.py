"""The quiz before and after the course: its answers are the engine's, and what is wrong with one is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fwtutor.course.loader import lessons_folder
from fwtutor.course.model import LessonError
from fwtutor.course.progress import Progress
from fwtutor.course.proof import lesson_check
from fwtutor.course.quiz import FILE_NAME, QuizSeries, load_quiz
from fwtutor.plain.asking import Asker

QUIZ = load_quiz()
Spoil = Callable[[str, str], Path]


@pytest.fixture
def spoil(tmp_path: Path) -> Spoil:
    """Replaces a text in a copy of the quiz, once; it must be there."""

    def change(old: str, new: str) -> Path:
        text = Path(shutil.copy(lessons_folder() / FILE_NAME, tmp_path)).read_text()
        assert old in text
        (tmp_path / FILE_NAME).write_text(text.replace(old, new, 1))
        return tmp_path

    return change


@pytest.mark.parametrize(
    ("old", "new", "where", "why"),
    [
        ('expect = "NEW"', 'expect = "RELATED"', "questions[1].expect", 'is "RELATED", and the engine says "NEW"'),
        ('answer = "NEW", why = "Another', 'answer = "UNTRACKED", why = "Another', "questions[1].expect", "none of the choices"),
        ('> 203.0.113.1:22 SYN", what', '> 203.0.113.1:23 SYN", what', "questions[1].ask", "the traffic has no such packet"),
        ('run = "connect 203.0.113.1:1337 from 4000"', 'run = "connnect"', "questions[1].traffic", "refused"),
        ("--dport 1337 -j ACCEPT", "--dport 1337 -j ACEPT", "questions[1].rules", "ACEPT"),
        ('id = "first-answer"', 'id = "origin"', "questions[2].id", "used twice"),
        ('watch = "server"', 'watch = "serve"', "watch", "there is no host"),
        ("seed = 22", "seed = 22\ndraw = 99", "draw", "is not between 1 and"),
        ("seed = 22", "seeds = 22", "seeds", "there is no such field"),
    ],
)
def test_a_quiz_that_is_wrong_is_refused_with_line_and_field(spoil: Spoil, old: str, new: str, where: str, why: str) -> None:
    folder = spoil(old, new)
    with pytest.raises(LessonError) as error:
        load_quiz(folder)
    assert error.value.line
    assert error.value.field == where
    assert why in error.value.reason


def test_a_claim_that_no_choice_makes_is_refused_by_lesson_check(spoil: Spoil) -> None:
    spoil("-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 1337 -j DROP")
    folder = spoil('what = "ctstate" }\nexpect = "NEW"', 'what = "entry" }\nexpect = "NEW"')
    shutil.copy(lessons_folder() / "course.toml", folder)
    said, code = lesson_check(["quiz"], folder)
    assert code == 2
    assert 'questions[1].choices: the engine says "nothing kept", and none of the choices does' in said


def test_the_quiz_of_the_course_is_proven() -> None:
    said, code = lesson_check(["quiz"])
    assert (said, code) == (f"quiz: proven ({len(QUIZ.questions)} questions)", 0)


def test_the_letters_of_the_right_answers_give_nothing_away() -> None:
    letters = [question.right for question in QUIZ.questions]
    assert max(letters.count(letter) for letter in set(letters)) <= len(letters) // 2


def test_both_times_the_same_questions_come_in_another_order_and_always_the_same() -> None:
    before, after = ([question.prediction.id for question in QUIZ.drawn(when)] for when in ("before", "after"))
    assert before != after
    assert sorted(before) == sorted(after)
    assert before == [question.prediction.id for question in load_quiz().drawn("before")]


def test_before_the_course_only_the_score_is_said_and_after_it_why(tmp_path: Path) -> None:
    progress, said = Progress(tmp_path / "progress.json"), list[str]()

    def take(*words: str) -> Asker:
        said.clear()
        asker = Asker(QuizSeries(QUIZ, progress), lambda *texts: said.extend(texts), lambda: None, 1)
        assert all(asker.hear(word) for word in words)
        return asker

    take("a", "s", "stop")
    assert progress.quiz["before"].keys() == {question.prediction.id for question in QUIZ.drawn("before")[:2]}
    first = take(*"a" * (len(QUIZ.questions) - 2))
    assert first.over
    assert said[-2] == f"{sum(progress.quiz['before'].values())} of {len(QUIZ.questions)} were right."
    assert not any(choice.why in said for question in QUIZ.questions for choice in question.prediction.choices)
    assert not any(text.startswith(("Right:", "Not ")) for text in said)
    right = "abcd"[QUIZ.drawn("after")[0].right or 0]
    second = take(right)
    assert not second.over
    assert any(text.startswith("Right:") for text in said)
    assert "What the firewall did" in said
    assert list(progress.quiz["after"].values()) == [True]


def test_the_quiz_after_the_course_may_be_taken_again_and_the_last_time_counts(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.json")
    for when in ("before", "after"):
        progress.quiz[when] = {question.prediction.id: False for question in QUIZ.questions}
    again = QuizSeries(QUIZ, progress)
    assert (again.when, len(again.questions)) == ("after", len(QUIZ.questions))
    while again.asked is not None:
        again.answer(again.asked.right or 0)
        again.on()
    assert all(progress.quiz["after"].values())
    assert not any(progress.quiz["before"].values())
