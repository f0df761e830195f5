"""The packet inspector: a field and its bytes, and the packet as it came beside the packet as it left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from fwtutor.course.model import Lesson
from fwtutor.course.progress import Progress
from fwtutor.plain.shell import Shell
from fwtutor.recording import Scripted
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.inspector import InspectorScreen
from fwtutor.tui.widgets.fields import HexView
from tests.tui.conftest import BOTH, Playing, lab_of, make_course, screen_text
from tests.tui.test_panes import FORWARDING, gateway, with_script

TO_ALICE = "*nat\n-A PREROUTING -i wan -p tcp -m tcp --dport 80 -j DNAT --to-destination 192.168.0.20:1337\nCOMMIT\n" + FORWARDING


def translating() -> Lesson:
    """The attacker's SYN to port 80 goes on to alice's 1337; a UDP packet that is let in follows."""
    net = gateway()
    server = replace(net.hosts[0], rules=TO_ALICE)
    lesson = with_script(
        "send tcp 203.0.113.9:4000 > 203.0.113.1:80 SYN", rules=TO_ALICE, topology=replace(net, hosts=(server, *net.hosts[1:]))
    )
    scenario = lesson.scenario
    return replace(
        lesson,
        scenario=replace(scenario, script=(*scenario.script, Scripted(0, "attacker", "send udp 203.0.113.9:5 > 203.0.113.1:53", 9.0))),
    )


async def opened(app: FwtutorApp, pilot: Pilot[int]) -> InspectorScreen:
    await pilot.press("i")
    screen = app.screen
    assert isinstance(screen, InspectorScreen)
    await app.workers.wait_for_complete()
    await pilot.pause()
    return screen


async def test_the_inspector_has_help(playing: Playing) -> None:
    async with playing(translating()) as (app, pilot):
        await pilot.press("space")
        screen = await opened(app, pilot)
        await pilot.press("question_mark")
        assert "The next header." in screen_text(app)
        await pilot.press("escape", "f1")
        assert "The next header." in screen_text(app)
        await pilot.press("escape")
        assert app.screen is screen


def rows_with(app: FwtutorApp, text: str) -> list[str]:
    return [row for row in screen_text(app).split("\n") if text in row]


@BOTH
async def test_a_translated_packet_stands_beside_itself_with_what_differs_marked(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(translating(), size=size) as (app, pilot):
        await pilot.press("space")
        await opened(app, pilot)
        text = screen_text(app)
        assert "≠ 5 fields differ: ttl, chksum, dst of IP; dport, chksum of TCP" in text
        assert "as it arrived by wan" in text
        assert "as it left by lan" in text
        await pilot.press("n", "n")
        (row,) = rows_with(app, "≠ dst")
        assert "203.0.113.1" in row
        assert "192.168.0.20" in row
        assert not any("≠" in row for row in rows_with(app, " src "))


async def test_on_a_narrow_screen_tab_shows_the_other(playing: Playing) -> None:
    async with playing(translating(), size=(64, 24)) as (app, pilot):
        await pilot.press("space")
        await opened(app, pilot)
        await pilot.press("n", "n")
        assert "203.0.113.1" in rows_with(app, "≠ dst")[0]
        await pilot.press("tab")
        assert "192.168.0.20" in rows_with(app, "≠ dst")[0]
        assert "203.0.113.1" not in rows_with(app, "≠ dst")[0]


async def test_the_bytes_of_the_chosen_field_stand_in_brackets(playing: Playing) -> None:
    async with playing(translating()) as (app, pilot):
        await pilot.press("space")
        screen = await opened(app, pilot)
        await pilot.press("home")
        assert "0000 [45]00" in screen_text(app)
        await pilot.press("right", "down")
        assert "[00 50]" in screen_text(app)
        assert "bytes 22-23: dport" in screen_text(app)
        await pilot.press("tab")
        assert "[05 39]" in screen_text(app)
        # A click on the third byte is a click on the length; one on a field chooses that.
        await pilot.click(HexView, offset=(2 + 5 + 2 * 3, 1))
        assert "[00 34]" in screen_text(app)
        y = next(y for y, row in enumerate(screen_text(app).split("\n")) if " seq " in row)
        await pilot.click(offset=(12, y))
        assert "bytes 24-27: seq" in screen_text(app)
        await pilot.press("n")
        assert screen._fields.fields[screen._fields.chosen].name == "chksum"


async def test_of_a_packet_under_way_nothing_is_told_that_is_to_come(playing: Playing) -> None:
    async with playing(translating()) as (app, pilot):
        await pilot.press("3", "space")
        await opened(app, pilot)
        assert "so far it is as it came" in screen_text(app)
        assert "192.168.0.20" not in screen_text(app)


async def test_a_packet_for_the_box_is_as_it_came_and_a_dropped_one_did_not_leave(playing: Playing) -> None:
    async with playing(translating()) as (app, pilot):
        lab = lab_of(app)
        await pilot.press("end", "left")
        await opened(app, pilot)
        assert "server got it as it came" in screen_text(app)
        await pilot.press("escape")
        lab.enter("attacker", "send udp 203.0.113.9:6 > 203.0.113.1:53")
        lab.enter("server", "iptables -I INPUT -p udp -j DROP")
        lab.enter("attacker", "send udp 203.0.113.9:7 > 203.0.113.1:53")
        await pilot.press("escape", "end")
        await opened(app, pilot)
        assert "it did not leave: DROP by rule 1 of INPUT" in screen_text(app)


def test_plain_mode_tells_both(progress: Progress) -> None:
    said: list[str] = []
    shell = Shell(make_course(translating()), progress, said.append)
    shell.open(translating())
    said.clear()
    shell.hear("step")
    shell.hear("inspect bytes")
    text = "\n".join(said)
    assert "As it arrived by wan, then as it left by lan." in text
    assert "  dst: 203.0.113.1, then 192.168.0.20 (differs)" in text
    assert "52 bytes, as it left by lan:\n0000  45 00 00 34" in text


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_picture(snap_compare: Callable[..., Any], progress: Progress, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[int]) -> None:
        await pilot.press("space", "i")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    app = FwtutorApp(make_course(), progress, translating())
    assert snap_compare(app, run_before=look, terminal_size=size)
