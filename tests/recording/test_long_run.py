"""A run of 10,000 packets and 1,000 entries: a step touches a few effects, however long the run is.

How long that takes is measured in ``benchmarks``; here the work is counted, which no other program on the machine disturbs.
"""

from __future__ import annotations

import random

import pytest

from fwtutor.network.records import Walked
from fwtutor.recording import Cursor, Run
from tests.recording.scenes import CONNECTIONS, PACKETS, check_view


def test_the_run_is_as_long_as_it_should_be(long: Run) -> None:
    assert len([record for record in long.records if isinstance(record, Walked) and record.host == "box"]) == PACKETS
    assert len(long.world.hosts["box"].firewall.state.entries) == CONNECTIONS


def test_no_step_from_the_end_to_the_start_and_back_touches_more_than_the_effects_of_two_packets(long: Run) -> None:
    cursor = Cursor(long)
    cursor.to_end()
    assert len(cursor.view.entries) == CONNECTIONS
    most = 0
    for direction in (-1, 1):
        steps = 0
        done = cursor.work
        while cursor.move("packet", direction):
            assert cursor.view is not None
            most = max(most, cursor.work - done)
            done = cursor.work
            steps += 1
        assert steps >= PACKETS
    assert most <= 8


def test_a_jump_touches_no_more_than_lies_between_two_checkpoints(long: Run) -> None:
    cursor = Cursor(long)
    chance = random.Random(2)
    for _ in range(50):
        done = cursor.work
        cursor.seek(chance.randrange(len(long.records)))
        assert cursor.view is not None
        assert cursor.work - done <= CONNECTIONS + 300


@pytest.mark.parametrize("seed", range(3))
def test_the_view_at_places_drawn_from_a_seed_is_what_playing_forward_gives(long: Run, seed: int) -> None:
    cursor = Cursor(long)
    chance = random.Random(seed)
    for _ in range(4):
        cursor.seek(chance.randrange(len(long.records)), chance.choice([None, 1, 4]))
        check_view(cursor)
        for _ in range(3):
            cursor.move("rule", chance.choice([1, -1]))
            check_view(cursor)


def test_checkpoints_are_few(long: Run) -> None:
    track = long.tracks["box"]
    assert sum(len(state.entries) + len(state.counters) for state in track.checkpoints) <= 3 * PACKETS
