"""Packets recognised where netfilter does not touch them, between two hooks and on the way out; and where their headers begin."""

from __future__ import annotations

from typing import NamedTuple

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _NOTHING, _DESTINATION = 0, 43, 44, 51, 59, 60
_ICMPV6 = 58
FIXED6 = 40


class Transport(NamedTuple):
    """Where the header of the transport protocol begins."""

    protocol: int
    at: int
    offset: int
    """Of a fragment, in bytes; -1 when it is no fragment."""
    more: bool


def transport6(raw: bytes) -> Transport | None:
    """Behind the extension headers of an IPv6 packet; None where they end before it, or say that nothing follows."""
    protocol, at, offset, more = raw[6], FIXED6, -1, False
    while protocol in (_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _NOTHING, _DESTINATION):
        if protocol == _NOTHING or at + (4 if protocol == _FRAGMENT else 2) > len(raw):
            return None
        header = raw[at : at + 8]
        if protocol == _FRAGMENT:
            size, word = 8, int.from_bytes(header[2:4], "big")
            offset, more = word & 0xFFF8, bool(word & 1)
        else:
            size = (header[1] + 2) * 4 if protocol == _AUTHENTICATION else (header[1] + 1) * 8
        protocol, at = header[0], at + size
        if offset > 0:
            break
    return Transport(protocol, at, offset, more)


def identity(raw: bytes) -> bytes:
    """What makes a packet recognisable: all but TTL, TOS, DF and the checksums still to be filled in.

    DF goes where a datagram of the box to itself is taken apart for loopback and put together again.
    """
    if _is6(raw):
        found = transport6(raw)
        l4 = found.at if found else FIXED6
        head = raw[4:7] + raw[8:l4]
    else:
        l4 = (raw[0] & 15) * 4 if raw else 0
        head = raw[2:6] + bytes(byte & 0xBF for byte in raw[6:7]) + raw[7:8] + raw[9:10] + raw[12:20]
    return head + raw[l4 : l4 + 6] + raw[l4 + 8 : l4 + 16] + raw[l4 + 18 : l4 + 48]


def datagram(raw: bytes) -> bytes:
    """What the fragments of a datagram share, and the whole with them."""
    if _is6(raw):
        found = transport6(raw)
        return raw[8:FIXED6] + bytes([found.protocol if found else 255])
    return raw[4:6] + raw[9:10] + raw[12:20]


def is_fragment(raw: bytes) -> bool:
    """Whether there is more of its datagram somewhere else."""
    if _is6(raw):
        found = transport6(raw)
        return found is not None and (found.more or found.offset > 0)
    return bool(int.from_bytes(raw[6:8], "big") & 0x3FFF)


def is_icmpv6(raw: bytes) -> bool:
    found = transport6(raw) if _is6(raw) else None
    return found is not None and found.protocol == _ICMPV6


def _is6(raw: bytes) -> bool:
    return len(raw) >= FIXED6 and raw[0] >> 4 == 6
