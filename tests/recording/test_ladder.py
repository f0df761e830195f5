"""The ladder has every record once, and each packet's whole way."""

from __future__ import annotations

import pytest

from fwtutor.network.records import CommandRun, TimerFired, Walked
from fwtutor.recording import Run, Scenario, Scripted, Session
from fwtutor.recording.ladder import Leg, Rung, happened_until, legs, lost, rungs, stop_of
from tests.network.worlds import SERVER, WEB, cast
from tests.recording.scenes import too_open

REJECTING = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -p udp -j REJECT
COMMIT
"""


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(too_open())


def first(run: Run, host: str) -> Rung:
    return next(rung for rung in rungs(run) if isinstance(run.records[rung.anchor], Walked) and rung.sent_by == host)


def test_every_record_is_on_one_rung(run: Run) -> None:
    told = [index for rung in rungs(run) for index in rung.records]
    assert sorted(told) == list(range(len(run.records)))


def test_commands_and_timers_have_rungs_of_their_own(run: Run) -> None:
    for rung in rungs(run):
        if isinstance(run.records[rung.anchor], CommandRun | TimerFired):
            assert rung.records == (rung.anchor,)
            assert legs(run, rung, len(run.records)) == []


def test_the_rungs_are_in_the_order_in_which_the_watched_host_saw_them(run: Run) -> None:
    anchors = [rung.anchor for rung in rungs(run)]
    assert anchors == sorted(anchors)
    assert set(run.stops) <= set(anchors)


def test_a_packet_goes_from_who_sent_it_to_who_got_it(run: Run) -> None:
    assert legs(run, first(run, "attacker"), len(run.records)) == [Leg("attacker", "server")]
    assert legs(run, first(run, "server"), len(run.records)) == [Leg("server", "attacker")]


def test_a_packet_that_is_still_on_the_link_has_gone_nowhere_yet(run: Run) -> None:
    rung = first(run, "attacker")
    assert legs(run, rung, rung.records[0]) == []


def test_a_forwarded_packet_is_one_rung_with_two_legs() -> None:
    run = Run(Scenario(cast(), (Scripted(0, "alice", f"send udp 192.168.0.20:4000 > {WEB}:9"),), "server"))
    rung = first(run, "alice")
    assert legs(run, rung, len(run.records)) == [Leg("alice", "server"), Leg("server", "web")]
    assert run.records[rung.anchor].host == "server"


def test_the_answer_of_a_rejecting_rule_is_a_packet_of_its_own() -> None:
    run = Run(Scenario(cast(REJECTING), (Scripted(0, "attacker", f"send udp 203.0.113.9:4000 > {SERVER}:53"),), "server"))
    assert legs(run, first(run, "attacker"), len(run.records)) == [Leg("attacker", "server")]
    answer = first(run, "server")
    assert legs(run, answer, len(run.records)) == [Leg("server", "attacker")]
    # It set out with the packet it answers, and the cursor stands there.
    assert stop_of(run, answer) == first(run, "attacker").anchor


def test_what_a_link_loses_is_lost_from_its_sender_on() -> None:
    session = Session(Scenario(cast(), (), "server"))
    run = session.run
    run.world.lose(lambda link, sender, packet: True)
    run.enter("attacker", f"send udp 203.0.113.9:4000 > {SERVER}:53")
    rung = first(run, "attacker")
    assert legs(run, rung, len(run.records)) == []
    assert lost(run, rung, len(run.records)) == "attacker"


def test_what_has_happened_goes_to_the_next_moment_but_not_into_a_stage_that_has_not_begun(run: Run) -> None:
    stop = run.stops[0]
    assert happened_until(run, stop, 0) == run.stops[1] - 1
    last = max(index for index in run.stops if index < run.stage_starts[1])
    assert happened_until(run, last, 0) == run.stage_starts[1] - 1
    assert happened_until(run, last, 1) > run.stage_starts[1] - 1
    assert happened_until(run, run.stops[-1], 9) == len(run.records) - 1
