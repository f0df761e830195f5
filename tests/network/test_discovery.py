"""On a link with discovery IPv6 hosts ask for their neighbours, and what their rules drop they do not hear. (When: ``assets/scenes``.)"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import Packet
from fwtutor.network.neighbours import HOP_LIMIT, PATIENCE, TRIES, read_message
from fwtutor.network.records import Record, Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.network.world import World
from fwtutor.recording import Run, Scenario, Session
from tests.network.worlds import fired, lose_number, play, said, settle, story

HERE, THERE = "fd00::1", "fd00::2"
DROPS = "ip6tables -A INPUT -p icmpv6 -j DROP"


def world_of(discovery: bool = True, own: bool = True) -> World:
    """Three hosts on a link; ``own``: with addresses of the link."""
    names = ("client", "server", "third")
    hosts = tuple(
        HostSpec(name, {"eth0": (f"10.0.0.{number}/24", f"fd00::{number}/64", *([f"fe80::{number}/64"] if own else []))}, {}, ("app:1337",))
        for number, name in enumerate(names, 1)
    )
    return World(Topology(hosts, (LinkSpec("wire", tuple(f"{name}:eth0" for name in names), 0.02, discovery=discovery),)))


def walks(records: Sequence[Record], kind: int) -> list[Walked]:
    """Packets of an ICMPv6 type, as they were sent and where they arrived."""
    found = [record for record in records if isinstance(record, Walked)]
    return [each for each in found if each.walk.packet.protocol == 58 and each.walk.packet.icmp_type == kind]


def test_the_first_packet_waits_for_the_answer() -> None:
    world = world_of()
    records = play(world, "client", f"ping -n -c 1 {THERE}")
    first, second, answer, heard = [*walks(records, 135), *walks(records, 136)]
    assert [each.host for each in (first, second, answer, heard)] == ["client", "server", "server", "client"]
    assert first.walk.packet.dst == parse_address("ff02::1:ff00:2")[1]
    assert {each.walk.packet.ttl for each in (first, second, answer, heard)} == {HOP_LIMIT}
    echo = next(each for each in walks(records, 128) if each.host == "server")
    assert echo.at == heard.at + 20_000_000
    assert "1 packets transmitted, 1 received" in said(world.hosts["client"])[3]


def test_without_the_switch_nobody_asks() -> None:
    world = world_of(discovery=False)
    records = play(world, "client", f"ping -n -c 1 {THERE}", DROPS, f"ping -n -c 1 {THERE}")
    assert not walks(records, 135)


def test_ipv4_knows_its_neighbours_all_the_same() -> None:
    records = play(world_of(), "client", "ping -n -c 1 10.0.0.2")
    assert not walks(records, 135)
    assert records[-1].at == 40_000_000


def test_it_is_untracked_in_every_hook() -> None:
    world = world_of()
    for host in ("client", "server"):
        for chain in ("INPUT", "OUTPUT"):
            world.enter(host, f"ip6tables -A {chain} -m conntrack --ctstate UNTRACKED -j ACCEPT")
    records = play(world, "client", f"ping -n -c 1 {THERE}")
    for each in (*walks(records, 135), *walks(records, 136)):
        assert each.walk.path in (["filter:OUTPUT:rule:1"], ["filter:INPUT:rule:1"])


@pytest.mark.parametrize("host", ["client", "server"])
@pytest.mark.parametrize("chain", ["INPUT", "OUTPUT"])
def test_who_drops_icmpv6_breaks_ipv6(host: str, chain: str) -> None:
    world = world_of()
    # (An own INPUT that drops everything would drop the error, too.)
    kinds = ["135", "136"]
    for kind in kinds:
        world.enter(host, f"ip6tables -A {chain} -p icmpv6 --icmpv6-type {kind} -j DROP")
    records = play(world, "client", f"connect [{THERE}]:1337")
    assert said(world.hosts["client"]) == [f"[{THERE}]:1337: No route to host"]
    asked = [each.at for each in walks(records, 135) if each.host == "client" and each.walk.in_interface is None]
    assert asked == [number * PATIENCE for number in range(TRIES)]


def test_letting_the_neighbours_through_is_enough() -> None:
    world = world_of()
    for host in ("client", "server"):
        for kind in ("neighbour-solicitation", "neighbour-advertisement"):
            world.enter(host, f"ip6tables -A INPUT -p icmpv6 --icmpv6-type {kind} -j ACCEPT")
        world.enter(host, "ip6tables -A INPUT -p icmpv6 -j DROP")
    play(world, "client", f"connect [{THERE}]:1337")
    assert said(world.hosts["client"])[-1] == f"from [{THERE}]:1337: hello from port 1337"


def test_of_the_others_on_the_link_nobody_is_asked() -> None:
    records = play(world_of(), "client", f"ping -n -c 1 {THERE}")
    assert not [record for record in records if record.host == "third"]


def test_who_was_asked_knows_who_asked() -> None:
    world = world_of()
    play(world, "client", f"ping -n -c 1 {THERE}")
    records = play(world, "server", f"ping -n -c 1 {HERE}")
    # He has not been heard of since, and is asked when the time is up.
    assert not [each for each in walks(records, 135) if each.walk.packet.dst >> 120 == 0xFF]


def test_a_lost_answer_is_asked_for_again() -> None:
    world = world_of()
    lost = lose_number(world, 1)
    records = play(world, "client", f"ping -n -c 1 {THERE}")
    assert lost()
    assert len([each for each in walks(records, 135) if each.host == "client" and each.walk.in_interface is None]) == 2
    assert [timer.what for timer in fired(records)] == [f"{THERE} is asked for again (2 of 3)"]


def test_all_that_waits_goes_out_when_the_answer_is_there() -> None:
    world = world_of()
    for number in range(1, 6):
        world.enter("client", f"send udp [{HERE}]:{number} > [{THERE}]:9")
    records = settle(world)
    arrived = [
        each.walk.packet.sport for each in records if isinstance(each, Walked) and each.host == "server" and each.walk.packet.protocol == 17
    ]
    assert arrived == [1, 2, 3, 4, 5]


def test_who_no_longer_answers_is_forgotten_and_looked_for_anew() -> None:
    world = world_of()
    play(world, "client", f"ping -n -c 1 {THERE}")
    play(world, "server", "ip6tables -P INPUT DROP")
    world.run_until(60 * SECOND)
    start = len(world.records)
    world.enter("client", f"send udp [{HERE}]:1 > [{THERE}]:9")
    world.run_until(70 * SECOND)
    world.enter("client", f"send udp [{HERE}]:2 > [{THERE}]:9")
    records = [*world.records[start:], *settle(world)]
    asked = [each.walk.packet.destination for each in walks(records, 135) if each.host == "client" and each.walk.in_interface is None]
    assert asked == [THERE] * 3 + ["ff02::1:ff00:2"] * 3
    assert said(world.hosts["client"])[-1].startswith("received: icmpv6")


def test_without_an_address_of_the_link_another_one_asks() -> None:
    world = world_of(own=False)
    play(world, "client", f"ping -n -c 1 {THERE}")
    world.run_until(10 * SECOND)
    probes = [each for each in walks(world.records, 135) if each.host == "server" and each.walk.in_interface is None]
    assert {each.walk.packet.source for each in probes} == {THERE}


MESSAGE = (2).to_bytes(16, "big") + b"\1\1" + bytes(6)


def solicitation(body: bytes = MESSAGE, ttl: int = HOP_LIMIT, code: int = 0) -> Packet:
    return Packet(craft.icmp(1, 2, 135, code, 0, body, family=6, ttl=ttl))


def test_a_message_says_about_whom_it_is_and_where_its_sender_is() -> None:
    message = read_message(solicitation())
    assert message is not None
    assert (message.target.value, message.says_where) == (2, True)


@pytest.mark.parametrize(
    "packet",
    [
        solicitation(ttl=254),
        solicitation(code=1),
        solicitation(MESSAGE[:12]),
        solicitation(b"\xff\2" + MESSAGE[2:]),
        solicitation(MESSAGE[:16] + b"\1\0" + bytes(6)),
        solicitation(MESSAGE + b"\1"),
        Packet(solicitation().raw[:-1] + b"x"),
    ],
)
def test_what_cannot_be_from_a_neighbour_is_not_listened_to(packet: Packet) -> None:
    assert read_message(packet) is None


def test_an_advertisement_that_nobody_asked_for_makes_nobody_known() -> None:
    world = world_of()
    target = parse_address(THERE)[1]
    to_all = craft.icmp(target, parse_address("ff02::1")[1], 136, 0, 1 << 29, target.to_bytes(16, "big"), family=6, ttl=HOP_LIMIT)
    world.hosts["server"].emit(to_all, by="eth0")
    settle(world)
    records = play(world, "client", f"ping -n -c 1 {THERE}")
    assert walks(records, 135)[0].walk.packet.destination == "ff02::1:ff00:2"


def test_undo_branch_and_replay_tell_the_same_story() -> None:
    scenario = Scenario(world_of().topology, (), watch="server")
    session = Session(scenario)
    session.enter("client", f"ping -n -c 1 {THERE}")
    first = story(session.run.records)
    session.enter("client", "ping -n -c 1 10.0.0.9")
    session.enter("client", f"connect [{THERE}]:1337")
    assert story(Run(scenario, session.run.inputs).records) == story(session.run.records)
    assert session.undo()
    assert session.undo()
    assert story(session.run.records) == first
    session.cursor.seek(4)
    session.enter("server", DROPS)
    assert story(Run(scenario, session.run.inputs).records) == story(session.run.records)
