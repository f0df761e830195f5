"""The network speaks IPv6 as it speaks IPv4."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.packet import Packet
from fwtutor.network.records import Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.network.world import World
from tests.network.worlds import play, said, settle

HERE, THERE, ROUTER = "2001:db8:1::9", "2001:db8:2::1", "2001:db8:1::1"


def site(rules6: str = "", services: tuple[str, ...] = ("ssh:22", "app:1337", "http:80", "dns:53", "echo:7")) -> World:
    """A client and a server with a router between them."""
    world = World(
        Topology(
            (
                HostSpec("client", {"eth0": ("10.0.0.9/24", f"{HERE}/64")}, {"default": ("eth0", ROUTER)}),
                HostSpec("router", {"eth0": (f"{ROUTER}/64",), "eth1": ("2001:db8:2::ffff/64",)}),
                HostSpec("server", {"eth0": (f"{THERE}/64",)}, {"default": ("eth0", "2001:db8:2::ffff")}, services),
            ),
            (LinkSpec("near", ("client:eth0", "router:eth0"), 0.01), LinkSpec("far", ("router:eth1", "server:eth0"), 0.01)),
        )
    )
    if rules6:
        world.hosts["router"].firewall.load(rules6, family=6)
    return world


def packets(world: World, host: str) -> list[Packet]:
    return [record.walk.packet for record in world.records if isinstance(record, Walked) and record.host == host]


def test_a_connection_is_opened_through_a_router() -> None:
    world = site()
    play(world, "client", f"connect [{THERE}]:1337 from 4000", 'say "hello"', "close")
    assert said(world.hosts["client"]) == [
        f"connected to [{THERE}]:1337 from port 4000",
        f"from [{THERE}]:1337: hello from port 1337",
        f"from [{THERE}]:1337: hello",
        f"connection to [{THERE}]:1337 closed",
    ]
    syn = packets(world, "router")[0]
    assert syn.flag_names == ("SYN",)
    assert syn.raw[syn.l4 + 20 : syn.l4 + 24] == b"\2\4\5\xa0", "an MSS of 1440"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"curl http://[{THERE}]/", "hello from the web"),
        (f"ssh {THERE}", f"root@{THERE}'s password:"),
        (f"dig @{THERE} server.example AAAA", f"dig: server.example is {THERE}"),
        (f"dig @{THERE} client.example AAAA", f"dig: client.example is {HERE}"),
        (f"dig @{THERE} client.example", "dig: client.example is 10.0.0.9"),
        (f"dig @{THERE} server.example", "dig: server.example: no A record"),
        (f"connect [{THERE}]:9", f"[{THERE}]:9: Connection refused"),
        (f"dig @{ROUTER} x.example", f"dig: communications error to {ROUTER}#53: connection refused"),
        (f"send icmpv6 {HERE} > {THERE} echo id=7", f"received: icmpv6 {THERE} > {HERE} echo-reply"),
        (f"send udp [{HERE}]:4000 > [{THERE}]:9", f"received: icmpv6 {THERE} > {HERE} 1/4 about udp [{HERE}]:4000 > [{THERE}]:9"),
        (f"send tcp [{HERE}]:4000 > [{THERE}]:9 SYN", f"received: tcp [{THERE}]:9 > [{HERE}]:4000 RST+ACK seq=0"),
    ],
)  # fmt: skip
def test_what_speaks_ipv4_speaks_ipv6(line: str, told: str) -> None:
    world = site()
    play(world, "client", line)
    assert any(text.startswith(told) for text in said(world.hosts["client"])), said(world.hosts["client"])


def test_a_route_that_is_missing_is_told() -> None:
    world = site()
    play(world, "client", "connect [2001:db8:3::1]:80")
    assert said(world.hosts["client"]) == ["[2001:db8:3::1]:80: Network is unreachable"]


def test_a_reject_of_ip6tables_ends_an_attempt() -> None:
    world = site("*filter\n-A FORWARD -p tcp --dport 22 -j REJECT --reject-with icmp6-adm-prohibited\nCOMMIT\n")
    play(world, "client", f"ssh {THERE}")
    assert said(world.hosts["client"]) == [f"ssh: connect to host {THERE} port 22: Permission denied"]


def test_packet_too_big_makes_segments_smaller() -> None:
    world = site()
    play(world, "client", f"connect [{THERE}]:7 from 4000")
    big: list[int] = []

    def lose(link: str, sender: str, packet: Packet) -> bool:
        if sender == "client" and packet.length > 1300:
            big.append(packet.length)
            return True
        return False

    world.lose(lose)
    world.enter("client", "upload 5000")
    world.run_until(world.now + 1_000_000)
    assert big == [1500, 1500, 1500]
    world.enter("router", f"send icmpv6 {ROUTER} > {HERE} 2/0 about tcp [{HERE}]:4000 > [{THERE}]:7 mtu=1300")
    settle(world)
    sent = [packet for packet in packets(world, "server") if packet.payload and packet.sport == 4000]
    assert max(packet.length for packet in sent) == 1300
    assert len({packet.seq + at for packet in sent for at in range(len(packet.payload))}) == 5000
