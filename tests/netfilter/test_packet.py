"""Packets from bytes, and checksums."""

from __future__ import annotations

from hypothesis import given, strategies as st

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import Packet, checksum
from tests.netfilter.boxes import CLIENT, SERVER


def slow_checksum(data: bytes) -> int:
    total = 0
    for at in range(0, len(data) + len(data) % 2, 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@given(st.binary(max_size=200))
def test_the_checksum_is_rfc_1071s(data: bytes) -> None:
    assert checksum(data) == slow_checksum(data)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_packet_or_have_a_fault(data: bytes) -> None:
    packet = Packet(data)
    assert packet.fault or packet.length <= len(data)


@given(
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
    st.integers(0, 65535),
    st.binary(max_size=40),
)
def test_a_built_segment_reads_back(sport: int, dport: int, flags: int, seq: int, window: int, data: bytes) -> None:
    packet = Packet(craft.tcp(CLIENT, SERVER, sport, dport, flags, seq, 7, window, data))
    assert not packet.fault
    assert (packet.src, packet.dst, packet.sport, packet.dport) == (CLIENT, SERVER, sport, dport)
    assert (packet.flags, packet.seq, packet.ack, packet.window, packet.payload) == (flags, seq, 7, window, data)
    assert craft.transport_checksum(CLIENT, SERVER, 6, packet.raw[20:]) == 0


def test_padding_after_the_ip_length_is_cut_off() -> None:
    raw = craft.udp(CLIENT, SERVER, 1, 2, b"xy")
    assert Packet(raw + b"\0" * 16).raw == raw


def test_what_the_stack_refuses_before_any_rule_says_why() -> None:
    raw = craft.udp(CLIENT, SERVER, 1, 2, b"xy")
    assert Packet(raw[:10]).fault == "truncated IP header"
    assert Packet(raw[:-1]).fault == "IP length beyond the packet"
    assert Packet(raw[:10] + b"\xff\xff" + raw[12:]).fault == "bad IP checksum"
    assert Packet(b"\x44" + raw[1:]).fault == "bad IP header length"
    assert Packet(b"\x15" + raw[1:]).fault == "not an IP packet"
    assert Packet(b"").fault == "truncated IP header"


def test_an_ipv6_packet_is_read_too() -> None:
    packet = Packet(craft.tcp(1, 2, 4000, 22, 2, family=6))
    assert (packet.family, packet.src, packet.dst, packet.dport, packet.source) == (6, 1, 2, 22, "::1")


def test_a_later_fragment_has_no_ports() -> None:
    packet = Packet(craft.ip(CLIENT, SERVER, 17, b"\x11\x22\x33\x44" * 4, df=False, offset=64))
    assert (packet.sport, packet.dport, packet.has_l4) == (0, 0, False)
