"""Pictures of the screens at both sizes. Made with nothing moving, no wall clock and no cursor; look at a changed one before keeping it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from fwtutor.course.progress import Progress
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.settings import Settings
from tests.tui.conftest import QUESTION, Puppet, make_course, make_lesson

Compare = Callable[..., Any]

SCENES: dict[str, tuple[str, ...]] = {
    "map": (),
    "before": ("enter",),
    "accepted": ("enter", "space"),
    "under-way": ("enter", "3", *["space"] * 7),
    "question": ("enter", *QUESTION),
    "wrong-answer": ("enter", *QUESTION, "b"),
    "dropped": ("enter", *QUESTION, "a", "space"),
    "the-end": ("enter", *QUESTION, "a", "end", "space"),
    "help": ("enter", "question_mark"),
    "why": ("enter", *QUESTION, "a", "space", "w"),
    "timeline": ("enter", *QUESTION, "a", "space", "tab", "tab", "tab"),
    "go-to": ("enter", "space", "g"),
    "ladder": ("enter", *QUESTION, "a", "space", "asterisk", "l"),
    "look-rules": ("enter", *QUESTION, "a", "space", "f"),
    "look-connections": ("enter", "space", "space", "f", "2"),
    "states": ("enter", "space", "space", "space", "y"),
}


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
@pytest.mark.parametrize("scene", SCENES)
def test_screen(snap_compare: Compare, progress: Progress, scene: str, size: tuple[int, int]) -> None:
    app = FwtutorApp(make_course(make_lesson(name="first", title="First"), make_lesson()), progress)
    assert snap_compare(app, press=SCENES[scene], terminal_size=size)


@pytest.mark.parametrize("theme", ["fwtutor-light", "fwtutor-contrast"])
def test_theme(snap_compare: Compare, progress: Progress, theme: str) -> None:
    app = FwtutorApp(make_course(), progress, settings=Settings(theme=theme))
    assert snap_compare(app, press=SCENES["dropped"], terminal_size=(120, 40))


@pytest.mark.parametrize("variable", ["FWTUTOR_ASCII", "NO_COLOR"])
def test_poor_terminal(snap_compare: Compare, progress: Progress, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    app = FwtutorApp(make_course(), progress)
    assert snap_compare(app, press=SCENES["dropped"], terminal_size=(80, 24))


@pytest.mark.parametrize("scene", ["map", "dropped", "go-to"])
def test_a_large_terminal(snap_compare: Compare, progress: Progress, scene: str) -> None:
    app = FwtutorApp(make_course(), progress)
    assert snap_compare(app, press=SCENES[scene], terminal_size=(200, 60))


@pytest.mark.parametrize("scene", ["map", "go-to"])
def test_the_poorest_terminal(snap_compare: Compare, progress: Progress, scene: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FWTUTOR_ASCII", "1")
    app = FwtutorApp(make_course(), progress)
    assert snap_compare(app, press=SCENES[scene], terminal_size=(80, 24))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_ask_the_kernel(snap_compare: Compare, progress: Progress, puppet: Puppet, size: tuple[int, int]) -> None:
    async def settle(pilot: Pilot[int]) -> None:
        await pilot.press("end", "k")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    app = FwtutorApp(make_course(), progress, make_lesson())
    assert snap_compare(app, run_before=settle, terminal_size=size)
