"""The trackers that keep no state in an entry: UDP, UDP-Lite, ICMP, ICMPv6, GRE, and the generic one for all other protocols.

What they have to say is what is wrong with a packet, what can begin an entry, and how long it lives.
"""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import ASSURED, SECOND, SEEN_REPLY, Entry
from fwtutor.netfilter.conntrack.gre import GreTrack
from fwtutor.netfilter.conntrack.settings import Settings
from fwtutor.netfilter.conntrack.tuples import GRE, UDPLITE, is_icmp
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.packet import UDP, Packet, checksum

ICMP_BEGINS = {4: frozenset({8, 13, 15, 17}), 6: frozenset({128, 139})}
"""By IP version: the questions."""
UDP_STREAM_AFTER = 2 * SECOND


def fault(packet: Packet, check: bool) -> str:
    """What makes the packet INVALID, "" if nothing. ``check``: its checksum too. (ICMP's is verified before any look-up.)"""
    return _udp_fault(packet, check) if packet.protocol in (UDP, UDPLITE) else ""


def begin(packet: Packet, settings: Settings) -> int | str:
    """The timeout (ns) of an entry that begins with this packet, or why none can."""
    protocol = packet.protocol
    if protocol in (UDP, UDPLITE):
        return settings.udp
    if is_icmp(protocol, packet.family):
        begins = packet.icmp_type in ICMP_BEGINS[packet.family]
        return _icmp_timeout(packet, settings) if begins else "an ICMP answer to a question nobody asked"
    return settings.gre.timeout if protocol == GRE else settings.generic


def judge(entry: Entry, packet: Packet, at: int, settings: Settings) -> tuple[int, int]:
    """The timeout (ns) this packet of an entry sets, and the entry's status bits after it."""
    protocol, status = packet.protocol, entry.status
    if protocol in (UDP, UDPLITE):
        # Of UDP-Lite the kernel believes the first packet behind an answer that it is a stream.
        if status & SEEN_REPLY and (protocol == UDPLITE or at - entry.started > UDP_STREAM_AFTER):
            return settings.udp_stream, status | ASSURED
        return settings.udp, status
    if protocol == GRE:
        track: GreTrack = entry.tracker
        return (track.stream, status | ASSURED) if status & SEEN_REPLY else (track.timeout, status)
    return (_icmp_timeout(packet, settings) if is_icmp(protocol, packet.family) else settings.generic), status


def _icmp_timeout(packet: Packet, settings: Settings) -> int:
    return settings.icmp if packet.family == 4 else settings.icmpv6


def _udp_fault(packet: Packet, check: bool) -> str:
    room = packet.length - packet.l4
    if room < 8:
        return "its UDP header is cut short"
    raw, at = packet.raw, packet.l4
    length = raw[at + 4] << 8 | raw[at + 5]
    given = raw[at + 6] << 8 | raw[at + 7]
    if packet.protocol == UDPLITE:
        if length == 0:
            length = room
        if length < 8 or length > room:
            return "its UDP-Lite coverage is impossible"
        if not given:
            return "UDP-Lite without a checksum"
        # The kernel sums the pseudo header with UDP's number: what other hosts call right is wrong here.
        pseudo = packet.src + packet.dst + UDP + room
        return "its checksum is wrong" if check and checksum(raw[at : at + length], pseudo) else ""
    if length < 8 or length > room:
        return "its UDP length is impossible"
    if check and given and transport_checksum(packet.src, packet.dst, UDP, raw[at:], packet.family):
        return "its checksum is wrong"
    return ""
