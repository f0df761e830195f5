"""Building packets: bytes with right lengths and checksums, from named fields. scapy is not needed for it."""

from __future__ import annotations

from struct import pack

from fwtutor.netfilter.crc32c import sctp_checksum
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP, checksum

SCTP = 132

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}


def flag_bits(letters: str) -> int:
    """``"SA"`` as the TCP flag byte. Raises KeyError on an unknown letter."""
    bits = 0
    for letter in letters:
        bits |= FLAGS[letter]
    return bits


def ip(
    src: int, dst: int, protocol: int, payload: bytes, *, family: int = 4, ttl: int = 64, tos: int = 0, id: int = 0,
    df: bool = True, mf: bool = False, offset: int = 0,
) -> bytes:  # fmt: skip
    """An IP packet without options. ``offset`` is in bytes, a multiple of 8; ``id`` and fragments are IPv4's."""
    if family == 6:
        return pack("!IHBB", 6 << 28 | tos << 20, len(payload), protocol, ttl) + src.to_bytes(16, "big") + dst.to_bytes(16, "big") + payload
    fragment = (0x4000 if df else 0) | (0x2000 if mf else 0) | offset >> 3
    header = pack("!BBHHHBBHII", 0x45, tos, 20 + len(payload), id, fragment, ttl, protocol, 0, src, dst)
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + payload


def transport_checksum(src: int, dst: int, protocol: int, segment: bytes, family: int = 4) -> int:
    """The checksum of a TCP, UDP or ICMPv6 segment under its pseudo header."""
    size = 4 if family == 4 else 16
    pseudo = src.to_bytes(size, "big") + dst.to_bytes(size, "big")
    return checksum(pseudo + pack("!HI", protocol, len(segment)) + segment)


def tcp_segment(
    src: int, dst: int, sport: int, dport: int, flags: int, seq: int = 0, ack: int = 0, window: int = 64240,
    payload: bytes = b"", options: bytes = b"", *, family: int = 4, urgent: int = 0,
) -> bytes:  # fmt: skip
    """A TCP segment; ``options`` are padded with zeros to a multiple of four bytes."""
    options += b"\0" * (-len(options) % 4)
    header = pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, (20 + len(options)) // 4 << 4, flags, window, 0, urgent)
    segment = header + options + payload
    total = transport_checksum(src, dst, TCP, segment, family)
    return segment[:16] + total.to_bytes(2, "big") + segment[18:]


def tcp(
    src: int, dst: int, sport: int, dport: int, flags: int, seq: int = 0, ack: int = 0, window: int = 64240,
    payload: bytes = b"", options: bytes = b"", *, family: int = 4, ttl: int = 64, tos: int = 0, id: int = 0, df: bool = True,
) -> bytes:  # fmt: skip
    """A whole IP packet with a TCP segment in it."""
    segment = tcp_segment(src, dst, sport, dport, flags, seq, ack, window, payload, options, family=family)
    return ip(src, dst, TCP, segment, family=family, ttl=ttl, tos=tos, id=id, df=df)


def udp(
    src: int, dst: int, sport: int, dport: int, payload: bytes = b"", *, family: int = 4, ttl: int = 64, tos: int = 0,
    id: int = 0, df: bool = True,
) -> bytes:  # fmt: skip
    """A whole IP packet with a UDP datagram in it."""
    datagram = pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    total = transport_checksum(src, dst, UDP, datagram, family) or 0xFFFF
    return ip(src, dst, UDP, datagram[:6] + total.to_bytes(2, "big") + payload, family=family, ttl=ttl, tos=tos, id=id, df=df)


def icmp(
    src: int, dst: int, type: int, code: int = 0, rest: int = 0, payload: bytes = b"", *, family: int = 4, ttl: int = 64,
    tos: int = 0, id: int = 0, df: bool = True,
) -> bytes:  # fmt: skip
    """A whole IP packet with an ICMP (or ICMPv6) message; ``rest`` is the header's last word (echo: id << 16 | sequence)."""
    message = pack("!BBHI", type, code, 0, rest) + payload
    total = checksum(message) if family == 4 else transport_checksum(src, dst, ICMPV6, message, family)
    protocol = ICMP if family == 4 else ICMPV6
    return ip(src, dst, protocol, message[:2] + total.to_bytes(2, "big") + message[4:], family=family, ttl=ttl, tos=tos, id=id, df=df)


def sctp(
    src: int, dst: int, sport: int, dport: int, tag: int, chunks: bytes, *, ttl: int = 64, tos: int = 0, id: int = 0, df: bool = True,
) -> bytes:  # fmt: skip
    """A whole IPv4 packet with an SCTP packet in it; ``tag`` is its verification tag, ``chunks`` are ``sctp_chunk``'s."""
    segment = pack("!HHII", sport, dport, tag, 0) + chunks
    return ip(src, dst, SCTP, segment[:8] + sctp_checksum(segment) + segment[12:], ttl=ttl, tos=tos, id=id, df=df)


def sctp_chunk(type: int, value: bytes = b"", flags: int = 0) -> bytes:
    """One chunk, filled up to a multiple of four bytes, which its length does not count."""
    return pack("!BBH", type, flags, 4 + len(value)) + value + b"\0" * (-len(value) % 4)


def sctp_init(type: int, tag: int) -> bytes:
    """An INIT or INIT ACK that says which ``tag`` the packets of the other side shall have."""
    return sctp_chunk(type, pack("!IIHHI", tag, 65536, 1, 1, 1))
