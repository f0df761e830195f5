"""CRC32c (Castagnoli), the checksum of SCTP: a table of 256, and a byte at a time."""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78
"""Bits reversed: the lowest bit of a byte goes first."""


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(_remainder(byte) for byte in range(256))


def crc32c(data: bytes) -> int:
    """The checksum of ``data``."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest = rest >> 8 ^ _TABLE[(rest ^ byte) & 0xFF]
    return rest ^ 0xFFFFFFFF


def sctp_checksum(segment: bytes) -> bytes:
    """What the checksum field of an SCTP packet (12 bytes or more) must hold; what it does hold does not count."""
    return crc32c(segment[:8] + bytes(4) + segment[12:]).to_bytes(4, "little")
