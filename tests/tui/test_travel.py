"""Getting about in a run: jumps, marks, the ladder, the state diagram, letting time go on, and how fast it plays."""

from __future__ import annotations

import pytest

from fwtutor.telling.jumping import read_typed
from fwtutor.tui.screens.choose import ChooseScreen
from fwtutor.tui.screens.ladder import LadderScreen
from fwtutor.tui.screens.states import StatesScreen
from fwtutor.tui.widgets.timeline import TimelineView
from fwtutor.tui.widgets.wire import WireView
from tests.tui.conftest import BOTH, QUESTION, Playing, lab_of, pane_text, screen_text

ANSWERED = (*QUESTION, "a", "end")
"""To the end of everything."""


@BOTH
async def test_jumps_go_where_they_say_and_say_when_there_is_nothing(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        lab = lab_of(app)
        stops = lab.session.run.stops
        await pilot.press("n")
        assert "g chooses what to go to" in screen_text(app)
        await pilot.press("g")
        assert "dropped or rejected packet" in screen_text(app)
        await pilot.press("s")
        assert lab.session.cursor.index == stops[0]
        assert f"the next change of an entry's state: moment 1 of {len(stops)}" in screen_text(app)
        await pilot.press("n")
        assert lab.session.cursor.index == stops[1]
        await pilot.press("N", "N")
        assert "no other change of an entry's state before this moment" in screen_text(app)
        # On the next page lies the drop, and a question before it.
        await pilot.press("g", "d")
        assert lab.journey.stage == 1
        assert "page 2 comes first: n goes on" in screen_text(app)
        await pilot.press("n")
        assert lab.journey.question is not None
        assert "first the question" in screen_text(app)
        await pilot.press("n", "a", "n")
        assert lab.session.cursor.index == stops[-1]
        assert "the next dropped or rejected packet" in screen_text(app)


async def test_a_capital_letter_goes_back_and_escape_stays(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        await pilot.press(*ANSWERED)
        here = lab.session.cursor.index
        await pilot.press("g", "escape")
        assert lab.session.cursor.index == here
        await pilot.press("g", "S")
        assert lab.session.cursor.index < here
        assert "the last change of an entry's state" in screen_text(app)


async def test_the_rules_of_the_chain_are_offered_the_current_one_marked(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "g", "r")
        marked = next(row for row in screen_text(app).split("\n") if "this rule" in row)
        assert "▶    2 -p tcp -m tcp --dport 1337 -j ACCEPT" in marked
        await pilot.press("up", "enter")
        assert "the next match of rule 1 of INPUT: moment 3" in screen_text(app)


async def test_a_moment_and_a_time_can_be_typed(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        stops = lab.session.run.stops
        await pilot.press("g", "2", "enter")
        assert lab.session.cursor.index == stops[1]
        await pilot.press("g", "0", "full_stop", "0", "s")
        assert "the last moment up to t = 0 s" in screen_text(app)
        await pilot.press("enter")
        assert lab.session.cursor.index == -1


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("12", ("moment", 12)), ("1.5", ("time", 1.5)), ("3s", ("time", 3)), ("+30", ("wait", 30)), ("+.5s", ("wait", 0.5)),
        ("", None), ("+", None), ("s", None), ("1.2.3", None), ("9" * 20, None),
    ],
)  # fmt: skip
def test_what_is_typed_is_a_moment_a_time_or_a_wait(text: str, means: object) -> None:
    assert read_typed(text) == means


async def test_time_goes_on_at_the_end_only_and_to_the_next_timer(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        await pilot.press("space", "g", "w")
        assert "time goes on where the run ends: End runs there" in screen_text(app)
        assert not lab.session.run.inputs
        await pilot.press(*ANSWERED)
        due = lab.session.run.world.due("server")
        await pilot.press("g", "w")
        record = lab.session.cursor.record
        assert record is not None
        assert record.at == due
        assert lab.session.run.inputs[-1].line.startswith("sleep ")
        await pilot.press("g", "plus", "3", "0", "enter")
        assert lab.session.run.inputs[-1].line == "sleep 30"
        assert lab.session.cursor.at_end


@BOTH
async def test_a_mark_stands_on_the_timeline_and_one_comes_back_to_it(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        lab = lab_of(app)
        await pilot.press("asterisk")
        assert "before everything there is nothing to mark" in screen_text(app)
        await pilot.press("space", "asterisk", "space")
        if size[0] == 80:
            await pilot.press("tab", "tab", "tab")
        assert "*" in pane_text(app, "#timeline")
        await pilot.press("g", "b", "enter")
        assert lab.session.cursor.index == lab.session.run.stops[0]
        await pilot.press("asterisk")
        assert "*" not in pane_text(app, "#timeline")


@BOTH
async def test_along_the_ladder_the_lab_goes_too_and_a_question_holds(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        lab = lab_of(app)
        stops = lab.session.run.stops
        await pilot.press("space", "l")
        assert isinstance(app.screen, LadderScreen)
        assert screen_text(app).count("SYN") == 2
        await pilot.press("down", "down")
        assert lab.session.cursor.index == stops[2]
        await pilot.press("end")
        assert "page 2 is open: Esc reads it" in screen_text(app)
        await pilot.press("end")
        assert lab.journey.question is not None
        assert "a question holds the way" in screen_text(app)
        assert "✖" not in screen_text(app)
        await pilot.press("up", "c")
        assert "that is no packet" in screen_text(app)
        await pilot.press("up", "up", "c")
        assert "attacker#" not in screen_text(app)
        await pilot.press("enter")
        assert app.screen is lab
        assert lab.session.cursor.index < stops[-1]


async def test_a_rung_can_be_clicked(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        await pilot.press("end", "l", "home")
        row = next(y for y, text in enumerate(screen_text(app).split("\n")) if "│" in text)
        await pilot.click(offset=(20, row))
        await pilot.pause()
        assert lab.session.cursor.index == lab.session.run.stops[0]


@BOTH
async def test_the_state_diagram_goes_along_with_the_lab(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        lab = lab_of(app)
        await pilot.press("y")
        assert isinstance(app.screen, StatesScreen)
        await pilot.press("space")
        assert "▶ SS ▐SYN_SENT▌" in screen_text(app)
        await pilot.press("n", "n")
        assert "▶ ES ▐ESTABLISHED▌" in screen_text(app)
        assert lab.session.cursor.index == lab.session.run.stops[2]
        await pilot.press("N")
        assert "▶ SR ▐SYN_RECV▌" in screen_text(app)
        await pilot.press("tab")
        assert "there is no other TCP connection here" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is lab
        assert "SYN_RECV" in screen_text(app)


async def test_the_pace_is_for_playing_and_for_the_packet_that_moves(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        await pilot.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert lab.query_one(WireView).slowness == 4
        assert "Plays a quarter as fast" in list(app._notifications)[-1].message
        await pilot.press("p", *["right_square_bracket"] * 3)
        assert lab.query_one(WireView).slowness == 0.5
        assert "playing" in screen_text(app)


async def test_the_mouse_held_down_goes_along_the_timeline(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        await pilot.press("end")
        timeline = lab.query_one(TimelineView)

        def place_of(index: int) -> tuple[int, int]:
            """Where the mark of a moment is drawn now."""
            x = timeline.gutter.left
            for span in timeline.row(0).spans:
                if span.click == f"screen.seek({index})":
                    return x, timeline.gutter.top
                x += len(span.text)
            raise AssertionError(index)

        first, second, *_ = lab.session.run.stops
        await pilot.mouse_down(timeline, offset=place_of(first))
        await pilot.pause()
        assert lab.session.cursor.index == first
        await pilot.hover(timeline, offset=place_of(second))
        await pilot.pause()
        assert lab.session.cursor.index == second
        await pilot.mouse_up(timeline)
        await pilot.hover(timeline, offset=place_of(first))
        assert lab.session.cursor.index == second


async def test_a_choice_can_be_made_with_the_mouse(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        await pilot.press("g")
        assert isinstance(app.screen, ChooseScreen)
        row = next(y for y, text in enumerate(screen_text(app).split("\n")) if "change of an entry" in text)
        await pilot.click(offset=(20, row))
        await pilot.pause()
        assert lab.session.cursor.index == lab.session.run.stops[0]
