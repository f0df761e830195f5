"""traceroute: what it sends, and what it writes of who answers."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.packet import TCP, UDP
from fwtutor.network.world import World
from tests.network.worlds import pair, play, refused_at_once, routed, said, sent, settle


def trace(world: World, line: str) -> list[str]:
    before = len(world.hosts["client"].console)
    record = world.enter("client", line)
    assert not record.refused, record.output
    settle(world)
    return [record.output, *said(world.hosts["client"])[before:]]


def test_the_router_and_the_target_answer() -> None:
    world = routed()
    assert trace(world, "traceroute -n 10.0.2.2") == [
        "traceroute to 10.0.2.2 (10.0.2.2), 30 hops max, 60 byte packets",
        " 1  10.0.1.254  40.000 ms  40.000 ms  40.000 ms",
        " 2  10.0.2.2  80.000 ms  80.000 ms  80.000 ms",
    ]
    packets = sent(world.records, "client")
    assert [packet.ttl for packet in packets[:16]] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6]
    assert len(packets) == 19  # three more when the first three were answered
    assert [packet.dport for packet in packets] == list(range(33434, 33453))
    assert len({packet.sport for packet in packets}) == 19
    assert {(packet.protocol, packet.length) for packet in packets} == {(UDP, 60)}


def test_names_stand_before_addresses() -> None:
    assert trace(routed(), "traceroute -q 1 server")[1:] == [" 1  box (10.0.1.254)  40.000 ms", " 2  server (10.0.2.2)  80.000 ms"]


def test_one_at_a_time() -> None:
    world = routed()
    trace(world, "traceroute -n -N 1 -q 2 10.0.2.2")
    assert [packet.ttl for packet in sent(world.records, "client")] == [1, 1, 2, 2]


@pytest.mark.parametrize("how", ["-I", "-T", "-T -p 22"])
def test_with_echoes_and_with_syns(how: str) -> None:
    assert trace(routed(), f"traceroute -n {how} -q 2 10.0.2.2")[1:] == [
        " 1  10.0.1.254  40.000 ms  40.000 ms",
        " 2  10.0.2.2  80.000 ms  80.000 ms",
    ]


def test_syns_are_of_52_bytes_and_half_open_connections_are_reset() -> None:
    world = routed()
    assert trace(world, "traceroute -n -T -p 22 -N 1 -q 1 10.0.2.2")[0].endswith("52 byte packets")
    told = [("+".join(packet.flag_names), packet.length) for packet in sent(world.records, "client") if packet.protocol == TCP]
    assert told == [("SYN", 52), ("SYN", 52), ("RST", 40)]


@pytest.mark.parametrize("how", ["", "-I", "-T"])
def test_of_ipv6(how: str) -> None:
    assert trace(routed(), f"traceroute -n {how} -q 1 fd00:2::2")[1:] == [" 1  fd00:1::fe  40.000 ms", " 2  fd00:2::2  80.000 ms"]


def test_what_is_dropped_on_the_way_is_a_star() -> None:
    world = routed()
    play(world, "box", "iptables -A FORWARD -p udp -j DROP")
    assert trace(world, "traceroute -n -q 2 -w 1 -m 3 10.0.2.2")[1:] == [" 1  10.0.1.254  40.000 ms  40.000 ms", " 2  * *", " 3  * *"]
    assert world.now == 1_000_000_000


@pytest.mark.parametrize(
    ("rule", "mark"),
    [
        ("icmp-net-unreachable", " !N"),
        ("icmp-host-unreachable", " !H"),
        ("icmp-proto-unreachable", " !P"),
        ("icmp-net-prohibited", " !X"),
        ("icmp-host-prohibited", " !X"),
        ("icmp-admin-prohibited", " !X"),
        ("icmp-port-unreachable", ""),
    ],
)
@pytest.mark.parametrize("how", ["", "-T"])
def test_refusals_have_marks(rule: str, mark: str, how: str) -> None:
    world = routed()
    play(world, "server", f"iptables -A INPUT -p {'tcp' if how else 'udp'} -j REJECT --reject-with {rule}")
    assert trace(world, f"traceroute -n {how} -N 1 -q 1 10.0.2.2")[2:] == [f" 2  10.0.2.2  80.000 ms{mark}"]


@pytest.mark.parametrize(
    ("rule", "mark"),
    [
        ("icmp6-no-route", " !N"),
        ("icmp6-adm-prohibited", " !X"),
        ("icmp6-addr-unreachable", " !H"),
        ("icmp6-port-unreachable", ""),
        ("icmp6-policy-fail", " !<5>"),
        ("icmp6-reject-route", " !<6>"),
    ],
)
def test_refusals_of_ipv6_have_marks(rule: str, mark: str) -> None:
    world = routed()
    play(world, "server", f"ip6tables -A INPUT -p udp -j REJECT --reject-with {rule}")
    assert trace(world, "traceroute -n -N 1 -q 1 fd00:2::2")[2:] == [f" 2  fd00:2::2  80.000 ms{mark}"]


def test_rationed_errors_leave_stars_behind_those_that_came() -> None:
    world = routed()
    lines = trace(world, "traceroute -n -q 10 10.0.2.2")
    assert lines[1].startswith(" 1  10.0.1.254  40.000 ms  40.000 ms  40.000 ms  40.000 ms  40.000 ms  40.000 ms *")


def test_what_the_own_rules_drop_is_not_permitted() -> None:
    world = pair()
    play(world, "client", "iptables -A OUTPUT -p udp -j DROP")
    assert trace(world, "traceroute -n 10.0.0.2")[1:] == ["send: Operation not permitted"]
    assert not world.hosts["client"].processes


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("traceroute", "traceroute: write traceroute [-I|-T]"),
        ("traceroute nobody", "traceroute: nobody: Name or service not known"),
        ("traceroute -m 300 server", "traceroute: invalid argument: '300': out of range: 1 <= value <= 255"),
        ("traceroute -q x server", "traceroute: invalid argument: 'x'"),
        ("traceroute -Y server", "traceroute: fwtutor does not know -Y here"),
        ("traceroute -z", "traceroute: fwtutor does not know -z here"),
        ("traceroute 8.8.8.8", "traceroute: connect: Network is unreachable"),
    ],
)
def test_what_is_wrong_is_named(line: str, words: str) -> None:
    world = routed()
    refused_at_once(world, line, words)
