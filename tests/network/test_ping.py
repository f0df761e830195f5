"""ping: what it sends, and what it says in iputils' words."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.packet import ICMP, ICMPV6
from fwtutor.network.world import World
from tests.network.worlds import pair, play, refused_at_once, routed, said, sent, settle


def ping(world: World, line: str) -> list[str]:
    before = len(world.hosts["client"].console)
    record = world.enter("client", line)
    assert not record.refused, record.output
    settle(world)
    return [*record.output.splitlines(), *said(world.hosts["client"])[before:]]


def test_every_second_an_echo() -> None:
    world = pair()
    assert ping(world, "ping -c 3 10.0.0.2") == [
        "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.",
        "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=40.0 ms",
        "64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=40.0 ms",
        "64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=40.0 ms",
        "",
        "--- 10.0.0.2 ping statistics ---",
        "3 packets transmitted, 3 received, 0% packet loss, time 2000ms",
        "rtt min/avg/max/mdev = 40.000/40.000/40.000/0.000 ms",
    ]
    packets = sent(world.records, "client")
    assert [int.from_bytes(packet.raw[26:28], "big") for packet in packets] == [1, 2, 3]
    assert len({packet.icmp_id for packet in packets}) == 1
    assert {(packet.length, packet.ttl, packet.df) for packet in packets} == {(84, 64, True)}
    assert world.now == 2_040_000_000


def test_a_name_is_looked_up_and_shown() -> None:
    assert ping(pair(), "ping -c 1 server")[:2] == [
        "PING server (10.0.0.2) 56(84) bytes of data.",
        "64 bytes from server (10.0.0.2): icmp_seq=1 ttl=64 time=40.0 ms",
    ]


def test_four_unless_said() -> None:
    assert "4 packets transmitted, 4 received, 0% packet loss, time 3000ms" in ping(pair(), "ping 10.0.0.2")


def test_of_ipv6() -> None:
    assert ping(routed(), "ping -6 -c 1 server")[:2] == [
        "PING server(fd00:2::2) 56 data bytes",
        "64 bytes from server (fd00:2::2): icmp_seq=1 ttl=63 time=80.0 ms",
    ]


def test_silence_is_waited_for_and_counted() -> None:
    world = pair()
    play(world, "server", "iptables -A INPUT -p icmp -j DROP")
    assert ping(world, "ping -n -c 2 -W 2 10.0.0.2")[1:] == [
        "",
        "--- 10.0.0.2 ping statistics ---",
        "2 packets transmitted, 0 received, 100% packet loss, time 1000ms",
        "",
    ]
    assert world.now == 3_000_000_000


def test_what_the_own_rules_drop_is_silence_too() -> None:
    world = pair()
    play(world, "client", "iptables -A OUTPUT -p icmp -j DROP")
    assert ping(world, "ping -c 1 -W 1 10.0.0.9")[-2] == "1 packets transmitted, 0 received, 100% packet loss, time 0ms"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("icmp-net-unreachable", "Destination Net Unreachable"),
        ("icmp-host-unreachable", "Destination Host Unreachable"),
        ("icmp-proto-unreachable", "Destination Protocol Unreachable"),
        ("icmp-port-unreachable", "Destination Port Unreachable"),
        ("icmp-net-prohibited", "Destination Net Prohibited"),
        ("icmp-host-prohibited", "Destination Host Prohibited"),
        ("icmp-admin-prohibited", "Packet filtered"),
    ],
)
def test_errors_have_ping_s_words(rule: str, words: str) -> None:
    world = pair()
    play(world, "server", f"iptables -A INPUT -p icmp -j REJECT --reject-with {rule}")
    lines = ping(world, "ping -n -c 2 10.0.0.2")
    assert lines[1:3] == [f"From 10.0.0.2 icmp_seq=1 {words}", f"From 10.0.0.2 icmp_seq=2 {words}"]
    assert lines[5] == "2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1000ms"
    assert lines[6] == ""


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("icmp6-no-route", "No route"),
        ("icmp6-adm-prohibited", "Administratively prohibited"),
        ("icmp6-addr-unreachable", "Address unreachable"),
        ("icmp6-port-unreachable", "Port unreachable"),
        ("icmp6-policy-fail", "Unknown code 5"),
        ("icmp6-reject-route", "Unknown code 6"),
    ],
)
def test_errors_of_ipv6_have_ping_s_words(rule: str, words: str) -> None:
    world = routed()
    play(world, "server", f"ip6tables -A INPUT -p icmpv6 -m icmp6 --icmpv6-type echo-request -j REJECT --reject-with {rule}")
    assert ping(world, "ping -n -c 1 fd00:2::2")[1] == f"From fd00:2::2 icmp_seq=1 Destination unreachable: {words}"


def test_who_counts_it_out_says_so() -> None:
    assert ping(routed(), "ping -n -c 1 -t 1 10.0.2.2")[1] == "From 10.0.1.254 icmp_seq=1 Time to live exceeded"
    assert ping(routed(), "ping -n -c 1 -t 1 fd00:2::2")[1] == "From fd00:1::fe icmp_seq=1 Time exceeded: Hop limit"


def test_a_path_too_narrow_is_told_once_and_then_known() -> None:
    assert ping(routed(1400), "ping -n -c 2 -M do -s 1450 -W 2 10.0.2.2")[1:] == [
        "From 10.0.1.254 icmp_seq=1 Frag needed and DF set (mtu = 1400)",
        "ping: local error: message too long, mtu=1400",
        "",
        "--- 10.0.2.2 ping statistics ---",
        "2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1000ms",
        "",
    ]


def test_without_m_do_it_then_goes_in_fragments() -> None:
    lines = ping(routed(1400), "ping -n -c 2 -s 1450 10.0.2.2")
    assert lines[1] == "From 10.0.1.254 icmp_seq=1 Frag needed and DF set (mtu = 1400)"
    assert lines[2].startswith("1458 bytes from 10.0.2.2: icmp_seq=2 ttl=63")


def test_a_path_too_narrow_of_ipv6() -> None:
    assert ping(routed(1400), "ping -n -c 2 -M do -s 1450 fd00:2::2")[1:3] == [
        "From fd00:1::fe icmp_seq=1 Packet too big: mtu=1400",
        "ping: local error: message too long, mtu: 1400",
    ]


def test_more_than_the_own_link_carries_goes_in_fragments_or_not_at_all() -> None:
    world = pair()
    assert ping(world, "ping -n -c 1 -s 3000 10.0.0.2")[1] == "3008 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=40.0 ms"
    assert ping(world, "ping -n -c 1 -M do -s 1473 10.0.0.2")[1] == "ping: local error: message too long, mtu=1500"


def test_a_neighbour_that_is_not_there_is_given_up_after_three_seconds() -> None:
    world = pair()
    assert ping(world, "ping -n -c 2 10.0.0.9")[1:3] == [
        "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable",
        "From 10.0.0.1 icmp_seq=2 Destination Host Unreachable",
    ]
    assert world.now == 3_012_000_000


def test_small_ones_are_not_timed() -> None:
    assert ping(pair(), "ping -c 1 -s 8 10.0.0.2")[1:] == [
        "16 bytes from 10.0.0.2: icmp_seq=1 ttl=64",
        "",
        "--- 10.0.0.2 ping statistics ---",
        "1 packets transmitted, 1 received, 0% packet loss, time 0ms",
        "",
    ]


def test_the_host_itself_answers() -> None:
    world = pair()
    assert ping(world, "ping -c 1 localhost")[1] == "64 bytes from localhost (127.0.0.1): icmp_seq=1 ttl=64 time=0.000 ms"
    assert ping(world, "ping -6 -c 1 ::1")[1] == "64 bytes from ::1: icmp_seq=1 ttl=64 time=0.000 ms"
    assert {packet.protocol for packet in sent(world.records, "client")} == {ICMP, ICMPV6}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ping", "ping: usage error: Destination address required"),
        ("ping nobody", "ping: nobody: Name or service not known"),
        ("ping -6 10.0.0.2", "ping: 10.0.0.2: Address family for hostname not supported"),
        ("ping -6 server", "ping: server: Address family for hostname not supported"),
        ("ping -c x 10.0.0.2", "ping: invalid argument: 'x'"),
        ("ping -c 0 10.0.0.2", "ping: invalid argument: '0': out of range: 1 <= value <= 1000"),
        ("ping -t 300 10.0.0.2", "ping: invalid argument: '300': out of range: 0 <= value <= 255"),
        ("ping -M foo 10.0.0.2", "ping: invalid -M argument: foo"),
        ("ping -W x 10.0.0.2", "ping: invalid argument: 'x'"),
        ("ping -W nan 10.0.0.2", "ping: invalid argument: 'nan': out of range"),
        ("ping 10.0.0.2 -c", "ping: option requires an argument -- 'c'\nwrite ping"),
        ("ping -f 10.0.0.2", "ping: fwtutor does not know -f here\nwrite ping"),
        ("ping 8.8.8.8", "ping: connect: Network is unreachable"),
    ],
)
def test_what_is_wrong_is_named(line: str, words: str) -> None:
    world = pair()
    world.hosts["client"].firewall.routing.routes[:] = [route for route in world.hosts["client"].firewall.routing.routes if route.mask]
    refused_at_once(world, line, words)
