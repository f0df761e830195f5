"""Captures come out as the IP packets that were in them, whatever wraps them; a damaged file is told by name and packet."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.badinput import BadInput
from fwtutor.capture import Seen, read_packets
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, SYN, Packet
from tests.capture.files import (
    CLIENT,
    ETHERNET,
    LOOP,
    NULL,
    PACKET,
    RAW,
    SERVER,
    SLL,
    SLL2,
    enhanced,
    ethernet,
    interface,
    pcap,
    section,
    simple,
    sll,
    sll2,
)  # fmt: skip

HANDSHAKE = Path(__file__).parents[2] / "assets" / "handshake.pcap"


def read(folder: Path, data: bytes, name: str = "seen.pcap") -> tuple[list[Seen], list[str]]:
    path = folder / name
    path.write_bytes(data)
    notes: list[str] = []
    return list(read_packets(path, notes.append)), notes


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (ETHERNET, ethernet()),
        (ETHERNET, ethernet(b"\x00\x05\x08\x00" + PACKET, kind=0x8100)),
        (ETHERNET, ethernet(b"\x00\x05\x81\x00\x00\x06\x08\x00" + PACKET, kind=0x88A8)),
        (SLL, sll()),
        (SLL2, sll2()),
        (RAW, PACKET),
        (12, PACKET),
        (228, PACKET),
        (NULL, b"\x02\x00\x00\x00" + PACKET),
        (LOOP, b"\x00\x00\x00\x02" + PACKET),
    ],
    ids=["ethernet", "vlan", "two vlan tags", "cooked", "cooked v2", "raw", "raw as BSD numbers it", "ipv4", "null", "loop"],
)
def test_the_packet_comes_out_of_every_link_type(tmp_path: Path, link: int, frame: bytes) -> None:
    packets, notes = read(tmp_path, pcap(frame, link=link))
    assert [packet.raw for packet in packets] == [PACKET]
    assert notes == []


@pytest.mark.parametrize("nano", [False, True], ids=["microseconds", "nanoseconds"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
def test_time_counts_from_the_first_ip_packet(tmp_path: Path, order: str, nano: bool) -> None:
    arp = ethernet(bytes(28), kind=0x0806)
    data = pcap(arp, ethernet(), ethernet(), order=order, nano=nano, times=(1_700_000_000.5, 1_700_000_001.25, 1_700_000_003.75))
    packets, notes = read(tmp_path, data)
    assert [(packet.number, packet.at) for packet in packets] == [(2, 0), (3, 2_500_000_000)]
    assert notes == ["seen.pcap: left out, as iptables sees none of them: 1 ARP"]


def test_time_never_goes_backwards_in_a_capture(tmp_path: Path) -> None:
    packets, _ = read(tmp_path, pcap(ethernet(), ethernet(), ethernet(), times=(5.0, 7.0, 6.5)))
    assert [packet.at for packet in packets] == [0, 2_000_000_000, 2_000_000_000]


def test_the_link_layer_says_who_sent_and_to_whom(tmp_path: Path) -> None:
    packets, _ = read(tmp_path, pcap(ethernet(), ethernet(to=b"\xff" * 6), ethernet(to=bytes.fromhex("01005e000001"))))
    assert [packet.link for packet in packets] == ["host", "broadcast", "multicast"]
    assert {packet.mac for packet in packets} == {"02:00:00:00:00:02"}


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
def test_pcapng_names_its_interfaces(tmp_path: Path, order: str) -> None:
    data = section(order) + interface("wan", order=order) + interface("lan", link=RAW, resolution=9, order=order)
    data += enhanced(ethernet(), 0, 1_000_000, order=order) + enhanced(PACKET, 1, 1_500_000_000, order=order)
    packets, _ = read(tmp_path, data)
    assert [(packet.interface, packet.at, packet.raw) for packet in packets] == [("wan", 0, PACKET), ("lan", 500_000_000, PACKET)]


def test_the_pseudo_interface_any_is_no_interface(tmp_path: Path) -> None:
    packets, _ = read(tmp_path, section() + interface("any", link=SLL) + enhanced(sll()))
    assert packets[0].interface is None


def test_pcapng_of_two_sections_and_simple_packets_is_read_through(tmp_path: Path) -> None:
    data = section() + interface("wan") + simple(ethernet()) + section(">") + interface("lan", order=">") + simple(ethernet(), ">")
    assert [packet.interface for packet in read(tmp_path, data)[0]] == ["wan", "lan"]


@pytest.mark.parametrize("name", ["seen.pcap.gz", "seen"])
def test_a_compressed_capture_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    assert [packet.raw for packet in read(tmp_path, gzip.compress(pcap(ethernet())), name)[0]] == [PACKET]


def test_a_forwarded_packet_seen_on_both_sides_is_one_packet(tmp_path: Path) -> None:
    sent_on = craft.tcp(CLIENT, SERVER, 4000, 1337, SYN, seq=7, ttl=63)
    packets, notes = read(tmp_path, pcap(sll(), sll(sent_on, 4), sll(), sll(sent_on, 4), link=SLL))
    assert [packet.number for packet in packets] == [1, 3]
    assert notes == ["seen.pcap: left out, as iptables sees none of them: 2 second sightings of a forwarded or loopback packet"]


def test_a_forwarded_packet_is_known_by_its_ttl_where_only_names_are(tmp_path: Path) -> None:
    sent_on = craft.tcp(CLIENT, SERVER, 4000, 1337, SYN, seq=7, ttl=63)
    data = section() + interface("wan") + interface("lan") + enhanced(ethernet(), 0) + enhanced(ethernet(sent_on), 1)
    assert [packet.interface for packet in read(tmp_path, data)[0]] == ["wan"]


def test_a_loopback_packet_seen_twice_is_one_packet(tmp_path: Path) -> None:
    assert len(read(tmp_path, pcap(sll(packet_type=4), sll(), link=SLL))[0]) == 1


def test_a_packet_repeated_by_its_sender_is_two_packets(tmp_path: Path) -> None:
    assert len(read(tmp_path, pcap(sll(), sll(), link=SLL))[0]) == 2
    assert len(read(tmp_path, pcap(ethernet(), ethernet()))[0]) == 2


def test_a_checksum_left_to_the_card_is_filled_in() -> None:
    packets = list(read_packets(HANDSHAKE))
    assert len(packets) == 11
    for seen in packets:
        packet = Packet(seen.raw)
        assert not packet.fault
        assert craft.transport_checksum(packet.src, packet.dst, 6, packet.raw[packet.l4 :]) == 0


def test_a_wrong_checksum_stays_wrong(tmp_path: Path) -> None:
    broken = bytearray(PACKET)
    broken[36] ^= 0x55
    assert read(tmp_path, pcap(ethernet(bytes(broken))))[0][0].raw == broken


def test_a_packet_cut_short_by_the_capture_is_filled_up(tmp_path: Path) -> None:
    whole = craft.tcp(CLIENT, SERVER, 4000, 1337, ACK, payload=b"x" * 400)
    packets, notes = read(tmp_path, pcap(ethernet(whole)[:96], original=len(whole) + 14))
    packet = Packet(packets[0].raw)
    assert (packet.length, packet.fault) == (len(whole), "")
    assert craft.transport_checksum(packet.src, packet.dst, 6, packet.raw[packet.l4 :]) == 0
    assert notes == ["seen.pcap: 1 packets were cut short when they were captured; what is missing was taken to be zeros"]


GOOD_NG = section() + interface("wan") + enhanced(ethernet())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "bad.pcap: the file is empty"),
        (b"GIF89a", "bad.pcap: this is no pcap, pcapng or jsonl file"),
        (pcap()[:20], "bad.pcap: the file ends within its header"),
        (pcap(ethernet())[:30], "bad.pcap, packet 1: the file ends within the packet's header"),
        (pcap(ethernet(), ethernet())[:-1], "bad.pcap, packet 2: the file ends within the packet (53 of 54 bytes)"),
        (pcap(ethernet()) + b"\xff" * 16, "bad.pcap, packet 2: a captured length of 4294967295 bytes; the file is damaged"),
        (pcap(ethernet(), link=105), "bad.pcap, packet 1: link type 105 is not read here"),
        (gzip.compress(pcap(ethernet()))[:-9], "bad.pcap: the compressed data is damaged"),
        (gzip.compress(pcap(ethernet()))[:-8] + bytes(8), "bad.pcap: the compressed data is damaged"),
        (GOOD_NG + GOOD_NG[:-3], "bad.pcap, after packet 1: the file ends within a block"),
        (GOOD_NG[:10], "bad.pcap: a section header without its byte-order magic"),
        (GOOD_NG + enhanced(ethernet(), index=3), "bad.pcap, packet 2: it names interface 3, which the file does not describe"),
        (section() + b"\x06\0\0\0\xff\xff\xff\xff", "bad.pcap: a block of 4294967295 bytes; the file is damaged"),
    ],
    ids=range(13),
)  # fmt: skip
def test_a_damaged_capture_is_told_by_file_and_packet(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, data, "bad.pcap")
    assert str(caught.value).startswith(said)


def test_a_folder_or_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Is a directory"):
        list(read_packets(tmp_path))
    with pytest.raises(BadInput, match=r"none\.pcap: No such file"):
        list(read_packets(tmp_path / "none.pcap"))


BASES = [pcap(ethernet(), ethernet()), GOOD_NG + simple(ethernet()), gzip.compress(GOOD_NG), pcap(sll2(), link=SLL2)]


@settings(max_examples=300, deadline=None)
@given(base=st.sampled_from(BASES), edits=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6)), max_size=6))
def test_any_file_gives_packets_or_one_clear_sentence(
    tmp_path_factory: pytest.TempPathFactory, base: bytes, edits: list[tuple[int, bytes]]
) -> None:
    data = base
    for at, new in edits:
        data = data[:at] + new + data[at + len(new) :]
    path = tmp_path_factory.getbasetemp() / "any.pcap"
    path.write_bytes(data)
    try:
        for seen in read_packets(path):
            Packet(seen.raw)
    except BadInput as error:
        assert str(error).startswith("any.pcap")


@pytest.mark.parametrize("bomb", [pcap(ethernet()) + bytes(40_000_000), b"\n" * 40_000_000], ids=["zeros", "empty lines"])
def test_a_few_bytes_that_unpack_to_no_end_are_refused(tmp_path: Path, bomb: bytes) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(bomb))
    with pytest.raises(BadInput, match=r"bomb\.jsonl\.gz: it unpacks to more than 600 times its size"):
        list(read_packets(path))


def test_a_dull_capture_is_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "dull.pcap.gz"
    zeros = pcap(ethernet(PACKET + bytes(60_000)))
    path.write_bytes(gzip.compress(zeros) + gzip.compress(b"".join(zeros[24:30] + bytes([i % 251]) + zeros[31:] for i in range(500))))
    assert sum(1 for _ in read_packets(path)) == 501


def test_what_stands_before_the_end_of_a_cut_packed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap.gz"
    path.write_bytes(gzip.compress(pcap(*(ethernet(PACKET + bytes([i % 251] * 9)) for i in range(5000))))[:-20])
    packets = read_packets(path)
    assert len(list(islice(packets, 4000))) == 4000
    with pytest.raises(BadInput, match="the compressed data is damaged"):
        list(packets)
