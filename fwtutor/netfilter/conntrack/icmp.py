"""What connection tracking reads of an ICMP message before it looks anything up: faults, and the packet an error quotes."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import Tuple
from fwtutor.netfilter.conntrack.tuples import tuple_at
from fwtutor.netfilter.packet import Packet, checksum

NOT_TRACKED: frozenset[int] = frozenset()
_ERRORS = frozenset({3, 4, 5, 11, 12})
_HIGHEST_TYPE = 18


def fault(packet: Packet, check: bool) -> str:
    """What makes the message INVALID, "" if nothing. ``check``: its checksum too."""
    if not packet.has_l4:
        return "its ICMP header is cut short"
    # The kernel sums the IP header, too, which adds nothing: but to nothing but zeros, whose sum is right then.
    if check and checksum(packet.raw):
        return "its ICMP checksum is wrong"
    if packet.icmp_type > _HIGHEST_TYPE:
        return "an unknown ICMP type"
    return ""


def quotes(packet: Packet) -> bool:
    """Whether it is about another packet."""
    return packet.icmp_type in _ERRORS


def quoted(packet: Packet) -> Tuple | str:
    """The tuple of the packet it quotes, or what is wrong with that."""
    raw, at = packet.raw, packet.l4 + 8
    if len(raw) < at + 20:
        return "an ICMP error that quotes no packet"
    src, dst = (int.from_bytes(raw[at + place : at + place + 4], "big") for place in (12, 16))
    fragment = int.from_bytes(raw[at + 6 : at + 8], "big") & 0x1FFF
    behind = at + (raw[at] & 15) * 4
    found = None if behind > len(raw) else tuple_at(4, src, dst, raw[at + 9], fragment, raw, behind)
    return found or "an ICMP error that quotes too little of a packet"
