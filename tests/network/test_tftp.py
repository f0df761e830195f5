"""TFTP: files go both ways in blocks, from a port that nobody was asked at; what is lost is said again."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.ends import Address, Ends
from fwtutor.network.records import Walked
from fwtutor.network.services.tftp import BLOCK, NETASCII, OCTET, decoded, encoded
from fwtutor.network.tools.registry import help_about
from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World
from tests.network.worlds import lose_number, play, refused_at_once, said, sent, settle

MOTD = "/srv/tftp/motd"
STATEFUL = """*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
COMMIT
"""
HELPED = "*raw\n-A OUTPUT -p udp --dport 69 -j CT --helper tftp\nCOMMIT\n"


def world_of(text: str = "hello\n", rules: str = "", service: str = "tftp:69", users: tuple[UserSpec, ...] = ()) -> World:
    files = {MOTD: text, "/srv/tftp/inbox": "old\n"}
    return World(
        Topology(
            (
                HostSpec("client", {"eth0": ("10.0.0.1/24", "fd00::1/64")}, rules=rules, files={"/notes": "milk\neggs\n"}),
                HostSpec(
                    "server", {"eth0": ("10.0.0.2/24", "fd00::2/64")}, services=(service, "http:80"), files=files, users=users
                ),
            ),
            (LinkSpec("wire", ("client:eth0", "server:eth0"), 0.02),),
        )
    )  # fmt: skip


def states(world: World, host: str) -> list[str]:
    """What connection tracking made of the datagrams that came to a host."""
    walks = [record.walk for record in world.records if isinstance(record, Walked) and record.host == host]
    return [walk.states[-1][1] if walk.states else "" for walk in walks if walk.in_interface == "eth0" and walk.packet.protocol == 17]


@pytest.mark.parametrize("length", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
@pytest.mark.parametrize("address", ["10.0.0.2", "server", "fd00::2"])
def test_a_file_arrives_whole_also_when_its_last_block_is_empty(length: int, address: str) -> None:
    world = world_of("x" * length)
    records = play(world, "client", f"tftp {address} -c get motd")
    assert world.hosts["client"].files.read("/motd") == "x" * length
    assert len(sent(records, "server")) == length // BLOCK + 1
    assert not world.hosts["client"].stack.datagrams
    assert list(world.hosts["server"].stack.datagrams) == [69]


@pytest.mark.parametrize("text", ["", "one\ntwo\n", "\r\n\r\0\n", "ä\r", "é" * 700])
@pytest.mark.parametrize("mode", [NETASCII, OCTET])
def test_a_text_is_the_same_on_both_sides(text: str, mode: str) -> None:
    assert decoded(encoded(text, mode), mode) == text
    world = world_of(text)
    play(world, "client", f"tftp -m {mode} 10.0.0.2 -c get motd /tmp/x", f"tftp -m {mode} 10.0.0.2 -c put /tmp/x inbox")
    assert world.hosts["client"].files.read("/tmp/x") == text
    assert world.hosts["server"].files.read("/srv/tftp/inbox") == text


def test_the_server_answers_from_a_port_of_its_own() -> None:
    world = world_of("x" * 700)
    records = play(world, "client", "tftp 10.0.0.2 -c get motd")
    ports = {packet.sport for packet in sent(records, "server")}
    assert len(ports) == 1
    assert 69 not in ports
    assert [packet.dport for packet in sent(records, "client")] == [69, *ports, *ports]


def test_without_the_helper_the_answer_is_new_and_dropped() -> None:
    world = world_of(rules=STATEFUL)
    play(world, "client", "tftp 10.0.0.2 -c get motd")
    assert set(states(world, "client")) == {"NEW"}
    assert said(world.hosts["client"]) == ["Transfer timed out."]
    assert world.hosts["client"].files.read("/motd") == ""


def test_with_the_helper_the_answer_is_related() -> None:
    world = world_of("x" * 700, STATEFUL + HELPED)
    play(world, "client", "tftp 10.0.0.2 -c get motd")
    assert states(world, "client") == ["RELATED", "ESTABLISHED"]
    assert world.hosts["client"].files.read("/motd") == "x" * 700


def test_what_is_put_there_replaces_what_there_was() -> None:
    world = world_of()
    play(world, "client", "tftp 10.0.0.2 -c put notes inbox")
    assert world.hosts["server"].files.read("/srv/tftp/inbox") == "milk\neggs\n"


def test_a_file_that_the_server_has_not_got_can_be_neither_had_nor_made() -> None:
    world = world_of()
    play(world, "client", "tftp 10.0.0.2 -c get /etc/hosts", "tftp 10.0.0.2 -c put notes", "tftp 10.0.0.2 -c get ../../etc/hosts")
    assert said(world.hosts["client"]) == ["Error code 1: File not found"] * 3
    assert world.hosts["server"].files.read("/srv/tftp/notes") is None


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("order", ["get motd", "put motd inbox"])
def test_any_packet_may_be_lost(number: int, order: str) -> None:
    world = world_of("line\n" * 250)
    world.hosts["client"].files.write("/motd", "line\n" * 250, -1)
    lost = lose_number(world, number)
    play(world, "client", f"tftp 10.0.0.2 -c {order}")
    assert lost()
    assert (
        world.hosts["client" if "get" in order else "server"].files.read("/motd" if "get" in order else "/srv/tftp/inbox") == "line\n" * 250
    )


def test_verbose_it_tells_what_it_does() -> None:
    world = world_of("one\ntwo\n")
    record = world.enter("client", "tftp -v 10.0.0.2 -c get motd")
    settle(world)
    assert record.output == "Connected to 10.0.0.2 (10.0.0.2), port 69\ngetting from 10.0.0.2:motd to motd [netascii]"
    assert said(world.hosts["client"]) == ["Received 10 bytes in 0.0 seconds [2000 bit/s]"]


def test_its_packets_are_the_servers_users() -> None:
    world = world_of(service="tftp:69 as tftp", users=(UserSpec("tftp", 105),))
    world.hosts["server"].firewall.iptables("-A OUTPUT -m owner --uid-owner tftp -j DROP".replace("tftp", "105"))
    play(world, "client", "tftp 10.0.0.2 -c get motd")
    assert said(world.hosts["client"]) == ["Transfer timed out."]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tftp", "tftp: write tftp "),
        ("tftp 10.0.0.2", "tftp: write tftp "),
        ("tftp 10.0.0.2 get motd", "tftp: write tftp "),
        ("tftp 10.0.0.2 -c frob motd", "tftp: write tftp "),
        ("tftp 10.0.0.2 -c get", "tftp: write tftp "),
        ("tftp 10.0.0.2 -c get dir/", "tftp: write tftp "),
        ("tftp -q 10.0.0.2 -c get motd", "tftp: write tftp "),
        ("tftp -m mail 10.0.0.2 -c get motd", "tftp: invalid mode: mail"),
        ("tftp nobody.example -c get motd", "tftp: nobody.example: unknown host"),
        ("tftp 10.0.0.2 x -c get motd", "tftp: x: bad port number"),
        ("tftp 10.0.0.2 -c put nothing", "tftp: nothing: No such file or directory"),
        ("tftp 192.0.2.1 -c get motd", "tftp: 192.0.2.1: Network is unreachable"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(line: str, words: str) -> None:
    refused_at_once(world_of(), line, words)


def asked(raw: bytes) -> list[bytes]:
    """What a server says to a datagram."""
    world = world_of()
    client, server = (Address(*parse_address(text)) for text in ("10.0.0.1", "10.0.0.2"))
    world.hosts["client"].stack.send_udp(Ends(client, 4000, server, 69), raw)
    settle(world)
    return [packet.payload for packet in sent(world.records, "server")]


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0\1", b"\0\1x", b"\0\1x\0", b"\0\3\0\1", b"\0\5\0\1x", b"\xff" * 600])
def test_a_server_leaves_what_is_no_request_alone(raw: bytes) -> None:
    assert asked(raw) == []


def test_a_mode_that_nobody_knows_is_an_error() -> None:
    assert asked(b"\0\1motd\0Mail\0") == [b"\0\5\0\4Unknown mode\0"]


def test_options_are_not_taken_up() -> None:
    assert asked(b"\0\1motd\0OCTET\0blksize\0001400\0")[0] == b"\0\3\0\1hello\n"


def test_help_says_where_the_files_are() -> None:
    assert "/srv/tftp" in help_about("tftp")
