"""CRC32c: the values of RFC 3720, and a packet."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.crc32c import crc32c, sctp_checksum


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_it_is_castagnolis(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


def test_what_the_field_holds_does_not_count() -> None:
    assert sctp_checksum(bytes(8) + b"\x12\x34\x56\x78" + b"chunk...") == sctp_checksum(bytes(12) + b"chunk...")
