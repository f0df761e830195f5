"""The panes one by one: what each shows of a place, and that it fits at every size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fwtutor.course.loader import find_lesson
from fwtutor.course.model import Lesson
from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.recording import Scenario, Scripted
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import Line, crop_middle, line
from fwtutor.tui.widgets import connections
from fwtutor.tui.widgets.chain import cropped
from fwtutor.tui.widgets.lesson import LessonView
from fwtutor.tui.widgets.lines import LineView
from tests.tui.conftest import QUESTION, RULES, Playing, lab_of, make_lesson, pane_text, screen_text

BETWEEN = [(100, 30), (115, 40), (120, 33), (130, 28), (80, 24), (116, 34), (200, 60)]
LONG = "-A INPUT -p tcp -m tcp --dport 1337 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
TWICE = f"*filter\n:INPUT DROP [0:0]\n{LONG}\n{LONG.replace('RELATED,ESTABLISHED', 'NEW,RELATED,ESTABLISHED')}\nCOMMIT\n"
CALLING = """*filter
:INPUT DROP [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
-A INPUT -p udp -j DROP
-A INPUT -p tcp -j web
-A INPUT -j ACCEPT
-A web -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
"""
FORWARDING = """*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -m conntrack --ctstate NEW -j ACCEPT
COMMIT
"""


def with_script(*lines: str, rules: str, topology: Topology | None = None) -> Lesson:
    """The small lesson with other traffic, all of it on its first page."""
    lesson = make_lesson(rules=rules)
    script = tuple(Scripted(0, "attacker", text, number * 1.0) for number, text in enumerate(lines))
    scenario = Scenario(topology or lesson.scenario.topology, script, "server")
    return replace(lesson, scenario=scenario, stages=lesson.stages[:1], goals=())


def gateway() -> Topology:
    server = HostSpec(
        "server", {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}, {"default": "wan"}, (), FORWARDING, {"net.ipv4.ip_forward": 1}
    )
    attacker = HostSpec("attacker", {"eth0": ("203.0.113.9/24",)}, {"default": ("eth0", "203.0.113.1")})
    alice = HostSpec("alice", {"eth0": ("192.168.0.20/16",)}, {"default": ("eth0", "192.168.0.1")}, ("app:1337",))
    links = LinkSpec("wan", ("server:wan", "attacker:eth0")), LinkSpec("lan", ("server:lan", "alice:eth0"))
    return Topology((server, attacker, alice), links)


async def test_a_log_rule_goes_on_and_its_line_is_shown(playing: Playing) -> None:
    rules = TWICE.replace(LONG, '-A INPUT -m limit --limit 1/min --limit-burst 1 -j LOG --log-prefix "seen: "', 1)
    async with playing(make_lesson(rules=rules)) as (app, pilot):
        await pilot.press("3")
        told = []
        for _ in range(20):
            await pilot.press("space")
            told.append((pane_text(app, "#why"), pane_text(app, "#chain")))
            if "seen: IN=wan" in told[-1][0]:
                break
        assert any("1 of 1 tokens left; one costs 1" in why for why, _ in told)
        why, chain = told[-1]
        assert "logged, level warn: seen: IN=wan OUT= MAC= SRC=203.0.113.9" in why
        assert "MATCH → LOG" in chain


# --- the band ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", BETWEEN, ids=str)
async def test_tuple_flags_and_ctstate_are_there_at_every_size(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "space")
        band = pane_text(app, "#band")
        assert "tcp 203.0.113.1:1337 → 203.0.113.9:4000 SYN+ACK" in band
        assert "packet: ESTABLISHED" in band


async def test_flags_for_which_a_long_tuple_leaves_no_room_stand_below_it(playing: Playing) -> None:
    async with playing(find_lesson("icmpv6"), size=(120, 40)) as (app, pilot):
        await pilot.press("space")
        _, tuple_row, below = screen_text(app).split("\n")[1:4]
        assert tuple_row.startswith(" icmpv6 2001:db8::7 → ff02::1:ff00:1  ")
        assert below.startswith(" neighbour solicitation · 72 bytes · ttl 255")


async def test_a_change_of_height_alone_changes_the_band(playing: Playing) -> None:
    async with playing(size=(120, 40)) as (app, pilot):
        await pilot.press("space")
        assert "entry: SYN_SENT" in pane_text(app, "#band")
        await pilot.resize_terminal(120, 33)
        await pilot.pause()
        assert "203.0.113.9:4000 → 203.0.113.1:1337 SYN" in pane_text(app, "#band")


async def test_the_badges_stay_near_the_tuple_on_a_very_wide_screen(playing: Playing) -> None:
    async with playing(size=(200, 60)) as (app, pilot):
        await pilot.press("space")
        row = next(row for row in screen_text(app).split("\n") if "packet:" in row)
        assert row.index("packet:") < 75


async def test_a_long_reason_for_invalid_is_read_whole(playing: Playing) -> None:
    shot = "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN+FIN"
    async with playing(with_script(shot, rules=FORWARDING)) as (app, pilot):
        await pilot.press("space")
        rows = screen_text(app).split("\n")[1:4]
        at = next(row.index("packet:") for row in rows if "packet:" in row)
        assert "no real TCP sends this combination of flags" in " ".join(" ".join(row[at : at + 23] for row in rows).split())


# --- rows and bars -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (100, 30)], ids=str)
async def test_a_scroll_bar_covers_no_text(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(make_lesson(text="Nobody slept badly. " * 120), size=size) as (app, pilot):
        view = app.screen.query_one(LessonView)
        for width in (size[0], size[0] + 7, size[0]):
            await pilot.resize_terminal(width, size[1])
            await pilot.pause()
            assert view.show_vertical_scrollbar
            assert max(row.width for row in view._rows) <= view.vertical_scrollbar.region.x - view.content_region.x
            assert pane_text(app, "#lesson").startswith("Nobody slept badly. Nobody slept badly. Nobody")


def test_what_is_cut_is_the_middle() -> None:
    assert crop_middle(line("0123456789"), line(" -j X"), 12).text == "012345… -j X"
    assert crop_middle(line("01"), line(" -j X"), 12).text == "01 -j X"
    assert crop_middle(line("0123456789"), line(" -j " + "X" * 20), 12).width == 12
    assert crop_middle(Line(), Line(), 0).text == ""


# --- the chain -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
async def test_the_rule_it_is_about_is_read_whole_and_the_others_end_in_their_target(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(make_lesson(rules=TWICE), size=size) as (app, pilot):
        await pilot.press("space")
        text = pane_text(app, "#chain")
        assert "-p tcp✔ -m tcp --dport 1337✔ -m conntrack --ctstate NEW,RELATED,ESTABLISHED✔ -j ACCEPT" in text.replace(" 1↑", "")
        other = next(row for row in screen_text(app).split("\n") if "tried, no" in row)
        assert "… -j ACCEPT" in other


async def test_a_rule_in_two_rows_moves_no_pane(playing: Playing) -> None:
    async with playing(make_lesson(rules=TWICE)) as (app, pilot):
        before = app.screen.query_one("#why").region
        await pilot.press("space")
        assert app.screen.query_one("#why").region == before


def test_a_cut_rule_keeps_its_target() -> None:
    spans = cropped("-p tcp -m tcp --dport 1337 -m comment --comment aaaaaaaaaaaaaaaaaaaaaaaaaa -j REJECT --reject-with tcp-reset", 60)
    assert Line(spans).text.endswith("tcp-reset")
    assert Line(spans).width == 60


async def test_back_from_a_user_chain_the_calling_rule_is_marked(playing: Playing) -> None:
    async with playing(make_lesson(rules=CALLING)) as (app, pilot):
        await pilot.press("3")
        inside = outside = False
        for _ in range(20):
            await pilot.press("space")
            why, title = pane_text(app, "#why"), str(app.screen.query_one("#chain").border_title)
            if "rule 1 of web" in why:
                inside = True
                assert "server: filter INPUT 2 ▸ web · 1 rule · user chain" in title
            if "web is left" in why:
                outside = True
                assert "server: filter INPUT · 3 rules" in title
                assert "▶ MATCH → web" in pane_text(app, "#chain")
                break
        assert inside
        assert outside


async def test_a_command_elsewhere_changes_nothing_here_and_says_so(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("colon", *"iptables", "space", *"-P", "space", *"INPUT", "space", *"DROP", "enter", "escape")
        assert "on attacker: the rules of server are as they were" in pane_text(app, "#band")
        assert str(app.screen.query_one("#chain").border_title).startswith("server: filter INPUT")
        assert "At attacker: policy of INPUT is now DROP." in pane_text(app, "#why")


# --- connections ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 40), (200, 60)], ids=str)
async def test_an_entry_is_two_tuples(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space")
        text = pane_text(app, "#connections")
        assert "original 203.0.113.9:4000 → 203.0.113.1:1337" in text
        assert "reply 203.0.113.1:1337 → 203.0.113.9:4000" in text


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
async def test_udp_has_flags_but_no_state(playing: Playing, size: tuple[int, int]) -> None:
    lesson = with_script("send udp 203.0.113.9:4000 > 203.0.113.1:53", rules=FORWARDING)
    async with playing(lesson, size=size) as (app, pilot):
        await pilot.press("space")
        if size[0] == 120:
            assert "udp, no state [UNREPLIED]" in pane_text(app, "#connections")
            assert "entry: no state" in pane_text(app, "#band")
        else:
            assert "no state [UNREPLIED] (udp has none)" in pane_text(app, "#entry")
        assert screen_text(app).count("UNREPLIED") == screen_text(app).count("[UNREPLIED]")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
async def test_at_the_look_up_of_a_new_packet_there_is_no_entry_yet(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("3", "space", "space", "space")
        text = screen_text(app)
        assert "NEW: no entry has its tuple" in text
        assert "none yet" in text
        assert "nothing is kept" not in text


async def test_the_title_counts_what_is_listed(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a", "3")
        title = ""
        for _ in range(12):
            await pilot.press("space")
            title = str(app.screen.query_one("#connections").border_title)
            if "not kept yet" in pane_text(app, "#connections"):
                break
        assert "1 kept · 1 not yet" in title
        await pilot.press("1", "space")
        assert "1 kept · 1 vanished" in str(app.screen.query_one("#connections").border_title)


async def test_the_nearest_entry_says_by_what_a_new_packet_misses_it(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a", "space")
        assert "nearest: another destination port" in pane_text(app, "#connections")
        view = app.screen.query_one("#connections", LineView)
        changed = {span.text for row in view._rows for span in row.spans if span.role == "change"}
        assert ":1337" in changed
        assert "203.0.113.9" not in changed


# --- the rest ------------------------------------------------------------------------------------------------


async def test_all_of_why_has_the_fields_and_the_entry_as_conntrack_prints_it(playing: Playing) -> None:
    async with playing(size=(120, 60)) as (app, pilot):
        await pilot.press("space", "space", "w")
        text = " ".join(" ".join(row.strip("│ ") for row in screen_text(app).split("\n")).split())
        assert "before tcp 6 120 SYN_SENT src=203.0.113.9" in text
        assert "now tcp 6 60 SYN_RECV src=203.0.113.9" in text
        assert "window 64240" in text
        assert "policy does: ACCEPT" in text


async def test_a_forgotten_entry_is_named(playing: Playing) -> None:
    lesson = with_script("send udp 203.0.113.9:4000 > 203.0.113.1:53", "send udp 203.0.113.9:4001 > 203.0.113.1:53", rules=FORWARDING)
    script = tuple(replace(entry, at=number * 200.0) for number, entry in enumerate(lesson.scenario.script))
    async with playing(replace(lesson, scenario=replace(lesson.scenario, script=script))) as (app, pilot):
        for _ in range(6):
            await pilot.press("space")
            if "forgotten: " in pane_text(app, "#band"):
                break
        assert "1 entry forgotten: udp 203.0.113.9:4000 → 203.0.113.1:53" in pane_text(app, "#band")


@pytest.mark.parametrize("width", [80, 120])
async def test_verdicts_in_the_list_of_moments_are_whole(playing: Playing, width: int) -> None:
    async with playing(size=(width, 24)) as (app, pilot):
        await pilot.press("space", "space", "space", "tab", "tab", "tab")
        row = next(row for row in screen_text(app).split("\n") if "SYN+ACK" in row and "ESTABLISHED →" in row)
        assert "203.0.113.1:1337 → 203.0.113.9:4000" in row
        assert "ESTABLISHED → ACCEPT" in row


async def test_a_host_keeps_its_side_of_the_wire(playing: Playing) -> None:
    lesson = with_script("connect 192.168.0.20:1337 from 4000", rules=FORWARDING, topology=gateway())
    async with playing(lesson) as (app, pilot):
        for _ in range(4):
            await pilot.press("space")
            row = pane_text(app, "#wire").split("▸")[0]
            assert row.index("attacker") < row.index("server")
            assert "alice" not in row or row.index("server") < row.index("alice")


async def test_what_leaves_goes_back_to_where_it_came_from(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        assert "SYN ▶ ▐ server" in pane_text(app, "#wire")
        await pilot.press("space")
        assert "attacker ◀ SYN+ACK" in pane_text(app, "#wire")


async def test_a_cross_does_not_shift_the_hooks(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a")
        before = next(row for row in screen_text(app).split("\n") if "PREROUTING" in row)
        await pilot.press("space")
        after = next(row for row in screen_text(app).split("\n") if "PREROUTING" in row)
        assert "✖" in after
        assert after.index("POSTROUTING") == before.index("POSTROUTING")
        assert lab_of(app).session.cursor.walk is not None


async def test_another_theme_is_every_panes_at_once(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "t")
        await pilot.pause()
        views = list(app.screen.query(LineView))
        drawn = [view for view in views if view._styles]
        assert drawn
        assert all(view._styles.get(("", ""), view.rich_style) == view.rich_style for view in drawn)


async def test_of_many_entries_a_step_draws_those_anew_that_changed(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"send tcp 203.0.113.77:{4000 + number} > 203.0.113.1:1337 SYN" for number in range(30)]
    drawn: list[int] = []
    draw = connections.entry_rows

    def counted(place: Place, entry: Entry, *rest: Any, **named: Any) -> list[Line]:
        drawn.append(entry.id)
        return draw(place, entry, *rest, **named)

    monkeypatch.setattr(connections, "entry_rows", counted)
    lesson = with_script(rules=RULES)
    script = tuple(Scripted(0, "attacker", text, number * 0.001) for number, text in enumerate(lines))
    async with playing(replace(lesson, scenario=replace(lesson.scenario, script=script))) as (app, pilot):
        lab = lab_of(app)
        at = next(n for n, stop in enumerate(lab.session.run.stops) if lab.session.run.records[stop].at > 44_000_000)
        lab.action_seek(lab.session.run.stops[at])
        await pilot.pause()
        assert len(lab.session.cursor.view.entries) > 20
        await pilot.press("space")
        drawn.clear()
        await pilot.press("space")
        assert 0 < len(drawn) < 15


@pytest.mark.parametrize(("size", "beside"), [((100, 30), True), ((96, 28), True), ((95, 28), False), ((96, 27), False)], ids=str)
async def test_a_screen_that_is_not_wide_but_roomy_shows_the_wire_and_the_connections_beside_why(
    playing: Playing, size: tuple[int, int], beside: bool
) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space")
        assert ("original 203.0.113.9:4000" in " ".join(screen_text(app).split())) is beside
        assert ("attacker ━" in screen_text(app)) is beside
        # A question leaves them where they are, and hides neither rules nor why.
        await pilot.press("end", "end", "end")
        assert lab_of(app).journey.question
        assert ("original 203.0.113.9:4000" in " ".join(screen_text(app).split())) is beside
        assert "3 rules" in screen_text(app)
        # The other tabs are whole panes as ever.
        await pilot.press("tab")
        assert "attacker ━" not in screen_text(app)
