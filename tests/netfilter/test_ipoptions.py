"""IP options: what the stack reads in them, writes into them, and sends back."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, Walk, craft, ipoptions
from fwtutor.netfilter.packet import Packet, checksum
from tests.netfilter.boxes import CLIENT, EMPTY, LAN_HOST, SERVER, address, box

FAR = address("198.51.100.80")
LAN_BOX = address("192.168.0.1")
LOOSE, STRICT, RECORD, STAMP = 131, 137, 7, 68


def through(options: bytes, firewall: Firewall | None = None, ttl: int = 64) -> Walk:
    raw = craft.udp(LAN_HOST, FAR, 4000, 53, b"hello", id=1, ttl=ttl)
    return (firewall or box(EMPTY + "COMMIT\n")).receive(ipoptions.with_options(raw, options), on="lan", at=0)


def options_of(raw: bytes) -> bytes:
    assert not checksum(raw[: (raw[0] & 15) * 4]), "what leaves has a right header"
    return raw[20 : (raw[0] & 15) * 4]


def own(number: int) -> bytes:
    return number.to_bytes(4, "big")


EMPTY_RECORD = bytes([RECORD, 11, 4]) + bytes(9)


def test_a_record_of_the_route_names_the_address_the_packet_leaves_from() -> None:
    walk = through(EMPTY_RECORD)
    assert options_of(walk.out[0][1]) == bytes([RECORD, 11, 8]) + own(SERVER) + bytes(5)


def test_until_it_leaves_it_names_the_address_its_sender_knows_and_the_header_is_not_summed_again() -> None:
    walk = through(EMPTY_RECORD, box(EMPTY + "-A FORWARD -j LOG\nCOMMIT\n"))
    (seen,) = (step.packet.raw for step in walk.logged)
    assert seen[20:28] == bytes([RECORD, 11, 8]) + own(LAN_BOX) + b"\0"
    assert checksum(seen[:32])


def test_a_full_record_stays_as_it_is() -> None:
    full = bytes([RECORD, 7, 8]) + own(CLIENT) + b"\0"
    assert options_of(through(full).out[0][1]) == full


def test_timestamps_keep_the_address_the_sender_knows() -> None:
    """Unlike in a record of the route it is not replaced when the packet leaves."""
    walk = through(bytes([STAMP, 12, 5, 1]) + bytes(8))
    assert options_of(walk.out[0][1]) == bytes([STAMP, 12, 13, 1]) + own(LAN_BOX) + bytes(4)


def test_a_box_that_finds_no_room_for_its_timestamp_is_counted() -> None:
    assert options_of(through(bytes([STAMP, 4, 5, 0x20])).out[0][1]) == bytes([STAMP, 4, 5, 0x30])


@pytest.mark.parametrize(("asked", "pointer"), [(SERVER, 13), (CLIENT, 5), (address("224.0.0.1"), 13), (0, 13), (0x01020304, 5)])
def test_a_timestamp_asked_of_somebody_else_is_left_to_him(asked: int, pointer: int) -> None:
    walk = through(bytes([STAMP, 12, 5, 3]) + own(asked) + bytes(4))
    assert options_of(walk.out[0][1]) == bytes([STAMP, 12, pointer, 3]) + own(asked) + bytes(4)


@pytest.mark.parametrize("options", [b"\1\1\1\0", b"\x94\4\0\0", b"\x94\4\0\1", b"\x82\3\0\0", b"\x88\4\0\0", b"\x5e\4\1\2"])
def test_what_is_nobodys_business_passes(options: bytes) -> None:
    assert options_of(through(options).out[0][1]) == options


def test_nothing_follows_the_end_of_options() -> None:
    assert options_of(through(b"\1\0\2\3").out[0][1]) == b"\1\0\0\0"


FAULTS = [
    (b"\1\1\1\x07", 23), (b"\7\2\4\0", 21), (b"\7\0\4\0", 20), (b"\7\7\3\0\0\0\0\0", 22), (b"\7\7\5\0\0\0\0\0", 22),
    (b"\x88\x09\0\0", 20), (b"\7\3\4\7\3\4\0\0", 23), (b"\x44\3\5\0", 21), (b"\x44\4\4\0", 22), (b"\x44\4\5\xf0", 23),
    (b"\x44\x08\5\1\0\0\0\0", 22), (b"\x83\2\4\0", 21), (b"\x83\3\3\0", 22), (b"\x83\3\4\x89\3\4\0\0", 23), (b"\x94\3\0\0", 21),
    (b"\x86\4\0\0", 21), (b"\x86\x08\0\0\0\1\0\0", 22),
]  # fmt: skip


@pytest.mark.parametrize(("options", "byte"), FAULTS)
def test_of_what_makes_no_sense_the_sender_is_told_the_byte(options: bytes, byte: int) -> None:
    walk = through(options)
    (error,) = (Packet(raw) for _, raw in walk.out)
    assert (walk.verdict, error.icmp_type, error.icmp_code, error.raw[error.l4 + 4]) == ("DISCARD", 12, 0, byte)
    assert f"byte {byte} " in walk.reason


@pytest.mark.parametrize("kind", [LOOSE, STRICT])
@pytest.mark.parametrize("pointer", [4, 8])
def test_a_source_route_is_refused_without_a_word(kind: int, pointer: int) -> None:
    walk = through(bytes([kind, 7, pointer]) + own(CLIENT) + b"\0")
    assert (walk.verdict, walk.out) == ("DISCARD", [])


def test_an_error_takes_the_record_of_the_way_back_with_it() -> None:
    walk = through(bytes([RECORD, 11, 4]) + bytes(8) + b"\1" + b"\x94\4\0\0", ttl=1)
    (error,) = (Packet(raw) for _, raw in walk.out)
    assert error.icmp_type == 11
    assert options_of(error.raw) == bytes([RECORD, 11, 12]) + own(LAN_BOX) * 2 + b"\0", "there and back; no router is alerted"
    assert error.raw[error.l4 + 8 + 20 :][:7] == bytes([RECORD, 11, 8]) + own(LAN_BOX), "quoted as it was filled in"


def test_options_read_before_the_fault_go_back_too() -> None:
    walk = through(bytes([RECORD, 7, 8]) + own(CLIENT) + b"\7\3\4\0\0")
    assert options_of(walk.out[0][1]) == bytes([RECORD, 7, 8]) + own(CLIENT) + b"\0"


def test_an_error_about_a_packet_with_a_source_route_goes_back_by_it() -> None:
    walk = through(bytes([LOOSE, 11, 12]) + own(CLIENT) + own(FAR) + b"\x94")
    (error,) = (Packet(raw) for _, raw in walk.out)
    assert error.dst == FAR
    assert options_of(error.raw) == bytes([LOOSE, 11, 4]) + own(CLIENT) + own(LAN_HOST) + b"\0"


def test_reject_does_not_answer_what_was_written_into_unless_it_was_verified_before() -> None:
    """What it verifies is the sum over the whole packet, and that of the header is only mended when the packet leaves."""
    rejecting = "-A FORWARD -j REJECT\n"
    tracked = rejecting + "-A FORWARD -m conntrack --ctstate INVALID\n"
    assert len(through(EMPTY_RECORD, box(f"{EMPTY}{rejecting}COMMIT\n")).out) == 0
    assert len(through(EMPTY_RECORD, box(f"{EMPTY}{tracked}COMMIT\n")).out) == 1
    assert len(through(b"\1\1\1\1", box(f"{EMPTY}{rejecting}COMMIT\n")).out) == 1


def test_later_fragments_keep_only_the_options_that_are_copied() -> None:
    options = b"\x82\3\1" + bytes([RECORD, 7, 8]) + own(FAR) + b"\x94\4\0\0\x5e\2"
    later = ipoptions.in_later_fragments(bytes(20) + options)
    assert later[20:] == b"\x82\3\1" + b"\1" * 7 + b"\x94\4\0\0\1\1"


def test_an_error_to_a_group_goes_no_further_than_the_link() -> None:
    """Nobody may send from a group, but a source route can lead back to one."""
    walk = through(bytes([LOOSE, 7, 8]) + own(address("239.1.2.3")) + b"\x94")
    (error,) = (Packet(raw) for _, raw in walk.out)
    assert (error.dst, error.ttl) == (address("239.1.2.3"), 1)
