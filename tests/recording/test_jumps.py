"""Jumps find the nearest moment of a kind, either way, and no other."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from fwtutor.network.records import CommandRun, Record, TimerFired, Walked
from fwtutor.recording import Run, Session
from fwtutor.recording.jumps import Wanted, changes_state, connection_of, find, moment_at
from tests.network.worlds import SERVER
from tests.recording.scenes import too_open


@pytest.fixture(scope="module")
def run() -> Run:
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("server", "sleep 500")
    session.enter("server", "iptables -I INPUT 1 -p udp -j REJECT")
    session.enter("attacker", f"send udp 203.0.113.9:4000 > {SERVER}:53")
    return session.run


def verdict(record: Record) -> str:
    return record.walk.verdict if isinstance(record, Walked) else ""


def rule_ids(run: Run, number: int) -> int:
    """The id of the rule that had that number in INPUT at the start."""
    return run.tracks["server"].ruleset_at(-1).tables["filter"].chains["INPUT"].rules[number - 1].id


def connection(run: Run, index: int) -> Wanted:
    record = run.records[index]
    assert isinstance(record, Walked)
    return Wanted("connection", connection=connection_of(record.walk))


def slowly(run: Run, fits: Callable[[Record], bool]) -> list[int]:
    return [index for index in run.stops if fits(run.records[index])]


def all_of(run: Run, wanted: Wanted, direction: int = 1) -> list[int]:
    found: list[int] = []
    index: int | None = -1 if direction > 0 else len(run.records)
    while (index := find(run, index, wanted, direction)) is not None:
        found.append(index)
    return found if direction > 0 else found[::-1]


KINDS: dict[str, tuple[Wanted, Callable[[Record], bool]]] = {
    "stopped": (Wanted("stopped"), lambda record: verdict(record) in ("DROP", "REJECT")),
    "input": (Wanted("input"), lambda record: isinstance(record, CommandRun)),
    "timer": (Wanted("timer"), lambda record: isinstance(record, TimerFired)),
    "state": (Wanted("state"), changes_state),
}


@pytest.mark.parametrize("kind", KINDS)
def test_jumping_on_and_on_visits_each_moment_of_the_kind_once_and_back_the_same(run: Run, kind: str) -> None:
    wanted, fits = KINDS[kind]
    expected = slowly(run, fits)
    assert expected
    assert all_of(run, wanted) == expected
    assert all_of(run, wanted, -1) == expected


def test_a_change_of_state_is_not_merely_a_timer_refreshed(run: Run) -> None:
    changed = {run.records[index].index for index in all_of(run, Wanted("state"))}
    said = next(
        record for record in run.records
        if isinstance(record, Walked) and record.host == "server" and b"hello" in record.walk.packet.raw
    )  # fmt: skip
    assert any(change.kind == "entry" for change in said.walk.changes)
    assert said.index not in changed


def test_the_changes_of_one_entry_are_its_own_up_to_its_end(run: Run) -> None:
    first = next(record for record in run.records if isinstance(record, Walked) and record.host == "server" and record.walk.tracked)
    assert isinstance(first, Walked)
    assert first.walk.tracked is not None
    mine = all_of(run, Wanted("state", entry=first.walk.tracked.id))
    assert mine[0] == first.index
    assert set(mine) < set(all_of(run, Wanted("state")))


def test_a_match_of_a_rule_is_where_its_counter_ticked(run: Run) -> None:
    for number in (1, 2, 3):
        rule = rule_ids(run, number)
        ticked = slowly(
            run,
            lambda record, rule=rule: isinstance(record, Walked) and ("counter", rule) in {change[:2] for change in record.walk.changes},
        )
        assert ticked
        assert all_of(run, Wanted("rule", rule=rule)) == ticked


def test_both_directions_of_a_connection_are_its_packets_and_so_is_what_was_dropped_of_it(run: Run) -> None:
    syn = next(index for index in run.stops if isinstance(run.records[index], Walked))
    mine = [run.records[index] for index in all_of(run, connection(run, syn))]
    assert {record.walk.in_interface for record in mine if isinstance(record, Walked)} == {"wan", None}
    shot = next(index for index in run.stops if verdict(run.records[index]) == "DROP")
    assert shot in all_of(run, connection(run, shot))
    assert shot not in [record.index for record in mine]


def test_bookmarks_are_found_in_their_order(run: Run) -> None:
    marks = (run.stops[2], run.stops[5])
    assert all_of(run, Wanted("mark", marks=marks)) == list(marks)


def test_where_nothing_is_wanted_nothing_is_found(run: Run) -> None:
    assert find(run, -1, Wanted("stopped"), -1) is None
    assert find(run, len(run.records), Wanted("stopped")) is None
    assert find(run, -1, Wanted("rule", rule=10**9)) is None


def test_a_time_is_the_last_moment_up_to_it(run: Run) -> None:
    assert moment_at(run, -1) == -1
    third = run.records[run.stops[2]]
    assert run.records[moment_at(run, third.at)].at == third.at
    assert moment_at(run, 10**18) == run.stops[-1]


def test_in_a_run_of_ten_thousand_packets_a_jump_finds_what_a_look_at_every_record_finds(long: Run) -> None:
    chance = random.Random(3)
    state = slowly(long, changes_state)
    for _ in range(5):
        index = chance.choice(long.stops)
        assert find(long, index, Wanted("state")) == next((at for at in state if at > index), None)
        assert find(long, index, Wanted("state"), -1) == next((at for at in reversed(state) if at < index), None)
        wanted = connection(long, index)
        after = find(long, index, wanted)
        assert after is None or connection(long, after) == wanted
    assert find(long, -1, Wanted("stopped")) is None
