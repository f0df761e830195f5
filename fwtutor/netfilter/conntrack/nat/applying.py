"""A translation written into a packet: addresses, ports, and the checksums over them.

Checksums are adjusted by the difference, as the kernel does it: one that came wrong stays wrong. Only what sums a whole packet anew
(SCTP's, an ICMP error's) is reckoned anew.
"""

from __future__ import annotations

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.conntrack.entry import Tuple
from fwtutor.netfilter.conntrack.nat.ranges import DST, SRC
from fwtutor.netfilter.conntrack.tuples import GRE, ICMP_ANSWERS, SCTP, UDPLITE, inverted
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.crc32c import sctp_checksum
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP, Packet, checksum

_ICMP_HEADER = 8
_CHECKSUM = {TCP: 16, UDP: 6, UDPLITE: 6, ICMPV6: 2}
"""Where it is in the transport header."""
_ECHO6 = (128, 129)


def adjusted(sum: int, old: bytes, new: bytes) -> int:
    """An Internet checksum after ``old`` became ``new``: never 0xffff, for what is summed is never nothing."""
    total = ((~sum & 0xFFFF) - int.from_bytes(old, "big") + int.from_bytes(new, "big")) % 0xFFFF
    return ~(total or 0xFFFF) & 0xFFFF


def translated(packet: Packet, target: Tuple, end: str, unfinished: bool = False) -> Packet | None:
    """The packet with one end as ``target`` has it; None when it is cut short, and is dropped.

    ``unfinished``: its checksum is reckoned only when it leaves, and so is right whatever was written.
    """
    raw = bytearray(packet.raw)
    if not _rewrite(raw, 0, target, end):
        return None
    if unfinished and packet.protocol in (TCP, UDP):
        place, segment = packet.l4 + _CHECKSUM[packet.protocol], packet.l4
        raw[place : place + 2] = b"\0\0"
        after = Packet(bytes(raw), taken=True)
        total = transport_checksum(after.src, after.dst, packet.protocol, bytes(raw[segment:]), packet.family)
        raw[place : place + 2] = (total or 0xFFFF).to_bytes(2, "big")
    return Packet(bytes(raw), taken=True)


def error_translated(packet: Packet, other: Tuple, end: str) -> Packet | None:
    """An ICMP error whose one end is translated, and with it the other end of the packet it quotes.

    ``other``: the tuple of its connection's other direction, which the quoted packet has.
    """
    raw = bytearray(packet.raw)
    if not _rewrite(raw, packet.l4 + _ICMP_HEADER, other, DST if end == SRC else SRC):
        return None
    at = packet.l4 + 2
    raw[at : at + 2] = b"\0\0"
    message = bytes(raw[packet.l4 :])
    total = checksum(message) if packet.family == 4 else transport_checksum(packet.src, packet.dst, ICMPV6, message, 6)
    raw[at : at + 2] = total.to_bytes(2, "big")
    outer = inverted(other)
    assert outer is not None
    if not _rewrite(raw, 0, outer._replace(protocol=packet.protocol), end):
        return None
    return Packet(bytes(raw), taken=True)


def _rewrite(raw: bytearray, at: int, target: Tuple, end: str) -> bool:
    """Of the IP packet that begins at ``at``; False when it is cut short."""
    if target.family == 4:
        place, size, l4 = (at + 12 if end == SRC else at + 16), 4, at + (raw[at] & 15) * 4
        known = True
    else:
        place, size = (at + 8 if end == SRC else at + 24), 16
        chain = exthdrs.walk(bytes(raw), at)
        l4, known = chain.at, not chain.broken and not chain.offset
    address = (target.src if end == SRC else target.dst).to_bytes(size, "big")
    old = bytes(raw[place : place + size])
    if known and not _rewrite_transport(raw, l4, target, end, old, address):
        return False
    if target.family == 4:
        _adjust(raw, at + 10, old, address)
    raw[place : place + size] = address
    return True


def _adjust(raw: bytearray, at: int, old: bytes, new: bytes) -> None:
    raw[at : at + 2] = adjusted(raw[at] << 8 | raw[at + 1], old, new).to_bytes(2, "big")


def _rewrite_transport(raw: bytearray, l4: int, target: Tuple, end: str, old: bytes, address: bytes) -> bool:
    room, protocol = len(raw) - l4, target.protocol
    if protocol in (TCP, UDP, UDPLITE, SCTP):
        return _rewrite_ports(raw, l4, target, end, old, address)
    if protocol == GRE:
        # The number of a call is the destination's; the source's is nowhere in the packet.
        if room < 8 or (end == DST and raw[l4 + 1] & 7 > 1):
            return False
        if end == DST and raw[l4 + 1] & 7 == 1:
            raw[l4 + 6 : l4 + 8] = target.dport.to_bytes(2, "big")
        return True
    if (protocol, target.family) not in ((ICMP, 4), (ICMPV6, 6)):
        return True
    if room < 8:
        return False
    if protocol == ICMPV6:
        _adjust(raw, l4 + 2, old, address)
    if raw[l4] in (ICMP_ANSWERS if protocol == ICMP else _ECHO6):
        # Both directions have one id, and so both ends.
        number = target.sport.to_bytes(2, "big")
        _adjust(raw, l4 + 2, bytes(raw[l4 + 4 : l4 + 6]), number)
        raw[l4 + 4 : l4 + 6] = number
    return True


def _rewrite_ports(raw: bytearray, l4: int, target: Tuple, end: str, old: bytes, address: bytes) -> bool:
    room, protocol = len(raw) - l4, target.protocol
    if room < 8:
        return False
    place = l4 if end == SRC else l4 + 2
    before, port = bytes(raw[place : place + 2]), (target.sport if end == SRC else target.dport).to_bytes(2, "big")
    raw[place : place + 2] = port
    if protocol == SCTP:
        if room >= 12:
            raw[l4 + 8 : l4 + 12] = sctp_checksum(bytes(raw[l4:]))
        return True
    # A quoted packet may end before its checksum; and UDP may have none.
    at = l4 + _CHECKSUM[protocol]
    if (protocol == TCP and room < 20) or (protocol == UDP and not any(raw[at : at + 2])):
        return True
    _adjust(raw, at, old, address)
    _adjust(raw, at, before, port)
    if protocol != TCP and not any(raw[at : at + 2]):
        raw[at : at + 2] = b"\xff\xff"
    return True
