"""REJECT's answers to IPv6 packets: what they say, and who gets none."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Walk, craft
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN, Packet
from tests.netfilter.boxes import EMPTY
from tests.netfilter.six import ALL_NODES, CLIENT, DESTINATION, FRAGMENT, LAN, SERVER, WAN, box6, datagram, fragment, ip6, options


def rejected(raw: bytes, kind: str = "icmp6-port-unreachable", match: str = "", track: bool = False) -> Walk:
    state = "-A FORWARD -m conntrack --ctstate INVALID\n" if track else ""
    lines = "".join(f"-A {chain}{match} -j REJECT --reject-with {kind}\n" for chain in ("FORWARD", "INPUT"))
    return box6(f"{EMPTY}{state}{lines}COMMIT\n").receive(raw, on="wan", at=0)


def reset(raw: bytes) -> Packet | None:
    walk = rejected(raw, "tcp-reset", " -p tcp", track=True)
    assert walk.verdict == "REJECT"
    return walk.answers[0].packet if walk.answers else None


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("icmp6-no-route", 0), ("icmp6-adm-prohibited", 1), ("icmp6-addr-unreachable", 3), ("icmp6-port-unreachable", 4),
        ("icmp6-policy-fail", 5), ("icmp6-reject-route", 6),
    ],
)  # fmt: skip
def test_each_kind_has_its_code(kind: str, code: int) -> None:
    (answer,) = rejected(ip6(17, datagram()), kind).answers
    packet = answer.packet
    assert (packet.icmp_type, packet.icmp_code, packet.src, packet.dst, packet.ttl, packet.tos) == (1, code, WAN, CLIENT, 64, 0)
    # Behind FORWARD's routing it has lost a hop already.
    assert packet.raw[48:] == ip6(17, datagram(), hops=63)
    assert not craft.transport_checksum(packet.src, packet.dst, 58, packet.raw[40:], 6)


def test_the_box_answers_from_the_address_asked() -> None:
    assert rejected(ip6(17, datagram(dst=LAN), dst=LAN)).answers[0].packet.src == LAN


def test_an_error_has_1280_bytes_at_most() -> None:
    assert rejected(ip6(17, datagram(size=1400))).answers[0].packet.length == 1280


def test_a_tracked_packets_answer_is_related_and_an_untracked_ones_is_looked_up_itself() -> None:
    assert rejected(ip6(17, datagram()), track=True).answers[0].states[0] == ["OUTPUT", "RELATED"]
    asked = craft.icmp(CLIENT, SERVER, 135, 0, 0, bytes(20), family=6)
    walk = rejected(asked, track=True)
    assert (walk.states[0], walk.answers[0].states[0]) == (["PREROUTING", "UNTRACKED"], ["OUTPUT", "INVALID"])


def broken(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :]


@pytest.mark.parametrize(
    ("raw", "answered"),
    [
        (craft.icmp(CLIENT, SERVER, 128, 0, 0, b"", family=6), True),
        (craft.icmp(CLIENT, SERVER, 135, 0, 0, bytes(20), family=6), True),
        (craft.icmp(CLIENT, SERVER, 1, 4, 0, bytes(48), family=6), False),
        (broken(craft.icmp(CLIENT, SERVER, 128, 0, 0, b"", family=6), 42), False),
        (broken(ip6(17, datagram()), 46), False),
        (ip6(17, datagram()[:6] + b"\0\0" + datagram()[8:]), True),
        (ip6(DESTINATION, options(17) + datagram()), True),
        (ip6(FRAGMENT, fragment(17, 16, False) + datagram()), False),
        (ip6(59, b""), False),
        (ip6(59, bytes(8)), False),
        (ip6(50, bytes(8)), True),
        (ip6(200, bytes(8)), False),
        (ip6(47, bytes([0x80]) + bytes(20)), True),
        (ip6(17, datagram(0), src=0), False),
        (ip6(17, datagram(dst=ALL_NODES), dst=ALL_NODES), False),
    ],
)
def test_who_is_answered(raw: bytes, answered: bool) -> None:
    walk = rejected(raw)
    assert (walk.verdict, bool(walk.answers)) == ("REJECT" if walk.packet.src else walk.verdict, answered)


@pytest.mark.parametrize(
    ("flags", "answer"),
    [(SYN, (RST | ACK, 0, 106)), (ACK, (RST, 200, 0)), (SYN | ACK, (RST, 200, 0)), (FIN, (RST | ACK, 0, 106)), (0, (RST | ACK, 0, 105))],
)
def test_a_reset_acknowledges_all_or_takes_its_number_from_what_was_acknowledged(flags: int, answer: tuple[int, int, int]) -> None:
    packet = reset(craft.tcp(CLIENT, SERVER, 4000, 80, flags, 100, 200, payload=b"hello", family=6))
    assert packet is not None
    assert (packet.flags, packet.seq, packet.ack) == answer
    assert (packet.src, packet.dst, packet.sport, packet.dport, packet.window, packet.ttl, packet.tos) == (
        SERVER,
        CLIENT,
        80,
        4000,
        0,
        64,
        0,
    )
    assert not craft.transport_checksum(packet.src, packet.dst, 6, packet.raw[40:], 6)


@pytest.mark.parametrize(
    "raw",
    [
        craft.tcp(CLIENT, SERVER, 4000, 80, RST, family=6),
        broken(craft.tcp(CLIENT, SERVER, 4000, 80, SYN, family=6), 56),
        craft.tcp(CLIENT, ALL_NODES, 4000, 80, SYN, family=6),
        craft.tcp(0, WAN, 4000, 80, SYN, family=6),
    ],
)
def test_who_gets_no_reset(raw: bytes) -> None:
    assert reset(raw) is None


def test_a_reset_ends_the_connection_it_is_about() -> None:
    rules = f"{EMPTY}-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\n-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n"
    firewall = box6(rules)
    firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 80, SYN, 100, family=6), on="wan", at=0)
    walk = firewall.receive(craft.tcp(SERVER, CLIENT, 80, 4000, SYN | ACK, 500, 101, family=6), on="lan", at=0)
    assert (walk.verdict, [answer.to for answer in walk.answers]) == ("REJECT", ["lan"])
    assert "CLOSE src=" in firewall.conntrack()
