"""A walk over every screen, on the poorest terminal there is (80 x 24, ASCII, no colours), with a mouse: nothing is left out there."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest
from textual import events
from textual.command import CommandPalette
from textual.pilot import Pilot

from fwtutor.telling.actions import TABLES, TYPING
from fwtutor.telling.glyphs import to_ascii
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.apply import ApplyScreen
from fwtutor.tui.screens.choose import ChooseScreen
from fwtutor.tui.screens.compare import CompareScreen
from fwtutor.tui.screens.course_map import CourseMap
from fwtutor.tui.screens.craft import CraftScreen
from fwtutor.tui.screens.edit import EditScreen
from fwtutor.tui.screens.glossary import GlossaryScreen
from fwtutor.tui.screens.inspector import InspectorScreen
from fwtutor.tui.screens.lab import LabScreen
from fwtutor.tui.screens.ladder import LadderScreen
from fwtutor.tui.screens.look import LookScreen
from fwtutor.tui.screens.more_help import MoreHelpScreen
from fwtutor.tui.screens.networks import NetworksScreen
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.screens.save import SaveScreen
from fwtutor.tui.screens.states import StatesScreen
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.lines import LineView
from tests.tui.conftest import Playing, screen_text

M = TypeVar("M", bound=events.MouseEvent)
WAY: tuple[tuple[str, type], ...] = (
    ("space", LabScreen), ("colon", LabScreen), ("escape w", ReaderScreen), ("escape i", InspectorScreen), ("escape g", ChooseScreen),
    ("escape l", LadderScreen), ("escape y", StatesScreen), ("escape f", LookScreen),
    ("escape G", GlossaryScreen), ("escape H", MoreHelpScreen),
    ("escape x", CraftScreen), ("escape S", SaveScreen),
    ("escape question_mark", ReaderScreen), ("escape e", EditScreen), ("ctrl+d ctrl+s", ApplyScreen), ("enter v", CompareScreen),
    ("question_mark", ReaderScreen), ("escape escape ctrl+p", CommandPalette), ("escape m", CourseMap), ("x", NetworksScreen),
)  # fmt: skip
"""Keys, and the screen they lead to from the one before."""


@pytest.fixture
def _poor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWTUTOR_ASCII", "1")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("_poor")
async def test_every_screen_can_be_read_clicked_and_scrolled(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        for keys, kind in WAY:
            await pilot.press(*keys.split())
            await pilot.pause()
            assert type(app.screen) is kind, (keys, screen_text(app))
            odd = [letter for letter in screen_text(app) if not letter.isascii()]
            assert (keys, odd, "\\u" in screen_text(app)) == (keys, [], False)
            await click_every_key(app, pilot, monkeypatch)
            await turn_the_wheel(app, pilot)


async def click_every_key(app: FwtutorApp, pilot: Pilot[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in the bar runs its action when it is clicked, and the screen has that action."""
    done: list[str] = []

    async def note(action: Any, *_: object, **__: object) -> bool:
        done.append(str(action))
        return True

    with monkeypatch.context() as patch:
        patch.setattr(app, "run_action", note)
        wanted = []
        for bar in app.screen.query(KeyBar):
            for start, end, action in bar._ranges:
                owner = app if action.command.startswith("app.") else app.screen
                assert hasattr(owner, f"action_{action.name.removeprefix('app.').partition('(')[0]}"), action
                wanted.append(action.command)
                bar.on_click(mouse(events.Click, bar, (start + end) // 2))
        await pilot.pause()
    assert done == wanted


async def turn_the_wheel(app: FwtutorApp, pilot: Pilot[int]) -> None:
    """What has more rows than show goes down with the wheel, and up again."""
    for view in app.screen.query(LineView):
        if view.display and view.allow_vertical_scroll and view.region.height > 1:
            view.scroll_to(y=0, animate=False)
            view.post_message(mouse(events.MouseScrollDown, view))
            await pilot.pause()
            assert view.scroll_offset.y > 0, view
            view.post_message(mouse(events.MouseScrollUp, view))
            await pilot.pause()
            assert view.scroll_offset.y == 0, view


def mouse(kind: type[M], view: LineView, x: int = 1) -> M:
    """An event of the mouse in a view's first row."""
    corner = view.content_region.offset
    return kind(view, x, 0, 0, 0, 1, False, False, False, corner.x + x, corner.y)


def test_every_key_and_sign_has_its_ascii() -> None:
    for action in (*TYPING, *(action for table in TABLES.values() for action in table)):
        assert "\\" not in to_ascii(action.shown + action.label + action.tooltip), action
