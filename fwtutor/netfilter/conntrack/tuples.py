"""From a packet to its tuple, and from a tuple to the one its answers have."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import Tuple
from fwtutor.netfilter.conntrack.gre import call_of
from fwtutor.netfilter.exthdrs import NONE
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP, Packet

DCCP, GRE, SCTP, UDPLITE = 33, 47, 132, 136
WITH_PORTS = frozenset({TCP, UDP, SCTP, UDPLITE})

ICMP_ANSWERS = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17}
"""ICMP types that pair: echo, timestamp, information and address mask."""
ICMPV6_ANSWERS = {128: 129, 129: 128, 139: 140, 140: 139}
"""ICMPv6 types that pair: echo and node information."""


def is_icmp(protocol: int, family: int) -> bool:
    """Whether this is the ICMP of that IP version."""
    return protocol == (ICMP if family == 4 else ICMPV6)


def tuple_of(packet: Packet) -> Tuple | None:
    """The packet's tuple; None when it has none (a later fragment, a header cut short)."""
    if packet.broken:
        return None
    return tuple_at(packet.family, packet.src, packet.dst, packet.protocol, packet.offset, packet.raw, packet.l4)


def tuple_at(family: int, src: int, dst: int, protocol: int, offset: int, raw: bytes, l4: int) -> Tuple | None:
    """The tuple of an IP packet whose transport header begins at ``raw[l4]``; also for one quoted in an ICMP error."""
    if offset:
        return None
    room = len(raw) - l4
    if protocol in WITH_PORTS:
        if room < 4:
            return None
        return Tuple(family, src, dst, protocol, raw[l4] << 8 | raw[l4 + 1], raw[l4 + 2] << 8 | raw[l4 + 3])
    if is_icmp(protocol, family):
        if room < 8:
            return None
        return Tuple(family, src, dst, protocol, raw[l4 + 4] << 8 | raw[l4 + 5], raw[l4] << 8 | raw[l4 + 1])
    if protocol == GRE:
        call = call_of(raw, l4)
        return None if call is None else Tuple(family, src, dst, protocol, 0, call)
    if protocol in (ICMP, ICMPV6) or (protocol == NONE and family == 6):
        return None  # the other IP version's ICMP, or nothing
    return Tuple(family, src, dst, protocol, 0, 0)


def inverted(tuple: Tuple) -> Tuple | None:
    """The tuple an answer would have; None for an ICMP type that nothing answers."""
    family, src, dst, protocol, sport, dport, zone = tuple
    if is_icmp(protocol, family):
        answer = (ICMP_ANSWERS if family == 4 else ICMPV6_ANSWERS).get(dport >> 8)
        return None if answer is None else Tuple(family, dst, src, protocol, sport, answer << 8 | dport & 0xFF, zone)
    return Tuple(family, dst, src, protocol, dport, sport, zone)
