"""Mending what capturing did to packets, so that the firewall sees them as the kernel's own would have.

Network cards compute checksums, so a packet captured on the machine that sent it (or in a network namespace) holds only the sum
of its pseudo header in the checksum field. The kernel knows that; a reader of the file would call every such packet corrupt.
And a capture may keep only the first bytes of each packet.
"""

from __future__ import annotations

from struct import pack

from fwtutor.netfilter.packet import TCP, UDP, checksum

_CHECKSUM_AT = {TCP: 16, UDP: 6}


def complete(raw: bytes, cut: bool) -> bytes:
    """The packet as it was on the wire: with its checksum, and (when ``cut``) as long as its header says."""
    if len(raw) < 20 or raw[0] >> 4 != 4:
        return raw
    header, total = (raw[0] & 15) * 4, int.from_bytes(raw[2:4], "big")
    if header < 20 or total < header:
        return raw
    if cut and len(raw) < total:
        raw += bytes(total - len(raw))
    field = _CHECKSUM_AT.get(raw[9])
    if field is None or len(raw) < total or total < header + field + 2 or int.from_bytes(raw[6:8], "big") & 0x3FFF:
        return raw
    segment = raw[header:total]
    pseudo = raw[12:20] + pack("!HH", raw[9], len(segment))
    found = segment[field : field + 2]
    if not cut and int.from_bytes(found, "big") != ~checksum(pseudo) & 0xFFFF:
        return raw
    if cut and raw[9] == UDP and found == b"\0\0":
        return raw
    right = checksum(pseudo + segment[:field] + b"\0\0" + segment[field + 2 :])
    if not right and raw[9] == UDP:
        right = 0xFFFF
    at = header + field
    return raw[:at] + right.to_bytes(2, "big") + raw[at + 2 :]
