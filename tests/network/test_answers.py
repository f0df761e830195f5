"""What a Linux host with every port closed answers, and what it never answers."""

from __future__ import annotations

from struct import pack

from hypothesis import given, strategies as st

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, FIN, ICMP, RST, SYN, TCP, UDP, Packet, checksum
from fwtutor.network.stack import closed_port_answers

THEM, US = 0xCB007109, 0xCB007101


def answer(raw: bytes, at: int = 0, broadcast: bool = False) -> Packet | None:
    answers = closed_port_answers(Packet(raw), at, broadcast)
    assert len(answers) <= 1
    return Packet(answers[0]) if answers else None


def test_a_syn_to_a_closed_port_is_reset_with_an_acknowledgement() -> None:
    got = answer(craft.tcp(THEM, US, 4000, 22, SYN, seq=100))
    assert got is not None
    assert (got.src, got.dst, got.sport, got.dport) == (US, THEM, 22, 4000)
    assert (got.flags, got.seq, got.ack, got.window, got.length) == (RST | ACK, 0, 101, 0, 40)
    assert (got.ttl, got.id, got.df, got.fault) == (64, 0, True, "")


def test_a_segment_that_acknowledges_is_reset_at_that_number() -> None:
    got = answer(craft.tcp(THEM, US, 4000, 22, ACK, seq=100, ack=777, payload=b"x"))
    assert got is not None
    assert (got.flags, got.seq, got.ack) == (RST, 777, 0)


def test_data_and_fin_count_in_the_acknowledgement() -> None:
    got = answer(craft.tcp(THEM, US, 4000, 22, FIN, seq=0xFFFFFFFF, payload=b"abc"))
    assert got is not None
    assert got.ack == 3


def test_a_reset_is_not_answered() -> None:
    assert answer(craft.tcp(THEM, US, 4000, 22, RST)) is None
    assert answer(craft.tcp(THEM, US, 4000, 22, RST | ACK)) is None


def test_a_wrong_checksum_is_not_answered() -> None:
    for raw in (craft.tcp(THEM, US, 4000, 22, SYN), craft.udp(THEM, US, 53, 53, b"x"), craft.icmp(THEM, US, 8)):
        broken = bytearray(raw)
        broken[-1] ^= 1
        assert answer(bytes(raw)) is not None
        assert answer(bytes(broken)) is None


def test_a_closed_udp_port_is_unreachable_and_the_datagram_is_quoted() -> None:
    raw = craft.udp(THEM, US, 4000, 53, b"hello", tos=0x10)
    got = answer(raw)
    assert got is not None
    assert (got.protocol, got.icmp_type, got.icmp_code, got.tos) == (ICMP, 3, 3, 0xD0)
    assert got.payload == raw
    assert not checksum(got.raw[got.l4 :])


def test_what_follows_the_end_of_a_datagram_is_not_quoted() -> None:
    got = answer(craft.ip(THEM, US, UDP, pack("!HHHH", 1, 2, 8, 0) + b"more"))
    assert got is not None
    assert got.length == 28 + 28


def test_udp_lite_is_unreachable_only_with_a_sound_coverage() -> None:
    def lite(coverage: int, broken: int = 0) -> bytes:
        datagram = pack("!HHHH", 5, 6, coverage, 0) + b"abcd"
        pseudo = pack("!IIHH", THEM, US, 136, len(datagram))
        total = checksum(pseudo + datagram[: coverage or len(datagram)]) ^ broken
        return craft.ip(THEM, US, 136, datagram[:6] + total.to_bytes(2, "big") + datagram[8:])

    assert [answer(lite(coverage)) is not None for coverage in (0, 8, 12, 4, 13)] == [True, True, True, False, False]
    assert answer(lite(8, broken=1)) is None


def test_an_icmp_error_quotes_no_more_than_fits_in_576_bytes() -> None:
    got = answer(craft.udp(THEM, US, 4000, 53, b"x" * 1400))
    assert got is not None
    assert got.length == 576


def test_an_unknown_protocol_is_unreachable_but_igmp_is_not() -> None:
    got = answer(craft.ip(THEM, US, 50, b"12345678"))
    assert got is not None
    assert (got.icmp_type, got.icmp_code) == (3, 2)
    assert answer(craft.ip(THEM, US, 2, b"12345678")) is None


def test_an_echo_request_comes_back_as_an_echo_reply() -> None:
    got = answer(craft.icmp(THEM, US, 8, 0, 0x12340007, b"ping"))
    assert got is not None
    assert (got.icmp_type, got.icmp_code, got.icmp_id, got.payload) == (0, 0, 0x1234, b"ping")


def test_an_echo_reply_of_nothing_but_zeros_has_a_checksum_of_zero_as_linux_writes_it() -> None:
    got = answer(craft.icmp(THEM, US, 8))
    assert got is not None
    assert got.raw[20:] == bytes(8)


def test_a_timestamp_reply_carries_the_time_of_day_in_milliseconds() -> None:
    got = answer(craft.icmp(THEM, US, 13, 0, 0x12340007, b"\0\0\0\1" + bytes(8)), at=86_400_000_000_000 + 1_500_000_000)
    assert got is not None
    assert got.icmp_type == 14
    assert got.payload.hex() == "00000001" + "000005dc" * 2


def test_icmp_errors_and_replies_are_not_answered() -> None:
    for kind in (0, 3, 4, 5, 11, 12, 14):
        assert answer(craft.icmp(THEM, US, kind, 0, 0, bytes(28))) is None


def test_to_many_on_the_link_only_queries_are_answered() -> None:
    """The packet is for this host by its address, but came in a frame for everybody."""
    syn, ping = craft.tcp(THEM, US, 1, 80, SYN), craft.icmp(THEM, US, 8, 0, 1 << 16)
    for link in ("broadcast", "multicast"):
        assert not closed_port_answers(Packet(syn), link=link)
        assert not closed_port_answers(Packet(craft.udp(THEM, US, 1, 80)), link=link)
        assert not closed_port_answers(Packet(craft.ip(THEM, US, 50, bytes(8))), link=link)
        assert closed_port_answers(Packet(ping), link=link)


def test_nothing_is_said_to_a_broadcast_or_about_a_fragment_or_to_an_odd_address() -> None:
    udp = craft.udp(THEM, US, 4000, 53, b"x")
    assert answer(udp, broadcast=True) is None
    assert answer(craft.ip(THEM, US, UDP, bytes(16), mf=True)) is None
    assert answer(craft.ip(THEM, US, UDP, bytes(16), offset=8)) is None
    assert answer(craft.udp(0xE0000001, US, 4000, 53)) is None
    assert answer(craft.udp(THEM, 0xFFFFFFFF, 4000, 53)) is None


@given(st.binary(max_size=120))
def test_no_bytes_make_it_stumble(raw: bytes) -> None:
    closed_port_answers(Packet(raw))


@given(st.sampled_from([ICMP, TCP, UDP, 50, 136]), st.binary(max_size=60))
def test_no_transport_makes_it_stumble(protocol: int, payload: bytes) -> None:
    for raw in closed_port_answers(Packet(craft.ip(THEM, US, protocol, payload))):
        assert Packet(raw).fault == ""
        assert Packet(raw).dst == THEM
