"""Variants: what a lesson lets vary is drawn for each student, in all its texts alike, and nothing else changes."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from fwtutor.course.grading import Grader, Terms
from fwtutor.course.loader import load_course, load_lesson
from fwtutor.course.model import Lesson, LessonError
from fwtutor.course.proof import check_variants
from fwtutor.course.submissions import Submission
from fwtutor.course.varying import Mapped, load_variant, varied
from fwtutor.course.which import lessons_folder
from tests.course.conftest import Spoil

FOLDER = lessons_folder() / "too-open"
VARYING = [lesson for lesson in load_course(lessons_folder(), answers=False).lessons if lesson.vary.anything]
MAPPED = Mapped(
    {ip_network("203.0.113.0/24"): ip_network("198.18.7.0/24"), ip_network("2001:db8::/64"): ip_network("fd00:7::/64")}, {"1337": "1444"}
)


def solution_of(student: str, folder: Path = FOLDER) -> str:
    lesson = load_variant(folder, None, student)
    assert lesson.solution is not None
    return lesson.solution.rules


@pytest.mark.parametrize("lesson", VARYING, ids=lambda lesson: lesson.name)
def test_a_variant_is_as_sound_as_the_lesson(lesson: Lesson) -> None:
    assert [str(finding) for finding in check_variants(lesson, ["Ada"])] == []


def test_several_lessons_vary() -> None:
    assert len(VARYING) >= 4


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("-s 203.0.113.0/24 --dport 1337", "-s 198.18.7.0/24 --dport 1444"),
        ("tcp 203.0.113.9:1337 > 203.0.113.1:22.", "tcp 198.18.7.9:1444 > 198.18.7.1:22."),
        ("You are 203.0.113.9. Port 1337.", "You are 198.18.7.9. Port 1444."),
        ("tcp [2001:db8::9]:1337 > [2001:db8::1]:22", "tcp [fd00:7::9]:1444 > [fd00:7::1]:22"),
        ("-p 22,1337 (1337)", "-p 22,1444 (1444)"),
        ("world-1337 1337-2000 13370 11337 1337.5 /1337 {1337}", "world-1337 1337-2000 13370 11337 1337.5 /1337 {1337}"),
        ("203.0.1139.1 1203.0.113.1 203.0.113.9.9 203.0.113.999", "203.0.1139.1 1203.0.113.1 203.0.113.9.9 203.0.113.999"),
        ("seed = 1337\n", "seed = 1337\n"),
        ('a = 1\n\n[vary]\nports = { 1337 = "1-2" }\n\n[hosts]\nb = 1337\n', "a = 1\n\n\n\n\n[hosts]\nb = 1444\n"),
    ],
)
def test_addresses_and_ports_are_replaced_where_they_are_words(text: str, replaced: str) -> None:
    assert MAPPED.put_into(text) == replaced


def test_a_name_draws_the_same_each_time_however_it_is_written() -> None:
    assert solution_of("Ada Lovelace") == solution_of(" ada_lovelace") != solution_of("Grace Hopper")
    plain = load_lesson(FOLDER)
    with varied(plain, 5, "Ada") as one, varied(plain, 6, "Ada") as other:
        assert (one / "solution.rules").read_text() != (other / "solution.rules").read_text()
    assert not one.exists()


def test_an_answer_that_is_passed_on_does_not_pass() -> None:
    grader = Grader.of(Terms(FOLDER, per_student=True))
    answer = solution_of("Ada")
    assert grader.mark(Submission("Ada", "a", answer)).passed
    copied = grader.mark(Submission("Bob", "b", answer))
    assert {check for check, *_ in copied.failures} >= {"world-1337", "lan-ssh"}
    assert not grader.mark(Submission("Bob", "b", (FOLDER / "solution.rules").read_text())).passed


def test_a_wrong_answer_of_a_variant_is_known() -> None:
    lesson = load_variant(FOLDER, None, "Ada")
    wrong = next(each for each in lesson.wrong if each.answer.source.endswith("by-source-port.rules"))
    assert Grader.of(Terms(FOLDER, per_student=True)).mark(Submission("ada", "a", wrong.answer.rules)).like == "by-source-port"


@pytest.mark.parametrize(
    ("old", "new", "field", "reason"),
    [
        ('{ 1337 = "1100-1999"', '{ 1337 = "80-80"', "vary.ports.1337", "no room"),
        ('{ 1337 = "1100-1999"', '{ 1337 = "1999-1100"', "vary.ports.1337", "none of what ports are drawn from"),
        ('{ 1337 = "1100-1999"', '{ 77777 = "1100-1999"', "vary.ports.77777", "is no port"),
        ('"192.168.0.0/16" = "10.0.0.0/8"', '"192.168.0.0/16" = "10.0.0.0/24"', "vary.networks.192.168.0.0/16", "has one like"),
        ('"192.168.0.0/16" = "10.0.0.0/8"', '"192.168.0.1/16" = "10.0.0.0/8"', "vary.networks.192.168.0.1/16", "is no network"),
        ('"192.168.0.0/16" = "10.0.0.0/8"', '"203.0.0.0/16" = "10.0.0.0/8"', "vary.networks.203.0.0.0/16", "overlaps"),
        ('"192.168.0.0/16" = "10.0.0.0/8"', '"192.168.0.0/16" = "203.0.0.0/16"', "vary.networks.192.168.0.0/16", "no room"),
        ("[vary]", "[vary]\nhosts = {}", "vary.hosts", "no such field"),
        ("[vary]", 'network = "one-server"\n[vary]', "vary", "ready-made"),
    ],
)
def test_what_cannot_vary_is_told_with_its_field(spoil: Spoil, old: str, new: str, field: str, reason: str) -> None:
    # The wan's other network would fill the same pool: here it stays as it is.
    folder = spoil("lesson.toml", '"198.51.100.0/24" = "198.18.0.0/15", ', "")
    if '203.0.0.0/16"' in new and '= "203' in new:
        spoil("lesson.toml", '"203.0.113.0/24" = "198.18.0.0/15", ', "")
    spoil("lesson.toml", old, new)
    with pytest.raises(LessonError) as caught:
        load_variant(folder, None, "Ada")
    assert (caught.value.file, caught.value.field) == ("too-open/lesson.toml", field)
    assert reason in caught.value.reason


def test_the_beginning_of_a_network_in_prose_is_found(spoil: Spoil) -> None:
    folder = spoil("lesson.md", "Then escape, and step:", "All that is 192.168. Then escape, and step:")
    found = [str(each) for each in check_variants(load_lesson(folder), [])]
    assert len(found) == 1
    assert "says 192.168, which stays as it is" in found[0]
