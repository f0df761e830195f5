"""The lab on all kinds of terminals: a mouse, sizes, every key, signs, colours, movement."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from fwtutor.course.progress import Progress
from fwtutor.telling.actions import APP, LAB
from fwtutor.tui.app import FwtutorApp, _few_colors
from fwtutor.tui.screens.course_map import CourseMap
from fwtutor.tui.screens.too_small import TooSmallScreen
from fwtutor.tui.widgets.chain import ChainView
from fwtutor.tui.widgets.command_line import CommandInput
from fwtutor.tui.widgets.connections import ConnectionsView
from tests.tui.conftest import BOTH, QUESTION, Playing, lab_of, make_course, make_lesson, screen_text

# --- mouse ---------------------------------------------------------------------------------------------------


async def click_on(pilot: Pilot[int], app: FwtutorApp, text: str) -> None:
    rows = screen_text(app).split("\n")
    y = next(n for n, row in enumerate(rows) if text in row)
    await pilot.click(offset=(rows[y].index(text) + len(text) // 2, y))
    await pilot.pause()


async def test_the_key_bar_can_be_clicked(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await click_on(pilot, app, "→ step")
        assert lab_of(app).session.cursor.index >= 0
        await click_on(pilot, app, "1-3 packet")
        assert lab_of(app).step_size == "hook"


@BOTH
async def test_choices_can_be_clicked(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press(*QUESTION)
        await click_on(pilot, app, "b ESTABLISHED")
        assert "✖ not ESTABLISHED" in screen_text(app)


async def test_moments_of_the_timeline_can_be_clicked(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "space", "space")
        await click_on(pilot, app, "●")
        assert lab_of(app).session.cursor.index <= lab_of(app).session.run.stops[1]


async def test_tabs_can_be_clicked(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("space")
        await click_on(pilot, app, "Connections")
        assert app.screen.query_one(ConnectionsView).region.height > 5


# --- sizes ---------------------------------------------------------------------------------------------------


async def test_resizing_keeps_the_place(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a", "space")
        cursor = lab_of(app).session.cursor
        place = cursor.index, cursor.step
        wide = screen_text(app)
        for size in ((80, 24), (20, 5), (60, 16), (200, 60), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert (cursor.index, cursor.step) == place
            assert isinstance(app.screen, TooSmallScreen) == (size == (20, 5))
            if size != (20, 5):
                assert "✖ DROP" in screen_text(app)
        assert screen_text(app) == wide


async def test_a_terminal_too_small_says_so_and_comes_back(playing: Playing) -> None:
    async with playing(size=(20, 5)) as (app, pilot):
        assert "Too small" in screen_text(app)
        await pilot.press("space", "colon", "escape", "enter")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "Am I one step nearer to 22?" in screen_text(app)
        await pilot.press("space")
        assert lab_of(app).session.cursor.index >= 0


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (20, 5), (60, 16), (61, 17), (115, 33), (116, 34), (300, 100)])
async def test_every_size_can_be_drawn_and_stepped(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "tab", "tab", "tab", "3", "space", "h", "escape", "backspace")
        assert app.is_running


# --- all keys ------------------------------------------------------------------------------------------------


@BOTH
async def test_every_key_of_the_lab_can_be_pressed_anywhere(
    playing: Playing, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    keys = [key for action in (*LAB, *APP) for key in action.keys.split(",") if key and key != "ctrl+q"]
    async with playing(size=size) as (app, pilot):
        if size[0] == 120:
            await pilot.press(*QUESTION, "a", "space")
        for key in keys:
            await pilot.press(key, "escape")
            if isinstance(app.screen, CourseMap):
                await pilot.press("enter")
        assert app.is_running


def test_ids_and_keys_are_unique_and_all_have_words() -> None:
    keys = [key for action in (*LAB, *APP) for key in action.keys.split(",") if key]
    assert len(keys) == len(set(keys))
    assert len({action.id for action in (*LAB, *APP)}) == len((*LAB, *APP))
    assert all(action.label and action.tooltip.endswith(".") for action in (*LAB, *APP))


# --- signs, colours, movement --------------------------------------------------------------------------------


@BOTH
async def test_ascii_terminals_get_ascii_only(playing: Playing, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWTUTOR_ASCII", "1")
    async with playing(size=size) as (app, pilot):
        for key in ("space", "tab", "tab", "tab", *QUESTION, "b", "3", "space", "h", "question_mark", "escape", "m"):
            await pilot.press(key)
            odd = {letter for letter in screen_text(app) if not letter.isascii()}
            assert not odd, (key, odd)


async def test_without_colour_there_is_none(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a", "space")
        strips = app.screen._compositor.render_strips()
        for strip in strips:
            for segment in strip.apply_filter(app._filters[-1], app.screen.background_colors[0]):
                assert segment.style is None or segment.style.color is None or segment.style.color.is_default


@pytest.mark.parametrize(
    ("term", "colorterm", "few"),
    [
        ("xterm", "", True),
        ("linux", "", True),
        ("putty", "", True),
        ("screen", "", True),
        ("xterm-256color", "", False),
        ("xterm", "truecolor", False),
    ],
)
def test_a_terminal_of_sixteen_colours_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch, term: str, colorterm: str, few: bool) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLORTERM", colorterm)
    assert _few_colors() is few


async def test_where_there_are_few_colours_the_current_rule_is_bold(playing: Playing, progress: Progress) -> None:
    app = FwtutorApp(make_course(), progress, make_lesson(), few_colors=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("space")
        screen = lab_of(app)
        assert screen.role_style("row").bold
        assert screen.role_style("badge-accept").reverse is None
        assert app.theme_variables["fw-row"] == app.theme_variables["background"].lower() == "#000000"


async def test_every_theme_can_be_worn(playing: Playing) -> None:
    async with playing() as (app, pilot):
        names = []
        for _ in range(4):
            await pilot.press("t")
            names.append(app.theme)
        assert names == ["fwtutor-light", "fwtutor-contrast", "fwtutor-dark", "fwtutor-light"]
        app.theme = "nord"
        await pilot.press("space")
        assert app.is_running


async def test_nothing_moves_when_still_and_something_does_when_not(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        assert " SYN ▶ ▐ server" in screen_text(app)
    monkeypatch.delenv("FWTUTOR_STILL")
    async with playing() as (app, pilot):
        await pilot.press("home", "space")
        assert " SYN ▶ ▐ server" not in screen_text(app)


async def test_stepping_repaints_changed_rows_only(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "space", "space")
        chain = app.screen.query_one(ChainView)
        painted: list[int] = []
        original = chain.render_line
        chain.render_line = lambda y: painted.append(y) or original(y)  # type: ignore[func-returns-value,method-assign,assignment]
        lab_of(app).show()
        await pilot.pause()
        assert painted == []


async def test_resizing_keeps_the_focus_and_what_was_typed(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "tab", "tab")
        focused = app.focused
        assert focused is not None
        await pilot.press("colon", *"iptables -L")
        field = app.focused
        assert isinstance(field, CommandInput)
        for size in ((80, 24), (60, 20), (20, 5), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert app.focused is field
        assert field.value == "iptables -L"
        await pilot.press(*" -n")
        assert "iptables -L -n" in screen_text(app)


# --- pictures ------------------------------------------------------------------------------------------------


async def written(begin: Callable[[], Awaitable[object]]) -> None:
    """Begin something that writes a file in a thread of its own, and wait for its end."""
    before = set(threading.enumerate())
    await begin()
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join)


async def test_a_picture_is_written_beside_those_there_are(playing: Playing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fwtutor-1.svg").write_text("mine")
    told: list[str] = []
    async with playing(size=(80, 24)) as (app, pilot):
        monkeypatch.setattr(app, "notify", lambda message, **_: told.append(message))
        # Over a list, too: it is for everywhere.
        await pilot.press("g")
        await written(lambda: pilot.press("ctrl+g"))
        await pilot.pause()
        assert told == [f"A picture of this screen: fwtutor-2.svg in {tmp_path}"]
        assert "</svg>" in (tmp_path / "fwtutor-2.svg").read_text(encoding="utf-8")
        assert (tmp_path / "fwtutor-1.svg").read_text() == "mine"
        await written(lambda: app.run_action(f"screenshot('x.svg', {str(tmp_path / 'nowhere')!r})"))
        await pilot.pause()
        assert told[1] == "No picture could be written to this folder: No such file or directory"


async def test_what_was_said_of_the_picture_before_is_not_in_the_next_one(
    progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lesson = make_lesson()
    app = FwtutorApp(make_course(lesson), progress, lesson)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        app.notify("zebra")
        await pilot.pause()
        assert app.screen.query("Toast")

        async def shoot() -> None:
            await pilot.press("ctrl+g")
            await pilot.pause()

        await written(shoot)
        assert "zebra" not in (tmp_path / "fwtutor-1.svg").read_text(encoding="utf-8")
