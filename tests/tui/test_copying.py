"""Copying what a pane shows, and saving it: in its real format where it has one, and never over a file that is there."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from textual.pilot import Pilot

from fwtutor.capture import read_packets
from fwtutor.netfilter.firewall import Firewall
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.form import FormScreen
from tests.tui.conftest import BOTH, QUESTION, Playing, lab_of, screen_text, type_text


def notice(app: FwtutorApp) -> str:
    return [each.message for each in app._notifications][-1]


async def copied(app: FwtutorApp, pilot: Pilot[int], pane: str = "") -> str:
    if pane:
        lab_of(app).query_one(pane).focus()
    await pilot.pause()
    await pilot.press("Y")
    return app.clipboard


async def test_rules_are_copied_as_iptables_save_prints_them(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        text = await copied(app, pilot)
        lines = text.splitlines()
        assert lines[0] == "*filter"
        assert "[1:52] -A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT" in lines
        assert lines[-1] == "COMMIT"
        firewall = Firewall({"wan": ["203.0.113.1/24"]})
        firewall.restore(text, counters=True)
        assert firewall.save(counters=True) == text
        assert notice(app).startswith(f"{len(lines)} lines of iptables-save copied by OSC 52, if the terminal lets it. Shift+drag")


@BOTH
async def test_connections_are_copied_as_conntrack_prints_them(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "space")
        if size[0] == 80:
            await pilot.press("tab", "tab")
        text = await copied(app, pilot, "#connections" if size[0] == 120 else "")
        (row,) = text.splitlines()
        assert row.split()[:4] == ["tcp", "6", "60", "SYN_RECV"]
        assert "1 line of conntrack -L copied" in notice(app)


async def test_other_panes_and_screens_are_copied_as_text(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        assert "the destination port is 1337" in " ".join((await copied(app, pilot, "#why")).split())
        await pilot.press("w")
        text = await copied(app, pilot)
        assert "the destination port is 1337" in text
        assert not any(row != row.rstrip() for row in text.split("\n"))
        await pilot.press("escape", "i")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "TCP:\n  sport: 4000\n" in await copied(app, pilot)
        await pilot.press("escape", "l")
        rows = (await copied(app, pilot)).splitlines()
        assert rows[0].split() == ["attacker", "server"]
        assert "SYN" in rows[2]
        assert "lines of the ladder copied" in notice(app)
        await pilot.press("escape", "o")
        assert "connect 203.0.113.1:1337 from 4000" in await copied(app, pilot)
        lab_of(app).enter("server", "iptables -L -n -v")
        await pilot.pause()
        assert "Chain INPUT (policy DROP 0 packets, 0 bytes)" in await copied(app, pilot)


async def test_where_there_is_nothing_to_copy_that_is_said(playing: Playing) -> None:
    async with playing() as (app, pilot):
        assert await copied(app, pilot, "#connections") == ""
        assert notice(app) == "There is nothing here to copy."
        await pilot.press("ctrl+s")
        assert not isinstance(app.screen, FormScreen)


async def test_what_is_no_text_is_copied_as_an_escape(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing() as (app, pilot):
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        lab = lab_of(app)
        lab.enter("server", "echo \udc80 日本 [red]x")
        await pilot.pause()
        await copied(app, pilot)
        sent = next(text for text in written if text.startswith("\x1b]52;c;"))
        assert "日本 [red]x" in base64.b64decode(sent[7:].rstrip("\a")).decode()


@BOTH
async def test_saving_asks_for_a_name_and_replaces_nothing_unasked(
    playing: Playing, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "server.rules").write_text("mine")
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "ctrl+s")
        assert isinstance(app.screen, FormScreen)
        assert "server.rules" in screen_text(app)
        await pilot.press("enter")
        assert "There is a file server.rules already." in screen_text(app)
        assert (tmp_path / "server.rules").read_text() == "mine"
        await pilot.press("enter")
        assert (tmp_path / "server.rules").read_text().startswith("*filter\n")
        assert notice(app).endswith("lines of iptables-save are in server.rules.")
        await pilot.press("ctrl+s")
        await type_text(pilot, "no/such/folder")
        await pilot.press("enter")
        assert "No such file or directory" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is lab_of(app)


async def test_the_timeline_is_saved_as_a_capture_that_trace_reads(
    playing: Playing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with playing() as (app, pilot):
        lab = lab_of(app)
        await pilot.press("space", "space", "space")
        lab.query_one("#timeline").focus()
        await pilot.press("Y", "ctrl+s", "enter")
        assert app.clipboard.count("\n") == 3
        assert "NEW → ACCEPT" in app.clipboard
        assert notice(app) == "The packets are in server.pcap."
        packets = list(read_packets(tmp_path / "server.pcap"))
        assert [seen.raw for seen in packets] == [lab.session.run.records[stop].walk.packet.raw for stop in lab.session.run.stops[:3]]
        # What is still to come is in neither.
        await pilot.press(*QUESTION, "Y")
        assert "DROP" not in app.clipboard


async def test_a_page_of_another_host_is_copied_with_its_heads(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "space", "f", "Y")
        assert "lines of rules of " in notice(app)
        assert "--dport 1337" in app.clipboard or "policy" in app.clipboard.lower()
