"""Fragments: they wait for each other where tracking is on, and before the box's own programs; elsewhere they pass singly."""

from __future__ import annotations

from fwtutor.netfilter import craft
from fwtutor.netfilter.answers import fragments
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import Gathered
from tests.netfilter.boxes import CLIENT, EMPTY, LAN_HOST, SERVER, box, ctstate

BIG = craft.udp(CLIENT, LAN_HOST, 5000, 53, bytes(range(256)) * 6, id=7, df=False)
PIECES = fragments(BIG, 600)


def test_tracked_fragments_are_held_until_the_datagram_is_whole_and_leave_as_they_came() -> None:
    firewall = box()
    walks = [firewall.receive(piece, on="wan", at=number / 10) for number, piece in enumerate(PIECES)]
    assert [walk.verdict for walk in walks] == ["HELD", "HELD", "ACCEPT"]
    assert (walks[0].states, walks[0].path, walks[0].out) == ([], [], [])
    assert ctstate(walks[-1]) == "NEW"
    assert walks[-1].whole.payload == bytes(range(256)) * 6
    assert [len(raw) for _, raw in walks[-1].out] == [len(piece) for piece in PIECES]
    assert "dport=53" in (walks[-1].entry or "")


def test_order_does_not_matter_and_a_repeated_fragment_is_ignored() -> None:
    firewall = box()
    order = [PIECES[2], PIECES[0], PIECES[0], PIECES[1]]
    assert [firewall.receive(piece, on="wan", at=0).verdict for piece in order] == ["HELD", "HELD", "HELD", "ACCEPT"]


def test_a_fragment_that_waited_30_seconds_waits_in_vain() -> None:
    firewall = box()
    firewall.receive(PIECES[0], on="wan", at=0)
    assert firewall.next_timer() == 30
    assert [firewall.receive(piece, on="wan", at=30).verdict for piece in PIECES[1:]] == ["HELD", "HELD"]
    assert firewall.next_timer() == 60


TO_THE_BOX = fragments(craft.udp(CLIENT, SERVER, 5000, 53, b"x" * 1000, id=7, df=False), 600)


def test_the_sender_of_what_stays_incomplete_is_told_when_it_was_for_the_box() -> None:
    firewall = box(net__ipv4__ipfrag_time=5)
    firewall.receive(TO_THE_BOX[0], on="wan", at=1)
    firewall.receive(PIECES[0], on="wan", at=1)
    before = dict(firewall.state.memory)
    mark = firewall.checkpoint()
    for _ in range(2):
        changes = firewall.advance(6)
        assert [change.after for change in changes if change.before in before.values()] == [None, None]
        (walk,) = firewall.caused
        assert (walk.packet.icmp_type, walk.packet.icmp_code, walk.seconds) == (11, 1, 6)
        assert [(name, raw[28:]) for name, raw in walk.out] == [("wan", TO_THE_BOX[0][:548])]
        firewall.rollback(mark)
        assert firewall.state.memory == before
        assert firewall.next_timer() == 6


def test_who_lets_no_time_pass_gets_the_error_with_the_next_packet() -> None:
    firewall = box()
    firewall.receive(TO_THE_BOX[0], on="wan", at=0)
    walk = firewall.receive(craft.udp(CLIENT, LAN_HOST, 1, 2), on="wan", at=31)
    assert [answer.seconds for answer in walk.answers] == [30]
    assert [name for name, _ in walk.out] == ["wan", "lan"]
    assert tuple(change for step in walk.steps for change in step.changes) == walk.changes


def test_the_steps_count_the_fragments_and_their_changes_are_the_walks() -> None:
    firewall = box()
    for number, piece in enumerate(PIECES):
        walk = firewall.receive(piece, on="wan", at=0)
        [gathered] = [step for step in walk.steps if isinstance(step, Gathered)]
        assert gathered.pieces == number + 1
        assert (gathered.whole is None) == (number < 2)
        assert tuple(change for step in walk.steps for change in step.changes) == walk.changes
    assert not firewall.state.memory


def test_without_tracking_fragments_are_forwarded_singly_and_f_matches_the_later_ones() -> None:
    firewall = box(EMPTY + "-A FORWARD -f -j DROP\nCOMMIT\n")
    assert [firewall.receive(piece, on="wan", at=0).verdict for piece in PIECES] == ["ACCEPT", "DROP", "DROP"]


def test_what_is_for_the_box_is_put_together_before_input_tracking_or_not() -> None:
    firewall = box(EMPTY + "-A INPUT -f -j DROP\nCOMMIT\n")
    pieces = fragments(craft.udp(CLIENT, SERVER, 5000, 53, b"x" * 1000, id=7, df=False), 600)
    assert [firewall.receive(piece, on="wan", at=0).verdict for piece in pieces] == ["HELD", "ACCEPT"]


def test_an_overlap_spoils_the_datagram() -> None:
    firewall = box()
    later = Packet(PIECES[1])
    overlapping = craft.ip(CLIENT, LAN_HOST, 17, later.raw[20:], id=7, df=False, mf=True, offset=later.offset - 8)
    for piece in (PIECES[0], overlapping, PIECES[1]):
        firewall.receive(piece, on="wan", at=0)
    assert firewall.receive(PIECES[2], on="wan", at=0).verdict == "HELD"
