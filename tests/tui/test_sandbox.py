"""The sandbox in the application: choosing a network, building packets, keeping all in a file, a lesson taken over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from fwtutor.course.progress import Progress
from fwtutor.sandbox.making import make
from fwtutor.sandbox.reading import read
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.course_map import CourseMap
from fwtutor.tui.screens.craft import CraftScreen
from fwtutor.tui.screens.networks import NetworksScreen
from fwtutor.tui.screens.save import SaveScreen
from fwtutor.tui.widgets.form import FormRow
from tests.tui.conftest import BOTH, Playing, lab_of, make_course, pane_text, screen_text, type_text

ROOT = Path(__file__).parents[2]
CAPTURE, RULES = ROOT / "assets" / "handshake.pcap", ROOT / "assets" / "too-open.rules"


def choosing(progress: Progress) -> FwtutorApp:
    return FwtutorApp(make_course(), progress, choosing=True)


def in_sandbox(progress: Progress) -> FwtutorApp:
    made = make("one-server", rules=RULES, capture=CAPTURE)
    return FwtutorApp(make_course(), progress, sandbox=(made, made.opened()))


def field(app: FwtutorApp, name: str) -> str:
    return app.screen.query_one(f"#row-{name}", FormRow).value


@BOTH
async def test_a_network_is_chosen_packets_are_built_and_all_is_kept(
    progress: Progress, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = choosing(progress)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert "dmz 1 ms: firewall 10.1.0.1, www 10.1.0.80" in screen_text(app)
        await pilot.press("down", "down", "down", "down", "enter")
        await pilot.pause()
        lab = lab_of(app)
        assert "Sandbox: one-server: one server on the internet" in screen_text(app)
        assert "goals" not in screen_text(app).lower()

        # A packet from nothing: what is wrong is said, and Enter does not send it.
        await pilot.press("x")
        await pilot.pause()
        assert isinstance(app.screen, CraftScreen)
        assert field(app, "destination") == "203.0.113.1"
        await pilot.press("enter")
        assert isinstance(app.screen, CraftScreen)
        assert "from port is empty" in screen_text(app)
        app.screen.query_one("#field-host", Input).value = "attacker"
        app.screen.query_one("#field-source", Input).value = "203.0.113.9"
        app.screen.query_one("#field-sport", Input).focus()
        await type_text(pilot, "4000")
        await pilot.press("down", "down")
        await type_text(pilot, "22")
        await pilot.pause()
        assert "attacker# send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert lab.session.run.inputs[0].line == "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN"

        # This packet again, but to another port and as udp, which has no flags.
        await pilot.press("escape", "space", "x")
        await pilot.pause()
        assert (field(app, "host"), field(app, "dport"), field(app, "flags")) == ("attacker", "22", "SYN")
        await type_text(pilot, "53")
        app.screen.query_one("#field-kind", Input).value = "udp"
        await pilot.pause()
        assert not app.screen.query_one("#row-flags").display
        await pilot.press("enter")
        await pilot.pause()
        assert lab.session.run.inputs[-1].line == "send udp 203.0.113.9:4000 > 203.0.113.1:53"

        # Kept in a file, which is not replaced unasked.
        (tmp_path / "sandbox.fwt").write_text("mine")
        await pilot.press("escape", "S")
        await pilot.pause()
        assert isinstance(app.screen, SaveScreen)
        await pilot.press("enter")
        await pilot.pause()
        assert "There is a file sandbox.fwt already" in screen_text(app)
        assert (tmp_path / "sandbox.fwt").read_text() == "mine"
        await pilot.press("enter")
        await pilot.pause()
        assert "fwtutor sandbox sandbox.fwt opens it" in pane_text(app, "#output")
        assert read(tmp_path / "sandbox.fwt").opened().run.inputs == lab.session.run.inputs

        # It begins anew when s is pressed twice, and leaves to the map.
        await pilot.press("escape", "s")
        assert lab_of(app) is lab
        await pilot.press("s")
        await pilot.pause()
        assert not lab_of(app).session.run.inputs
        # What is in no file is left by pressing m twice.
        lab_of(app).enter("server", "iptables -A INPUT -j DROP")
        await pilot.press("escape", "m")
        await pilot.pause()
        assert "S keeps it in a file" in screen_text(app)
        await pilot.press("m")
        await pilot.pause()
        assert isinstance(app.screen, CourseMap)
        assert not progress.lessons
        await pilot.press("x")
        await pilot.pause()
        assert isinstance(app.screen, NetworksScreen)
    assert app.crash is None


async def test_a_lessons_run_is_taken_into_the_sandbox_as_it_is(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "space")
        lesson = lab_of(app)
        lesson.enter("server", "iptables -A INPUT -p icmp -j ACCEPT")
        await pilot.pause()
        await app.run_action("screen.to_sandbox", lesson)
        await app.workers.wait_for_complete()
        await pilot.pause()
        sandbox = lab_of(app)
        assert sandbox is not lesson
        assert sandbox.lesson.free
        assert sandbox.session.run.inputs == lesson.session.run.inputs
        assert sandbox.session.cursor.index == lesson.session.cursor.index
        assert sandbox.journey.question is None
        sandbox.enter("server", "iptables -F")
        assert sandbox.session.run.inputs != lesson.session.run.inputs
        await pilot.press("escape", "m", "m")
        await pilot.pause()
        assert lab_of(app) is lesson
        assert pane_text(app, "#lesson").startswith("Step, and look.")


@BOTH
def test_snapshot_of_the_choice_of_networks(progress: Progress, size: tuple[int, int], snap_compare: Any) -> None:
    assert snap_compare(choosing(progress), terminal_size=size, press=("down",))


@BOTH
def test_snapshot_of_a_sandbox_with_a_packet_being_built(progress: Progress, size: tuple[int, int], snap_compare: Any) -> None:
    async def build(pilot: Any) -> None:
        await pilot.pause()
        await pilot.press("space", "x")
        await pilot.pause()
        # No caret that blinks.
        for each in pilot.app.screen.query(Input):
            each.cursor_blink = False
        await pilot.pause()

    assert snap_compare(in_sandbox(progress), terminal_size=size, run_before=build)


@BOTH
def test_snapshot_of_a_sandbox_before_its_first_packet(progress: Progress, size: tuple[int, int], snap_compare: Any) -> None:
    assert snap_compare(in_sandbox(progress), terminal_size=size)
