"""What a Linux host answers to an IPv6 packet that no socket of its own wants: RST, port unreachable, echo replies, parameter problems.

A pure function of the packet; rations and rules are the Firewall's. Neighbours and routers are not answered: nobody is looked for.
"""

from __future__ import annotations

from struct import unpack_from

from fwtutor.netfilter import craft, defrag6, exthdrs, scopes
from fwtutor.netfilter.answers6 import PARAMETER_PROBLEM, UNREACHABLE, error_about, may_answer_with_error
from fwtutor.netfilter.packet import ICMPV6, TCP, UDP, Packet, checksum
from fwtutor.network.resets import answer_reset

PORT_UNREACHABLE = 4
ECHO_REQUEST, ECHO_REPLY = 128, 129
PIM, UDP_LITE = 103, 136
_REFUSED_ROUTES = frozenset({3, 4})
"""Types of routing headers (RPL, segments) that a host drops without a word unless it was told to look at them."""


def closed_port_answers6(packet: Packet, source: int | None = None, link: str = "host") -> list[bytes]:
    """The packets it sends back (none or one).

    ``packet`` is as ``Walk.delivered`` gives it. ``source``: the address to answer from where its destination was for many or for any
    of its routers (0: the sender cannot be reached there); None: its destination was the host's own. ``link``: to whom it was
    addressed on the link.
    """
    ends = _read_headers(packet, link)
    if ends is None:
        return []
    if not isinstance(ends, int):
        return _error(packet, PARAMETER_PROBLEM, ends.code, ends.pointer, source, link)
    # What is behind the headers is read as it stands: a Fragment header of a whole datagram is none.
    if ends == TCP:
        return [] if source is not None or link != "host" else [reset for reset in (answer_reset(packet),) if reset]
    if ends == UDP:
        length = _sound_udp(packet)
        return _error(packet, UNREACHABLE, PORT_UNREACHABLE, 0, source, link, length) if length else []
    if ends == UDP_LITE:
        return _error(packet, UNREACHABLE, PORT_UNREACHABLE, 0, source, link) if _sound_udp_lite(packet) else []
    return _echo(packet, source) if ends == ICMPV6 else []


def _read_headers(packet: Packet, link: str) -> int | exthdrs.Fault | None:
    """The protocol of the header behind all extension headers, what the stack takes offence at on the way, or None: it says nothing."""
    raw, field, at = packet.raw, 6, exthdrs.FIXED
    if raw[field] == exthdrs.HOP_BY_HOP:
        field, at = at, at + exthdrs.length(exthdrs.HOP_BY_HOP, raw, at)
    while raw[field] in (exthdrs.DESTINATION, exthdrs.ROUTING, exthdrs.FRAGMENT):
        kind = raw[field]
        if kind == exthdrs.FRAGMENT:
            fault = defrag6.fault(packet)
            if fault is not None:
                return fault
            field, at = at, at + 8
            continue
        if kind == exthdrs.DESTINATION:
            fault = exthdrs.options_fault(raw, at, packet.dst, hop_by_hop=False)
            if fault is not None:
                return fault if fault.code >= 0 else None
        else:
            size = exthdrs.length(kind, raw, at) if at + 8 <= len(raw) else 0
            if not size or at + size > len(raw) or scopes.is_multicast(packet.dst) or link != "host" or raw[at + 2] in _REFUSED_ROUTES:
                return None
            if raw[at + 3]:
                return exthdrs.Fault("it is on a way through more hosts", exthdrs.HEADER_FIELD, at + 2)
        field, at = at, at + exthdrs.length(kind, raw, at)
    if raw[field] in (TCP, UDP, UDP_LITE, ICMPV6):
        return raw[field]
    if raw[field] in (exthdrs.NONE, PIM):
        return None
    return exthdrs.Fault("nobody here knows what it carries", exthdrs.UNKNOWN_HEADER, field)


def _error(packet: Packet, type: int, code: int, rest: int, source: int | None, link: str, length: int | None = None) -> list[bytes]:
    to_many = scopes.is_multicast(packet.dst)
    if to_many or link != "host":
        unknown = type == PARAMETER_PROBLEM and code == exthdrs.UNKNOWN_OPTION and packet.raw[rest] >> 6 == 2
        if not unknown:
            return []
    if packet.src == 0 or not may_answer_with_error(packet):
        return []
    address = source or 0 if to_many else packet.dst
    return [error_about(packet, address, type, code, rest, length)] if address else []


def _echo(packet: Packet, source: int | None) -> list[bytes]:
    message = packet.raw[packet.l4 :]
    if packet.icmp_type != ECHO_REQUEST or not packet.has_l4 or craft.transport_checksum(packet.src, packet.dst, ICMPV6, message, 6):
        return []
    if source == 0:
        return []
    (rest,) = unpack_from("!I", message, 4)
    # The code is not looked at, and comes back.
    return [craft.icmp(source or packet.dst, packet.src, ECHO_REPLY, packet.icmp_code, rest, message[8:], family=6, tos=packet.tos)]


def _sound_udp(packet: Packet) -> int:
    """Bytes of the packet up to where a sound datagram in it ends; 0 when it is not sound. Without a checksum it never is."""
    if not packet.has_l4:
        return 0
    length, total = unpack_from("!HH", packet.raw, packet.l4 + 4)
    length = length or packet.length - packet.l4
    datagram = packet.raw[packet.l4 : packet.l4 + length]
    if length < 8 or len(datagram) < length or not total:
        return 0
    return 0 if craft.transport_checksum(packet.src, packet.dst, UDP, datagram, 6) else packet.l4 + int(length)


def _sound_udp_lite(packet: Packet) -> bool:
    datagram = packet.raw[packet.l4 :]
    if len(datagram) < 8:
        return False
    coverage, total = unpack_from("!HH", datagram, 4)
    if not total or 0 < coverage < 8 or coverage > len(datagram):
        return False
    pseudo = packet.src + packet.dst + UDP_LITE + len(datagram)
    return not checksum(datagram[: coverage or len(datagram)], pseudo)
