"""What a Linux host answers to a packet that no socket of its own wants: RST, port unreachable, echo and timestamp replies.

A pure function of the packet and the time; rate limits and rules are the Firewall's, sockets are the stack's.
"""

from __future__ import annotations

from struct import pack, unpack_from

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ICMP, TCP, UDP, Packet, checksum
from fwtutor.network.resets import answer_reset

DESTINATION_UNREACHABLE, PROTOCOL_UNREACHABLE, PORT_UNREACHABLE = 3, 2, 3
ECHO_REPLY, ECHO_REQUEST, TIMESTAMP, TIMESTAMP_REPLY = 0, 8, 13, 14
IGMP, UDP_LITE = 2, 136
ICMP_TOTAL = 576
"""Bytes an ICMP error has at most, IP header included."""
DAY_MS = 86_400_000


def closed_port_answers(
    packet: Packet, at: int = 0, broadcast: bool = False, link: str = "host", source: tuple[int, int] | None = None
) -> list[bytes]:
    """The packets a Linux host with every port closed sends back for one delivered to it (none or one).

    ``packet`` is as ``Walk.delivered`` gives it; ``at`` in ns (timestamp replies carry it); ``broadcast`` says that its
    destination was for many; ``link``, to whom it was addressed on the link: where that was many, only queries of ICMP are
    answered. ``source``: as ``closed_port_answers6`` has it, of IPv6.
    """
    if packet.family == 6:
        from fwtutor.network.answers6 import closed_port_answers6

        return [] if packet.fault else closed_port_answers6(packet, source, link)
    if packet.fault or broadcast or packet.offset or packet.mf or not usual_addresses(packet):
        return []
    if packet.protocol == ICMP:
        return _answer_icmp(packet, at)
    if link != "host":
        return []
    if packet.protocol == TCP:
        reset = answer_reset(packet)
        return [reset] if reset else []
    if packet.protocol == UDP:
        return [icmp_error(packet, PORT_UNREACHABLE, _udp_length(packet))] if sound_udp(packet) else []
    if packet.protocol == UDP_LITE:
        return [icmp_error(packet, PORT_UNREACHABLE)] if sound_udp_lite(packet) else []
    return [] if packet.protocol == IGMP else [icmp_error(packet, PROTOCOL_UNREACHABLE)]


def usual_addresses(packet: Packet) -> bool:
    """False for an IPv4 packet from or to an address nobody can be answered at: 0/8, multicast, 240/4."""
    return 1 <= packet.src >> 24 < 224 and 1 <= packet.dst >> 24 < 224


def sound_udp(packet: Packet) -> bool:
    """True when the UDP header, length and checksum (or its absence) are right."""
    if not packet.has_l4:
        return False
    length, total = unpack_from("!HH", packet.raw, packet.l4 + 4)
    datagram = packet.raw[packet.l4 : packet.l4 + length]
    if length < 8 or len(datagram) < length:
        return False
    return not total or not craft.transport_checksum(packet.src, packet.dst, UDP, datagram, packet.family)


def _udp_length(packet: Packet) -> int:
    """Bytes of the IP packet up to where the UDP header says the datagram ends; what follows is cut off on arrival."""
    (length,) = unpack_from("!H", packet.raw, packet.l4 + 4)
    return packet.l4 + int(length)


def icmp_error(packet: Packet, code: int, length: int | None = None) -> bytes:
    """A destination unreachable of the host itself about ``packet``, quoting its first ``length`` bytes, or as many as fit."""
    quoted = packet.raw[: min(ICMP_TOTAL - 28, packet.length if length is None else length)]
    tos = packet.tos & 0x1E | 0xC0
    return craft.icmp(packet.dst, packet.src, DESTINATION_UNREACHABLE, code, payload=quoted, tos=tos, df=False)


def _answer_icmp(packet: Packet, at: int) -> list[bytes]:
    message = packet.raw[packet.l4 :]
    if not packet.has_l4 or checksum(message):
        return []
    (rest,) = unpack_from("!I", message, 4)
    if packet.icmp_type == ECHO_REQUEST:
        # The code is not looked at, and comes back.
        reply = craft.icmp(packet.dst, packet.src, ECHO_REPLY, packet.icmp_code, rest, message[8:], tos=packet.tos, df=False)
        if reply[22:24] == b"\xff\xff":
            # Both are right for a sum of zero; this is the one Linux writes.
            reply = reply[:22] + b"\0\0" + reply[24:]
        return [reply]
    if packet.icmp_type == TIMESTAMP and len(message) >= 12:
        now = at * 1000 // SECOND % DAY_MS
        times = message[8:12] + pack("!II", now, now)
        return [craft.icmp(packet.dst, packet.src, TIMESTAMP_REPLY, 0, rest, times, tos=packet.tos, df=False)]
    return []


def sound_udp_lite(packet: Packet) -> bool:
    """Of either family: whether as much of the datagram as its header says is covered by its checksum, which may not be absent."""
    datagram = packet.raw[packet.l4 :]
    if len(datagram) < 8:
        return False
    coverage, total = unpack_from("!HH", datagram, 4)
    if not total or 0 < coverage < 8 or coverage > len(datagram):
        return False
    pseudo = packet.src + packet.dst + UDP_LITE + len(datagram)
    return not checksum(datagram[: coverage or len(datagram)], pseudo)
