"""flood and hold: many packets, many connections, as many as were asked for."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.packet import ICMP, UDP
from tests.network.worlds import flags, pair, play, refused_at_once, routed, said, sent


def test_a_hundred_syns_in_a_second() -> None:
    world = pair(("ssh:22",))
    records = play(world, "client", "flood syn server:22")
    syns = [packet for packet in sent(records, "client") if packet.flag_names == ("SYN",)]
    assert len(syns) == 100
    assert len({packet.sport for packet in syns}) == 100
    assert {packet.source for packet in syns} == {"10.0.0.1"}
    assert said(world.hosts["client"]) == [
        "--- 10.0.0.2 flood statistics ---",
        "100 packets transmitted, 100 packets received, 0% packet loss",
    ]
    assert world.now == 1_990_000_000


def test_half_open_connections_are_reset_by_the_host_they_come_from_and_stay_when_nobody_is_there() -> None:
    world = pair(("ssh:22",))
    play(world, "client", "flood syn 10.0.0.2:22 count 5")
    assert not world.hosts["server"].stack.endpoints
    world.enter("client", "flood syn 10.0.0.2:22 count 5 from 198.51.100.0/24")
    world.run_until(world.now + 2 * 10**9)
    assert {endpoint.state for endpoint in world.hosts["server"].stack.endpoints.values()} == {"SYN_RECV"}
    assert len(world.hosts["server"].stack.endpoints) == 5


def test_spoofed_sources_are_of_the_network_and_the_same_for_the_same_seed() -> None:
    def sources(seed: int) -> list[str]:
        records = play(pair(seed=seed), "client", "flood udp 10.0.0.2:53 count 50 rate 1000 from 198.51.100.0/24")
        return [packet.source for packet in sent(records, "client")]

    assert all(source.startswith("198.51.100.") for source in sources(1))
    assert sources(1) == sources(1) != sources(2)
    assert not {"198.51.100.0", "198.51.100.255"} & set(sources(1))


def test_datagrams_and_echoes() -> None:
    records = play(pair(), "client", "flood udp 10.0.0.2:9 count 3")
    assert {(packet.protocol, packet.dport) for packet in sent(records, "client")} == {(UDP, 9)}
    records = play(pair(), "client", "flood icmp 10.0.0.2 count 3")
    assert [(packet.protocol, packet.icmp_type) for packet in sent(records, "client")] == [(ICMP, 8)] * 3


def test_acks_belong_to_nothing_and_are_reset() -> None:
    records = play(pair(("ssh:22",)), "client", "flood ack 10.0.0.2:22 count 3")
    assert flags(sent(records, "client")) == ["ACK"] * 3
    assert flags(sent(records, "server")) == ["RST"] * 3


def test_of_ipv6() -> None:
    world = routed()
    play(world, "client", "flood syn [fd00:2::2]:22 count 3", "flood icmp fd00:2::2 count 2 from 2001:db8::/64")
    assert len({packet.src for packet in sent(world.records, "client") if packet.protocol == 58}) == 2


def test_a_flood_fills_the_table() -> None:
    world = pair(("ssh:22",))
    play(world, "server", "iptables -A INPUT -m conntrack --ctstate INVALID -j DROP", "sysctl net.netfilter.nf_conntrack_max=40")
    world.enter("client", "flood syn 10.0.0.2:22 count 200 from 198.51.100.0/24")
    world.run_until(2 * 10**9)
    assert 39 <= len(world.hosts["server"].firewall.state.entries) <= 40


def test_hold_opens_and_keeps_connections_until_it_is_killed() -> None:
    world = pair(("app:1337",))
    record = world.enter("client", "hold 10.0.0.2:1337 count 12")
    assert record.output == "opening 12 connections to 10.0.0.2:1337"
    play(world, "client", "")
    assert said(world.hosts["client"]) == ["hold: 12 of 12 connections to 10.0.0.2:1337 are open"]
    assert [endpoint.state for endpoint in world.hosts["server"].stack.endpoints.values()] == ["ESTABLISHED"] * 12
    world.hosts["client"].processes[0].kill()
    play(world, "client", "")
    assert not world.hosts["server"].stack.endpoints


def test_hold_says_how_many_a_limit_let_through() -> None:
    world = pair(("app:1337",))
    play(world, "server", "iptables -A INPUT -p tcp --syn -m connlimit --connlimit-above 5 -j REJECT --reject-with tcp-reset")
    play(world, "client", "hold server:1337 count 8")
    assert said(world.hosts["client"])[0] == "hold: 5 of 8 connections to 10.0.0.2:1337 are open (3 times: Connection refused)"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("flood", "flood: write flood syn|ack"),
        ("flood tcp 10.0.0.2", "flood: write flood syn|ack"),
        ("flood syn 10.0.0.2:0", "flood: port 0 is nobody's"),
        ("flood syn nobody:80", "flood: nobody: Name or service not known"),
        ("flood syn 10.0.0.2 count", "flood: write flood"),
        ("flood syn 10.0.0.2 count 0", "flood: count must not be 0"),
        ("flood syn 10.0.0.2 rate 0/s", "flood: rate must not be 0"),
        ("flood syn 10.0.0.2 count 2001", "flood: count '2001' is no number from 0 to 2000"),
        ("flood syn 10.0.0.2 from x", "flood: 'x' is no network"),
        ("flood syn 10.0.0.2 from ::/0", "flood: ::/0 and 10.0.0.2 are of different families"),
        ("hold", "hold: write hold HOST:PORT"),
        ("hold 10.0.0.2", "hold: write hold HOST:PORT"),
        ("hold 10.0.0.2:22 from 10.0.0.0/8", "hold: write hold HOST:PORT"),
    ],
)
def test_what_is_wrong_is_named(line: str, words: str) -> None:
    refused_at_once(pair(), line, words)
