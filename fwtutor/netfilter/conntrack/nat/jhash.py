"""The kernel's hash of words (Bob Jenkins' lookup3), by which a source finds its address in a range."""

from __future__ import annotations

from collections.abc import Sequence

_GOLDEN = 0xDEADBEEF
_WORD = 0xFFFFFFFF


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & _WORD


def jhash2(words: Sequence[int], initial: int) -> int:
    """Of 32-bit words, to 32 bits."""
    a = b = c = (_GOLDEN + (len(words) << 2) + initial) & _WORD
    left = list(words)
    while len(left) > 3:
        a, b, c = (a + left[0]) & _WORD, (b + left[1]) & _WORD, (c + left[2]) & _WORD
        a = (a - c & _WORD) ^ _rotated(c, 4)
        c = c + b & _WORD
        b = (b - a & _WORD) ^ _rotated(a, 6)
        a = a + c & _WORD
        c = (c - b & _WORD) ^ _rotated(b, 8)
        b = b + a & _WORD
        a = (a - c & _WORD) ^ _rotated(c, 16)
        c = c + b & _WORD
        b = (b - a & _WORD) ^ _rotated(a, 19)
        a = a + c & _WORD
        c = (c - b & _WORD) ^ _rotated(b, 4)
        b = b + a & _WORD
        del left[:3]
    if not left:
        return c
    a, b, c = (value + word & _WORD for value, word in zip((a, b, c), (*left, 0, 0), strict=False))
    c = (c ^ b) - _rotated(b, 14) & _WORD
    a = (a ^ c) - _rotated(c, 11) & _WORD
    b = (b ^ a) - _rotated(a, 25) & _WORD
    c = (c ^ b) - _rotated(b, 16) & _WORD
    a = (a ^ c) - _rotated(c, 4) & _WORD
    b = (b ^ a) - _rotated(a, 14) & _WORD
    return (c ^ b) - _rotated(b, 24) & _WORD


def scaled(value: int, count: int) -> int:
    """A 32-bit value as one of 0 to ``count`` - 1."""
    return value * count >> 32
