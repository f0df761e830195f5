"""What a host without sockets answers to an IPv6 packet, as the kernel did when it was asked."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, RST, SYN, Packet
from fwtutor.network.answers import closed_port_answers
from tests.netfilter.six import (
    AH,
    ALL_NODES,
    CLIENT,
    DESTINATION,
    FRAGMENT,
    HOP,
    NONE,
    ROUTING,
    WAN,
    box6,
    datagram,
    fragment,
    fragments,
    ip6,
    options,
)

UDP = datagram(dst=WAN)
UNSUMMED = UDP[:6] + b"\0\0" + UDP[8:]


def answers(raw: bytes, source: int | None = None, link: str = "host") -> list[Packet]:
    sources = None if source is None else (WAN, source)
    return [Packet(answer) for answer in closed_port_answers(Packet(raw), link=link, source=sources)]


def to_us(protocol: int, payload: bytes, dst: int = WAN) -> bytes:
    return ip6(protocol, payload, dst=dst)


def error(raw: bytes) -> tuple[int, int, int] | None:
    """(type, code, pointer) of the ICMPv6 error it gets."""
    found = answers(raw)
    return (found[0].icmp_type, found[0].icmp_code, int.from_bytes(found[0].raw[44:48], "big")) if found else None


def route(kind: int, left: int) -> bytes:
    return bytes([17, 0, kind, left]) + bytes(4)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (to_us(17, UDP), (1, 4, 0)),
        (to_us(17, UNSUMMED), None),
        (to_us(DESTINATION, options(17) + UDP), (1, 4, 0)),
        (to_us(200, bytes(8)), (4, 1, 6)),
        (to_us(HOP, options(200) + bytes(8)), (4, 1, 40)),
        (to_us(DESTINATION, options(200) + bytes(8)), (4, 1, 40)),
        (to_us(DESTINATION, options(HOP) + options(17) + UDP), (4, 1, 40)),
        (to_us(AH, bytes([17, 1, 0, 0]) + bytes(8) + UDP), (4, 1, 6)),
        (to_us(NONE, b""), None),
        (to_us(103, bytes(8)), None),
        (to_us(DESTINATION, options(17, b"\x7e\x02\0\0") + UDP), None),
        (to_us(DESTINATION, options(17, b"\xbe\x02\0\0") + UDP), (4, 2, 42)),
        (to_us(DESTINATION, options(17, b"\xc2\x04\0\0\0\x10") + UDP), (4, 2, 42)),
        (to_us(DESTINATION, options(17, b"\x05\x02\0\0") + UDP), (1, 4, 0)),
        (to_us(ROUTING, route(0, 0) + UDP), (1, 4, 0)),
        (to_us(ROUTING, route(0, 1) + UDP), (4, 0, 42)),
        (to_us(ROUTING, route(4, 0) + UDP), None),
        (to_us(FRAGMENT, fragment(17, 0, False) + UDP), (1, 4, 0)),
        (to_us(FRAGMENT, fragment(17, 0, True)), (4, 3, 0)),
        (to_us(FRAGMENT, fragment(17, 0, True) + UDP + b"x"), (4, 0, 4)),
        (to_us(FRAGMENT, fragment(17, 65528, True) + UDP), (4, 0, 42)),
        (to_us(FRAGMENT, fragment(17, 0, True)[:4]), (4, 0, 40)),
        (craft.icmp(CLIENT, WAN, 1, 4, 0, bytes(48), family=6), None),
        (craft.icmp(CLIENT, WAN, 200, 0, 0, b"", family=6), None),
    ],
)
def test_what_is_told(raw: bytes, wanted: tuple[int, int, int] | None) -> None:
    assert error(raw) == wanted


def test_an_echo_comes_back_with_its_code_and_traffic_class() -> None:
    (reply,) = answers(craft.icmp(CLIENT, WAN, 128, 7, 0x12340001, b"ping", family=6, tos=0xB9))
    assert (reply.icmp_type, reply.icmp_code, reply.icmp_id, reply.payload, reply.tos) == (129, 7, 0x1234, b"ping", 0xB9)
    assert (reply.src, reply.dst, reply.ttl) == (WAN, CLIENT, 64)


def test_a_segment_nobody_wants_is_reset() -> None:
    (reset,) = answers(craft.tcp(CLIENT, WAN, 5, 9, SYN, 100, family=6, tos=0xB9))
    assert (reset.flags, reset.seq, reset.ack, reset.tos) == (RST | ACK, 0, 101, 0xB8)
    assert answers(craft.tcp(CLIENT, WAN, 5, 9, RST, family=6)) == []


def test_for_many_only_echoes_are_answered_and_options_that_insist() -> None:
    def for_many(protocol: int, payload: bytes, source: int = WAN) -> list[int]:
        return [answer.src for answer in answers(to_us(protocol, payload, ALL_NODES), source)]

    asked = craft.icmp(CLIENT, ALL_NODES, 128, 0, 1, b"", family=6)[40:]
    assert for_many(58, asked) == [WAN]
    assert for_many(58, asked, source=0) == []
    assert for_many(17, datagram(dst=ALL_NODES)) == []
    assert for_many(6, craft.tcp(CLIENT, ALL_NODES, 5, 9, SYN, family=6)[40:]) == []
    assert for_many(DESTINATION, options(17, b"\xbe\x02\0\0") + UDP) == [WAN]
    assert for_many(DESTINATION, options(17, b"\xfe\x02\0\0") + UDP) == []
    assert answers(to_us(17, UDP), link="multicast") == []


def test_of_a_datagram_put_together_the_stack_reads_on_where_connection_tracking_leaves_it() -> None:
    """Behind options in front of the fragments that is a mistake of Linux: what was in the fragments is read as options."""
    firewall = box6()
    whole = fragments(UDP, (16,), dst=WAN)[0]
    walk = firewall.receive(whole, on="wan", at=0)
    assert walk.delivered is not None
    assert [Packet(raw).icmp_type for raw in closed_port_answers(walk.delivered)] == [1]
    with_options = to_us(DESTINATION, options(FRAGMENT) + fragment(17, 0, False) + UDP)
    walk = firewall.receive(with_options, on="wan", at=0)
    assert walk.delivered is not None
    assert closed_port_answers(walk.delivered) == []


def test_a_second_fragment_header_is_refused() -> None:
    assert error(to_us(FRAGMENT, fragment(FRAGMENT, 0, False) + fragment(17, 0, False) + UDP)) == (4, 0, 48)
