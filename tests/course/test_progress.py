"""Progress: kept atomically, never overwritten when damaged, and no file content can stop the program."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from fwtutor.badinput import BadInput
from fwtutor.course import progressfile as module
from fwtutor.course.progress import FILE_NAME, Progress, load_progress
from fwtutor.course.progressfile import Typed
from fwtutor.folders import config_file, home


def test_nothing_kept_yet_is_an_empty_progress_without_a_notice(tmp_path: Path) -> None:
    progress = load_progress(tmp_path)
    assert (progress.lessons, progress.last, progress.notice) == ({}, "", "")
    assert not (tmp_path / FILE_NAME).exists()


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    progress = load_progress(tmp_path / "not" / "there" / "yet")
    assert progress.meet("too-open", "inside")
    assert not progress.meet("too-open", "inside")
    assert progress.predict("too-open", "syn-to-22", "ESTABLISHED")
    progress.place("too-open", 2, 17)
    part = progress.of("too-open")
    part.typed, part.typed_in = [Typed(1, 9, 10**10, "server", "iptables -F", 2)], 7
    progress.save()
    again = load_progress(tmp_path / "not" / "there" / "yet")
    assert again.last == "too-open"
    assert again.of("too-open") == progress.of("too-open")
    assert (again.of("too-open").goals, again.of("too-open").record) == ({"inside"}, 17)


def test_the_first_answer_to_a_prediction_stays(tmp_path: Path) -> None:
    progress = load_progress(tmp_path)
    assert progress.predict("too-open", "syn-to-22", "ESTABLISHED")
    assert not progress.predict("too-open", "syn-to-22", "NEW")
    assert progress.of("too-open").predictions == {"syn-to-22": "ESTABLISHED"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1"),
        ('{"version": 1', "line 1"),
        ("[]", "not a JSON object"),
        ('{"version": 99}', "field version is 99"),
        ('{"version": 1, "lessons": []}', "field lessons is not an object"),
        ('{"version": 1, "lessons": {"too-open": 1}}', "field lessons.too-open is not an object"),
        ('{"version": 1, "lessons": {"too-open": {"goals": [1]}}}', "field lessons.too-open.goals"),
        ('{"version": 1, "lessons": {"too-open": {"predictions": {"a": 1}}}}', "field lessons.too-open.predictions"),
        ('{"version": 1, "lessons": {"too-open": {"stage": -1}}}', "field lessons.too-open.stage"),
        ('{"version": 1, "lessons": {"too-open": {"record": true}}}', "field lessons.too-open.record"),
        ('{"version": 1, "lessons": {"too-open": {"step": "x"}}}', "field lessons.too-open.step"),
        ('{"version": 1, "lessons": {"too-open": {"bookmarks": [1, -1]}}}', "field lessons.too-open.bookmarks"),
        ('{"version": 1, "lessons": {"too-open": {"right": {"a": "yes"}}}}', "field lessons.too-open.right"),
        ('{"version": 1, "lessons": {"too-open": {"mended": "all"}}}', "field lessons.too-open.mended"),
        ('{"version": 1, "lessons": {"too-open": {"hints": {"first": 1}}}}', "field lessons.too-open.hints"),
        ('{"version": 1, "lessons": {"too-open": {"typed": [{"host": "a"}]}}}', "field lessons.too-open.typed[1]"),
        ('{"version": 1, "quiz": {"before": {"lo": 1}}}', "field quiz.before"),
        ('{"version": 1, "last": 5}', "field last"),
        ("[" * 100_000, "brackets too deep"),
    ],
)
def test_a_damaged_file_is_set_aside_and_reported(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    progress = load_progress(tmp_path)
    assert why in progress.notice
    assert progress.lessons == {}
    progress.meet("too-open", "inside")
    progress.save()
    assert (tmp_path / "progress.damaged-1.json").read_text() == text
    assert load_progress(tmp_path).of("too-open").goals == {"inside"}


def test_bookmarks_are_kept_and_a_file_without_any_does_not_name_them(tmp_path: Path) -> None:
    progress = load_progress(tmp_path)
    progress.meet("too-open", "inside")
    progress.save()
    assert "bookmarks" not in (tmp_path / FILE_NAME).read_text()
    progress.of("too-open").bookmarks = [3, 17]
    progress.save()
    assert load_progress(tmp_path).of("too-open").bookmarks == [3, 17]


def test_a_second_damaged_file_does_not_replace_the_first(tmp_path: Path) -> None:
    for text in ("first", "second"):
        (tmp_path / FILE_NAME).write_text(text)
        load_progress(tmp_path)
    assert (tmp_path / "progress.damaged-1.json").read_text() == "first"
    assert (tmp_path / "progress.damaged-2.json").read_text() == "second"


def test_a_folder_in_the_file_s_place_is_set_aside_too(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    progress = load_progress(tmp_path)
    assert "set aside" in progress.notice
    progress.save()
    assert load_progress(tmp_path).notice == ""


def test_a_named_pipe_in_the_file_s_place_is_set_aside_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE_NAME)
    progress = load_progress(tmp_path)
    assert "it is not a regular file" in progress.notice
    progress.save()
    assert load_progress(tmp_path).notice == ""


def test_a_user_without_a_home_folder_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FWTUTOR_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(BadInput, match="name a folder in FWTUTOR_HOME"):
        home()


def test_a_damaged_file_that_cannot_be_moved_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_text("precious")

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    progress = load_progress(tmp_path)
    assert "nothing is kept" in progress.notice
    with pytest.raises(OSError, match="in the way"):
        progress.save()
    assert (tmp_path / FILE_NAME).read_text() == "precious"


@pytest.mark.parametrize("breaks", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_file_whole_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: str) -> None:
    progress = load_progress(tmp_path)
    progress.meet("too-open", "inside")
    progress.save()
    before = (tmp_path / FILE_NAME).read_bytes()
    progress.meet("too-open", "attack")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*(os, "fsync", fail) if breaks == "fsync" else (Path, "replace", fail))
    with pytest.raises(OSError, match="No space left"):
        progress.save()
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_the_file_is_synced_before_it_takes_the_old_one_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (happened.append("sync"), fsync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda self, target: (happened.append("rename"), replace(self, target))[1])
    load_progress(tmp_path).save()
    assert happened[:2] == ["sync", "rename"]


def test_the_environment_says_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FWTUTOR_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert home() == tmp_path / ".local" / "share" / "fwtutor"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert home() == tmp_path / ".local" / "share" / "fwtutor"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home() == Path("/data/fwtutor")
    monkeypatch.setenv("FWTUTOR_HOME", "/elsewhere")
    assert home() == Path("/elsewhere")


def test_the_configuration_has_a_place_of_its_own_unless_one_folder_is_named_for_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("FWTUTOR_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert config_file() == tmp_path / ".config" / "fwtutor" / "config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/mine")
    assert config_file() == Path("/etc/mine/fwtutor/config.toml")
    monkeypatch.setenv("FWTUTOR_HOME", "/elsewhere")
    assert config_file() == Path("/elsewhere/config.toml")


@given(data=st.binary(max_size=300))
def test_any_bytes_load_as_something(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("progress")
    (folder / FILE_NAME).write_bytes(data)
    progress = load_progress(folder)
    assert progress.notice
    assert (folder / "progress.damaged-1.json").read_bytes() == data


_FIELDS = ["goals", "predictions", "stage", "record", "bookmarks", "right", "mended", "hints", "1", "x"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=4),
    max_leaves=8,
)


@given(lessons=st.dictionaries(st.text(max_size=5), _JSON, max_size=3), last=_JSON)
def test_any_json_loads_and_can_be_saved(tmp_path_factory: pytest.TempPathFactory, lessons: dict[str, object], last: object) -> None:
    folder = tmp_path_factory.mktemp("progress")
    (folder / FILE_NAME).write_text(json.dumps({"version": 1, "lessons": lessons, "last": last}))
    progress = load_progress(folder)
    progress.save()
    again = load_progress(folder)
    assert again.notice == ""
    assert again.lessons == progress.lessons


def test_a_file_too_big_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    (tmp_path / FILE_NAME).write_text('{"version": 1}')
    assert "larger than" in load_progress(tmp_path).notice


def test_progress_is_made_without_a_file() -> None:
    assert Progress(Path("nowhere")).of("x").record == -1
