"""What is too long for UDP is left out, and asked for again by TCP; what there is besides the hosts stands in the server's file."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st

from fwtutor.network.configuration import check_file
from fwtutor.network.records import Walked
from fwtutor.network.services.dns import TXT, answer_query, dns_query, framed, read_answer, take_message
from fwtutor.network.services.records import PATH, read_records
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.network.world import World
from tests.network.worlds import play, refused_at_once, said, settle

ZONE = "".join(
    [
        "# what the hosts do not say\n\n",
        "host-record=www.example,w.example,192.0.2.80,2001:db8::80\n",
        f"txt-record=short.example,{'s' * 200}\n",
        *(f"txt-record=long.example,{letter * 240}\n" for letter in "abcdef"),
        'txt-record=parts.example,"one, ",two\n',
    ]
)


def world_of(rules: str = "", files: Mapping[str, str] | None = None) -> World:
    hosts = (
        HostSpec("client", {"eth0": ("10.0.0.1/24", "fd00::1/64")}),
        HostSpec("server", {"eth0": ("10.0.0.2/24", "fd00::2/64")}, {}, ("dns:53",), rules, files={PATH: ZONE} if files is None else files),
    )
    return World(Topology(hosts, (LinkSpec("wire", ("client:eth0", "server:eth0"), 0.02),)))


def protocols(world: World) -> list[int]:
    """Of what came to the server."""
    walks = [record.walk for record in world.records if isinstance(record, Walked) and record.host == "server"]
    return [walk.packet.protocol for walk in walks if walk.in_interface == "eth0"]


def asked(world: World, words: str) -> list[str]:
    play(world, "client", f"dig {words}")
    return said(world.hosts["client"])


@pytest.mark.parametrize("server", ["", "@10.0.0.2 ", "@fd00::2 "])
def test_a_long_answer_comes_by_tcp(server: str) -> None:
    world = world_of()
    first, second, third = asked(world, f"{server}long.example TXT")
    assert first == "dig: Truncated, retrying in TCP mode."
    assert second == "dig: 1559 bytes by TCP"
    assert third.count('"') == 12
    assert protocols(world)[0] == 17
    assert set(protocols(world)[1:]) == {6}
    assert world.quiet
    assert not [each for each in world.hosts["server"].stack.endpoints.values() if each.state != "TIME_WAIT"]


@pytest.mark.parametrize(
    ("words", "tcp"),
    [
        ("short.example TXT", False),
        ("+noedns short.example TXT", False),
        ("+noedns long.example TXT", True),
        ("+bufsize=512 long.example TXT", True),
        ("+bufsize=4096 long.example TXT", True),
        ("+ignore long.example TXT", False),
        ("+tcp client.example", True),
        ("client.example", False),
    ],
)
def test_when_tcp_is_asked(words: str, tcp: bool) -> None:
    world = world_of()
    asked(world, words)
    assert (6 in protocols(world)) == tcp


def test_what_fits_comes_all_the_same() -> None:
    (told,) = asked(world_of(), "+ignore long.example TXT")
    assert told.count('"') == 8
    assert told.endswith(" ... (truncated)")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("www.example", "www.example is 192.0.2.80"),
        ("W.example AAAA", "W.example is 2001:db8::80"),
        ("parts.example TXT", 'parts.example is "one, two"'),
        ("www.example TXT", "www.example: no TXT record"),
        ("parts.example", "parts.example: no A record"),
        ("nobody.example TXT", "nobody.example: NXDOMAIN"),
        ("server", "server is 10.0.0.2"),
    ],
)
def test_what_there_is(words: str, told: str) -> None:
    assert asked(world_of(), words)[-1] == f"dig: {told}"


def test_a_firewall_that_forgot_tcp_makes_long_answers_fail() -> None:
    world = world_of("*filter\n:INPUT DROP [0:0]\n-A INPUT -p udp --dport 53 -j ACCEPT\nCOMMIT\n")
    failed = "dig: Connection to 10.0.0.2#53(10.0.0.2) for long.example failed: timed out."
    assert asked(world, "long.example TXT") == [
        "dig: Truncated, retrying in TCP mode.",
        *[failed, "dig: no servers could be reached"] * 3,
    ]
    assert world.now == 30_040_000_000


def test_each_try_has_a_port_of_its_own() -> None:
    world = world_of("*filter\n:INPUT DROP [0:0]\nCOMMIT\n")
    asked(world, "web.example")
    walks = [record.walk for record in world.records if isinstance(record, Walked) and record.host == "server"]
    assert len({walk.packet.sport for walk in walks}) == 3
    assert not world.hosts["client"].stack.datagrams


def test_a_file_changed_later_counts_at_once_and_a_broken_one_says_nothing() -> None:
    world = world_of()
    play(world, "server", f'echo "host-record=new.example,192.0.2.1" > {PATH}')
    assert asked(world, "new.example")[-1] == "dig: new.example is 192.0.2.1"
    play(world, "server", f"echo nonsense > {PATH}")
    assert asked(world, "new.example")[-1] == "dig: new.example: NXDOMAIN"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("server=8.8.8.8", "'server' is none of txt-record, host-record"),
        ("txt-record", "'txt-record' is none of"),
        ("txt-record=a..b,x", "'a..b' is no name"),
        ("txt-record=,x", "'' is no name"),
        (f"txt-record=a,{'x' * 256}", "a piece of 256 bytes is longer than 255"),
        ('txt-record=a,"x', "a quotation mark is not closed"),
        pytest.param(f"txt-record=a{',x' * 600}", "1212 characters are more than 1024", id="long"),
        ("host-record=a", "host-record wants NAME"),
        ("host-record=10.0.0.1", "host-record wants NAME"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_with_its_number(line: str, why: str) -> None:
    with pytest.raises(ValueError, match="line 2: ") as caught:
        check_file(PATH, f"# first\n{line}\n")
    assert str(caught.value).startswith(f"line 2: {why}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dig", "dig: write dig "),
        ("dig +foo x", "dig: Invalid option: +foo"),
        ("dig +bufsize=70000 x", "dig: invalid buffer size '70000': out of range"),
        ("dig +bufsize=a x", "dig: invalid buffer size 'a': not a valid number"),
        ("dig x y", "dig: write dig "),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(line: str, words: str) -> None:
    refused_at_once(world_of(), line, words)


def test_several_questions_may_come_by_one_connection_and_in_pieces() -> None:
    world = world_of()
    play(world, "client", "connect 10.0.0.2:53 from 4000")
    (endpoint,) = world.hosts["client"].stack.endpoints.values()
    raw = framed(dns_query(1, "www.example")) + framed(dns_query(2, "nobody.example"))
    for piece in (raw[:1], raw[1:20], raw[20:]):
        endpoint.send(piece)
        settle(world)
    walks = [record.walk for record in world.records if isinstance(record, Walked) and record.host == "client" and record.walk.in_interface]
    buffer = bytearray(b"".join(walk.packet.payload for walk in walks))
    found = [read_answer(message) for message in iter(lambda: take_message(buffer), None)]
    assert [(each.identity, each.unknown) for each in found] == [(1, False), (2, True)]


@given(st.binary(max_size=80))
def test_no_bytes_make_the_reading_of_tcp_stumble(data: bytes) -> None:
    buffer = bytearray(data)
    while take_message(buffer) is not None:
        pass
    answer_query(data, {}, read_records(ZONE), tcp=True)
    answer_query(dns_query(1, "long.example", TXT)[:12] + data, {}, read_records(ZONE))
