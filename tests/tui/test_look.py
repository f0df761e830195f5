"""Looking anywhere: every host at the lab's moment, page by page, with filters; and what is never told before its time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.course.journey import Journey
from fwtutor.course.loader import find_lesson
from fwtutor.course.model import Lesson
from fwtutor.course.progress import Progress, Unkept
from fwtutor.plain.parts import connections
from fwtutor.recording import Scripted, Session
from fwtutor.telling.look import PAGES
from fwtutor.telling.look.page import Page
from fwtutor.telling.look.rules import RulesPage
from fwtutor.telling.look.seen import Seen, Sight
from fwtutor.telling.reading import Histories, Place, expected
from fwtutor.telling.spans import Line
from fwtutor.tui.screens.look import LookScreen
from fwtutor.tui.screens.reader import Sheet
from fwtutor.tui.widgets.connections import expected_rows
from fwtutor.tui.widgets.look import LookList
from tests.tui.conftest import BOTH, RULES, Playing, lab_of, make_lesson, pane_text, screen_text, type_text

HOSTILE = "[bold]it[/] \\x1b[31m \u202e"


class Eye:
    """A lesson, and what can be looked at in it."""

    def __init__(self, lesson: Lesson, folder: Path) -> None:
        self.session = Session(lesson.scenario)
        self.journey = Journey(lesson, self.session, Progress(folder / "progress.json"))
        self.sight = Sight(self.journey)

    def page(self, name: str, host: str = "server", wanted: str = "") -> Page:
        return PAGES[name](self.sight.see(host), wanted)

    def rows(self, name: str, host: str = "server", wanted: str = "") -> list[str]:
        page = self.page(name, host, wanted)
        return [page.row(y, 200).text.rstrip() for y in range(page.count())]


@pytest.fixture
def eye(tmp_path: Path) -> Eye:
    return Eye(make_lesson(), tmp_path)


def many(kinds: int = 12) -> Lesson:
    """UDP of many ports, a ping, and somebody who connects."""
    script = [Scripted(0, "attacker", f"send udp 203.0.113.9:{2000 + number} > 203.0.113.1:53") for number in range(kinds)]
    script += [Scripted(0, "attacker", "connect 203.0.113.1:1337 from 4000"), Scripted(0, "attacker", "ping -c 1 203.0.113.1")]
    rules = RULES.replace(":INPUT DROP", ":INPUT ACCEPT")
    lesson = make_lesson(rules=rules)
    stage = replace(lesson.stages[0], predictions=())
    return replace(lesson, scenario=replace(lesson.scenario, script=tuple(script), stages=1), stages=(stage,), goals=(), checks=())


@cache
def seen() -> Seen:
    """A host with a few connections."""
    session = Session(many(1).scenario)
    session.cursor.to_end()
    return Sight(Journey(many(1), session, Unkept())).see("server")


# --- what is seen ------------------------------------------------------------------------------------------------


def test_counters_are_those_of_the_moment_and_what_the_last_packet_changed_is_marked(eye: Eye) -> None:
    eye.session.cursor.move()
    assert "◆   2    1    52 ACCEPT tcp  0.0.0.0/0      0.0.0.0/0   tcp dpt:1337" in eye.rows("rules")
    eye.session.cursor.move()
    assert "    2    1    52 ACCEPT tcp  0.0.0.0/0      0.0.0.0/0   tcp dpt:1337" in eye.rows("rules")
    assert "◆ Chain OUTPUT (policy ACCEPT 1 packets, 52 bytes)" in eye.rows("rules")
    eye.session.cursor.to_start()
    assert "  Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)" in eye.rows("rules")


def test_a_packet_that_has_only_arrived_has_changed_nothing_yet(eye: Eye) -> None:
    eye.session.cursor.move()
    eye.session.cursor.seek(eye.session.cursor.index, 1)
    assert not any("◆" in row for row in eye.rows("rules"))
    assert eye.rows("connections") == []


def test_an_entry_that_is_not_kept_yet_is_there_with_what_rules_see(eye: Eye) -> None:
    eye.session.cursor.move("rule")
    while not eye.session.cursor.view.pending:
        eye.session.cursor.move("rule")
    assert eye.rows("connections")[0].startswith("◆ tcp   NEW         SYN_SENT    not yet 203.0.113.9:4000 → 203.0.113.1:1337")


def test_other_hosts_are_as_they_were_and_at_the_end_of_a_page_have_done_all_they_do(eye: Eye) -> None:
    stops = eye.session.run.stops
    eye.session.cursor.seek(stops[0])
    assert "SYN-SENT" in eye.rows("sockets", "attacker")[0]
    eye.session.cursor.seek(eye.session.run.stops[eye.session.run.stops.index(max(s for s in stops if eye.session.run.stage_of(s) == 0))])
    assert "ESTAB" in eye.rows("sockets", "attacker")[0]
    eye.session.cursor.to_start()
    assert eye.rows("sockets", "attacker") == []


def test_nothing_of_what_a_question_asks_about_is_seen_before_it_is_answered(eye: Eye) -> None:
    journey = eye.journey
    for _ in range(3):
        journey.to_end()
    assert journey.question is not None
    assert "  Chain INPUT (policy DROP 0 packets, 0 bytes)" in eye.rows("rules")
    assert len(eye.rows("connections")) == 1
    journey.answer(0)
    journey.forward("packet")
    assert "◆ Chain INPUT (policy DROP 1 packets, 52 bytes)" in eye.rows("rules")


def test_both_families_are_listed_where_there_are_rules(tmp_path: Path) -> None:
    lesson = many()
    topology = lesson.scenario.topology
    six = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -s 2001:db8::/32 -j DROP\nCOMMIT\n"
    hosts = tuple(replace(host, rules6=six) if host.name == "server" else host for host in topology.hosts)
    eye = Eye(replace(lesson, scenario=replace(lesson.scenario, topology=replace(topology, hosts=hosts))), tmp_path)
    rows = eye.rows("rules")
    assert rows.index("iptables -t filter") < rows.index("ip6tables -t filter")
    assert "    1    0     0 DROP   all  2001:db8::/32 ::/0" in rows
    assert eye.page("rules", "attacker").nothing().startswith("There is no rule here")


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("", 14), ("udp", 12), ("UDP", 12), ("2003", 1), ("200", 0), ("sport=2003", 1), ("dport=2003", 1), ("dport=4000", 1),
        ("udp 53", 12), ("sport=53 2003", 1),
        ("ESTABLISHED", 2), ("estab", 2), ("state=established", 1), ("ctstate=NEW", 12), ("!udp", 2), ("icmp", 1),
        ("ASSURED", 1), ("!ASSURED", 13), ("UNREPLIED udp", 12), ("203.0.113.9", 14), ("203.0.113.", 14), ("203.0.112.0/23", 14),
        ("10.0.0.0/8", 0), ("src=203.0.113.1 dst=203.0.113.9", 14), ("203.0.113.9:2003", 1), ("203.0.113.1:2003", 0), ("zone=1", 0),
        ("mark=0", 14), ("proto=tcp", 1), ("helper=ftp", 0), ("foo", 0), ("udp dport=", 12), ("2001:db8::1", 0),
    ],
)  # fmt: skip
def test_a_filter_takes_connections_by_what_they_have(tmp_path: Path, wanted: str, count: int) -> None:
    eye = Eye(many(), tmp_path)
    eye.session.cursor.to_end()
    page = eye.page("connections", wanted=wanted)
    assert (page.count(), page.complaint) == (count, "")


@pytest.mark.parametrize(
    ("wanted", "complaint"), [("dport=http", "dport= takes a number"), ("ports=1", "ports= is nothing a connection has")]
)
def test_a_filter_that_makes_no_sense_says_so(eye: Eye, wanted: str, complaint: str) -> None:
    eye.session.cursor.move()
    page = eye.page("connections", wanted=wanted)
    assert page.count() == 0
    assert page.complaint.startswith(complaint)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.one_of(st.text(max_size=40), st.text("0123456789./:=!srcdstportzonemark[]% ", max_size=40), st.just("9" * 5000)))
def test_any_filter_is_read(wanted: str) -> None:
    for name in PAGES:
        page = PAGES[name](seen(), wanted)
        for y in range(page.count()):
            page.row(y, 80)
            page.brief(y, 80)


def test_everything_about_a_connection(tmp_path: Path) -> None:
    eye = Eye(many(0), tmp_path)
    for host, line in (
        ("server", "iptables -I INPUT -m connlabel --label 3 --set"), ("server", "sysctl net.netfilter.nf_conntrack_acct=1"),
        ("attacker", "ping -c 1 203.0.113.1"),
    ):  # fmt: skip
        eye.session.run.enter(host, line)
    eye.session.cursor.to_end()
    about = eye.page("connections", wanted="icmp").about(0)
    assert about is not None
    told = " ".join(" ".join(row.text for row in about[1](100)).split())
    for words in (
        "As conntrack -L prints it icmp 1 30 src=203.0.113.9 dst=203.0.113.1 type=8 code=0 id=",
        "reply 203.0.113.1 → 203.0.113.9 id", ": ESTABLISHED What the tracker says",
        "state none: for icmp the tracker only notes", "answered; not [ASSURED]",
        "counted original 1 packet, 84 bytes; reply 1 packet, 84 bytes", "labels 3",
    ):  # fmt: skip
        assert words in told


def test_a_connection_that_was_expected_says_by_whom(tmp_path: Path) -> None:
    eye = Eye(find_lesson("ftp-active"), tmp_path)
    cursor = eye.session.cursor
    for index in eye.session.run.stops:
        cursor.seek(index)
        if any(entry.master for entry in cursor.view.entries.values()):
            break
    (row,) = eye.rows("connections", "gate", "expected")
    assert "tcp   RELATED     SYN_SENT" in row
    about = eye.page("connections", "gate", "expected").about(0)
    assert about is not None
    assert "192.168.0.20:41000 → 203.0.113.9:21, by its helper ftp" in "\n".join(row.text for row in about[1](200))


def test_files_and_the_log_are_as_they_were_at_the_moment(tmp_path: Path) -> None:
    lesson = many()
    script = (
        Scripted(0, "server", "iptables -I INPUT -p icmp -j LOG --log-prefix '[red]'"), Scripted(0, "server", "echo one > /tmp/note", 1),
        Scripted(0, "attacker", "ping -c 1 203.0.113.1", 2), Scripted(0, "server", "echo two >> /tmp/note", 3),
    )  # fmt: skip
    eye = Eye(replace(lesson, scenario=replace(lesson.scenario, script=script)), tmp_path)

    def texts() -> dict[str, list[str]]:
        page = eye.page("logs")
        return {page.row(y, 99).text.split()[0 if y else 1]: [row.text for row in page.about(y)[1](999)] for y in range(page.count())}  # type: ignore[index]

    eye.session.cursor.move()
    eye.session.cursor.move()
    assert texts()["/tmp/note"] == ["one"]
    assert texts()["log"] == ["(empty)"]
    eye.session.cursor.to_end()
    assert texts()["/tmp/note"] == ["one", "two"]
    assert "[red]IN=wan" in texts()["log"][0]
    eye.session.cursor.to_start()
    assert "/tmp/note" not in texts()


def test_sysctls_that_were_set_otherwise_come_first_and_a_set_is_found_by_its_name(eye: Eye) -> None:
    run = eye.session.run
    for line in ("sysctl net.ipv4.ip_forward=0", "ipset create bad hash:ip", "ipset add bad 10.0.0.7", "echo net.ipv4.ip_forward = 7"):
        run.enter("server", line)
    before = eye.rows("sysctls")
    eye.session.cursor.to_end()
    after = eye.rows("sysctls")
    assert any(row.startswith("  net.ipv4.ip_forward = 0 ") and "(at first 1)" in row for row in after[:9])
    assert not any("at first 1" in row for row in before)
    assert eye.rows("sysctls", wanted="bad")[-2:] == ["  Members:", "  10.0.0.7"]


# --- the screen --------------------------------------------------------------------------------------------------


@BOTH
async def test_every_page_of_every_host(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "f")
        assert "Chain INPUT (policy DROP 0 packets, 0 bytes)" in screen_text(app)
        await pilot.press("tab")
        assert "203.0.113.9:4000 → 203.0.113.1:1337" in pane_text(app, "LookList")
        await pilot.press("enter")
        assert "As conntrack -L prints it" in screen_text(app)
        await pilot.press("escape", "3")
        assert "No connection is expected here" in screen_text(app)
        await pilot.press("4")
        assert "*:1337" in screen_text(app)
        await pilot.press("right")
        assert "SYN-SENT" in screen_text(app)
        await pilot.press("5", "down", "enter")
        assert "203.0.113.1 server" in screen_text(app)
        await pilot.press("escape", "6", "left")
        assert "connections kept" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is lab_of(app)


async def test_rows_are_copied_whole_whatever_the_window_shows_of_them(playing: Playing) -> None:
    long = f'-A INPUT -p tcp -m tcp --dport 1337 -m comment --comment "{"x" * 90}" -j ACCEPT'
    rules = RULES.replace("-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT", long)
    async with playing(make_lesson(rules=rules), size=(80, 24)) as (app, pilot):
        await pilot.press("f", "Y")
        assert "x" * 90 in app.clipboard


async def test_one_steps_and_jumps_while_one_looks_and_the_lab_goes_along(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("f", "2", "space")
        assert "NEW         SYN_SENT" in screen_text(app)
        await pilot.press("n")
        assert "ESTABLISHED SYN_RECV" in screen_text(app)
        await pilot.press("b")
        assert "NEW         SYN_SENT" in screen_text(app)
        index = lab_of(app).session.cursor.index
        await pilot.press("n", "N", "q")
        assert lab_of(app).session.cursor.index == index
        assert "203.0.113.9:4000 → 203.0.113.1:1337" in pane_text(app, "#band")
        # A question holds the way here, too.
        await pilot.press("end", "end", "end", "f", "space")
        assert "a question holds the way" in screen_text(app)


async def test_a_filter_is_typed_with_any_key_and_escape_takes_it_away(playing: Playing) -> None:
    async with playing(many()) as (app, pilot):
        await pilot.press("end", "f", "2", "slash")
        await type_text(pilot, "q 2003")
        assert "0 of 14 connections" in screen_text(app)
        await pilot.press("home", *["backspace"] * 6)
        await type_text(pilot, "2003")
        await pilot.press("enter")
        assert "1 of 14 connections · only with 2003" in screen_text(app)
        await pilot.press("escape")
        assert "14 connections" in screen_text(app)
        assert isinstance(app.screen, LookScreen)
        await pilot.press("escape")
        assert app.screen is lab_of(app)


async def test_hosts_pages_and_rows_can_be_clicked(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "f")
        bar = app.screen.query_one("LookBar")
        row = screen_text(app).split("\n")
        await pilot.click(bar, offset=(row[1].index("4 sockets"), 1))
        await pilot.click(bar, offset=(row[0].index("attacker"), 0))
        assert "SYN-SENT" in screen_text(app)
        await pilot.click(bar, offset=(row[1].index("5 logs"), 1))
        await pilot.click(LookList, offset=(8, 1))
        assert not app.screen.query(Sheet)
        await pilot.click(LookList, offset=(8, 1))
        assert "203.0.113.1 server" in screen_text(app)


async def test_only_rows_on_the_screen_are_made_and_what_they_hold_is_shown_as_it_is(
    playing: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = "".join(f'-A INPUT -p udp -m udp --dport {port} -m comment --comment "{HOSTILE}" -j DROP\n' for port in range(1, 2001))
    made: set[int] = set()
    row = RulesPage.row

    def counted(page: RulesPage, y: int, width: int) -> Line:
        made.add(y)
        return row(page, y, width)

    monkeypatch.setattr(RulesPage, "row", counted)
    async with playing(make_lesson(rules=RULES.replace("COMMIT", f"{rules}COMMIT"))) as (app, pilot):
        await pilot.press("f", "end", "home", "pagedown")
        assert "[bold]it[/]" in screen_text(app)
        assert "\x1b" not in screen_text(app)
        assert "\u202e" not in screen_text(app)
        assert len(made) < 200


# --- the lab's own pane ------------------------------------------------------------------------------------------


def test_the_connections_pane_tells_who_is_expected(tmp_path: Path) -> None:
    session = Session(find_lesson("ftp-active").scenario)
    cursor = session.cursor
    index = next(index for index in session.run.stops if cursor.seek(index) is None and cursor.view.expectations)
    place = Place.of(session)
    (one,) = expected(place)
    assert [row.text.rstrip() for row in expected_rows(place, one, 80)] == [
        f"◆ expected: tcp 203.0.113.9 → 192.168.0.20:40001{'RELATED, 300 s':>32}",
        "    for 192.168.0.20:41000, by helper ftp",
    ]
    assert "expected: tcp 203.0.113.9 to 192.168.0.20:40001, RELATED, 300 s" in connections(place, Histories())
    cursor.seek(index - 1)
    assert expected(Place.of(session)) == []
