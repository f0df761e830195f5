"""SCTP: the table as data, and what tags and chunks do around it. The kernel's word on each is in tests/kernel."""

from __future__ import annotations

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.sctp import DATA, TABLE, Kind, SctpTrack, State, begin, fault, judge
from fwtutor.netfilter.craft import sctp_chunk, sctp_init
from fwtutor.netfilter.packet import Packet
from tests.netfilter.boxes import CLIENT, SERVER, box, ctstate

MINE, THEIRS = 0xAAAA, 0xBBBB


def raw(side: int, tag: int, *chunks: bytes) -> bytes:
    ends, ports = ((CLIENT, SERVER), (5000, 80)) if side == 0 else ((SERVER, CLIENT), (80, 5000))
    return craft.sctp(*ends, *ports, tag, b"".join(chunks))


OPENING = [
    raw(0, 0, sctp_init(Kind.INIT, MINE)),
    raw(1, MINE, sctp_init(Kind.INIT_ACK, THEIRS)),
    raw(0, THEIRS, sctp_chunk(Kind.COOKIE_ECHO, b"cookie")),
    raw(1, MINE, sctp_chunk(Kind.COOKIE_ACK)),
]


def established() -> SctpTrack:
    track = begin(Packet(OPENING[0]))
    assert isinstance(track, SctpTrack)
    for number, each in enumerate(OPENING):
        track, reason, *_ = judge(track, Packet(each), number % 2, new=not number)
        assert not reason
    return track


def test_the_table_has_a_cell_for_each_chunk_and_state() -> None:
    assert [set(rows) for rows in TABLE] == [set(Kind)] * 2
    assert {len(row) for rows in TABLE for row in rows.values()} == {len(State)}


def test_chunks_the_table_does_not_know_change_nothing() -> None:
    track = established()
    assert judge(track, Packet(raw(0, THEIRS, sctp_chunk(DATA), sctp_chunk(200))), 0).track == track


def test_an_opened_association_knows_both_tags() -> None:
    track = established()
    assert (track.state, track.tags, track.name) == (State.ESTABLISHED, (THEIRS, MINE), "ESTABLISHED")


def test_a_reason_says_which_tag_was_wrong() -> None:
    assert judge(established(), Packet(raw(0, 1, sctp_chunk(DATA))), 0).reason == "its verification tag is 0x1, not 0xbbbb"


def test_a_reason_says_what_cannot_begin() -> None:
    assert begin(Packet(raw(0, 0, sctp_chunk(DATA)))) == "no entry has its tuple, and DATA cannot begin an association"
    assert begin(Packet(raw(0, 0, sctp_chunk(3)))) == "no entry has its tuple, and a chunk of type 3 cannot begin an association"
    assert begin(Packet(raw(0, 0, sctp_chunk(Kind.ABORT)))) == "no entry has its tuple, and ABORT belongs to an association"


def test_chunks_before_the_one_that_makes_a_packet_invalid_count() -> None:
    packet = Packet(raw(0, THEIRS, sctp_chunk(Kind.SHUTDOWN, bytes(4)), sctp_chunk(Kind.ABORT, flags=1)))
    judged = judge(established(), packet, 0)
    assert judged.reason
    assert judged.track.state is State.SHUTDOWN_SENT


def test_every_length_of_every_packet_is_judged() -> None:
    for whole in OPENING:
        for size in range(20, len(whole)):
            packet = Packet(craft.ip(CLIENT, SERVER, 132, whole[20:size]))
            assert isinstance(fault(packet, check=True), str)
            if not fault(packet, check=False):
                assert begin(packet) is not None


def test_an_association_through_a_firewall_is_listed_with_its_state() -> None:
    firewall = box()
    walks = [firewall.receive(each, on="wan", at=at) if at % 2 == 0 else firewall.send(each, at=at) for at, each in enumerate(OPENING)]
    assert [ctstate(walk) for walk in walks] == ["NEW", "ESTABLISHED", "ESTABLISHED", "ESTABLISHED"]
    assert (walks[3].entry or "").startswith("sctp     132 210 ESTABLISHED src=")
    assert "[ASSURED]" in (walks[3].entry or "")
