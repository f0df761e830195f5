"""Numbers in a dialogue, read as the kernel reads them: digit by digit, wrapping around in so many bits."""

from __future__ import annotations

WORD, HALF, LONG = 0xFFFFFFFF, 0xFFFF, 0xFFFFFFFFFFFFFFFF
NINE, ZERO = ord("9"), ord("0")


def is_digit(byte: int) -> bool:
    return ZERO <= byte <= NINE


def read_number(data: bytes, at: int, bits: int = LONG) -> tuple[int, int]:
    """The number at ``at``, 0 if there is none, and where it ends."""
    value = 0
    while at < len(data) and is_digit(data[at]):
        value = (value * 10 + data[at] - ZERO) & bits
        at += 1
    return value, at
