"""Two runs are compared by cause: what is the same happening in both, whatever its index."""

from __future__ import annotations

from fwtutor.network.records import CommandRun, Walked
from fwtutor.recording import Scenario, Scripted, Session, compare
from tests.network.worlds import SERVER, cast
from tests.recording.scenes import too_open


def test_a_run_is_the_same_as_itself() -> None:
    run = Session(too_open()).run
    pairs = compare(run, run)
    assert [(left, right) for left, right in pairs] == [(record, record) for record in run.records]


def test_a_rule_put_in_between_shifts_the_indices_and_no_pair() -> None:
    session = Session(too_open())
    old = session.run
    session.enter("server", "iptables -I INPUT 1 -p tcp --dport 22 -j ACCEPT")
    pairs = compare(old, session.run)
    assert [left for left, _ in pairs if left is not None] == old.records
    assert [right for _, right in pairs if right is not None] == session.run.records
    assert not [left for left, right in pairs if right is None]
    new = [right for left, right in pairs if left is None and right is not None]
    assert isinstance(new[0], CommandRun)
    # Only the new rule, and what the SYN to 22 now brings about.
    assert {record.walk.packet.dport for record in new if isinstance(record, Walked)} == {22, 4000}
    for left, right in pairs:
        if isinstance(left, Walked) and isinstance(right, Walked):
            assert left.walk.packet.raw == right.walk.packet.raw
            assert right.index == left.index + len([r for r in new if r.index < right.index])


def test_the_pair_of_a_packet_that_fared_differently_shows_both_verdicts() -> None:
    session = Session(too_open())
    old = session.run
    session.enter("server", "iptables -I INPUT 1 -p tcp --dport 22 -j ACCEPT")
    differing = [
        (left.walk.verdict, right.walk.verdict)
        for left, right in compare(old, session.run)
        if isinstance(left, Walked) and isinstance(right, Walked) and left.walk.verdict != right.walk.verdict
    ]
    assert differing == [("DROP", "ACCEPT")]


def test_a_retransmission_is_the_same_happening_in_both() -> None:
    script = (Scripted(0, "attacker", f"connect {SERVER}:22"),)
    session = Session(Scenario(cast("*filter\n:INPUT DROP [0:0]\nCOMMIT\n"), script, "server"))
    old = session.run
    session.enter("server", "iptables -A INPUT -p udp -j ACCEPT")
    pairs = compare(old, session.run)
    assert len([left for left, right in pairs if left is None]) == 1
    assert len([left for left, right in pairs if left is not None and right is not None]) == len(old.records)


def test_the_same_line_entered_twice_is_two_inputs() -> None:
    script = tuple(Scripted(0, "attacker", f"send udp 203.0.113.9:1 > {SERVER}:2", at) for at in (0.0, 1.0))
    both = Session(Scenario(cast(), script, "server")).run
    one = Session(Scenario(cast(), script[:1], "server")).run
    pairs = compare(both, one)
    assert [right is not None for _, right in pairs] == [True] * 5 + [False] * 5
