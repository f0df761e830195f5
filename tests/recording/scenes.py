"""Scenarios for the tests."""

from __future__ import annotations

import random

from fwtutor.netfilter import craft
from fwtutor.netfilter.steps import Step
from fwtutor.network.records import Walked, changes_of
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.recording import Cursor, Run, Scenario, Scripted, View
from tests.netfilter.boxes import STATEFUL
from tests.network.worlds import SERVER, cast


def too_open(seed: int = 0, extra: tuple[Scripted, ...] = ()) -> Scenario:
    """The origin question: a connection to 1337, then a SYN to 22 from the same port."""
    script = (
        Scripted(0, "attacker", f"connect {SERVER}:1337 from 4000"),
        Scripted(0, "attacker", 'say "hello"', 0.5),
        Scripted(1, "attacker", f"send tcp 203.0.113.9:4000 > {SERVER}:22 SYN"),
        Scripted(1, "attacker", f"send udp 203.0.113.9:4000 > {SERVER}:1337", 0.3),
        Scripted(2, "alice", f"ssh {SERVER}"),
        *extra,
    )
    return Scenario(cast(STATEFUL), script, "server", seed)


PACKETS, CONNECTIONS = 10_000, 1_000
BOX, CROWD = 0x0A000001, 0x0A000002
LONG_RULES = """*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -p udp -m udp --dport 1337 -j ACCEPT
COMMIT
"""


def long_run(packets: int, connections: int) -> Run:
    """Datagrams from many ports to an open one; what nobody hears is thrown away, so that nothing is answered."""
    topology = Topology(
        (
            HostSpec("box", {"wan": ("10.0.0.1/24",)}, {}, ("dns:1337",), LONG_RULES),
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


def replayed(run: Run, host: str, index: int, steps: tuple[Step, ...] | None) -> tuple[dict[object, object], dict[object, object]]:
    """(counters, entries) computed the slow way: every effect from the start, in order."""
    state = run.tracks[host].checkpoints[0].copy()
    for record in run.records[: index + 1]:
        if record.host == host:
            whole = record.index < index or steps is None or not isinstance(record, Walked)
            state.apply(changes_of(record) if whole else tuple(change for step in steps or () for change in step.changes))
    return {key: value for key, value in state.counters.items() if value != (0, 0)}, dict(state.entries)


def check_view(cursor: Cursor) -> View:
    """Asserts that the view at the cursor is the one computed from the start."""
    record = cursor.record
    watch = cursor.run.scenario.watch
    steps = cursor.steps[: cursor.step] if isinstance(record, Walked) and record.host == watch else None
    view = cursor.view
    assert (view.counters, view.entries) == replayed(cursor.run, watch, cursor.index, steps)
    return view
