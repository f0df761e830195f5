"""The ready-made networks work, and a lesson can start from one."""

from __future__ import annotations

import pytest

from fwtutor.course.model import LessonError
from fwtutor.course.networks import read_topology, ready_made, ready_network
from fwtutor.course.tables import Table
from fwtutor.network.records import Walked
from fwtutor.network.topology import Topology
from fwtutor.network.world import World
from tests.network.worlds import play, said

NAMES = ["docker", "dmz", "ipv6-site", "office", "one-server", "two-paths"]


def test_these_there_are() -> None:
    assert sorted(NAMES) == list(ready_made())
    assert all(ready_made().values())


@pytest.mark.parametrize(
    ("network", "host", "line", "told"),
    [
        ("one-server", "attacker", "connect 203.0.113.1:1337", "from 203.0.113.1:1337: hello from port 1337"),
        ("one-server", "server", "curl 198.51.100.80", "hello from the web"),
        ("one-server", "alice", "connect 192.168.0.1:22", "connected to 192.168.0.1:22"),
        ("office", "alice", "curl 198.51.100.80", "hello from the web"),
        ("office", "bob", "dig web.example", "dig: web.example is 198.51.100.80"),
        ("office", "attacker", "connect 203.0.113.1:22", "connected to 203.0.113.1:22"),
        ("dmz", "attacker", "curl 203.0.113.1", "hello from the web"),
        ("dmz", "alice", "curl 10.1.0.80", "hello from the web"),
        ("dmz", "www", "dig dns.example", "dig: dns.example is 198.51.100.53"),
        ("two-paths", "visitor", "curl 10.0.0.80", "hello from the web"),
        ("docker", "visitor", "curl 203.0.113.1:8080", "hello from the web"),
        ("docker", "db", "dig router.example", "dig: router.example is 203.0.113.254"),
        ("docker", "docker", "connect 172.17.0.3:5432", "connected to 172.17.0.3:5432"),
        ("ipv6-site", "alice", "curl 198.51.100.80", "hello from the web"),
        ("ipv6-site", "attacker", "curl http://[2001:db8:5::20]/", "hello from the web"),
        ("ipv6-site", "firewall", "connect [2001:db8:9::80]:7", "connected to [2001:db8:9::80]:7"),
    ],
)
def test_what_each_is_for_works(network: str, host: str, line: str, told: str) -> None:
    world = World(ready_network(network))
    play(world, host, line)
    assert any(text.startswith(told) for text in said(world.hosts[host])), said(world.hosts[host])


def test_at_the_ipv6_site_who_drops_icmpv6_is_cut_off() -> None:
    world = World(ready_network("ipv6-site"))
    play(world, "firewall", "ip6tables -A INPUT -p icmpv6 -j DROP")
    play(world, "alice", "connect [2001:db8:9::80]:7", "connect 198.51.100.80:7")
    refused, opened = said(world.hosts["alice"])[:2]
    assert refused == "[2001:db8:9::80]:7: No route to host"
    assert opened.startswith("connected to 198.51.100.80:7 ")


def private(address: str) -> bool:
    return address.startswith(("10.", "172.", "192.168."))


@pytest.mark.parametrize("name", NAMES)
def test_everybody_who_has_a_way_to_everybody_gets_an_answer(name: str) -> None:
    """An echo request from each host to each address that is not behind a translation comes back, or the network was drawn wrong."""
    topology = ready_network(name)
    world = World(topology)
    for host in topology.hosts:
        here = world.hosts[host.name]
        for other in topology.hosts:
            for address in other.interfaces.values():
                there = address[0].partition("/")[0]
                own = next(text.partition("/")[0] for texts in host.interfaces.values() for text in texts)
                # The one server translates for nobody, and of two paths an echo's answer comes by the other.
                if other is host or private(there) or name == "two-paths" or (name == "one-server" and private(own)):
                    continue
                before = len(here.console)
                play(world, host.name, f"send icmp {own} > {there} echo")
                answers = [line.text for line in here.console[before:]]
                assert any("echo-reply" in text for text in answers), (host.name, there, answers)


def test_two_paths_shows_each_firewall_half_of_a_conversation() -> None:
    world = World(ready_network("two-paths"))
    for host in ("left", "right"):
        world.enter(host, "iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP")
    play(world, "visitor", "connect 10.0.0.80:22")
    assert any("Connection timed out" in text for text in said(world.hosts["visitor"]))
    passed = [(record.host, record.walk.packet) for record in world.records if isinstance(record, Walked)]
    assert {packet.source for host, packet in passed if host == "left"} == {"198.51.100.9"}
    assert {packet.source for host, packet in passed if host == "right"} == {"10.0.0.80"}


def parsed(text: str) -> Topology:
    return read_topology(Table.parse("lesson.toml", text), "server", "", 1)


def test_a_lesson_says_what_is_different() -> None:
    topology = parsed(
        'network = "one-server"\n[hosts.server]\nservices = ["ssh:2222"]\nfiles = { "/etc/hosts.deny" = "ALL: ALL" }\n'
        '[hosts.bob]\ninterfaces = { eth0 = ["192.168.0.21/16"] }\n[[links]]\nname = "more"\njoins = ["bob:eth0"]\n'
    )
    server = topology.host("server")
    assert server.services == ("ssh:2222",)
    assert server.files == {"/etc/hosts.deny": "ALL: ALL"}
    assert [user.name for user in server.users] == ["alice", "app"]
    assert topology.host("bob").name == "bob"
    assert [link.name for link in topology.links] == ["wan", "world", "lan", "more"]


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ('network = "one-sever"', "network", '"one-sever" is none of dmz, docker'),
        (
            'network = "one-server"\n[hosts.server]\nservices = ["app:22", "ssh:22"]',
            "hosts.server.services",
            "app uses tcp port 22",
        ),
        ('network = "one-server"\n[hosts.eve]\ntitle = "Eve"', "hosts.eve.interfaces", "is missing"),
        ('network = "one-server"\n[[links]]\nname = "lan"\njoins = []', "links[1].name", "another link"),
        ('network = "one-server"\n[hosts.web]\nrules = "*filter\\n-A INPUT -j NOWHERE\\nCOMMIT\\n"', "hosts.web.rules", "line 2: "),
        ('network = "one-server"\n[hosts.web]\nrules6 = "*filter\\nCOMIT\\n"', "hosts.web.rules6", "line 2: "),
    ],
)
def test_a_mistake_is_named_by_its_field(text: str, field: str, reason: str) -> None:
    with pytest.raises(LessonError) as caught:
        parsed(text)
    assert caught.value.field == field
    assert reason in caught.value.reason
