"""A pane that fails: it says so, the rest goes on, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fwtutor import crashlog, wire
from fwtutor.course.progress import Progress
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.inspector import InspectorScreen
from fwtutor.tui.sheets import ChainSheet
from fwtutor.tui.widgets import band, chain, connections, why
from fwtutor.tui.widgets.lesson import LessonView
from fwtutor.tui.widgets.lines import LineView
from fwtutor.tui.widgets.timeline import TimelineView
from tests.tui.conftest import BOTH, QUESTION, Playing, lab_of, make_course, make_lesson, pane_text, screen_text

Failures = list[BaseException]
NOTE = crashlog.note


def broken(*_: object, **__: object) -> Any:
    raise KeyError("[red]a tuple[/red]")


PARTS: dict[str, tuple[Any, str, str]] = {
    "when-shown": (chain, "chain_shown", "#chain"),
    "when-built": (why, "reasons", "#why"),
    "when-painted": (TimelineView, "row", "#timeline"),
    "when-laid-out": (connections, "nearest", "#connections"),
}


@pytest.mark.parametrize("part", PARTS)
async def test_the_lab_goes_on_without_a_pane_and_its_goals_can_be_met(
    playing: Playing, failures: Failures, part: str, monkeypatch: pytest.MonkeyPatch, progress: Progress
) -> None:
    module, name, pane = PARTS[part]
    async with playing() as (app, pilot):
        await pilot.press("space")
        with monkeypatch.context() as patch:
            patch.setattr(module, name, broken)
            await pilot.press("space", "left", *QUESTION, "a", "space")
            assert "this pane failed: KeyError: '[red]a tuple[/red]'" in pane_text(app, pane)
            if pane != "#timeline":
                said = pane_text(app, pane)
                assert "The next step tries it again. The details are in /home/me/fwtutor-crash.log." in said
            assert "DROP" in pane_text(app, "#band")
            assert lab_of(app).journey.met == {"open", "drop"}
        await pilot.press("left")
        assert "this pane failed" not in screen_text(app)
        assert failures
        assert app.crash is None
    assert progress.lessons["tiny"].goals == {"open", "drop"}
    assert progress.path.exists()


async def test_a_bar_without_room_says_it_in_a_notice(playing: Playing, failures: Failures, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        monkeypatch.setattr(band, "headline", broken)
        await pilot.press("space")
        assert "✖ this pane failed: KeyError" in pane_text(app, "#band")
        notice = next(iter(app._notifications))
        assert "The details are in /home/me/fwtutor-crash.log." in notice.message


@BOTH
async def test_keys_mouse_and_timers_of_a_pane_are_its_own(
    playing: Playing, failures: Failures, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space")
        monkeypatch.setattr(chain.ChainView, "_rule_in", broken)
        await pilot.click("#chain", offset=(8, 2))
        assert "this pane failed" in pane_text(app, "#chain")
        view = app.screen.query_one(LessonView if size[0] == 120 else why.WhyView)
        view.call_later(broken)
        await pilot.pause()
        assert view._failed
        await pilot.press("space", "left")
        assert not view._failed
        assert len(failures) == 2


async def test_scapy_may_fail_and_the_bytes_still_show(playing: Playing, failures: Failures, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing() as (app, pilot):
        monkeypatch.setattr(wire, "dissect", broken)
        await pilot.press("space", "i")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, InspectorScreen)
        assert "this pane failed" in screen_text(app)
        assert "45 00 00 34" in screen_text(app)
        await pilot.press("down", "tab", "n", "escape")
        assert app.screen is lab_of(app)


async def test_what_is_in_the_editor_is_kept(playing: Playing, failures: Failures, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing() as (app, pilot):
        await pilot.press("e")
        monkeypatch.setattr(ChainSheet, "_meaning", broken)
        await pilot.press("x", "y")
        await pilot.pause()
        assert failures
        assert "xy-m conntrack" in screen_text(app)
        assert "This line cannot be explained: KeyError" in screen_text(app)


def test_the_file_has_each_mistake_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWTUTOR_HOME", str(tmp_path / "new"))
    monkeypatch.setattr(crashlog, "_noted", {})
    places = [NOTE(ValueError(f"mistake {number} \udc80\x1b[2J")) for number in (1, 2, 1)]
    log = tmp_path / "new" / "fwtutor-crash.log"
    assert places == [f"are in {log}"] * 3
    text = log.read_text()
    assert (text.count("mistake 1"), text.count("mistake 2")) == (1, 1)


def test_picture(snap_compare: Callable[..., Any], progress: Progress, failures: Failures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why, "reasons", broken)
    assert snap_compare(FwtutorApp(make_course(), progress, make_lesson()), press=("space",), terminal_size=(80, 24))


def test_every_pane_is_guarded() -> None:
    def below(kind: type) -> set[type]:
        return {kind, *(each for sub in kind.__subclasses__() for each in below(sub))}

    shows = [kind for kind in below(LineView) if "show" in kind.__dict__]
    assert len(shows) > 15
    assert all(hasattr(kind.__dict__["show"], "__wrapped__") for kind in shows)
