"""IPv6 extension headers: what the walk along them finds, and what the stack takes offence at in their options."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.packet import Packet
from tests.netfilter.six import ALL_NODES, CLIENT, DESTINATION, FRAGMENT, HOP, NONE, ROUTING, SERVER, box6, datagram, fragment, ip6, options

UDP = datagram()
ROUTE = bytes([17, 0, 0, 0, 0, 0, 0, 0])
SIGNATURE = bytes([17, 4, 0, 0]) + bytes(20)


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        (ip6(17, UDP), 40),
        (ip6(HOP, options(17) + UDP), 48),
        (ip6(DESTINATION, options(DESTINATION) * 19 + options(17) + UDP), 200),
        (ip6(DESTINATION, options(HOP) + options(17) + UDP), 56),
        (ip6(ROUTING, ROUTE + UDP), 48),
        (ip6(51, SIGNATURE + UDP), 64),
        (ip6(FRAGMENT, fragment(17, 0, True) + UDP), 48),
    ],
)
def test_the_protocol_is_that_of_the_header_behind_all_extension_headers(raw: bytes, at: int) -> None:
    packet = Packet(raw)
    assert (packet.protocol, packet.l4, packet.has_l4, packet.dport, packet.broken) == (17, at, True, 53, False)


@pytest.mark.parametrize("protocol", [50, 59, 135, 139, 200])
def test_nothing_is_behind_esp_no_next_header_and_what_is_unknown(protocol: int) -> None:
    assert Packet(ip6(protocol, options(17) + UDP)).protocol == protocol


@pytest.mark.parametrize(
    "raw",
    [ip6(DESTINATION, options(DESTINATION) + b"a"), ip6(DESTINATION, options(ROUTING)), ip6(FRAGMENT, fragment(17, 0, False)[:3])],
)
def test_a_chain_cut_short_is_broken(raw: bytes) -> None:
    packet = Packet(raw)
    assert (packet.broken, packet.has_l4) == (True, False)


def test_a_later_fragment_has_the_protocol_its_fragment_header_names() -> None:
    packet = Packet(ip6(FRAGMENT, fragment(17, 16, True, id=9) + UDP))
    assert (packet.protocol, packet.offset, packet.mf, packet.id, packet.has_l4) == (17, 16, True, 9, False)


def test_a_later_fragment_that_begins_inside_the_chain_is_broken() -> None:
    assert Packet(ip6(FRAGMENT, fragment(DESTINATION, 16, False) + options(17) + UDP)).broken


def test_what_is_behind_the_length_the_header_names_is_cut_off() -> None:
    assert Packet(ip6(17, UDP) + b"padding").raw == ip6(17, UDP)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [(ip6(17, UDP)[:39], "truncated IP header"), (ip6(17, UDP)[:-1], "IP length beyond the packet")],
)
def test_the_stack_refuses_what_is_cut_short(raw: bytes, fault: str) -> None:
    assert Packet(raw).fault == fault


def test_a_length_of_zero_before_hop_by_hop_options_means_all_there_is() -> None:
    raw = bytearray(ip6(HOP, options(17) + UDP))
    raw[4:6] = b"\0\0"
    packet = Packet(bytes(raw))
    assert (packet.length, packet.dport) == (len(raw), 53)


RIGHT = [b"", b"\x3e\x02\0\0", b"\x05\x02\0\0", b"\x3e\0" * 8, b"\0" * 6, b"\x1e\x10" + bytes(16), b"\0\0\x31\x02\0\0"]
WRONG = [
    b"\x7e\x02\0\0", b"\x05\x04\0\0\0\0", b"\0\xc2\x04\0\1\0\x10\0", b"\x3e\x09\0\0\0\0", b"\x01\x04\0\0\1\0", bytes(14),
    b"\x01\x0c" + bytes(12), b"\x3e\0" * 9, b"\x07\x08" + bytes(8), b"\x31\x08" + bytes(8), b"\x01\x03\0\0\0\x3e",
]  # fmt: skip
TOLD = [
    (b"\xbe\x02\0\0", exthdrs.UNKNOWN_OPTION, 42), (b"\xfe\x02\0\0", exthdrs.UNKNOWN_OPTION, 42),
    (b"\xc2\x04\0\0\0\x10", exthdrs.HEADER_FIELD, 44), (b"\xc2\x04\0\1\0\x10", exthdrs.HEADER_FIELD, 42),
]  # fmt: skip


@pytest.mark.parametrize("body", RIGHT)
def test_options_the_stack_likes_are_passed_on_as_they_are(body: bytes) -> None:
    walk = box6().receive(ip6(HOP, options(17, body) + UDP), on="wan", at=0)
    assert (walk.verdict, walk.to, walk.out[0][1][40:]) == ("ACCEPT", "lan", walk.packet.raw[40:])


@pytest.mark.parametrize("body", WRONG)
def test_options_the_stack_dislikes_end_the_packet_before_prerouting(body: bytes) -> None:
    walk = box6().receive(ip6(HOP, options(17, body) + UDP), on="wan", at=0)
    assert (walk.verdict, walk.states, walk.out) == ("DISCARD", [], [])


@pytest.mark.parametrize(("body", "code", "pointer"), TOLD)
def test_some_faults_in_options_are_told_with_the_place(body: bytes, code: int, pointer: int) -> None:
    walk = box6().receive(ip6(HOP, options(17, body) + UDP), on="wan", at=0)
    (told,) = walk.answers
    assert (walk.verdict, told.packet.icmp_type, told.packet.icmp_code) == ("DISCARD", 4, code)
    assert told.packet.raw[44:48] == pointer.to_bytes(4, "big")


def test_to_many_a_fault_is_told_only_if_the_option_insists() -> None:
    def answers(option: int) -> int:
        raw = ip6(HOP, options(17, bytes([option, 2, 0, 0])) + datagram(CLIENT, ALL_NODES), dst=ALL_NODES)
        return len(box6().receive(raw, on="wan", at=0).answers)

    assert (answers(0xBE), answers(0xFE)) == (1, 0)


@pytest.mark.parametrize(
    ("chain", "place"),
    [
        (ip6(17, UDP), (6, 40)),
        (ip6(HOP, options(17) + UDP), (40, 48)),
        (ip6(DESTINATION, options(17) + UDP), (40, 48)),
        (ip6(ROUTING, bytes([DESTINATION]) + ROUTE[1:] + options(17) + UDP), (40, 48)),
        (ip6(DESTINATION, options(ROUTING) + bytes([DESTINATION]) + ROUTE[1:] + options(17) + UDP), (48, 56)),
        (ip6(DESTINATION, b"\x11"), None),
    ],
)
def test_a_fragment_header_comes_before_the_destination_options_behind_a_route(chain: bytes, place: tuple[int, int] | None) -> None:
    assert exthdrs.fragmentable(chain) == place


def test_a_quoted_packet_is_walked_where_it_stands() -> None:
    quote = ip6(DESTINATION, options(17) + UDP)
    chain = exthdrs.walk(b"x" * 48 + quote, 48)
    assert (chain.protocol, chain.at, chain.broken) == (17, 96, False)
    assert Packet(ip6(NONE, b"", SERVER)).protocol == NONE
