"""A packet changed on its way, as the kernel changes it: checksums are not reckoned anew but adjusted by what changed.

So a wrong checksum stays wrong by as much. Of the two ways to write a sum of zero each adjustment has its own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from fwtutor.netfilter.packet import Packet

_CHECK = 10
"""Where an IPv4 header's checksum lies."""
TCP_HEADER = 20
END, NOTHING, MSS = 0, 1, 2
"""Kinds of TCP options."""
MSS_SIZE = 4


def _add(one: int, other: int) -> int:
    total = one + other
    return (total & 0xFFFF) + (total >> 16)


def adjusted(check: int, old: int, new: int) -> int:
    """A checksum after 16 bits under it changed."""
    return ~_add(_add(~check & 0xFFFF, ~old & 0xFFFF), new) & 0xFFFF


def adjusted_l4(check: int, old: int, new: int) -> int:
    """The same of a checksum in TCP or UDP, for up to 32 bits: it is never 0xffff."""
    total = ((~check & 0xFFFF) + (~old & 0xFFFFFFFF) + new) % 0xFFFF
    return ~(total or 0xFFFF) & 0xFFFF


def _put(raw: bytearray, at: int, value: int) -> None:
    raw[at : at + 2] = value.to_bytes(2, "big")


def _get(raw: bytes | bytearray, at: int, size: int = 2) -> int:
    return int.from_bytes(raw[at : at + size], "big")


def with_ttl(packet: Packet, ttl: int) -> Packet:
    """With another TTL or hop limit."""
    raw = bytearray(packet.raw)
    if packet.family == 6:
        raw[7] = ttl
    else:
        _put(raw, _CHECK, adjusted(_get(raw, _CHECK), packet.ttl << 8, ttl << 8))
        raw[8] = ttl
    return Packet(bytes(raw), taken=True)


def with_tos(packet: Packet, tos: int) -> Packet:
    """With another TOS byte or traffic class."""
    raw = bytearray(packet.raw)
    if packet.family == 6:
        _put(raw, 0, _get(raw, 0) & 0xF00F | tos << 4)
        return Packet(bytes(raw), taken=True)
    # The byte that went is added to the checksum, the byte that came taken from it.
    check = _get(raw, _CHECK) + packet.tos
    if check + 1 > 0xFFFF:
        check = (check + 1) & 0xFFFF
    check = (check - tos) & 0xFFFFFFFF
    _put(raw, _CHECK, (check + (check >> 16)) & 0xFFFF)
    raw[1] = tos
    return Packet(bytes(raw), taken=True)


class Option(NamedTuple):
    """Where TCP's MSS option lies, and what it says."""

    at: int
    value: int


def header_size(packet: Packet) -> int | None:
    """The size of a TCP header, options included; None where it is not all there, or claims to be less than it can be."""
    room = len(packet.raw) - packet.l4
    if room < TCP_HEADER:
        return None
    size = (packet.raw[packet.l4 + 12] >> 4) * 4
    return size if TCP_HEADER <= size <= room else None


def find_mss(packet: Packet, size: int) -> Option | None:
    """The MSS option in a TCP header of that size."""
    raw, begin = packet.raw, packet.l4
    at = TCP_HEADER
    while at <= size - MSS_SIZE:
        kind, length = raw[begin + at], raw[begin + at + 1]
        if kind == MSS and length == MSS_SIZE:
            return Option(begin + at, _get(raw, begin + at + 2))
        # Here the end of the options is a filler like any other.
        at += 1 if kind in (END, NOTHING) or not length else length
    return None


def without_options(packet: Packet, size: int, kinds: Collection[int]) -> Packet:
    """With fillers where options of these kinds are in a TCP header of that size."""
    raw, begin = bytearray(packet.raw), packet.l4
    at = TCP_HEADER
    while at < size - 1:
        kind, length = raw[begin + at], raw[begin + at + 1]
        length = 1 if kind in (END, NOTHING) or not length else length
        if at + length > size:
            break
        if kind in kinds:
            for place in range(at, at + length):
                shift = 0 if place % 2 else 8
                check = adjusted_l4(_get(raw, begin + 16), raw[begin + place] << shift, NOTHING << shift)
                _put(raw, begin + 16, check)
                raw[begin + place] = NOTHING
        at += length
    return Packet(bytes(raw), taken=True)


def with_mss(packet: Packet, option: Option, mss: int) -> Packet:
    """With another value in the MSS option."""
    raw = bytearray(packet.raw)
    check = packet.l4 + 16
    _put(raw, check, adjusted_l4(_get(raw, check), option.value, mss))
    _put(raw, option.at + 2, mss)
    return Packet(bytes(raw), taken=True)


def with_new_mss(packet: Packet, mss: int) -> Packet:
    """With an MSS option put in, before the other options: the packet becomes longer, unless it is as long as can be said already."""
    if packet.family == 6 and _get(packet.raw, 4) + MSS_SIZE > 0xFFFF:
        return packet
    raw = bytearray(packet.raw)
    begin, room = packet.l4, len(packet.raw) - packet.l4
    option = MSS << 24 | MSS_SIZE << 16 | mss
    check = adjusted_l4(_get(raw, begin + 16), room, room + MSS_SIZE)
    check = adjusted_l4(check, 0, option)
    before = _get(raw, begin + 12)
    after = before + (1 << 12)
    _put(raw, begin + 12, after)
    _put(raw, begin + 16, adjusted_l4(check, before, after))
    raw[begin + TCP_HEADER : begin + TCP_HEADER] = option.to_bytes(MSS_SIZE, "big")
    if packet.family == 6:
        _put(raw, 4, _get(raw, 4) + MSS_SIZE)
    else:
        length = _get(raw, 2)
        _put(raw, _CHECK, adjusted(_get(raw, _CHECK), length, length + MSS_SIZE))
        _put(raw, 2, length + MSS_SIZE)
    return Packet(bytes(raw), taken=True)
