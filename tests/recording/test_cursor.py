"""The cursor: every place can be reached either way, and shows what playing forward to it would show."""

from __future__ import annotations

import random

import pytest

from fwtutor.netfilter.steps import Arrived, Finished, HookEntered, RuleTried
from fwtutor.network.records import CommandRun, TimerFired, Walked
from fwtutor.recording import Cursor, Run, Scenario, Scripted, Session
from fwtutor.recording.cursor import Size
from tests.netfilter.boxes import STATEFUL
from tests.network.worlds import SERVER, cast
from tests.recording.scenes import check_view, too_open

SIZES: tuple[Size, ...] = ("packet", "hook", "rule")
BUSY = (
    Scripted(3, "server", "dig web"),
    Scripted(3, "server", "iptables -I INPUT 1 -p icmp -j REJECT", 0.1),
    Scripted(3, "attacker", f"send icmp 203.0.113.9 > {SERVER} echo", 0.2),
    Scripted(3, "server", "iptables -I INPUT 2 -m limit --limit 1/min --limit-burst 1 -j LOG", 0.25),
    Scripted(3, "server", "iptables -Z", 0.3),
    Scripted(3, "attacker", f"connect {SERVER}:9", 0.4),
    Scripted(4, "server", "iptables -D INPUT 1"),
    Scripted(4, "alice", "curl 198.51.100.80", 0.1),
    Scripted(4, "server", "sleep 130", 0.2),
)


def busy_run() -> Run:
    """A run in which everything happens: walks, answers, timers, expiry, commands, counters set to zero."""
    return Run(too_open(extra=BUSY))


Place = tuple[int, int]


def places(cursor: Cursor, size: Size, direction: int) -> list[Place]:
    found = []
    while cursor.move(size, direction):
        found.append((cursor.index, cursor.step))
    return found


@pytest.mark.parametrize("size", SIZES)
def test_going_back_passes_the_same_places_as_going_forward(size: Size) -> None:
    cursor = Cursor(busy_run())
    there = places(cursor, size, 1)
    assert len(there) > 20
    assert places(cursor, size, -1) == [*reversed(there[:-1]), (-1, 0)]


@pytest.mark.parametrize("size", SIZES)
def test_the_view_at_every_place_is_what_playing_forward_gives(size: Size) -> None:
    cursor = Cursor(busy_run())
    while cursor.move(size, 1):
        check_view(cursor)
    while cursor.move(size, -1):
        check_view(cursor)
    check_view(cursor)


@pytest.mark.parametrize("seed", range(5))
def test_the_view_after_any_jump_is_what_playing_forward_gives(seed: int) -> None:
    run = busy_run()
    cursor = Cursor(run)
    chance = random.Random(seed)
    for _ in range(150):
        if chance.random() < 0.5:
            cursor.seek(chance.randrange(-1, len(run.records)), chance.choice([None, 0, 1, 3, 8]))
        else:
            cursor.move(chance.choice(SIZES), chance.choice([1, -1]))
        check_view(cursor)


def test_other_hosts_can_be_looked_at_from_any_place() -> None:
    run = busy_run()
    cursor = Cursor(run)
    cursor.to_end()
    for name, host in run.world.hosts.items():
        view = cursor.view_of(name)
        assert view.ruleset == host.firewall.ruleset()
    cursor.to_start()
    assert cursor.view_of("server").entries == {}
    with pytest.raises(KeyError):
        cursor.view_of("nobody")


def test_the_end_shows_what_the_engine_holds() -> None:
    run = busy_run()
    cursor = Cursor(run)
    cursor.seek(len(run.records) - 1)
    state = run.world.hosts["server"].firewall.state
    assert cursor.view.entries == state.entries
    assert cursor.view.counters == {key: value for key, value in state.counters.items() if value != (0, 0)}


def test_only_the_watched_hosts_records_and_what_a_person_typed_are_stops() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("attacker", f"connect {SERVER}:1337")
    session.cursor.to_start()
    typed = 0
    while session.cursor.move("packet"):
        record = session.cursor.record
        assert record is not None
        if record.host != "server":
            assert isinstance(record, CommandRun)
            assert record.learner
            typed += 1
    assert typed == 1


def test_moving_by_packet_stands_at_the_end_of_each_walk() -> None:
    cursor = Cursor(Run(too_open()))
    assert cursor.move("packet")
    assert isinstance(cursor.now_step, Finished)
    assert cursor.step == len(cursor.steps)
    assert cursor.walk is not None
    assert cursor.walk.packet.flag_names == ("SYN",)


def test_moving_by_hook_stands_where_the_packet_comes_to_a_hook() -> None:
    cursor = Cursor(Run(too_open()))
    kinds = []
    while cursor.move("hook") and cursor.index <= cursor.run.stops[0]:
        kinds.append(type(cursor.now_step))
    assert kinds == [Arrived, HookEntered, HookEntered, Finished]


def test_moving_by_rule_shows_every_beat_of_a_packet_in_its_order() -> None:
    cursor = Cursor(Run(too_open()))
    beats: list[tuple[str, str, bool]] = []
    while cursor.move("rule") and cursor.index <= cursor.run.stops[0]:
        view = check_view(cursor)
        beats.append((type(cursor.now_step).__name__, view.ctstate, view.pending is not None))
    names = [name for name, _, _ in beats]
    order = [names.index(name) for name in ("Arrived", "LookedUp", "EntryCreated", "RuleTried", "Confirmed", "Finished")]
    assert order == sorted(order)
    assert [state for name, state, _ in beats if name in ("Arrived", "LookedUp")] == ["", "NEW"]
    # Not kept yet from its creation until it is confirmed.
    assert [pending for name, _, pending in beats if name in ("EntryCreated", "RuleTried", "Confirmed")] == [True, True, True, False]


def test_a_dropped_packets_entry_vanishes_with_it() -> None:
    run = Run(too_open())
    cursor = Cursor(run)
    dropped = next(r.index for r in run.records if isinstance(r, Walked) and r.host == "server" and r.walk.packet.dport == 22)
    cursor.seek(dropped, 0)
    kept = len(cursor.view.entries)
    seen = []
    while cursor.move("rule") and cursor.index == dropped:
        seen.append(cursor.view.pending is not None)
    cursor.seek(dropped)
    assert True in seen
    assert cursor.view.pending is None
    assert len(cursor.view.entries) == kept


def test_the_counter_ticks_with_the_rule_that_matched_and_unticks_going_back() -> None:
    cursor = Cursor(Run(too_open()))
    while cursor.move("rule"):
        step = cursor.now_step
        if isinstance(step, RuleTried) and step.matched:
            break
    assert isinstance(step, RuleTried)
    assert step.rule is not None
    assert cursor.view.counters[step.rule.id] == (1, 52)
    cursor.move("rule", -1)
    assert cursor.view.counters.get(step.rule.id, (0, 0)) == (0, 0)


def test_the_ruleset_is_the_one_in_force_at_the_place() -> None:
    run = busy_run()
    cursor = Cursor(run)
    commands = [r for r in run.records if isinstance(r, CommandRun) and r.host == "server" and r.after != r.before]
    assert len(commands) == 3
    for record in commands:
        cursor.seek(record.index - 1)
        assert cursor.view.ruleset is record.before
        cursor.seek(record.index)
        assert cursor.view.ruleset is record.after


def test_the_states_of_a_connection_show_in_their_order() -> None:
    cursor = Cursor(Run(too_open()))
    states = []
    while cursor.move("packet"):
        for entry in cursor.view.entries.values():
            told = f"{entry.state}{' [ASSURED]' if entry.assured else ''}"
            if entry.original.sport == 4000 and entry.original.dport == 1337 and entry.original.protocol == 6 and told not in states:
                states.append(told)
    assert states == ["SYN_SENT", "SYN_RECV", "ESTABLISHED [ASSURED]"]


def test_before_everything_there_is_nothing_to_see_but_the_rules() -> None:
    cursor = Cursor(Run(too_open()))
    assert (cursor.record, cursor.walk, cursor.steps, cursor.now_step, cursor.at) == (None, None, (), None, 0)
    view = cursor.view
    assert (view.entries, view.pending, view.ctstate) == ({}, None, "")
    assert len(view.ruleset.tables["filter"].chains["INPUT"].rules) == 3
    assert not cursor.move("packet", -1)


def test_seeking_beyond_the_run_stops_at_its_ends() -> None:
    run = Run(too_open())
    cursor = Cursor(run)
    cursor.seek(10**6)
    assert cursor.index == len(run.records) - 1
    cursor.seek(-5)
    assert cursor.index == -1
    cursor.seek(run.stops[0], 10**6)
    assert cursor.step == len(cursor.steps)


def test_another_hosts_walk_can_be_visited_and_changes_nothing_here() -> None:
    run = Run(too_open())
    cursor = Cursor(run)
    foreign = next(r.index for r in run.records if isinstance(r, Walked) and r.host == "attacker")
    cursor.seek(foreign, 1)
    assert cursor.walk is not None
    assert cursor.steps
    assert cursor.view.ctstate == ""
    check_view(cursor)
    assert cursor.move("packet")
    assert cursor.record is not None


def test_a_run_without_records_has_no_places() -> None:
    run = Run(Scenario(cast(STATEFUL)))
    cursor = Cursor(run)
    assert cursor.at_start
    assert cursor.at_end
    assert not cursor.move("rule")
    cursor.to_end()
    assert cursor.index == -1


def test_forgotten_entries_leave_the_view_with_the_record_of_their_expiry() -> None:
    run = busy_run()
    cursor = Cursor(run)
    expiry = next(r for r in run.records if isinstance(r, TimerFired) and r.host == "server" and r.changes)
    gone = {change.key for change in expiry.changes}
    cursor.seek(expiry.index - 1)
    assert gone <= cursor.view.entries.keys()
    cursor.seek(expiry.index)
    assert not gone & cursor.view.entries.keys()


def test_what_was_said_is_shown_from_the_record_on_in_which_it_was_said() -> None:
    run = Run(too_open())
    cursor = Cursor(run)
    assert cursor.said("attacker") == []
    greeting = next(line for line in run.world.hosts["attacker"].console if "hello from port 1337" in line.text)
    cursor.seek(greeting.index - 1)
    assert greeting not in cursor.said("attacker")
    cursor.seek(greeting.index)
    assert cursor.said("attacker")[-1] == greeting
    cursor.seek(len(run.records))
    assert cursor.said("attacker") == run.world.hosts["attacker"].console
