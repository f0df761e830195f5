"""Loading: every mistake is a LessonError that names the file, the line and the field, and nothing else comes out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from fwtutor.course.loader import load_course, load_lesson
from fwtutor.course.model import LessonError
from tests.course.conftest import Spoil


def error_of(folder: Path) -> LessonError:
    with pytest.raises(LessonError) as caught:
        load_lesson(folder)
    return caught.value


def line_of(path: Path, text: str) -> int:
    return path.read_text().split(text, 1)[0].count("\n") + 1


def test_a_lesson_loads_with_everything_in_it(lessons: Path) -> None:
    lesson = load_lesson(lessons / "too-open", chapter="State")
    assert (lesson.name, lesson.chapter, lesson.scenario.watch) == ("too-open", "State", "server")
    assert lesson.prompts[0] == "attacker"
    assert [len(stage.predictions) for stage in lesson.stages] == [0, 3, 1, 0, 1, 1, 0, 0]
    assert [prediction.id for prediction in lesson.predictions] == [
        "syn-to-22", "ack-to-22", "syn-to-1337", "fin-to-22", "too-big", "https-answer",
    ]  # fmt: skip
    assert [stage.prompt for stage in lesson.stages] == ["", "", "attacker", "server", "", "", "server", ""]
    assert lesson.stages[0].text.startswith("SSH is for the LAN.")
    assert "-j ACCEPT" in lesson.solution.rules


SPOILED = [
    # (old text, new text, field named, part of the reason)
    ('title = "Too open?"', 'tittle = "Too open?"', "title", "is missing"),
    ("minutes = 15", 'minutes = 15\nsubtitle = "x"', "subtitle", "no such field"),
    ("minutes = 15", 'minutes = "15"', "minutes", "not a whole number"),
    ("minutes = 15", "minutes = true", "minutes", "not a whole number"),
    ("minutes = 15", "minutes = 0", "minutes", "not between"),
    ("minutes = 15", "minutes = 1e3", "minutes", "not a whole number"),
    ('question = "I am', 'question = "\\u001b[2J', "question", "control character U+001B"),
    ('question = "I am', f'question = "{"x" * 200}', "question", "longer than"),
    ('watch = "server"', 'watch = "sever"', "watch", 'no host "sever"'),
    ('prompts = ["attacker", "server"', 'prompts = ["attacker", "eve"', "prompts[2]", 'no host "eve"'),
    ('prompts = ["attacker", "server"', 'prompts = ["attacker", "attacker"', "prompts[2]", "twice"),
    ('lan = ["192.168.0.1/16"]', 'lan = ["192.168.0.256/16"]', "hosts.server.interfaces.lan", "192.168.0.256/16"),
    ('lan = ["192.168.0.1/16"]', 'lan = "192.168.0.1/16"', "hosts.server.interfaces.lan", "is not a list"),
    ('lan = ["192.168.0.1/16"]', "lan = [5]", "hosts.server.interfaces.lan[1]", "is not a string"),
    ('routes = { default = "wan" }', 'routes = { default = "van" }', "hosts.server.routes.default", "van"),
    ('routes = { default = "wan" }', "routes = { default = 5 }", "hosts.server.routes.default", "neither an interface"),
    ('"ssh:22", "app:1337"', '"sssh:22", "app:1337"', "hosts.server.services", "sssh"),
    ('"ssh:22", "app:1337"', '"ssh:22", "app:22"', "hosts.server.services", "ssh uses tcp port 22 already"),
    ('"ssh:22", "app:1337"', '"ssh:22", "app:1337 as eve"', "hosts.server.services", "no user 'eve'"),
    (
        'routes = { default = "wan" }',
        'routes = { default = ["wan", "192.168.0.9"] }',
        "hosts.server.routes.default",
        "no network of wan",
    ),
    ('routes = { default = "wan" }', "mtus = { wan = 20 }", "hosts.server.mtus.wan", "not between"),
    ('routes = { default = "wan" }', "mtus = { van = 1400 }", "hosts.server.mtus.van", "no interface"),
    ('routes = { default = "wan" }', "users = { eve = { uid = 0 } }", "hosts.server.users.eve", "uid 0"),
    ('routes = { default = "wan" }', 'users = { eve = { uid = 7, shell = "x" } }', "hosts.server.users.eve.shell", "no such field"),
    ('routes = { default = "wan" }', 'files = { "etc/hosts" = "x" }', "hosts.server.files", "no absolute path"),
    ("delay = 0.001", "delay = 0.001\nloss = 1.5", "links[2].loss", "not between 0 and 1"),
    ("delay = 0.001", "delay = 0.001\nmtu = 7", "links[2].mtu", "not between 68"),
    ('joins = ["server:lan", "alice:eth0"]', 'joins = ["server:lan", "alice:eth1"]', "links[2].joins", "alice:eth1"),
    ("delay = 0.001", "delay = -1", "links[2].delay", "not between"),
    ('name = "lan"', 'name = "wan"', "links[2].name", "another link"),
    ('{ host = "attacker", run = "connect', '{ host = "atacker", run = "connect', "stages[1].traffic[1].host", 'no host "atacker"'),
    ('1337 from 4000" }]', '1337 from 4000", att = 1 }]', "stages[1].traffic[1].att", "no such field"),
    ('heading = "Make a hole"', 'heading = "Make a whole"', "stages[4].heading", "lesson.md"),
    ('prompt = "server"', 'prompt = "web"', "stages[4].prompt", "none of the lesson's prompts"),
    ('prompt = "server"', "prompt = 1", "stages[4].prompt", "is not a string"),
    ('id = "ack-to-22"', 'id = "syn-to-22"', "stages[2].predictions[2].id", "used twice"),
    ('id = "ack-to-22"', 'id = "Ack To 22"', "stages[2].predictions[2].id", "lower-case"),
    ('> 203.0.113.1:22 SYN", what', 'to 203.0.113.1:22 SYN", what', "stages[2].predictions[1].ask.packet", "is not PROTOCOL"),
    ('> 203.0.113.1:22 SYN", what', '> 203.0.113.1:22 SIN", what', "stages[2].predictions[1].ask.packet", '"SIN"'),
    ('> 203.0.113.1:22 SYN", what', '> 203.0.113.1:99999 SYN", what', "stages[2].predictions[1].ask.packet", "'99999'"),
    ('what = "ctstate", stage = 2', 'what = "mood", stage = 2', "stages[2].predictions[1].ask.what", '"mood"'),
    ('what = "ctstate", stage = 2', 'what = "ctstate", stage = 9', "stages[2].predictions[1].ask.stage", "not between"),
    ('expect = "NEW"', 'expect = "OLD"', "stages[2].predictions[1].expect", '"OLD"'),
    ('answer = "RELATED"', 'answer = "NEW"', "stages[2].predictions[1].choices[3].answer", "two choices"),
    ("when = { passes = true, stage = 6 }", "when = { passes = false }", "goals[5].when.passes", "only be true"),
    ("when = { passes = true, stage = 6 }", "when = { perhaps = true }", "goals[5].when", "has none of"),
    ("when = { passes = true, stage = 6 }", 'when = { packet = "tcp * > *", eval = "1" }', "goals[5].when.eval", "no such field"),
    ('kind = "strays"', 'kind = "ghosts"', "checks[6].kind", '"ghosts"'),
    ('with = "tcp 203.0.113.1:1337"', 'with = "tcp 203.0.113.2:1337"', "checks[1].with", "no host has"),
    ('error = "3/4"', 'error = "8/0"', "checks[5].error", "no error"),
    ('on = "wan"', 'on = "man"', "checks[5].on", '"man"'),
    ('tcp = ["SYN", "ACK"', 'tcp = ["SYN", "ACHOO"', "checks[6].tcp[2]", '"ACHOO"'),
    ('"198.51.100.0/24"]', '"198.51.100.1/24"]', "checks[6].sources[5]", "neither"),
    ("ports = [22, 53", "ports = [22, 0", "checks[6].ports[2]", "between 1 and"),
]


@pytest.mark.parametrize(("old", "new", "field", "reason"), SPOILED)
def test_a_mistake_in_lesson_toml_is_named_with_file_line_and_field(spoil: Spoil, old: str, new: str, field: str, reason: str) -> None:
    folder = spoil("lesson.toml", old, new)
    error = error_of(folder)
    assert (error.file, error.field) == ("too-open/lesson.toml", field)
    assert reason in error.reason
    if reason != "is missing":
        lines = (folder / "lesson.toml").read_text().split("\n")
        assert new.split("\n")[-1] in lines[error.line - 1]
    assert str(error) == f"{error.file}:{error.line}: {error.field}: {error.reason}"


def test_traffic_out_of_order_is_named_where_time_goes_back(spoil: Spoil) -> None:
    folder = spoil("lesson.toml", '22 ACK", at = 1.0', '22 ACK", at = 9.0')
    error = error_of(folder)
    assert (error.field, error.reason) == ("stages[2].traffic[3].at", "is earlier than the line before it")
    assert error.line == line_of(folder / "lesson.toml", "at = 2.0")


def test_text_that_is_not_toml_is_named_with_its_line(spoil: Spoil) -> None:
    folder = spoil("lesson.toml", "minutes = 15", "minutes = = 15")
    error = error_of(folder)
    assert error.line == line_of(folder / "lesson.toml", "minutes = =")
    assert "is not TOML" in error.reason


@pytest.mark.parametrize(
    "text", ["x = 1\n" + "a." * 100_000 + "b = 1", "x = 1\n[" + "a . " * 100 + "b]", "x = 1\ny = {" + "'a'.\"b\"." * 50 + "c = 1}"]
)
def test_a_name_of_endless_parts_is_refused_before_it_costs_minutes(copied: Path, text: str) -> None:
    (copied / "lesson.toml").write_text(text)
    error = error_of(copied)
    assert (error.line, error.reason) == (2, "has a name of thirty parts or more")


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = 2024-99-99", 'a = "', "\x00"])
def test_toml_that_breaks_parsers_is_only_a_lesson_error(copied: Path, text: str) -> None:
    (copied / "lesson.toml").write_text(text)
    assert error_of(copied).file == "too-open/lesson.toml"


@pytest.mark.parametrize("name", ["lesson.toml", "lesson.md", "start.rules", "solution.rules"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    error = error_of(copied)
    assert (error.file, error.line, error.reason) == (f"too-open/{name}", 0, "there is no such file")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert error_of(tmp_path / "nothing").file == "nothing/lesson.toml"


def test_a_link_out_of_the_folder_is_refused(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("*filter\nCOMMIT\n")
    (copied / "start.rules").unlink()
    (copied / "start.rules").symlink_to(tmp_path / "secret")
    assert error_of(copied).reason == "leads out of the lesson's folder"


def test_a_link_within_the_folder_is_fine(copied: Path) -> None:
    (copied / "start.rules").unlink()
    (copied / "start.rules").symlink_to(copied / "solution.rules")
    load_lesson(copied)


def test_a_named_pipe_is_refused_and_not_waited_for(copied: Path) -> None:
    (copied / "lesson.md").unlink()
    os.mkfifo(copied / "lesson.md")
    assert error_of(copied).reason == "is not a regular file"


def test_a_link_to_itself_is_refused(copied: Path) -> None:
    (copied / "lesson.md").unlink()
    (copied / "lesson.md").symlink_to("lesson.md")
    assert error_of(copied).file == "too-open/lesson.md"


def test_a_file_too_big_is_refused(copied: Path) -> None:
    with (copied / "lesson.md").open("a") as file:
        file.write("x" * 300_000)
    assert "larger than 256 KiB" in error_of(copied).reason


def test_a_file_that_is_not_utf8_is_named_with_the_line(copied: Path) -> None:
    (copied / "lesson.md").write_bytes(b"## A\n\nfine\n\xff\n")
    error = error_of(copied)
    assert (error.file, error.line) == ("too-open/lesson.md", 4)


def test_an_escape_character_in_the_prose_is_named_with_the_line(copied: Path) -> None:
    (copied / "lesson.md").write_text("## A\n\nfine\n\x1b[2J\n")
    error = error_of(copied)
    assert (error.line, error.reason) == (4, "has the control character U+001B")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 0, "no heading"),
        ("Hello\n## A\n\ntext\n", 1, "before the first heading"),
        ("## \n\ntext\n", 1, "without words"),
        ("## A\n\n## B\n\ntext\n", 1, 'nothing under "A"'),
        ("## A\n\ntext\n", 0, "has 1 headings"),
        ("## A\n\n```\n## B\n```\n", 0, "has 1 headings"),
    ],
)
def test_prose_without_its_headings_is_refused(copied: Path, text: str, line: int, reason: str) -> None:
    (copied / "lesson.md").write_text(text)
    error = error_of(copied)
    assert (error.file, error.line) == ("too-open/lesson.md", line)
    assert reason in error.reason


@pytest.mark.parametrize("name", ["start.rules", "solution.rules", "wrong/not-invalid.rules"])
def test_rules_the_tool_refuses_are_named_with_their_line(copied: Path, name: str) -> None:
    path = copied / name
    path.write_text(path.read_text().replace("--dport 1337", "--dport banana", 1))
    error = error_of(copied)
    assert (error.file, error.line) == (f"too-open/{name}", line_of(path, "-A INPUT -p tcp -m tcp --dport banana"))
    assert "banana" in error.reason


def test_a_wrong_answer_must_say_which_check_it_fails(copied: Path) -> None:
    path = copied / "wrong" / "not-invalid.rules"
    rules = path.read_text().split("\n", 1)[1]
    path.write_text(rules)
    assert "does not begin with" in error_of(copied).reason
    path.write_text("# fails: no-such-check: because\n" + rules)
    error = error_of(copied)
    assert (error.file, error.line) == ("too-open/wrong/not-invalid.rules", 1)
    assert '"no-such-check"' in error.reason


def test_an_answer_may_be_commands_at_any_prompt(copied: Path) -> None:
    (copied / "solution.rules").unlink()
    path = copied / "solution.commands"
    path.write_text("# what he should have typed\nserver# iptables -D INPUT 1\n\nalice# help\n")
    assert load_lesson(copied).solution.commands == (("server", "iptables -D INPUT 1"), ("alice", "help"))
    path.write_text("server# iptables -D INPUT 1\nmallory# help\n")
    error = error_of(copied)
    assert (error.file, error.line, error.reason) == ("too-open/solution.commands", 2, 'there is no host "mallory"')
    path.write_text("iptables -D INPUT 1\n")
    assert error_of(copied).reason == "is not HOST# COMMAND"


def test_a_lesson_without_wrong_answers_is_refused(copied: Path) -> None:
    shutil.rmtree(copied / "wrong")
    assert error_of(copied).file == "too-open/wrong"


# --- the course ---------------------------------------------------------------------------------------------


def test_the_course_lists_its_chapters_and_lessons(lessons: Path) -> None:
    course = load_course(lessons)
    assert [chapter.title for chapter in course.chapters][:2] == ["First packets", "State"]
    assert course.broken == ()
    found = course.lesson("too-open")
    assert found in course.chapters[1].lessons
    assert course.lesson("nothing") is None


def test_every_lesson_folder_is_listed(lessons: Path) -> None:
    folders = {path.name for path in lessons.iterdir() if path.is_dir()}
    assert folders == {lesson.name for lesson in load_course(lessons).lessons}


@pytest.fixture
def course(tmp_path: Path, lessons: Path) -> Path:
    """A course of two lessons."""
    for name in ("three-packets", "too-open"):
        shutil.copytree(lessons / name, tmp_path / "lessons" / name)
    chapters = ("First packets", "three-packets"), ("State", "too-open")
    text = "".join(f'\n[[chapters]]\ntitle = "{title}"\nlessons = ["{name}"]\n' for title, name in chapters)
    (tmp_path / "lessons" / "course.toml").write_text(f'title = "Two lessons"\n{text}')
    return tmp_path / "lessons"


def test_a_broken_lesson_leaves_the_others_playable(course: Path) -> None:
    (course / "three-packets" / "lesson.toml").write_text("title = 5")
    loaded = load_course(course)
    assert [lesson.name for lesson in loaded.lessons] == ["too-open"]
    assert [error.file for error in loaded.broken] == ["three-packets/lesson.toml"]


OUTSIDE = ["../too-open", "/etc", "too-open/wrong", "", ".", "Too-Open", "no-such-lesson", "three-packets", "x" * 500]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_course_names_only_folders_beside_it(course: Path, name: str) -> None:
    path = course / "course.toml"
    path.write_text(path.read_text().replace('["too-open"]', f'["{name}"]'))
    with pytest.raises(LessonError) as caught:
        load_course(course)
    error = caught.value
    assert (error.file, error.field) == ("lessons/course.toml", "chapters[2].lessons[1]")
    assert error.line == path.read_text().split("\n").index(f'lessons = ["{name}"]', 5) + 1


def test_a_course_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match=r"course\.toml: there is no such file"):
        load_course(tmp_path)


# --- anything at all ----------------------------------------------------------------------------------------

NAMES = ["lesson.toml", "lesson.md", "start.rules", "solution.rules", "wrong/not-invalid.rules"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), data=st.binary(max_size=200))
def test_any_bytes_as_a_file_are_a_lesson_or_a_lesson_error(copied: Path, name: str, data: bytes) -> None:
    path = copied / name
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        load_lesson(copied)
    except LessonError as error:
        assert error.file
    finally:
        path.write_bytes(before)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), data=st.data())
def test_any_change_to_a_file_leaves_a_lesson_or_a_lesson_error(copied: Path, name: str, data: st.DataObject) -> None:
    path = copied / name
    before = path.read_text()
    start = data.draw(st.integers(0, len(before)))
    end = start + data.draw(st.integers(0, 30))
    path.write_text(before[:start] + data.draw(st.text(alphabet="ab1 =[]{}\"'\\\n#.,-:🙂", max_size=12)) + before[end:])
    try:
        load_lesson(copied)
    except LessonError as error:
        assert error.file.startswith("too-open")
    finally:
        path.write_text(before)
