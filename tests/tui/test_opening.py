"""The lab's first paint, before its lesson is loaded: there is something to read, and nothing of the engine was needed for it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from fwtutor.badinput import BadInput
from fwtutor.course.loader import load_lesson
from fwtutor.course.model import LessonError
from fwtutor.course.opening import Opening, Unopened, read_opening
from fwtutor.course.progress import Progress
from fwtutor.course.which import lessons_folder
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.course_map import CourseMap
from fwtutor.tui.screens.lab import LabScreen
from fwtutor.tui.screens.opening import OpeningScreen
from fwtutor.tui.screens.too_small import TooSmallScreen
from tests.tui.conftest import make_course, pane_text, screen_text

TOO_OPEN = lessons_folder() / "too-open"
BEFORE_THE_FIRST_PAINT = """
import sys
from fwtutor.commands.starting import start_lightly
start_lightly()
import fwtutor.commands.play, fwtutor.cli, fwtutor.tui.app
from fwtutor.course.listed import find_folder
from fwtutor.course.opening import read_opening
from fwtutor.tui.screens.opening import OpeningScreen
from fwtutor.tui.screens.too_small import TooSmallScreen
OpeningScreen(read_opening(find_folder('too-open'), 0), print)
alone = set(sys.modules)
import random
print(*alone - ({'hashlib', '_hashlib'} if 'hashlib' in sys.modules else set()))
"""
"""Debian's Python needs hashlib to draw at random, and Textual does."""


def opening(page: int = 0, language: str = "") -> Opening:
    found = read_opening(TOO_OPEN, page, language)
    assert found is not None
    return found


def unopened() -> Unopened:
    return Unopened(TOO_OPEN, lambda: load_lesson(TOO_OPEN, answers=False))


def test_nothing_of_the_engine_is_needed_for_it() -> None:
    loaded = subprocess.run([sys.executable, "-c", BEFORE_THE_FIRST_PAINT], check=True, capture_output=True, text=True).stdout.split()
    assert "fwtutor.tui.screens.opening" in loaded
    engine = ("netfilter", "network", "recording", "course.loader", "course.checks", "telling.told", "tui.screens.lab")
    assert [name for name in loaded if name.startswith(tuple(f"fwtutor.{part}" for part in engine))] == []
    assert sorted({"ssl", "_ssl", "_hashlib"} & set(loaded)) == []


def test_it_has_the_words_of_the_lesson() -> None:
    lesson = load_lesson(TOO_OPEN, answers=False)
    read = opening()
    assert read.question == lesson.question
    assert [(page.title, page.text) for page in read.pages] == [(stage.title, stage.text) for stage in lesson.stages]


def test_in_another_language_too() -> None:
    lesson = load_lesson(TOO_OPEN, answers=False, language="de")
    read = opening(language="de")
    assert read.question == lesson.question != opening().question
    assert [(page.title, page.text) for page in read.pages] == [(stage.title, stage.text) for stage in lesson.stages]


@pytest.mark.parametrize("page", [-1, 99])
def test_a_page_that_is_not_there_is_not_shown(page: int) -> None:
    assert read_opening(TOO_OPEN, page) is None


def test_a_lesson_that_cannot_be_read_is_not_shown(tmp_path: Path) -> None:
    assert read_opening(tmp_path, 0) is None


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
async def test_what_is_painted_first(size: tuple[int, int], progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[tuple[type, str]] = []
    display = FwtutorApp._display

    def seen(app: FwtutorApp, screen: Screen[object], update: Any) -> None:
        if update is not None and not app._batch_count:
            painted.append((type(screen), re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", update.render_segments(app.console))))
        display(app, screen, update)

    monkeypatch.setattr(FwtutorApp, "_display", seen)
    app = FwtutorApp(make_course(), progress, unopened(), opening=opening(1))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, LabScreen)
    screens = [screen for screen, _ in painted]
    assert screens[0] is OpeningScreen
    assert set(screens[1:]) <= {OpeningScreen, LabScreen}  # nothing bare between the two
    text = painted[0][1]
    wanted = ["Am I one step nearer to 22?", "One step nearer?", "You are inside 1337", "2 of 8"]
    for words in [*wanted, "Connections", "Timeline", *(["Why"] if size == (120, 40) else ["Firewall"])]:
        assert words in text


async def test_the_page_stays_where_it_is(progress: Progress) -> None:
    app = FwtutorApp(make_course(), progress, unopened(), opening=opening())
    async with app.run_test(size=(120, 40)) as pilot:
        app.screen_stack[-1].query_one("#lesson")
        opened = next(screen for screen in app.screen_stack if isinstance(screen, OpeningScreen))
        region, text = opened.query_one("#lesson").region, pane_text(app, "#lesson")
        await pilot.pause()
        assert app.screen.query_one("#lesson").region.x == region.x
        assert app.screen.query_one("#lesson").region.width == region.width
        assert pane_text(app, "#lesson")[:300] == text[:300]


async def test_keys_pressed_meanwhile_are_the_labs(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    app = FwtutorApp(make_course(), progress, opening=opening())

    def load() -> Any:
        app.simulate_key("space")
        return load_lesson(TOO_OPEN, answers=False)

    app._first = Unopened(TOO_OPEN, load)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, LabScreen)
        assert app.screen.session.cursor.index > -1  # the first packet, and not before it


async def test_a_terminal_that_is_too_small_says_so_still(progress: Progress) -> None:
    app = FwtutorApp(make_course(), progress, unopened(), opening=opening())
    async with app.run_test(size=(50, 12)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, TooSmallScreen)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert isinstance(app.screen, LabScreen)
        assert "SSH is for the LAN" in screen_text(app)


async def test_it_is_left_with_the_lab(progress: Progress) -> None:
    app = FwtutorApp(make_course(), progress, unopened(), opening=opening())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("m")
        assert isinstance(app.screen, CourseMap)
        assert not any(isinstance(screen, OpeningScreen) for screen in app.screen_stack)
        assert "Too open?" in screen_text(app)


@pytest.mark.parametrize(
    "error", [BadInput("no such page"), LessonError("lesson.toml", 3, "title", "is missing")], ids=lambda error: type(error).__name__
)
async def test_a_lesson_that_cannot_be_loaded_ends_it_and_is_told(error: Exception, progress: Progress) -> None:
    def load() -> Any:
        raise error

    app = FwtutorApp(make_course(), progress, Unopened(TOO_OPEN, load), opening=opening())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
    assert app.crash is error
