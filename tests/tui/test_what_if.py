"""What if, walked through as a student would: rules edited, the same traffic again, two runs side by side, a rule asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.color import Color
from textual.pilot import Pilot

from fwtutor.course.progress import Progress
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.apply import ApplyScreen
from fwtutor.tui.screens.compare import CompareScreen
from fwtutor.tui.screens.edit import EditScreen
from fwtutor.tui.screens.lab import LabScreen
from fwtutor.tui.screens.rule import RuleScreen
from fwtutor.tui.widgets.rule_area import RuleArea
from tests.tui.conftest import BOTH, STATELESS, Playing, lab_of, make_course, make_lesson, pane_text, screen_text, type_text

DOOR = "-p tcp -m tcp --dport 1337 -j ACCEPT"


def area_of(app: FwtutorApp) -> RuleArea:
    screen = app.screen
    assert isinstance(screen, EditScreen)
    return screen.area


def lines_of(app: FwtutorApp) -> list[str]:
    return area_of(app).text.split("\n")


async def settle(pilot: Pilot[int]) -> None:
    """What a screen reads in a thread has been read, and is shown."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@BOTH
async def test_a_rule_is_taken_out_the_same_traffic_runs_again_and_the_runs_stand_side_by_side(
    playing: Playing, size: tuple[int, int]
) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("end", "e")
        assert "4,3 rules" not in screen_text(app)
        assert "3 rules, policy DROP" in screen_text(app)
        await pilot.press("down", "ctrl+k")
        assert DOOR not in lines_of(app)
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, ApplyScreen)
        assert "server# iptables -D INPUT 2" in screen_text(app)
        await pilot.press("enter")
        lab = lab_of(app)
        assert app.screen is lab
        assert [entry.line for entry in lab.session.run.inputs] == ["iptables -D INPUT 2"]
        assert lab.session.cursor.index == 0
        assert "The same traffic runs again" in screen_text(app)
        await pilot.press("v")
        await settle(pilot)
        text = screen_text(app)
        assert "the lesson's run" in text
        assert "iptables -D INPUT 2 (you are here)" in text
        assert "≠ verdict, decided by, entry" in text
        await pilot.press("left", "enter")
        assert app.screen is lab
        assert not lab.session.run.inputs
        assert "MATCH → ACCEPT" in screen_text(app)
        await pilot.press("r", "u")
        assert len(lab.session.runs) == 2
        assert not lab.session.run.inputs


async def test_a_mistake_is_red_in_the_line_the_cursor_is_in(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("e", "end", "enter")
        await type_text(pilot, "-p tcp --dport ssj")
        area = area_of(app)
        styles = {segment.text.strip(): segment.style for segment in area.render_line(area.row) if segment.text.strip()}
        assert styles["ssj"].color == app.screen.role_style("drop").color
        assert styles["ssj"].bgcolor == Color.parse(app.theme_variables["fw-row"]).rich_color


async def test_what_is_typed_is_marked_explained_and_completed(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("e", "end", "enter")
        await type_text(pilot, "-p tcp --dport ssj")
        assert "✖ invalid port/service `ssj' specified" in screen_text(app)
        assert "^^^" in screen_text(app)
        await pilot.press("backspace")
        await type_text(pilot, "h -j RE")
        assert "REJECT  the packet is dropped, and its sender is told" in screen_text(app)
        await pilot.press("tab")
        assert lines_of(app)[1] == "-p tcp --dport ssh -j REJECT"
        assert "Packets of TCP to port 22 are" in screen_text(app)
        await pilot.press("tab")
        assert lines_of(app)[1].endswith("-j RETURN")
        await pilot.press("shift+tab")
        assert lines_of(app)[1].endswith("-j REJECT")


async def test_rules_are_moved_copied_switched_off_and_all_of_it_undone_and_made_again(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("e")
        before = lines_of(app)
        await pilot.press("alt+down")
        assert lines_of(app)[:2] == [before[1], before[0]]
        await pilot.press("ctrl+d")
        assert lines_of(app)[:3] == [before[1], before[0], before[0]]
        await pilot.press("ctrl+t")
        assert lines_of(app)[2] == f"# {before[0]}"
        assert "3 rules, policy DROP" in screen_text(app)
        await pilot.press("ctrl+k", "ctrl+u", "ctrl+u", "ctrl+u", "ctrl+u")
        assert lines_of(app) == before
        await pilot.press("ctrl+r")
        assert lines_of(app)[:2] == [before[1], before[0]]


async def test_what_iptables_would_not_take_is_not_applied_and_escape_asks_only_when_something_is_changed(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("e", "escape")
        assert isinstance(app.screen, LabScreen)
        await pilot.press("e", "end")
        await type_text(pilot, " nonsense")
        await pilot.press("down", "ctrl+s")
        assert isinstance(app.screen, EditScreen)
        assert area_of(app).cursor_location[0] == 0
        await pilot.press("escape")
        assert isinstance(app.screen, EditScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, LabScreen)
        assert not lab_of(app).session.run.inputs


async def test_an_edit_with_nothing_in_it_says_so(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("e", "ctrl+s")
        assert isinstance(app.screen, EditScreen)


async def test_the_policy_and_sysctls_are_edited_like_rules_and_here_is_where_one_is(playing: Playing) -> None:
    async with playing(size=(120, 40)) as (app, pilot):
        await pilot.press("end", "e", "down", "down", "down", "end", "ctrl+w")
        await type_text(pilot, "ACCEPT")
        await pilot.press("ctrl+o", "down", "down", "down", "enter", "end", "backspace")
        await type_text(pilot, "0")
        assert "only a SYN begins one" in screen_text(app)
        await pilot.press("ctrl+s", "h")
        lab = lab_of(app)
        assert [entry.line for entry in lab.session.run.inputs] == [
            "iptables -P INPUT ACCEPT",
            "sysctl -w net.netfilter.nf_conntrack_tcp_loose=0",
        ]
        assert all(entry.after > 0 for entry in lab.session.run.inputs)
        await pilot.press("u")
        assert not lab.session.run.inputs


async def test_one_of_two_runs_is_kept_and_the_other_given_up(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("end", "e", "down", "ctrl+k", "ctrl+s", "enter", "v")
        await settle(pilot)
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("x")
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("x")
        lab = lab_of(app)
        assert len(lab.session.runs) == 1
        assert [entry.line for entry in lab.session.run.inputs] == ["iptables -D INPUT 2"]
        await pilot.press("v")
        assert "There is only this run" in screen_text(app)


async def test_the_comparison_shows_all_packets_or_those_that_differ_and_goes_from_one_difference_to_the_next(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("end", "e", "alt+down", "ctrl+s", "enter", "v")
        await settle(pilot)
        assert "only these are shown" in screen_text(app)
        await pilot.press("d")
        assert "only these are shown" not in screen_text(app)
        assert "the same" in screen_text(app)
        marked = screen_text(app)
        await pilot.press("n")
        assert screen_text(app) != marked
        await pilot.press("N", "home", "end", "pageup", "pagedown")
        await pilot.press("escape")
        assert app.screen is lab_of(app)


async def test_what_a_question_asks_about_is_not_told_by_a_comparison(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("e", "alt+down", "ctrl+s", "enter", "v")
        await settle(pilot)
        await pilot.press("d")
        assert ":22 SYN" not in screen_text(app)


@BOTH
async def test_a_rule_that_was_chosen_is_asked_about(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space")
        if size[0] == 120:
            await pilot.press("tab", "tab")
        await pilot.press("down", "down")
        assert "w why this rule" in screen_text(app) or size[0] == 80
        assert "? not reached" in screen_text(app)
        await pilot.press("w")
        assert isinstance(app.screen, RuleScreen)
        await settle(pilot)
        text = screen_text(app)
        assert "Not reached: rule 2 decided before it: ACCEPT" in text
        assert "It would not have matched:" in text
        assert "This packet: ACCEPT by rule 2 of INPUT all the same" in text
        await pilot.press("escape", "up", "w")
        await settle(pilot)
        text = screen_text(app)
        assert "It matches." in text
        assert "This packet: DROP by policy of INPUT, and not ACCEPT by rule 2 of INPUT" in text
        assert "packets after it would fare otherwise" in text
        await pilot.press("escape", "right", "w")
        assert not isinstance(app.screen, RuleScreen)


async def test_a_rule_is_chosen_by_a_click_too(playing: Playing) -> None:
    async with playing(size=(120, 40)) as (app, pilot):
        await pilot.press("space")
        await pilot.click("#chain", offset=(30, 3))
        assert pane_text(app, "#chain").count("?") == 1
        await pilot.press("w")
        assert isinstance(app.screen, RuleScreen)


async def test_a_rule_by_itself_tells_that_without_it_nothing_is_tracked(playing: Playing) -> None:
    async with playing(make_lesson(rules=STATELESS), size=(80, 24)) as (app, pilot):
        await pilot.press("space", "down", "w")
        await settle(pilot)
        assert "Rule 1 of filter INPUT" in screen_text(app)


# --- pictures ------------------------------------------------------------------------------------------------

Compare = Callable[..., Any]
EDITED = ("end", "e", "down", "ctrl+k", "ctrl+s")
SCENES: dict[str, tuple[str, ...]] = {
    "mistake": ("e", "end", "enter", *"-p", "space", *"tcp", "space", *"--dport", "space", *"ssj", "space", *"-j", "space", "R"),
    "apply": EDITED,
    "compare": (*EDITED, "enter", "v"),
    "rule": ("space", "down", "w"),
}


BIG, SMALL = (120, 40), (80, 24)
PICTURES = [("mistake", SMALL), ("mistake", BIG), ("apply", SMALL), ("compare", SMALL), ("compare", BIG), ("rule", SMALL)]


@pytest.mark.parametrize(("scene", "size"), PICTURES, ids=[f"{scene}-{width}x{height}" for scene, (width, height) in PICTURES])
def test_screen(snap_compare: Compare, progress: Progress, scene: str, size: tuple[int, int]) -> None:
    async def walk(pilot: Pilot[int]) -> None:
        await pilot.press(*({"-": "minus"}.get(key, key) for key in SCENES[scene]))
        await settle(pilot)

    app = FwtutorApp(make_course(), progress, make_lesson())
    assert snap_compare(app, run_before=walk, terminal_size=size)
