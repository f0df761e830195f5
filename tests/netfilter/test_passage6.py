"""An IPv6 packet's way through a box: what is for it, what is forwarded, what is told to whom."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, Walk, craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import AnswerWithheld, CameBack
from fwtutor.netfilter.why import why
from tests.netfilter.boxes import EMPTY
from tests.netfilter.six import ALL_NODES, CLIENT, FRAGMENT, LINK, NEIGHBOUR, SERVER, WAN, box6, datagram, fragment, ip6

OFF = {"net__ipv6__conf__all__forwarding": 0}
QUICK = {"net__ipv6__icmp__ratelimit": 1000}


def a(text: str) -> int:
    return parse_address(text)[1]


def udp(src: int = CLIENT, dst: int = SERVER, hops: int = 64, size: int = 1) -> bytes:
    return craft.udp(src, dst, 1000, 53, bytes(size), family=6, ttl=hops)


def told(walk: Walk) -> list[tuple[int, int, int]]:
    """(type, code, source) of each ICMPv6 message sent because of the packet."""
    return [(answer.packet.icmp_type, answer.packet.icmp_code, answer.packet.src) for answer in walk.answers]


def test_a_forwarded_packet_passes_three_hooks_and_loses_a_hop() -> None:
    walk = box6().receive(udp(), on="wan", at=0)
    assert walk.states == [["PREROUTING", "NEW"], ["FORWARD", "NEW"], ["POSTROUTING", "NEW"]]
    assert [(name, Packet(raw).ttl) for name, raw in walk.out] == [("lan", 63)]


def test_an_entry_is_listed_as_conntrack_lists_it() -> None:
    firewall = box6()
    firewall.receive(udp(), on="wan", at=0)
    firewall.receive(craft.icmp(CLIENT, SERVER, 128, 0, 0x50001, b"", family=6), on="wan", at=0)
    assert firewall.conntrack(family=6) == (
        "udp      17 30 src=2001:db8:9::9 dst=2001:db8:2::80 sport=1000 dport=53 [UNREPLIED] "
        "src=2001:db8:2::80 dst=2001:db8:9::9 sport=53 dport=1000 mark=0 use=1\n"
        "icmpv6   58 30 src=2001:db8:9::9 dst=2001:db8:2::80 type=128 code=0 id=5 [UNREPLIED] "
        "src=2001:db8:2::80 dst=2001:db8:9::9 type=129 code=0 id=5 mark=0 use=1\n"
    )
    assert firewall.conntrack(family=4) == ""


@pytest.mark.parametrize("hops", [0, 1])
def test_the_last_hop_is_told_by_the_address_of_the_link_it_came_by(hops: int) -> None:
    walk = box6().receive(udp(hops=hops), on="wan", at=0)
    assert (walk.verdict, walk.reason, told(walk)) == ("DISCARD", "its hop limit ran out", [(3, 0, WAN)])
    assert walk.answers[0].states[0] == ["OUTPUT", "RELATED"]


def test_too_big_is_told_with_the_mtu() -> None:
    walk = box6(mtu=1280).receive(udp(size=1233), on="wan", at=0)
    assert told(walk) == [(2, 0, WAN)]
    raw = walk.answers[0].packet.raw
    assert (raw[44:48], len(raw)) == ((1280).to_bytes(4, "big"), 1280)
    assert box6(mtu=1280).receive(udp(size=1232), on="wan", at=0).to == "lan"


def test_without_a_route_the_sender_is_told_even_by_a_box_that_does_not_forward() -> None:
    for sysctls in ({}, OFF):
        firewall = box6(**sysctls)
        firewall.routing.routes[:] = [route for route in firewall.routing.routes if route.mask or route.family == 4]
        walk = firewall.receive(craft.udp(NEIGHBOUR, a("2001:db8:77::7"), 1, 2, family=6), on="wan", at=0)
        assert (walk.verdict, told(walk)) == ("DISCARD", [(1, 0, WAN)])


def test_a_box_that_does_not_forward_says_nothing() -> None:
    walk = box6(**OFF).receive(udp(), on="wan", at=0)
    assert (walk.verdict, walk.states, walk.answers) == ("DISCARD", [["PREROUTING", "NEW"]], [])


def test_a_link_local_source_does_not_leave_its_link() -> None:
    walk = box6().receive(udp(LINK), on="wan", at=0)
    assert (walk.verdict, told(walk)) == ("DISCARD", [(1, 2, WAN)])
    assert box6().receive(udp(LINK, WAN), on="wan", at=0).to == "local"


def test_a_link_local_address_is_the_boxs_on_its_own_link() -> None:
    firewall = box6(addresses=("2001:db8:1::1/64", "fe80::1/64"))
    assert firewall.receive(udp(NEIGHBOUR, a("fe80::1")), on="wan", at=0).to == "local"
    assert firewall.receive(udp(NEIGHBOUR, a("fe80::1")), on="lan", at=0).to is None


@pytest.mark.parametrize("source", ["::1", "ff02::5"])
def test_some_sources_end_before_prerouting(source: str) -> None:
    walk = box6().receive(udp(a(source)), on="wan", at=0)
    assert (walk.verdict, walk.states) == ("DISCARD", [])


@pytest.mark.parametrize("destination", ["::1", "ff00::1", "ff01::1"])
def test_some_destinations_end_before_prerouting(destination: str) -> None:
    walk = box6().receive(udp(dst=a(destination)), on="wan", at=0)
    assert (walk.verdict, walk.states) == ("DISCARD", [])


def test_the_unspecified_source_is_delivered_and_not_forwarded() -> None:
    assert box6().receive(udp(0, WAN), on="wan", at=0).to == "local"
    assert box6().receive(udp(0), on="wan", at=0).verdict == "DISCARD"


def test_its_own_address_as_a_source_offends_nobody() -> None:
    assert box6().receive(udp(WAN), on="wan", at=0).to == "lan"


@pytest.mark.parametrize(
    ("group", "router", "host"),
    [
        ("ff02::1", True, True), ("ff02::2", True, False), ("ff02::1:ff00:1", True, True), ("ff02::1:ff00:0", True, False),
        ("ff02::9", False, False), ("ff05::2", False, False), ("2001:db8:1::", True, False),
    ],
)  # fmt: skip
def test_what_is_for_many_is_for_the_box_if_it_listens(group: str, router: bool, host: bool) -> None:
    heard = [box6(**sysctls).receive(udp(NEIGHBOUR, a(group)), on="wan", at=0).to == "local" for sysctls in ({}, OFF)]
    assert heard == [router, host]


def test_the_boxs_own_packet_to_a_group_comes_back() -> None:
    walk = box6().send(craft.udp(WAN, ALL_NODES, 1, 2, family=6), at=0)
    assert (walk.to, [name for name, _ in walk.out], walk.delivered is not None) == ("wan", ["wan"], True)


def test_a_group_of_the_interface_alone_is_not_left_to_others() -> None:
    walk = box6().send(craft.udp(WAN, a("ff01::1"), 1, 2, family=6), at=0)
    assert (walk.to, walk.out, walk.delivered is not None) == ("local", [], True)


def test_a_packet_to_itself_passes_all_four_hooks() -> None:
    walk = box6().send(craft.udp(WAN, WAN, 1, 2, family=6), at=0)
    assert [hook for hook, _ in walk.states] == ["OUTPUT", "POSTROUTING", "PREROUTING", "INPUT"]


def test_what_turns_around_is_told_of_the_shorter_way_by_a_box_with_a_link_local_address() -> None:
    firewall = box6(addresses=("2001:db8:1::1/64", "fe80::1/64"))
    walk = firewall.receive(udp(NEIGHBOUR, a("2001:db8:1::7")), on="wan", at=0)
    (redirect,) = walk.answers
    assert (walk.to, redirect.packet.icmp_type, redirect.packet.ttl, redirect.packet.src) == ("wan", 137, 255, a("fe80::1"))
    assert redirect.packet.raw[48:64] == a("2001:db8:1::7").to_bytes(16, "big")
    assert box6().receive(udp(NEIGHBOUR, a("2001:db8:1::7")), on="wan", at=0).answers == []


def test_a_box_that_would_tell_nobody_of_a_shorter_way_withholds_nothing() -> None:
    firewall = box6()
    walks = [firewall.receive(udp(NEIGHBOUR, a("2001:db8:1::7")), on="wan", at=0) for _ in range(8)]
    assert not [step for walk in walks for step in walk.steps if isinstance(step, AnswerWithheld)]


def test_no_error_about_an_error() -> None:
    error = craft.icmp(CLIENT, SERVER, 1, 4, 0, udp(), family=6, ttl=1)
    assert box6().receive(error, on="wan", at=0).answers == []
    assert len(box6().receive(craft.icmp(CLIENT, SERVER, 129, 0, 0, b"", family=6, ttl=1), on="wan", at=0).answers) == 1


def test_six_errors_to_a_host_at_once_and_then_one_an_interval() -> None:
    firewall = box6(**QUICK)
    at_once = [len(firewall.receive(udp(hops=1), on="wan", at=0).answers) for _ in range(10)]
    later = [len(firewall.receive(udp(hops=1), on="wan", at=1.1).answers) for _ in range(3)]
    assert (at_once, later) == ([1] * 6 + [0] * 4, [1, 0, 0])


def test_too_big_is_not_rationed() -> None:
    firewall = box6(mtu=1280, **QUICK)
    assert all(firewall.receive(udp(size=1400), on="wan", at=0).answers for _ in range(10))


def test_a_broken_chain_is_dropped_where_a_rule_of_legacy_asks_for_its_protocol() -> None:
    rules = f"{EMPTY}-A FORWARD -s 2001:db8:77::/48 -p tcp -j ACCEPT\n-A FORWARD -i lan -p tcp\n-A FORWARD -p tcp -j ACCEPT\nCOMMIT\n"
    broken = ip6(60, bytes([60, 0, 1, 4, 0, 0, 0, 0]) + b"x")
    walk = box6(rules).receive(broken, on="wan", at=0)
    assert (walk.verdict, walk.path, walk.rules_tried) == ("DROP", [], 3)
    assert box6(f"{EMPTY}-A FORWARD -d 2001:db8::/32 -j ACCEPT\nCOMMIT\n").receive(broken, on="wan", at=0).to == "lan"


def test_a_later_fragment_is_judged_by_its_protocol_alone() -> None:
    rules = f"{EMPTY}-A FORWARD -p udp -m udp --dport 53 -j DROP\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n"
    walk = box6(rules).receive(ip6(44, bytes([17, 0, 0, 8, 0, 0, 0, 1]) + datagram()), on="wan", at=0)
    assert walk.path == ["filter:FORWARD:rule:2"]


def test_for_nft_the_beginning_of_a_later_fragment_passes_for_its_header() -> None:
    firewall = Firewall({"wan": ["2001:db8:1::1/64"], "lan": ["2001:db8:2::1/64"]}, variant="nft")
    firewall.restore(f"{EMPTY}-A FORWARD -p udp -m udp --dport 53 -j DROP\nCOMMIT\n", family=6)
    later = ip6(44, bytes([17, 0, 0, 8, 0, 0, 0, 1]) + datagram())
    labelled = later[:2] + (53).to_bytes(2, "big") + later[4:]
    assert [firewall.receive(raw, on="wan", at=0).verdict for raw in (later, labelled)] == ["ACCEPT", "DROP"]


def test_for_nft_a_broken_chain_has_no_protocol_and_an_authentication_header_is_one() -> None:
    def path(raw: bytes) -> list[str]:
        firewall = Firewall({"wan": ["2001:db8:1::1/64"], "lan": ["2001:db8:2::1/64"]}, variant="nft")
        rules = "-A FORWARD -p udp\n-A FORWARD ! -p tcp\n-A FORWARD -p ah\n"
        firewall.restore(f"{EMPTY}{rules}COMMIT\n", family=6)
        return firewall.receive(raw, on="wan", at=0).path

    assert path(ip6(60, bytes([60, 0, 1, 4, 0, 0, 0, 0]) + b"x")) == ["filter:FORWARD:policy:4"]
    signed = ip6(51, bytes([17, 1, 0, 0]) + bytes(8) + datagram())
    assert path(signed) == ["filter:FORWARD:rule:2", "filter:FORWARD:rule:3", "filter:FORWARD:policy:4"]


def test_what_comes_back_to_the_box_in_pieces_waits_for_the_last() -> None:
    firewall = box6()
    whole = craft.udp(WAN, ALL_NODES, 1000, 53, bytes(24), family=6)[40:]
    raws = [ip6(FRAGMENT, fragment(17, at, not at) + whole[at : at + 16], WAN, ALL_NODES) for at in (0, 16)]
    held, walk = (firewall.send(raw, at=0) for raw in raws)
    texts = [why(walk, step).text for step in walk.steps if isinstance(step, CameBack)]
    assert held.verdict == "HELD"
    assert ["waits for the rest of its datagram" in text for text in texts] == [True, False]
    assert walk.delivered is not None
    assert walk.delivered.raw[40:] == whole


def test_going_back_lets_go_of_the_entry_a_fragment_holds() -> None:
    firewall = box6(f"{EMPTY}-A INPUT -p udp --dport 53 -j ACCEPT\n-A INPUT -m conntrack --ctstate NEW -j DROP\nCOMMIT\n")
    whole = craft.udp(WAN, ALL_NODES, 1000, 53, bytes(24), family=6)[40:]
    mark = firewall.checkpoint()
    for at in (0, 16):
        firewall.send(ip6(FRAGMENT, fragment(17, at, not at) + whole[at : at + 16], WAN, ALL_NODES), at=0)
    assert "use=2" in firewall.conntrack()
    assert "use=2" in firewall.run_conntrack(["-L", "-f", "ipv6"])
    firewall.rollback(mark)
    assert (firewall.state.held, firewall.conntrack()) == ({}, "")
