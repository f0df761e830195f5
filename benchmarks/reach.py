"""Does the agreement run reach all of the tracker? Every branch of ``netfilter/conntrack/``, every cell of the TCP state table.

Part of it is played again, and the engine held against the kernel under coverage.py. What is imported here before the
measurement begins would not be measured, so imports of fwtutor wait inside the functions.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.tcp import Kind, State

    Cell = tuple[int, Kind, State]

TRACKER = Path(__file__).parents[1] / "fwtutor/netfilter/conntrack"
_BY_CHANCE = "a full table: whom the kernel throws out depends on its hash, seeded by chance; tests/kernel/test_full_table.py"
LEFT_OUT = {
    "def __repr__": "for people",
    "def __eq__": "for tests",
    "if TYPE_CHECKING": "for the type checker",
    "def format_table": "for people: the comparison reads the entries themselves",
    "def watch_all": "going back in time, which the kernel does not",
    "def evict": _BY_CHANCE,
    r"if 0 < self\.settings\.max": _BY_CHANCE,
    r"and self\._evictable is not None:": _BY_CHANCE,
    r"if entry\.original in index": "a tuple taken while its packet was on the way: that takes another processor, or NAT",
}
"""Code that no packet of such a run comes to, by a pattern of the line that leads to it, and why."""
CASES = 3000


def run(first: int, size: int, processes: int, kept: Path | None) -> int:
    """Play ``CASES`` cases from number ``first`` on, ``size`` items each; exit code 1 when something is not reached."""
    measured = coverage.Coverage(branch=True, include=[f"{TRACKER}/*"], data_file=None, config_file=False)
    for pattern in LEFT_OUT:
        measured.exclude(pattern)
    measured.start()
    from benchmarks.players import observed, told
    from fwtutor.kernel.compare import hold

    cells = _watched()
    differing = []
    for done in told(observed(first, CASES, size, processes, kept), CASES):
        number, setup, observation = pickle.loads(done)
        if hold(setup, observation):
            differing.append(number)
    measured.stop()
    for number in differing:
        sys.stdout.write(f"difference in case {number}\n")
    missed = _missed_branches(measured) + _missed_cells(cells)
    for line in missed:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{len(cells)} cells of the state table judged, {len(missed)} things not reached\n")
    return 1 if missed or differing else 0


def _watched() -> dict[Cell, int]:
    """How often each cell was judged, from now on. A segment without flags never comes as far as the table."""
    from fwtutor.netfilter.conntrack import tcp
    from fwtutor.netfilter.conntrack.tracking import Conntrack
    from fwtutor.netfilter.packet import TCP

    cells: dict[Cell, int] = {}

    def count(direction: int, flags: int, state: State) -> None:
        cell = direction, tcp.kind_of(flags), state
        cells[cell] = cells.get(cell, 0) + 1

    judge, begin = tcp.judge, tcp.begin
    without_flags: Callable[..., Any] = Conntrack._judge
    first_without: Callable[..., Any] = Conntrack._begin

    def judging(track: tcp.TcpTrack, status: int, packet: Any, direction: int, settings: Any) -> tcp.Judgement:
        count(direction, packet.flags, track.state)
        return judge(track, status, packet, direction, settings)

    def beginning(packet: Any, loose: bool) -> Any:
        count(0, packet.flags, tcp.State.NONE)
        return begin(packet, loose)

    def looking(self: Any, entry: Any, packet: Any, direction: int, *rest: Any) -> Any:
        if packet.protocol == TCP and packet.has_l4 and tcp.kind_of(packet.flags) is tcp.Kind.NONE:
            count(direction, packet.flags, entry.tracker.state)
        return without_flags(self, entry, packet, direction, *rest)

    def looking_first(self: Any, key: Any, reply: Any, packet: Any, *rest: Any) -> Any:
        if packet.protocol == TCP and packet.has_l4 and tcp.kind_of(packet.flags) is tcp.Kind.NONE:
            count(0, packet.flags, tcp.State.NONE)
        return first_without(self, key, reply, packet, *rest)

    watched = ((tcp, "judge", judging), (tcp, "begin", beginning), (Conntrack, "_judge", looking), (Conntrack, "_begin", looking_first))
    for owner, name, function in watched:
        setattr(owner, name, function)
    return cells


def _missed_cells(cells: dict[Cell, int]) -> list[str]:
    from fwtutor.netfilter.conntrack.tcp import TABLE, Kind, State

    missed = []
    for direction, rows in enumerate(TABLE):
        for kind in Kind:
            for state in State:
                # A connection's first packet is in the original direction: nobody replies to NONE.
                if (direction, kind, state) not in cells and (direction, state) != (1, State.NONE):
                    missed.append(f"cell {('original', 'reply')[direction]} {kind.name} in {state.name}: {rows[kind][state]}")
    return missed


def _missed_branches(measured: coverage.Coverage) -> list[str]:
    missed = []
    for path in sorted(TRACKER.glob("*.py")):
        if not path.read_text():
            continue
        analysis = measured._analyze(str(path))
        lines = [f"{path.name}:{line} not run" for line in sorted(analysis.missing)]
        arcs = analysis.missing_branch_arcs()
        for line, ends in sorted(arcs.items()):
            if line not in analysis.missing:
                lines += [f"{path.name}:{line} never goes on to {'the end' if end < 0 else end}" for end in ends]
        missed += lines
    return missed
