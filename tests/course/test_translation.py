"""Lessons in another language: the same lesson with other texts, and what is not translated stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fwtutor.badinput import BadInput
from fwtutor.course.language import chosen_language, languages
from fwtutor.course.loader import lessons_folder, load_course, load_lesson
from fwtutor.course.model import LessonError
from fwtutor.course.proof import lesson_check
from tests.course.conftest import Spoil

ENGLISH = load_lesson(lessons_folder() / "too-open")
GERMAN = load_lesson(lessons_folder() / "too-open", language="de")


def test_a_translated_lesson_has_no_text_of_the_other_language_left() -> None:
    assert GERMAN.untranslated == ()
    assert GERMAN.question == "Ich bin drin, bei 1337. Bin ich 22 einen Schritt näher?"
    for own, other in zip(ENGLISH.stages, GERMAN.stages, strict=True):
        assert own.title != other.title
        assert own.text != other.text
        assert not set(own.hints) & set(other.hints)
        for asked, again in zip(own.predictions, other.predictions, strict=True):
            assert asked.question != again.question
            assert not {choice.why for choice in asked.choices} & {choice.why for choice in again.choices}
    assert not {goal.text for goal in ENGLISH.goals} & {goal.text for goal in GERMAN.goals}
    assert not {check.reason for check in ENGLISH.checks} & {check.reason for check in GERMAN.checks}


def test_a_translation_makes_no_other_lesson_of_it() -> None:
    assert GERMAN.scenario.script == ENGLISH.scenario.script
    assert [goal.when for goal in GERMAN.goals[:4]] == [goal.when for goal in ENGLISH.goals[:4]]
    for own, other in zip(ENGLISH.predictions, GERMAN.predictions, strict=True):
        assert (own.id, own.ask, own.expect) == (other.id, other.ask, other.expect)
        assert [choice.answer for choice in own.choices] == [choice.answer for choice in other.choices]


def test_what_fails_is_told_in_the_language_that_was_chosen() -> None:
    from fwtutor.course.checks import Passes

    passes = GERMAN.goals[-1].when
    assert isinstance(passes, Passes)
    assert passes.court.checks == GERMAN.checks


@pytest.mark.parametrize(
    ("name", "old", "new", "field", "why"),
    [
        ("lesson.de.toml", 'id = "inside"', 'id = "outside"', "goals[1].id", "none that is"),
        ("lesson.de.toml", 'id = "ack-to-22"', 'id = "syn-to-22"', "stages[2].predictions[2].id", "translated twice"),
        (
            "lesson.de.toml",
            'answer = "RELATED", why = "Der',
            'answer = "OTHER", why = "Der',
            "stages[2].predictions[1].choices[3].answer",
            "none",
        ),
        ("lesson.de.toml", 'heading = "Dein Schuss"', 'heading = "Ein Schuss"', "stages[3].heading", "the page's is"),
        ("lesson.de.toml", 'title = "Zu offen?"', "title = 5", "title", "is not a string"),
        ("lesson.de.toml", 'title = "Zu offen?"', 'watch = "alice"', "watch", "there is no such field"),
        ("lesson.de.toml", '[[stages]]\nheading = "Eine Tür für alle"', '[stages]\nheading = "x"\n[[stages]]', "", "is not TOML"),
        ("lesson.de.toml", "[hosts.dns]", "[hosts.dnx]", "hosts.dnx", "there is no host"),
        ("lesson.de.md", "## Dein Schuss", "Dein Schuss", "", "has 7 headings"),
    ],
)
def test_a_translation_with_other_steps_or_ids_is_refused(spoil: Spoil, name: str, old: str, new: str, field: str, why: str) -> None:
    folder = spoil(name, old, new)
    with pytest.raises(LessonError) as error:
        load_lesson(folder, language="de")
    assert (error.value.file, error.value.field) == (f"too-open/{name}", field)
    assert error.value.line
    assert why in error.value.reason
    assert load_lesson(folder).title == "Too open?", "who reads English does not meet it"


def test_what_is_not_translated_falls_back_text_by_text_and_lesson_check_names_it(spoil: Spoil) -> None:
    folder = spoil("lesson.de.toml", 'text = "öffne eine Verbindung zu 1337"', "")
    spoil(
        "lesson.de.toml",
        'name = "lan-ssh"\nreason = "SSH ist fürs LAN: Alice muss hereinkommen, arbeiten und wieder gehen."',
        'name = "lan-ssh"',
    )
    lesson = load_lesson(folder, language="de")
    assert (lesson.goals[0].text, lesson.goals[1].text) == (ENGLISH.goals[0].text, GERMAN.goals[1].text)
    assert sorted(lesson.untranslated) == ["checks: lan-ssh: reason", "goals: inside: text"]
    (folder / "lesson.de.toml").unlink()
    only_pages = load_lesson(folder, language="de")
    assert (only_pages.stages[0].text, only_pages.stages[0].hints) == (GERMAN.stages[0].text, ENGLISH.stages[0].hints)
    assert (only_pages.title, only_pages.predictions) == (ENGLISH.title, ENGLISH.predictions)
    said, code = lesson_check([str(folder)])
    assert code == 0
    assert "; de: " in said
    assert "texts missing, the first is" in said


def test_a_command_that_a_translation_writes_otherwise_is_found(spoil: Spoil) -> None:
    folder = spoil("lesson.de.md", "`iptables -I INPUT -m conntrack --ctstate NEW -j ACCEPT`", "`iptables -I INPUT -j ACCEPT`")
    said, code = lesson_check([str(folder)])
    assert code == 1
    assert "de: Schlag ein Loch: has `iptables -I INPUT -j ACCEPT`, which the lesson has not" in said


def test_a_course_has_the_titles_of_its_chapters_translated(tmp_path: Path) -> None:
    course = load_course(lessons_folder(), answers=False, language="de")
    assert course.broken == ()
    assert course.chapters[1].title == "Zustand"
    assert [lesson.name for lesson in course.lessons] == [lesson.name for lesson in load_course(lessons_folder(), answers=False).lessons]
    for name in ("course.toml", "course.de.toml"):
        shutil.copy(lessons_folder() / name, tmp_path)
    (tmp_path / "course.toml").write_text('title = "T"\n[[chapters]]\ntitle = "C"\nlessons = ["too-open"]\n')
    shutil.copytree(lessons_folder() / "too-open", tmp_path / "too-open")
    with pytest.raises(LessonError, match=r"course\.de\.toml:\d+: chapters: are 6, and the course has 1"):
        load_course(tmp_path, language="de")


@pytest.mark.parametrize(
    ("option", "environment", "language"),
    [
        (None, {}, ""),
        (None, {"LANG": "de_DE.UTF-8"}, "de"),
        (None, {"LANG": "de_AT@euro"}, "de"),
        (None, {"LANG": "C.UTF-8"}, ""),
        (None, {"LANG": "POSIX"}, ""),
        (None, {"LANG": "en_US.UTF-8"}, ""),
        (None, {"LANG": "\x1b[2J"}, ""),
        (None, {"LANG": "en_US.UTF-8", "LC_MESSAGES": "de_DE.UTF-8"}, "de"),
        (None, {"LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8"}, ""),
        (None, {"LANG": "de_DE.UTF-8", "FWTUTOR_LANGUAGE": "en"}, ""),
        ("de", {"LANG": "C"}, "de"),
        ("en", {"LANG": "de_DE.UTF-8"}, ""),
    ],
)
def test_the_language_is_the_option_s_or_the_environment_s(
    monkeypatch: pytest.MonkeyPatch, option: str | None, environment: dict[str, str], language: str
) -> None:
    for name in ("FWTUTOR_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert chosen_language(option) == language


@pytest.mark.parametrize("option", ["", "../x", "d", "German", "de/x"])
def test_what_is_no_language_s_code_is_refused(option: str) -> None:
    with pytest.raises(BadInput, match="--language"):
        chosen_language(option)


def test_there_is_no_half_of_a_translation_in_the_course() -> None:
    for lesson in load_course(lessons_folder(), answers=False).lessons:
        for language in languages(lesson.folder):
            assert load_lesson(lesson.folder, answers=False, language=language).untranslated == ()
