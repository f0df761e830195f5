"""The ladder's rows: who sent what to whom, and where it died."""

from __future__ import annotations

import pytest

from fwtutor.recording import Run, Scenario, Scripted
from fwtutor.recording.ladder import Rung, rungs
from fwtutor.tui.rungs import about, columns, heads, host_order, rung_row
from tests.network.worlds import SERVER, cast
from tests.recording.scenes import STATEFUL, too_open

WIDTH = 78


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(too_open())


def drawn(run: Run, rung: Rung, width: int = WIDTH, seen: int = 10**9, done: int = 10**9) -> str:
    return rung_row(run, rung, columns(host_order(run), width), width, seen, done, here=False, marked=False).text


def rows(run: Run) -> list[str]:
    return [drawn(run, rung) for rung in rungs(run)]


def test_the_watched_host_stands_between_its_two_sides(run: Run) -> None:
    assert host_order(run) == ["attacker", "dns", "web", "server", "alice"]
    assert heads(host_order(run), "server", WIDTH).text.split() == ["attacker", "dns", "web", "server", "alice"]


def test_a_packet_is_an_arrow_towards_who_gets_it(run: Run) -> None:
    said = rows(run)
    assert any("SYN ─" in row and "▶│" in row for row in said)
    assert any("│◀" in row and "SYN+ACK" in row for row in said)


def test_a_drop_is_marked_at_the_host_where_it_died_with_the_rule(run: Run) -> None:
    dead = next(row for row in rows(run) if "✖" in row)
    at = columns(host_order(run), WIDTH)
    assert dead[12 + at["server"]] == "✖"
    assert "policy of IN" in dead


def test_commands_and_timers_stand_between_the_packets(run: Run) -> None:
    said = rows(run)
    assert any("$ attacker# connect" in row for row in said)
    assert any("◷ " in row for row in said)


def test_what_is_to_come_shows_its_time_and_nothing_else(run: Run) -> None:
    shot = next(rung for rung in rungs(run) if "✖" in drawn(run, rung))
    hidden = drawn(run, shot, seen=shot.anchor - 1, done=shot.anchor - 1)
    assert set(hidden[12:]) <= {" ", "│"}
    assert about(run, shot, shot.anchor - 1, shot.anchor - 1).text == "to come"


def test_the_verdict_of_a_packet_under_way_is_not_told(run: Run) -> None:
    shot = next(rung for rung in rungs(run) if "✖" in drawn(run, rung))
    under_way = drawn(run, shot, seen=shot.anchor, done=shot.anchor - 1)
    assert "SYN" in under_way
    assert "✖" not in under_way
    assert "NEW" not in about(run, shot, shot.anchor, shot.anchor - 1).text
    assert "packet: NEW  ✖ at server: policy of INPUT" in about(run, shot, shot.anchor, shot.anchor).text


def test_a_packet_that_its_own_host_drops_sets_out_nowhere() -> None:
    rules = STATEFUL.replace(":OUTPUT ACCEPT", ":OUTPUT DROP")
    run = Run(Scenario(cast(rules), (Scripted(0, "server", f"send udp {SERVER}:4000 > 203.0.113.9:53"),), "server"))
    dead = next(row for row in rows(run) if "✖" in row)
    assert "✖ udp policy of" in dead
    assert "▶" not in dead


@pytest.mark.parametrize("width", [30, 60, 78, 118, 198])
def test_every_rung_fits(run: Run, width: int) -> None:
    for rung in rungs(run):
        at = columns(host_order(run), width)
        assert rung_row(run, rung, at, width, 10**9, 10**9, here=True, marked=True).width <= width
    assert heads(host_order(run), "server", width).width <= width
