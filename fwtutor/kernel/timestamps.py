"""The time of day that the kernel writes into IP options, taken out of what is compared: the engine has no such clock."""

from __future__ import annotations

from fwtutor.netfilter.ipoptions import FIXED, ONLY_TIME, TIMESTAMP, places
from fwtutor.netfilter.packet import ICMP


def without_clock(raw: bytes) -> bytes:
    """A packet without the times written into its options and those it quotes, and without the checksums that they are part of."""
    if len(raw) <= FIXED:
        return raw
    size = (raw[0] & 15) * 4
    out = bytearray(raw)
    _forget_times(out, 0)
    if raw[9] == ICMP and len(raw) >= size + 8 + FIXED and raw[size] in (3, 5, 11, 12) and _forget_times(out, size + 8):
        out[size + 2 : size + 4] = b"\0\0"
    return bytes(out)


def _forget_times(raw: bytearray, begin: int) -> bool:
    """Whether the header that begins there has any."""
    header = bytes(raw[begin : begin + (raw[begin] & 15) * 4])
    stamps = [at for at in places(header, len(header)) if header[at] == TIMESTAMP and header[at + 1] > 4]
    for at in stamps:
        every, last = (4 if header[at + 3] & 15 == ONLY_TIME else 8), min(header[at + 2] - 1, header[at + 1])
        # From the pointer back: it may stand anywhere.
        for end in range(begin + at + last, begin + at + 7, -every):
            raw[end - 4 : end] = bytes(4)
    if stamps:
        raw[begin + 10 : begin + 12] = b"\0\0"
    return bool(stamps)
