"""Servers and clients: an exchange that is complete says so, and one that is not says why."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.ends import Address
from fwtutor.network.services.dns import AAAA, answer_query, dns_query, read_answer
from fwtutor.network.ssh.wire import ssh_message
from fwtutor.network.world import World
from tests.network.worlds import ALICE, ATTACKER, DNS, SERVER, WEB, cast, fired, lose_number, pair, play, said, sent, settle


@pytest.mark.parametrize("place", [WEB, f"https://{WEB}", f"{WEB}:443", f"http://{WEB}/page"])
def test_curl_gets_a_page_and_closes(place: str) -> None:
    world = World(cast())
    play(world, "server", f"curl {place}")
    assert said(world.hosts["server"]) == ["curl: HTTP/1.1 200 OK", "hello from the web"]
    assert not [endpoint for host in world.hosts.values() for endpoint in host.stack.endpoints.values() if endpoint.state != "TIME_WAIT"]


def test_curl_says_what_went_wrong() -> None:
    world = World(cast())
    play(world, "server", f"curl {WEB}:81", f"curl {SERVER}:22")
    assert said(world.hosts["server"]) == [
        f"curl: (7) Failed to connect to {WEB} port 81: Connection refused",
        "curl: (1) Received HTTP/0.9 when not allowed",
    ]


def test_a_web_server_survives_what_is_not_tls() -> None:
    world = World(cast())
    play(world, "attacker", f"connect {WEB}:443", 'say "hello there"')
    play(world, "attacker", f"curl https://{WEB}")
    assert said(world.hosts["attacker"])[-1] == "hello from the web"


@pytest.mark.parametrize(
    ("name", "answer"),
    [("web", WEB), ("web.example", WEB), ("WEB.Example.", WEB), ("server.example", SERVER), ("alice", ALICE), ("nobody.example", "")],
)
def test_dig_finds_the_hosts_by_name(name: str, answer: str) -> None:
    world = World(cast())
    play(world, "server", f"dig {name}")
    assert said(world.hosts["server"]) == [f"dig: {name} is {answer}" if answer else f"dig: {name}: NXDOMAIN"]
    assert not world.hosts["server"].stack.datagrams


def test_dig_asks_again_after_five_seconds() -> None:
    world = World(cast())
    lose_number(world, 0)
    records = play(world, "server", "dig web")
    assert [timer.at for timer in fired(records)] == [5_000_000_000]
    assert said(world.hosts["server"])[-1] == f"dig: web is {WEB}"


def test_dig_gives_up_after_three_tries() -> None:
    world = World(cast())
    world.lose(lambda link, sender, packet: True)
    records = play(world, "server", f"dig @{DNS} web")
    assert len(sent(records, "server")) == 3
    assert said(world.hosts["server"])[-1] == "dig: no servers could be reached"
    assert world.quiet


def test_dig_to_a_host_without_a_name_server_is_refused_at_once() -> None:
    world = World(cast())
    play(world, "server", f"dig @{ATTACKER} web")
    refused = f"dig: communications error to {ATTACKER}#53: connection refused"
    assert said(world.hosts["server"]) == [refused, refused, refused, "dig: no servers could be reached"]


def test_echo_says_every_byte_again_over_tcp_and_udp() -> None:
    world = pair(("echo:7",))
    play(world, "client", "connect 10.0.0.2:7", 'say "abc"', 'send udp 10.0.0.1:4000 > 10.0.0.2:7 data="xyz"')
    assert said(world.hosts["client"])[1:] == ["from 10.0.0.2:7: abc", "received: udp 10.0.0.2:7 > 10.0.0.1:4000 (3 bytes)"]


NAMES = {"web.example": (Address(*parse_address(WEB)), Address(*parse_address("2001:db8::80")))}


def test_a_dns_answer_is_what_was_asked() -> None:
    reply = answer_query(dns_query(7, "web.example"), NAMES)
    assert read_answer(reply)[:4] == (7, "web.example", False, False)
    assert read_answer(reply).addresses == NAMES["web.example"][:1]
    assert read_answer(answer_query(dns_query(8, "web.example", AAAA), NAMES)).addresses == NAMES["web.example"][1:]
    assert read_answer(answer_query(dns_query(7, "x.example"), NAMES)) == (7, "x.example", False, True, ())


@given(st.binary(max_size=80))
def test_no_bytes_make_the_name_server_stumble(message: bytes) -> None:
    answer_query(message, NAMES)
    answer_query(dns_query(1, "web.example")[:12] + message, NAMES)


@given(st.binary(max_size=80))
def test_a_broken_dns_answer_is_a_value_error(message: bytes) -> None:
    with suppress(ValueError):
        read_answer(message)


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=6), st.sampled_from(["22", "1337", "80", "443", "7"]))
def test_no_bytes_make_a_server_stumble(pieces: list[bytes], port: str) -> None:
    world = pair(("ssh:22", "app:1337", "http:80", "https:443", "echo:7"))
    play(world, "client", f"connect 10.0.0.2:{port}")
    for piece in pieces:
        for endpoint in list(world.hosts["client"].stack.endpoints.values()):
            endpoint.send(piece)
        while not world.quiet:
            world.step()


def test_an_ssh_message_is_a_multiple_of_eight_bytes_with_padding() -> None:
    for length in range(40):
        message = ssh_message(20, raw=bytes(length))
        assert len(message) % 8 == 0
        assert message[4] >= 4
        assert int.from_bytes(message[:4], "big") == len(message) - 4


def test_a_curl_broken_off_before_it_could_ask_says_nothing() -> None:
    world = World(cast())
    play(world, "web", "iptables -P INPUT DROP")
    world.enter("server", "curl https://198.51.100.80")
    assert not world.enter("server", "reset 443").refused
    settle(world)
    assert said(world.hosts["server"]) == []
