"""A run of 10,000 packets and 1,000 entries: a step touches a few effects, however long the run is.

How long that takes is measured in ``benchmarks``; here the work is counted, which no other program on the machine disturbs.
"""

from __future__ import annotations

import random

import pytest

from fwtutor.netfilter import craft
from fwtutor.network.records import Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.recording import Cursor, Run, Scenario
from tests.recording.scenes import check_view

PACKETS, CONNECTIONS = 10_000, 1_000
BOX, CROWD = 0x0A000001, 0x0A000002
RULES = """*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -p udp -m udp --dport 1337 -j ACCEPT
COMMIT
"""


def long_run(packets: int, connections: int) -> Run:
    """Datagrams from many ports to an open one; what nobody hears is thrown away, so that nothing is answered."""
    topology = Topology(
        (
            HostSpec("box", {"wan": ("10.0.0.1/24",)}, {}, ("dns:1337",), RULES),
            HostSpec("crowd", {"eth0": ("10.0.0.2/24",)}),
        ),
        (LinkSpec("wire", ("box:wan", "crowd:eth0"), 0.001),),
    )
    run = Run(Scenario(topology, (), "box"))
    chance = random.Random(1)
    ports = [20_000 + number for number in range(connections)]
    ports += [chance.choice(ports) for _ in range(packets - connections)]
    crowd = run.world.hosts["crowd"]
    for port in ports:
        crowd.emit(craft.udp(CROWD, BOX, port, 1337, b"x"))
    run.settle()
    return run


@pytest.fixture(scope="module")
def run() -> Run:
    return long_run(PACKETS, CONNECTIONS)


def test_the_run_is_as_long_as_it_should_be(run: Run) -> None:
    assert len([record for record in run.records if isinstance(record, Walked) and record.host == "box"]) == PACKETS
    assert len(run.world.hosts["box"].firewall.state.entries) == CONNECTIONS


def test_no_step_from_the_end_to_the_start_and_back_touches_more_than_the_effects_of_two_packets(run: Run) -> None:
    cursor = Cursor(run)
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


def test_a_jump_touches_no_more_than_lies_between_two_checkpoints(run: Run) -> None:
    cursor = Cursor(run)
    chance = random.Random(2)
    for _ in range(50):
        done = cursor.work
        cursor.seek(chance.randrange(len(run.records)))
        assert cursor.view is not None
        assert cursor.work - done <= CONNECTIONS + 300


@pytest.mark.parametrize("seed", range(3))
def test_the_view_at_places_drawn_from_a_seed_is_what_playing_forward_gives(run: Run, seed: int) -> None:
    cursor = Cursor(run)
    chance = random.Random(seed)
    for _ in range(4):
        cursor.seek(chance.randrange(len(run.records)), chance.choice([None, 1, 4]))
        check_view(cursor)
        for _ in range(3):
            cursor.move("rule", chance.choice([1, -1]))
            check_view(cursor)


def test_checkpoints_are_few(run: Run) -> None:
    track = run.tracks["box"]
    assert sum(len(state.entries) + len(state.counters) for state in track.checkpoints) <= 3 * PACKETS
