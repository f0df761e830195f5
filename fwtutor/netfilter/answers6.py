"""The ICMPv6 errors a box makes because of another packet while filtering and forwarding, and which packets get none.

REJECT's RST is ``answers.reset_for``'s.
"""

from __future__ import annotations

from fwtutor.netfilter import craft, exthdrs
from fwtutor.netfilter.answers import UNVERIFIED
from fwtutor.netfilter.packet import ICMPV6, RST, TCP, UDP, Packet

UNREACHABLE, TOO_BIG, TIME_EXCEEDED, PARAMETER_PROBLEM = 1, 2, 3, 4
ECHO_REPLY, REDIRECT = 129, 137
NEIGHBOURS = range(133, 137)
"""Types of neighbour discovery, which says all it says to the link that asked."""
NO_ROUTE, BEYOND_SCOPE, ADDRESS_UNREACHABLE = 0, 2, 3
REASSEMBLY_TIME = 1
INFORMATIONAL = 128
"""From this type on ICMPv6 messages are about nothing else, below it they are errors."""

LONGEST_ERROR = 1280
_REDIRECTED_HEADER = 4


def may_answer_with_reset(packet: Packet) -> bool:
    """REJECT --reject-with tcp-reset answers neither a RST, nor a later fragment, nor a bad checksum."""
    if packet.protocol != TCP or packet.offset or not packet.has_l4 or packet.flags & RST:
        return False
    return not craft.transport_checksum(packet.src, packet.dst, TCP, packet.raw[packet.l4 :], 6)


def may_answer_with_error(packet: Packet) -> bool:
    """No error about an ICMPv6 error. (What cannot be read is none.)"""
    if packet.protocol != ICMPV6 or packet.offset or packet.broken:
        return True
    if packet.l4 >= packet.length:
        return packet.mf
    return packet.raw[packet.l4] >= INFORMATIONAL


def checksum_holds(packet: Packet) -> bool:
    """REJECT verifies the checksum before it answers with an ICMPv6 error; what has no header to find one in gets none."""
    protocol, raw = packet.protocol, packet.raw
    if packet.broken or packet.offset or protocol == exthdrs.NONE or packet.l4 >= packet.length:
        return False
    if protocol in UNVERIFIED:
        return True
    segment = raw[packet.l4 :]
    if protocol == UDP and len(segment) >= 8 and segment[6:8] == b"\0\0":
        return True
    return not craft.transport_checksum(packet.src, packet.dst, protocol, segment, 6)


def error_about(packet: Packet, source: int, type: int, code: int, rest: int, length: int | None = None) -> bytes:
    """The ICMPv6 error from ``source``, quoting as much of the packet (of its first ``length`` bytes) as fits into 1280 bytes."""
    quoted = packet.raw[:length][: LONGEST_ERROR - exthdrs.FIXED - 8]
    return craft.icmp(source, packet.src, type, code, rest, quoted, family=6)


def redirect_about(packet: Packet, source: int, target: int) -> bytes:
    """The Redirect that tells the packet's sender of a shorter way, ``target``, as on a link without addresses of its own."""
    quoted = packet.raw[: min(LONGEST_ERROR - exthdrs.FIXED - 40, packet.length + 8) // 8 * 8 - 8]
    option = bytes([_REDIRECTED_HEADER, len(quoted) // 8 + 1, 0, 0, 0, 0, 0, 0])
    told = target.to_bytes(16, "big") + packet.dst.to_bytes(16, "big") + option + quoted
    return craft.icmp(source, packet.src, REDIRECT, 0, 0, told, family=6, ttl=255)


def with_lower_hop_limit(packet: Packet) -> bytes:
    """The packet's bytes as they leave a router."""
    return packet.raw[:7] + bytes([packet.ttl - 1]) + packet.raw[8:]
