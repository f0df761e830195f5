"""A neighbour that is not there: what was for it waits for three seconds, and then its sender is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.neighbours import MOST_WAITING, PATIENCE, TRIES
from fwtutor.network.records import Record, Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.network.world import World
from tests.network.worlds import fired, flags, play, routed, said, sent, settle

NEAR, NEAR6, FAR, FAR6 = "10.0.1.77", "fd00:1::77", "10.0.2.77", "fd00:2::77"
"""Addresses that nobody has."""


def errors(records: Sequence[Record], host: str) -> list[Walked]:
    """The unreachables that a host sent."""
    walks = [record for record in records if isinstance(record, Walked) and record.host == host and record.walk.in_interface is None]
    return [each for each in walks if (each.walk.packet.protocol, each.walk.packet.icmp_type) in ((1, 3), (58, 1))]


@pytest.mark.parametrize(("address", "kind"), [(NEAR, (3, 1)), (NEAR6, (1, 3))])
def test_the_host_tells_itself_after_three_seconds(address: str, kind: tuple[int, int]) -> None:
    world = routed()
    place = f"[{address}]" if ":" in address else address
    source = "[fd00:1::1]" if ":" in address else "10.0.1.1"
    records = play(world, "client", f"send udp {source}:1 > {place}:2")
    (error,) = errors(records, "client")
    packet = error.walk.packet
    assert error.at == TRIES * PATIENCE
    assert (packet.icmp_type, packet.icmp_code) == kind
    assert packet.src == packet.dst
    assert (error.walk.path, error.walk.out) == ([], [])
    assert records[error.cause] in fired(records)
    assert fired(records)[0].what == f"nobody answers for {address}: 1 packet could not be delivered"


@pytest.mark.parametrize(("address", "syns"), [(NEAR, 1), (f"[{NEAR6}]", 1), (FAR, 4), (f"[{FAR6}]", 4)])
def test_a_syn_that_has_not_left_is_not_sent_again(address: str, syns: int) -> None:
    world = routed()
    records = play(world, "client", f"connect {address}:80 from 4000")
    assert flags([packet for packet in sent(records, "client") if packet.protocol == 6]) == ["SYN"] * syns
    assert said(world.hosts["client"]) == [f"{address}:80: No route to host"]


@pytest.mark.parametrize("address", [NEAR, NEAR6])
def test_the_error_passes_the_own_rules_by_loopback_and_is_related(address: str) -> None:
    world = routed()
    tool = "ip6tables" if ":" in address else "iptables"
    for chain, way in (("OUTPUT", "-o"), ("INPUT", "-i")):
        play(world, "client", f"{tool} -A {chain} {way} lo -m conntrack --ctstate RELATED -j ACCEPT")
    records = play(world, "client", f"ping -n -c 1 {address}")
    (error,) = errors(records, "client")
    assert error.walk.path == ["filter:OUTPUT:rule:1", "filter:INPUT:rule:1"]
    assert [state for _, state in error.walk.states] == ["RELATED"] * len(error.walk.states)
    assert "nreachable" in said(world.hosts["client"])[0]


def test_a_host_that_drops_it_hears_nothing() -> None:
    world = routed()
    play(world, "client", "iptables -A INPUT -i lo -j DROP")
    records = play(world, "client", f"connect {NEAR}:80 from 4000")
    assert said(world.hosts["client"]) == [f"{NEAR}:80: Connection timed out"]
    # Each time that the neighbour is given up what waits is lost, and what comes then is looked for anew.
    assert len(errors(records, "client")) > 1


@pytest.mark.parametrize(
    ("address", "router", "masqueraded"),
    [(FAR, "10.0.1.254", False), (FAR6, "fd00:1::fe", False), (FAR, "10.0.2.254", True), (FAR6, "fd00:2::fe", True)],
)
def test_a_router_tells_the_sender(address: str, router: str, masqueraded: bool) -> None:
    world = routed()
    tool = "ip6tables" if ":" in address else "iptables"
    play(world, "box", f"{tool} -A OUTPUT -m conntrack --ctstate RELATED")
    if masqueraded:
        play(world, "box", f"{tool} -t nat -A POSTROUTING -o far -j MASQUERADE")
    records = play(world, "client", f"ping -n -c 2 {address}")
    assert [line.partition(" icmp_seq")[0] for line in said(world.hosts["client"])[:2]] == [f"From {router}"] * 2
    assert all("nreachable" in line for line in said(world.hosts["client"])[:2])
    assert all("RELATED" in [state for _, state in each.walk.states] for each in errors(records, "box"))


def test_a_router_that_translates_speaks_to_itself_first() -> None:
    # As on the kernel: the error is for the address that the packet left with, and only nat's turn shows whose it is.
    world = routed()
    play(world, "box", "iptables -t nat -A POSTROUTING -o far -j MASQUERADE", "iptables -A OUTPUT -o near", "iptables -A OUTPUT -o lo")
    records = play(world, "client", f"ping -n -c 1 {FAR}")
    (error,) = errors(records, "box")
    assert "filter:OUTPUT:rule:2" in error.walk.path
    assert error.walk.out[0][0] == "near"


def test_without_its_gateway_nothing_goes_anywhere() -> None:
    hosts = (HostSpec("a", {"eth0": ("10.0.0.1/24",)}, {"default": ("eth0", "10.0.0.254")}), HostSpec("b", {"eth0": ("10.0.0.2/24",)}))
    world = World(Topology(hosts, (LinkSpec("wire", ("a:eth0", "b:eth0")),)))
    records = play(world, "a", "ping -n -c 1 192.0.2.1")
    assert said(world.hosts["a"])[0] == "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable"
    assert fired(records)[0].what.startswith("nobody answers for 10.0.0.254: ")


def test_an_interface_on_no_link_has_no_neighbours() -> None:
    world = World(Topology((HostSpec("a", {"eth0": ("10.0.0.1/24",)}),)))
    play(world, "a", "connect 10.0.0.2:2")
    assert said(world.hosts["a"]) == ["10.0.0.2:2: No route to host"]


def test_what_is_for_many_waits_for_nobody() -> None:
    world = World(Topology((HostSpec("a", {"eth0": ("10.0.0.1/24", "fd00::1/64")}),)))
    play(world, "a", "send udp 10.0.0.1:1 > 10.0.0.255:2")
    assert world.now == 0


def test_a_udp_socket_is_not_told_of_what_may_pass() -> None:
    world = routed()
    play(world, "client", f"dig @{NEAR} web")
    assert said(world.hosts["client"])[0] == f"dig: communications error to {NEAR}#53: timed out"


@pytest.mark.parametrize(("source", "to", "left"), [("10.0.1.77", "10.0.1.1", []), ("[fd00:1::77]", "[fd00:1::1]", ["SYN_RECV"])])
def test_a_connection_half_open_is_given_up_in_ipv4_alone(source: str, to: str, left: list[str]) -> None:
    world = routed()
    play(world, "client", f"nc {'-6' if '[' in to else '-4'} -l 1337")
    world.enter("box", f"send tcp {source}:4000 > {to}:1337 SYN seq=1")
    world.run_until(4 * SECOND)
    assert [endpoint.state for endpoint in world.hosts["client"].stack.endpoints.values()] == left


def test_of_too_much_that_waits_the_oldest_is_lost() -> None:
    world = routed()
    world.hosts["client"].firewall.set_sysctl("net.ipv4.icmp_msgs_burst", 1000)
    for number in range(1, MOST_WAITING + 10):
        world.enter("client", f"send udp 10.0.1.1:{number} > {NEAR}:2")
    records = settle(world)
    assert len([timer for timer in fired(records) if f"{MOST_WAITING} packets" in timer.what]) == 1


def test_what_waits_is_on_no_link_yet() -> None:
    world = routed()
    seen: list[str] = []
    world.lose(lambda link, sender, packet: bool(seen.append(link)))
    play(world, "client", f"ping -n -c 1 {NEAR}")
    assert seen == []
