"""What connection tracking reads of an ICMPv6 message before it looks anything up: faults, neighbour discovery, quoted packets."""

from __future__ import annotations

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.conntrack.entry import Tuple
from fwtutor.netfilter.conntrack.tuples import tuple_at
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.packet import ICMPV6, Packet
from fwtutor.netfilter.scopes import is_link_local

NOT_TRACKED = frozenset({130, 131, 132, 133, 134, 135, 136, 143, 151, 152})
"""Multicast listeners, neighbour discovery, multicast routers: what a link says to itself."""
REDIRECT = 137
_FIRST_INFORMATIONAL = 128
_REDIRECTED_HEADER = 4
"""The option of a Redirect that quotes a packet."""


def fault(packet: Packet, check: bool) -> str:
    """What makes the message INVALID, "" if nothing. ``check``: its checksum too."""
    if not packet.has_l4:
        return "its ICMPv6 header is cut short"
    if check and transport_checksum(packet.src, packet.dst, ICMPV6, packet.raw[packet.l4 :], 6):
        return "its ICMPv6 checksum is wrong"
    return ""


def quotes(packet: Packet) -> bool:
    """Whether it is about another packet."""
    return packet.icmp_type < _FIRST_INFORMATIONAL or packet.icmp_type == REDIRECT


def quoted(packet: Packet) -> Tuple | str:
    """The tuple of the packet it quotes, or what is wrong with that."""
    at = packet.l4 + 8
    if packet.icmp_type == REDIRECT:
        at += 32
        if packet.icmp_code or packet.ttl != 255 or not is_link_local(packet.src):
            return "a Redirect that comes from no neighbour"
        if packet.length < at + 2 or packet.raw[at] != _REDIRECTED_HEADER or not packet.raw[at + 1]:
            return "a Redirect that quotes no packet"
        at += 8
    raw = packet.raw
    if len(raw) < at + exthdrs.FIXED:
        return "an ICMPv6 error that quotes no packet"
    chain = exthdrs.walk(raw, at)
    src, dst = (int.from_bytes(raw[at + place : at + place + 16], "big") for place in (8, 24))
    found = None if chain.broken else tuple_at(6, src, dst, chain.protocol, chain.offset, raw, chain.at)
    return found or "an ICMPv6 error that quotes too little of a packet"
