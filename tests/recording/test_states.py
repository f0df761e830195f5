"""What is told of the TCP tracker is what its table says and what the entries then are."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.conntrack.tcp import IGNORED, INVALID, TABLE, Kind, State
from fwtutor.network.records import Walked
from fwtutor.recording import Run, Scripted
from fwtutor.recording.states import Judged, arrows, judged, way
from tests.network.worlds import SERVER
from tests.recording.scenes import too_open

EXTRA = (
    Scripted(3, "attacker", f"send tcp 203.0.113.9:4000 > {SERVER}:1337 SYN"),
    Scripted(3, "attacker", f"send tcp 203.0.113.9:4000 > {SERVER}:1337 FIN", 0.5),
    Scripted(3, "attacker", f"send tcp 203.0.113.9:4000 > {SERVER}:1337 SYN+ACK", 1.0),
    Scripted(3, "attacker", f"send tcp 203.0.113.9:4444 > {SERVER}:1337 SYN+ACK", 1.5),
)


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(too_open(extra=EXTRA))


def seen(run: Run) -> list[tuple[int, Judged]]:
    found = []
    for record in run.records:
        if record.host == "server" and isinstance(record, Walked):
            told = judged(record.index, record.at, record.walk.steps)
            if told is not None:
                found.append(told)
    return found


def first_entry(run: Run) -> Entry:
    record = next(record for record in run.records if isinstance(record, Walked) and record.host == "server" and record.walk.tracked)
    assert isinstance(record, Walked)
    assert record.walk.tracked is not None
    return record.walk.tracked


def test_the_arrows_are_the_table_without_what_leads_nowhere() -> None:
    told = {(arrow.old, arrow.new, *segment) for state in State for arrow in arrows(state) for segment in arrow.segments}
    table = {
        (old, new, kind, direction)
        for direction, rows in enumerate(TABLE)
        for kind in Kind
        for old, new in zip(State, rows[kind], strict=True)
        if isinstance(new, State) and new is not old
    }
    assert told == table


def test_the_way_of_a_connection_begins_without_an_entry_and_has_no_gap(run: Run) -> None:
    steps = way(run, "server", first_entry(run), len(run.records))
    assert [step.new for step in steps[:3]] == [State.SYN_SENT, State.SYN_RECV, State.ESTABLISHED]
    now = State.NONE
    for step in steps:
        assert step.old is now
        now = step.new if step.new is not None else now


def test_the_way_ends_at_the_record_one_is_at(run: Run) -> None:
    entry = first_entry(run)
    second = way(run, "server", entry, len(run.records))[1]
    assert [step.record for step in way(run, "server", entry, second.record)][-1] == second.record
    assert len(way(run, "server", entry, second.record)) == 2


def test_where_the_tracker_followed_its_table_the_cell_is_the_new_state(run: Run) -> None:
    told = [step for _, step in seen(run)]
    assert len(told) > 10
    for step in told:
        assert step.cell is TABLE[step.direction][step.kind][step.old]
        assert step.new is step.cell or (step.cell is IGNORED and step.new is step.old) or step.new is None


def test_a_syn_on_an_open_connection_is_ignored(run: Run) -> None:
    step = next(step for _, step in seen(run) if step.kind is Kind.SYN and step.old is State.ESTABLISHED)
    assert (step.cell, step.new) == (IGNORED, State.ESTABLISHED)


def test_a_syn_ack_to_which_no_entry_belongs_is_invalid_and_says_why(run: Run) -> None:
    entry, step = next((entry, step) for entry, step in seen(run) if step.kind is Kind.SYNACK and step.old is State.NONE)
    assert (entry, step.cell, step.new) == (0, INVALID, None)
    assert "cannot begin a connection" in step.reason


def test_a_packet_that_has_not_been_looked_up_has_been_through_no_table(run: Run) -> None:
    record = next(record for record in run.records if isinstance(record, Walked) and record.host == "server")
    assert isinstance(record, Walked)
    assert judged(record.index, record.at, record.walk.steps[:1]) is None
