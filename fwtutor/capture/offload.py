"""Mending what capturing did to packets, so that the firewall sees them as the kernel's own would have.

Network cards compute checksums, so a packet captured on the machine that sent it (or in a network namespace) holds only the sum
of its pseudo header in the checksum field. The kernel knows that; a reader of the file would call every such packet corrupt.
And a capture may keep only the first bytes of each packet.
"""

from __future__ import annotations

from struct import pack

from fwtutor.netfilter.exthdrs import walk
from fwtutor.netfilter.packet import TCP, UDP, checksum

_CHECKSUM_AT = {TCP: 16, UDP: 6}


def complete(raw: bytes, cut: bool) -> bytes:
    """The packet as it was on the wire: with its checksum, and (when ``cut``) as long as its header says."""
    place = _ipv6(raw, cut) if len(raw) >= 40 and raw[0] >> 4 == 6 else _ipv4(raw, cut)
    if place is None:
        return raw
    raw, protocol, header, total, addresses = place
    field = _CHECKSUM_AT.get(protocol)
    if field is None or len(raw) < total or total < header + field + 2:
        return raw
    segment = raw[header:total]
    pseudo = addresses + pack("!HH", protocol, len(segment))
    found = segment[field : field + 2]
    if not cut and int.from_bytes(found, "big") != ~checksum(pseudo) & 0xFFFF:
        return raw
    if cut and protocol == UDP and found == b"\0\0":
        return raw
    right = checksum(pseudo + segment[:field] + b"\0\0" + segment[field + 2 :])
    if not right and protocol == UDP:
        right = 0xFFFF
    at = header + field
    return raw[:at] + right.to_bytes(2, "big") + raw[at + 2 :]


_Place = tuple[bytes, int, int, int, bytes]
"""(packet, as long as it says; protocol, where its header begins, where it ends, the addresses)"""


def _ipv4(raw: bytes, cut: bool) -> _Place | None:
    if len(raw) < 20 or raw[0] >> 4 != 4:
        return None
    header, total = (raw[0] & 15) * 4, int.from_bytes(raw[2:4], "big")
    if header < 20 or total < header:
        return None
    raw = _filled(raw, total, cut)
    # Of a fragment nobody knows the rest.
    return raw, 0 if int.from_bytes(raw[6:8], "big") & 0x3FFF else raw[9], header, total, raw[12:20]


def _ipv6(raw: bytes, cut: bool) -> _Place:
    total = 40 + int.from_bytes(raw[4:6], "big")
    raw = _filled(raw, total, cut)
    chain = walk(raw)
    return raw, 0 if chain.broken or chain.fragment else chain.protocol, chain.at, total, raw[8:40]


def _filled(raw: bytes, total: int, cut: bool) -> bytes:
    return raw + bytes(total - len(raw)) if cut and len(raw) < total else raw
