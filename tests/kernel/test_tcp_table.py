"""Every cell of the engine's TCP state table, reached on the kernel."""

from __future__ import annotations

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Shot
from fwtutor.netfilter.conntrack.tcp import IGNORED, INVALID, TABLE, Kind, State
from tests.kernel.talk import Tcp, agreed, box

FLAGS = {Kind.SYN: "S", Kind.SYNACK: "SA", Kind.FIN: "FA", Kind.ACK: "A", Kind.RST: "R", Kind.NONE: ""}

# What the special rules around the table make of these cells: (state of the entry afterwards, ctstate of the packet).
SPECIAL = {
    # A RST before any reply was seen deletes the entry at once.
    (0, Kind.RST, State.SYN_SENT): ("-", "NEW"),
    (1, Kind.RST, State.SYN_SENT): ("-", "ESTABLISHED"),
    # A SYN after the end begins a new connection.
    (0, Kind.SYN, State.TIME_WAIT): ("SYN_SENT", "NEW"),
    (1, Kind.SYN, State.TIME_WAIT): ("SYN_SENT", "NEW"),
    (0, Kind.SYN, State.CLOSE): ("SYN_SENT", "NEW"),
}


def way_to(state: State, talk: Tcp) -> list[Shot]:
    """Segments after which the entry is in ``state``."""
    if state is State.NONE:
        return []
    if state is State.SYN_SENT:
        return [talk.client("S")]
    if state is State.SYN_SENT2:
        return [talk.client("S"), talk.server("S")]
    if state is State.SYN_RECV:
        return [talk.client("S"), talk.server("SA")]
    shots = talk.open()
    if state is State.CLOSE:
        return [*shots, talk.client("R")]
    if state is not State.ESTABLISHED:
        shots.append(talk.client("FA"))
    if state is State.CLOSE_WAIT:
        shots.append(talk.server("A"))
    if state in (State.LAST_ACK, State.TIME_WAIT):
        shots.append(talk.server("FA"))
    if state is State.TIME_WAIT:
        shots.append(talk.client("A"))
    return shots


@pytest.fixture(scope="module")
def probed(kernel: Kernel) -> dict[tuple[int, Kind, State], tuple[Observed, Observed | None]]:
    """By (direction, kind, state): the probe as it went, and the packet before it."""
    shots: list[Shot] = []
    probes: dict[int, tuple[int, Kind, State]] = {}
    port = 10000
    for state in State:
        for direction in (0, 1) if state is not State.NONE else (0,):
            for kind in Kind:
                port += 1
                talk = Tcp(port)
                shots += way_to(state, talk)
                probes[len(shots)] = (direction, kind, state)
                shots.append((talk.client, talk.server)[direction](FLAGS[kind]))
    packets = agreed(kernel, box(), shots)
    return {cell: (packets[number], packets[number - 1] if cell[2] is not State.NONE else None) for number, cell in probes.items()}


CELLS = [(direction, kind, state) for direction in (0, 1) for kind in Kind for state in State if (direction, state) != (1, State.NONE)]


@pytest.mark.parametrize(("direction", "kind", "state"), CELLS, ids=lambda value: getattr(value, "name", str(value)))
def test_the_table_is_the_kernels(
    probed: dict[tuple[int, Kind, State], tuple[Observed, Observed | None]], direction: int, kind: Kind, state: State
) -> None:
    probe, before = probed[direction, kind, state]
    if before is not None:
        assert before.entry is not None
        assert before.entry.state == state.name, "the way there did not lead there"
    cell = TABLE[direction][kind][state]
    after = "-" if probe.entry is None else probe.entry.state
    ctstate = probe.states[-1][1]
    if (direction, kind, state) in SPECIAL:
        assert (after, ctstate) == SPECIAL[direction, kind, state]
    elif cell == INVALID:
        assert (after, ctstate) == ("-" if before is None else state.name, "INVALID")
    elif cell == IGNORED:
        assert after == state.name
        assert ctstate != "INVALID"
    else:
        assert isinstance(cell, State)
        assert after == cell.name
        assert ctstate != "INVALID"
