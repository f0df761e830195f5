"""What a TCP segment carries beside its header's numbers: options as Linux writes them, and sequence arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack, unpack_from
from typing import NamedTuple

from fwtutor.netfilter.packet import Packet

MSS = {4: 1460, 6: 1440}
"""What an Ethernet interface's SYN announces, by family."""
HEADERS = {4: 40, 6: 60}
"""Bytes of IP and TCP header together."""
LONGEST = {4: 65535, 6: 65575}
"""Bytes the longest packet has."""
WINDOW_SCALE = 7
SYN_WINDOW = 64240
"""The window of a SYN or SYN+ACK on an Ethernet, never scaled."""
WINDOW = 502
"""The window of later segments there: 64256 bytes, shifted by WINDOW_SCALE."""


class Options(NamedTuple):
    """What the other side's SYN announced."""

    mss: int = 536
    scale: int | None = None
    sack: bool = False


def before(a: int, b: int) -> bool:
    """True when sequence number ``a`` is earlier than ``b``, modulo 2**32."""
    return (a - b) & 0xFFFFFFFF > 0x7FFFFFFF


def after(a: int, b: int) -> bool:
    """True when sequence number ``a`` is later than ``b``, modulo 2**32."""
    return before(b, a)


def add(a: int, length: int) -> int:
    """The sequence number ``length`` further on."""
    return (a + length) & 0xFFFFFFFF


def distance(start: int, end: int) -> int:
    """From ``start`` to ``end``; ``end`` is not before it."""
    return (end - start) & 0xFFFFFFFF


def syn_options(mss: int, scale: bool = True, sack: bool = True) -> bytes:
    """The options of a SYN: mss, sackOK, wscale (timestamps are left out: net.ipv4.tcp_timestamps=0)."""
    options = pack("!BBH", 2, 4, mss)
    if sack:
        options += b"\1\1\4\2"
    if scale:
        options += bytes((1, 3, 3, WINDOW_SCALE))
    return options


def sack_option(blocks: list[tuple[int, int]]) -> bytes:
    """A SACK option with up to four blocks (first, behind the last)."""
    blocks = blocks[:4]
    return b"\1\1" + bytes((5, 2 + 8 * len(blocks))) + b"".join(pack("!II", *block) for block in blocks) if blocks else b""


def sack_blocks(packet: Packet) -> list[tuple[int, int]]:
    """The blocks of a segment's SACK option."""
    raw = packet.raw[packet.l4 + 20 : packet.l4 + packet.doff]
    for kind, at, length in _options(raw):
        if kind == 5:
            return [unpack_from("!II", raw, at + 2 + 8 * number) for number in range((length - 2) // 8)]
    return []


def read_options(packet: Packet) -> Options:
    """The options of a SYN; a broken list counts as far as it can be read."""
    raw = packet.raw[packet.l4 + 20 : packet.l4 + packet.doff]
    mss, scale, sack = 536, None, False
    for kind, at, length in _options(raw):
        if kind == 2 and length == 4:
            mss = max(48, unpack_from("!H", raw, at + 2)[0])
        elif kind == 3 and length == 3:
            scale = min(raw[at + 2], 14)
        elif kind == 4 and length == 2:
            sack = True
    return Options(mss, scale, sack)


def _options(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """(kind, where it begins, its length) of each option, up to the end or the first that is broken."""
    at = 0
    while at < len(raw) and raw[at]:
        if raw[at] == 1:
            at += 1
            continue
        if at + 1 >= len(raw) or raw[at + 1] < 2 or at + raw[at + 1] > len(raw):
            return
        yield raw[at], at, raw[at + 1]
        at += raw[at + 1]
