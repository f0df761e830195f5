"""IPv6 fragments: with tracking on, rules and tracker see datagrams; what fits nowhere, and what leaves."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Walk
from fwtutor.netfilter.packet import Packet
from tests.netfilter.boxes import EMPTY
from tests.netfilter.six import DESTINATION, FRAGMENT, WAN, box6, datagram, fragment, fragments, ip6, options

WHOLE = datagram(size=40)
FREE = f"{EMPTY}COMMIT\n"


def play(*raws: bytes, rules: str | None = None) -> list[Walk]:
    firewall = box6() if rules is None else box6(rules)
    return [firewall.receive(raw, on="wan", at=0) for raw in raws]


def cut(walk: Walk) -> list[tuple[int, bool, int]]:
    """(offset, more, bytes) of each fragment that left."""
    return [(packet.offset, packet.mf, packet.length) for packet in (Packet(raw) for _, raw in walk.out)]


def test_a_datagram_is_tracked_whole_and_leaves_as_it_came() -> None:
    first, last = play(*fragments(WHOLE, (24, 24)))
    assert (first.verdict, first.states) == ("HELD", [])
    assert last.states == [["PREROUTING", "NEW"], ["FORWARD", "NEW"], ["POSTROUTING", "NEW"]]
    assert cut(last) == [(0, True, 72), (24, False, 72)]


def test_without_tracking_each_fragment_passes_alone() -> None:
    assert [walk.to for walk in play(*fragments(WHOLE, (24, 24)), rules=FREE)] == ["lan", "lan"]


def test_the_order_does_not_matter_and_what_is_there_twice_does_not_hurt() -> None:
    first, last = fragments(WHOLE, (24, 24))
    assert [walk.verdict for walk in play(last, last, first)] == ["HELD", "HELD", "ACCEPT"]


def test_an_overlap_spoils_the_datagram() -> None:
    first, last = fragments(WHOLE, (24, 24))
    overlapping = ip6(FRAGMENT, fragment(17, 16, False) + WHOLE[16:])
    assert [walk.verdict for walk in play(first, overlapping, last)] == ["HELD"] * 3


@pytest.mark.parametrize("stray", [ip6(FRAGMENT, fragment(17, 8, False) + bytes(8)), ip6(FRAGMENT, fragment(17, 65528, True) + bytes(24))])
def test_a_fragment_that_fits_nowhere_spoils_nothing(stray: bytes) -> None:
    first, last = fragments(WHOLE, (24, 24))
    assert [walk.verdict for walk in play(first, stray, last)] == ["HELD", "HELD", "ACCEPT"]


def test_a_fragment_that_does_not_end_at_eight_bytes_passes_alone_and_takes_the_others_along() -> None:
    first, last = fragments(WHOLE, (24, 24))
    odd = ip6(FRAGMENT, fragment(17, 24, True) + WHOLE[24:33])
    walks = play(first, odd, last)
    assert [walk.verdict for walk in walks] == ["HELD", "ACCEPT", "HELD"]
    assert walks[1].states[0] == ["PREROUTING", "INVALID"]


def test_a_first_fragment_without_a_whole_header_passes_alone() -> None:
    (walk,) = play(ip6(FRAGMENT, fragment(6, 0, True) + bytes(16)))
    assert (walk.to, walk.states[0]) == ("lan", ["PREROUTING", "INVALID"])


def test_an_atomic_fragment_is_a_datagram_and_loses_its_header() -> None:
    (walk,) = play(ip6(FRAGMENT, fragment(17, 0, False) + WHOLE))
    assert [raw[:7] + raw[8:] for _, raw in walk.out] == [ip6(17, WHOLE)[:7] + ip6(17, WHOLE)[8:]]


def test_a_datagram_no_longer_than_a_fragment_of_it_leaves_whole() -> None:
    assert cut(play(*fragments(WHOLE, (8, 40)))[1]) == [(0, False, 88)]


def test_options_that_came_in_the_fragments_leave_in_front_of_them() -> None:
    with_options = options(17) + WHOLE
    last = play(*fragments(with_options, (24, 32), DESTINATION))[1]
    assert [(raw[6], raw[40]) for _, raw in last.out] == [(DESTINATION, FRAGMENT)] * 2
    assert cut(last) == [(0, True, 72), (16, False, 88)]


def test_what_came_in_larger_fragments_than_the_way_out_allows_is_too_big() -> None:
    firewall = box6(mtu=1280)
    walks = [firewall.receive(raw, on="wan", at=0) for raw in fragments(datagram(size=2000), (1400, 608))]
    assert [answer.packet.icmp_type for walk in walks for answer in walk.answers] == [2]


def test_some_know_of_ecn_and_some_do_not_make_no_datagram() -> None:
    first, last = fragments(WHOLE, (24, 24))
    marked = bytes([last[0], last[1] | 0x30]) + last[2:]
    assert [walk.verdict for walk in play(first, marked)] == ["HELD", "HELD"]


def test_after_a_minute_the_sender_is_told_if_the_head_came() -> None:
    first, last = fragments(WHOLE, (24, 24))
    for raw, told in ((first, [(3, 1)]), (last, [])):
        firewall = box6()
        firewall.receive(raw, on="wan", at=0)
        firewall.advance(59.9)
        assert firewall.caused == ()
        firewall.advance(60)
        assert [(walk.packet.icmp_type, walk.packet.icmp_code) for walk in firewall.caused] == told


def test_the_stack_puts_together_behind_input_what_was_not_tracked() -> None:
    whole = datagram(dst=WAN, size=40)
    first, last = play(*fragments(whole, (24, 24), dst=WAN), rules=f"{EMPTY}-A INPUT -p udp\nCOMMIT\n")
    assert [walk.path for walk in (first, last)] == [["filter:INPUT:rule:1", "filter:INPUT:policy:2"]] * 2
    assert (first.verdict, first.delivered) == ("ACCEPT", None)
    assert last.delivered is not None
    assert last.delivered.raw == ip6(17, whole, dst=WAN)


def test_the_boxs_own_datagram_is_cut_to_the_way() -> None:
    firewall = box6(mtu=1280)
    walk = firewall.send(ip6(17, datagram(WAN, size=3000), src=WAN), at=0)
    assert cut(walk) == [(0, True, 1280), (1232, True, 1280), (2464, False, 592)]
