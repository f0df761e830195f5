"""Handling panes: one of them zoomed, and jump mode's letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fwtutor.course.progress import Progress
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.jump import LETTERS, JumpScreen, Spot, codes
from fwtutor.tui.widgets.chain import ChainView
from fwtutor.tui.widgets.lines import LineView
from fwtutor.tui.widgets.timeline import TimelineView
from tests.tui.conftest import BOTH, QUESTION, RULES, Playing, lab_of, make_course, make_lesson, pane_text, screen_text
from tests.tui.test_panes import with_script

# --- zoom ----------------------------------------------------------------------------------------------------


@BOTH
async def test_z_gives_the_focused_pane_everything_and_takes_it_back(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "space", "left")
        lab, why = lab_of(app), app.screen.query_one("#why", LineView)
        why.focus()
        await pilot.pause()
        before = screen_text(app)
        await pilot.press("z")
        assert why.region.width == size[0]
        assert why.region.y == app.screen.query_one("#band").region.bottom
        assert why.region.height >= size[1] - 6  # all but what says where one is, and the prompt
        assert "Why · z puts it back" in screen_text(app)
        assert "z put back" in screen_text(app)
        for away in ("#chain", "#wire", "#connections", "#timeline"):
            assert not app.screen.query_one(away, LineView).visible_on_screen
        await pilot.press("space")
        assert "SYN+ACK" in screen_text(app)
        assert lab.zoomed is why
        await pilot.press("backspace", "z")
        assert screen_text(app) == before
        await pilot.press("z", "escape")
        assert lab.zoomed is None
        assert screen_text(app) == before


@BOTH
async def test_without_a_focus_it_is_the_pane_that_shows_and_tab_goes_on_to_the_next(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "z")
        assert lab_of(app).zoomed is app.screen.query_one("#chain")
        await pilot.press("tab")
        assert "Why · z puts it back" in screen_text(app)
        await pilot.press("shift+tab", "shift+tab")
        assert "A door · z puts it back" in screen_text(app)
        await pilot.resize_terminal(*((80, 24) if size[0] == 120 else (120, 40)))
        assert "A door · z puts it back" in screen_text(app)
        await pilot.press("z")
        assert not app.screen.query(".-away, .-zoom")


@BOTH
async def test_a_question_is_asked_below_a_zoomed_pane_and_a_new_page_is_shown(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "z", "end", "end", "end")
        # The page that was turned has put the pane back.
        assert lab_of(app).zoomed is None
        await pilot.press("z")
        assert "What will the firewall call the SYN to 22?" in " ".join(screen_text(app).split())
        await pilot.press("a")
        assert "right: NEW" in screen_text(app)
        assert lab_of(app).zoomed is not None
        await pilot.press("z")
        assert "right: NEW" in screen_text(app)


async def test_a_hint_is_told_over_a_zoomed_pane(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "z", "h")
        assert "Press space." in screen_text(app)


async def test_escape_closes_what_lies_over_a_zoomed_pane_first(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "z", "o", "escape")
        assert lab_of(app).zoomed is not None
        await pilot.press("colon", "escape")
        assert lab_of(app).zoomed is not None
        await pilot.press("escape")
        assert lab_of(app).zoomed is None


# --- jump mode -----------------------------------------------------------------------------------------------


def test_no_code_is_the_beginning_of_another() -> None:
    assert codes(3) == ["a", "s", "d"]
    for count in (26, 27, 51, 52, 200):
        made = codes(count)
        assert len(set(made)) == count
        assert not any(one != other and other.startswith(one) for one in made for other in made)
    assert set("".join(codes(200))) <= set(LETTERS)


def letter_of(app: FwtutorApp, wanted: str) -> str:
    screen = app.screen
    assert isinstance(screen, JumpScreen)
    return next(code for code, spot in screen._spots.items() if wanted in spot.action)


@BOTH
async def test_every_pane_and_tab_has_a_letter_where_it_stands(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "j")
        screen = app.screen
        assert isinstance(screen, JumpScreen)
        wanted = ["chain", "why", *(["lesson", "connections", "timeline"] if size[0] == 120 else [])]
        assert [name for name in wanted if not any(f"('{name}')" in spot.action for spot in screen._spots.values())] == []
        assert sum("show_tab" in spot.action for spot in screen._spots.values()) == (0 if size[0] == 120 else 4)
        rows = screen_text(app).split("\n")
        for code, spot in screen._spots.items():
            assert rows[spot.y][spot.x : spot.x + len(code)] == code
        await pilot.press("escape")
        assert app.screen is lab_of(app)


async def test_every_moment_in_sight_can_be_jumped_to_and_no_letters_cover_others(playing: Playing) -> None:
    lines = [f"send tcp 203.0.113.9:{4000 + number} > 203.0.113.1:1337 SYN" for number in range(12)]
    async with playing(with_script(*lines, rules=RULES), size=(120, 40)) as (app, pilot):
        lab = lab_of(app)
        stops = lab.session.run.stops
        await pilot.press("j")
        screen = app.screen
        assert isinstance(screen, JumpScreen)
        strip = lab.query_one(TimelineView).row(0).spans
        marks = {span.click.removeprefix("screen.") for span in strip if span.click}
        assert len(marks) > 20
        assert marks <= {spot.action for spot in screen._spots.values()}
        cells = [(spot.x + at, spot.y) for code, spot in screen._spots.items() if "seek" in spot.action for at in range(len(code))]
        assert len(cells) == len(set(cells))
        await pilot.press(*letter_of(app, f"seek({stops[7]})"))
        assert lab_of(app).session.cursor.index == stops[7]


async def test_the_letters_focus_choose_and_go(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        await pilot.press("space", "space", "j")
        await pilot.press(letter_of(app, "focus_pane('timeline')"))
        assert lab.focused is lab.query_one("#timeline")
        await pilot.press("left", "j")
        await pilot.press(letter_of(app, "choose_rule(3)"))
        assert lab.query_one(ChainView).asked == ("filter", "INPUT", 3)
        assert lab.focused is lab.query_one(ChainView)
        await pilot.press("j")
        await pilot.press(letter_of(app, "seek(-1)"))
        assert lab.session.cursor.index == -1
        await pilot.press("j")
        await pilot.press(letter_of(app, "command"))
        await pilot.press("j")
        assert app.screen is lab
        assert pane_text(app, "#command").endswith("j")


@BOTH
async def test_an_entry_opens_by_its_letter_or_a_click(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "space")
        if size[0] == 80:
            await pilot.press("tab", "tab")
        await pilot.press("j")
        await pilot.press(letter_of(app, "entry("))
        assert "As conntrack -L prints it" in screen_text(app)
        assert "tcp 6 60 SYN_RECV src=203.0.113.9" in " ".join(screen_text(app).replace("│", "").split()).replace("tcp      6", "tcp 6")
        await pilot.press("escape")
        await pilot.click("#connections", offset=(5, 2))
        assert "As conntrack -L prints it" in screen_text(app)


async def test_two_letters_go_where_there_are_many_and_a_wrong_one_nowhere(playing: Playing) -> None:
    async with playing() as (app, pilot):
        gone: list[str | None] = []
        screen = JumpScreen([Spot(2 * n, 5, f"go({n})") for n in range(40)])
        app.push_screen(screen, gone.append)
        await pilot.pause()
        last = list(screen._spots)[-1]
        await pilot.press(last[0])
        assert [code for code in screen._spots if screen.query_one(f"#to-{code}").display] == [c for c in screen._spots if c[0] == last[0]]
        await pilot.press("escape", "exclamation_mark")
        assert app.screen is screen
        await pilot.press(*last)
        assert gone == ["go(39)"]


async def test_what_a_panel_covers_has_no_letter(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("space", "o", "j")
        screen = app.screen
        assert isinstance(screen, JumpScreen)
        panel = lab_of(app).query_one("#output").region
        assert panel.area
        assert not any(panel.contains(spot.x, spot.y) for spot in screen._spots.values())


@BOTH
@pytest.mark.parametrize("keys", [("space", "z"), (*QUESTION, "a", "space", "j")], ids=["zoom", "jump"])
def test_picture(snap_compare: Callable[..., Any], progress: Progress, keys: tuple[str, ...], size: tuple[int, int]) -> None:
    app = FwtutorApp(make_course(), progress, make_lesson())
    assert snap_compare(app, press=keys, terminal_size=size)
