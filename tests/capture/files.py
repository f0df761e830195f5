"""Writes captures for the tests: the formats as their specifications say, independent of the readers."""

from __future__ import annotations

from struct import pack

from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import SYN

CLIENT, SERVER = parse_address("203.0.113.9")[1], parse_address("203.0.113.1")[1]
PACKET = craft.tcp(CLIENT, SERVER, 4000, 1337, SYN, seq=7)
MACS = bytes.fromhex("020000000001 020000000002")
ETHERNET, RAW, SLL, SLL2, NULL, LOOP = 1, 101, 113, 276, 0, 108


def ethernet(raw: bytes = PACKET, kind: int = 0x0800, to: bytes = MACS[:6]) -> bytes:
    return to + MACS[6:] + pack("!H", kind) + raw


def sll(raw: bytes = PACKET, packet_type: int = 0) -> bytes:
    return pack("!HHH8sH", packet_type, 1, 6, MACS[6:], 0x0800) + raw


def sll2(raw: bytes = PACKET, packet_type: int = 0) -> bytes:
    return pack("!HHIHBB8s", 0x0800, 0, 3, 1, packet_type, 6, MACS[6:]) + raw


def pcap(
    *frames: bytes, link: int = ETHERNET, order: str = "<", nano: bool = False, times: tuple[float, ...] = (), original: int | None = None
) -> bytes:
    """A pcap file; frame i has ``times[i]``, or comes i seconds after 1,700,000,000."""
    file = pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for index, frame in enumerate(frames):
        at = round((times[index] if times else 1_700_000_000 + index) * 1_000_000)
        fraction = at % 1_000_000 * (1000 if nano else 1)
        file += pack(order + "IIII", at // 1_000_000, fraction, len(frame), original or len(frame)) + frame
    return file


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return pack(order + "II", kind, len(body) + 12) + body + pack(order + "I", len(body) + 12)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(name: str | None = None, link: int = ETHERNET, resolution: int | None = None, order: str = "<") -> bytes:
    options = option(2, name.encode(), order) if name else b""
    if resolution is not None:
        options += option(9, bytes([resolution]), order)
    return block(1, pack(order + "HHI", link, 0, 0) + (options + option(0, b"", order) if options else b""), order)


def enhanced(frame: bytes, index: int = 0, ticks: int = 0, flags: int | None = None, order: str = "<") -> bytes:
    body = pack(order + "IIIII", index, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) + frame + bytes(-len(frame) % 4)
    if flags is not None:
        body += option(2, pack(order + "I", flags), order) + option(0, b"", order)
    return block(6, body, order)


def simple(frame: bytes, order: str = "<") -> bytes:
    return block(3, pack(order + "I", len(frame)) + frame, order)
