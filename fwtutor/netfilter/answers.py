"""The packets a box makes because of another one while filtering and forwarding: REJECT's, and ICMP errors."""

from __future__ import annotations

from struct import pack, pack_into

from fwtutor.netfilter import craft, ipoptions
from fwtutor.netfilter.packet import ACK, FIN, ICMP, RST, SYN, TCP, UDP, Packet, checksum

UNREACHABLE, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM = 3, 5, 11, 12
REDIRECT_HOST = 1
REASSEMBLY_TIME = 1
ERRORS = frozenset({UNREACHABLE, 4, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM})
"""ICMP types that are about another packet."""
NET_UNREACHABLE, HOST_UNREACHABLE, FRAGMENTATION_NEEDED = 0, 1, 4

LONGEST_ERROR = 576
UNVERIFIED = frozenset({47, 50, 51, 132, 136})
"""GRE, ESP, AH, SCTP, UDP-Lite: what protects them is not a sum over all of the packet, and REJECT does not verify it."""
_ANSWERABLE_ICMP = frozenset({0, 8, 13, 14, 15, 16, 17, 18})
"""ICMP types an error may be about: questions and answers. Errors, and types without a meaning, get none."""


def may_answer_with_reset(packet: Packet, to_many: bool) -> bool:
    """REJECT --reject-with tcp-reset answers neither a RST, nor a later fragment, nor a bad checksum, nor a broadcast."""
    if packet.protocol != TCP or packet.offset or not packet.has_l4 or packet.flags & RST or to_many:
        return False
    segment = packet.raw[packet.l4 :]
    return not craft.transport_checksum(packet.src, packet.dst, TCP, segment, packet.family)


def reset_for(packet: Packet) -> bytes:
    """The RST a REJECT sends back: it acknowledges all of the segment, or takes its number from what that acknowledged."""
    if packet.flags & ACK:
        seq, ack, flags = packet.ack, 0, RST
    else:
        size = packet.length - packet.l4 - packet.doff
        seq, flags = 0, RST | ACK
        ack = packet.seq + size + (1 if packet.flags & SYN else 0) + (1 if packet.flags & FIN else 0)
    raw = craft.tcp(packet.dst, packet.src, packet.dport, packet.sport, flags, seq, ack, window=0, family=packet.family)
    # Whoever sums up what the kernel left unfinished writes no checksum of zero, as though it were UDP.
    return raw if packet.family == 6 or any(raw[36:38]) else raw[:36] + b"\xff\xff" + raw[38:]


def as_kept(reset: Packet) -> Packet:
    """A RST of ``reset_for`` as the box has it until it leaves: of its checksum only the pseudo header is summed yet."""
    raw, at = reset.raw, reset.l4 + 16
    total = ~craft.transport_checksum(reset.src, reset.dst, TCP, bytes(len(raw) - reset.l4), reset.family) & 0xFFFF
    return Packet(raw[:at] + pack("!H", total) + raw[at + 2 :])


def may_answer_with_error(packet: Packet, to_many: bool) -> bool:
    """No ICMP error about an ICMP error or unknown ICMP, a later fragment, or a packet to many."""
    if packet.offset or to_many:
        return False
    if packet.protocol != ICMP:
        return True
    if len(packet.raw) <= packet.l4:
        return False
    return packet.raw[packet.l4] in _ANSWERABLE_ICMP


def header_holds(packet: Packet) -> bool:
    """Whether the IP header's checksum is right: it is no more once the stack has written into its options."""
    return packet.l4 == ipoptions.FIXED or not checksum(packet.raw[: packet.l4])


def checksum_holds(packet: Packet, verified: bool) -> bool:
    """REJECT verifies the transport checksum before it answers with an ICMP error, and what it sums is the whole packet.

    ``verified``: connection tracking has done so, before anything was written into the header.
    """
    if packet.protocol in UNVERIFIED:
        return True
    segment = packet.raw[packet.l4 :]
    if packet.protocol == UDP and len(segment) >= 8 and segment[6:8] == b"\0\0":
        return True
    if packet.protocol in (TCP, UDP):
        good = not craft.transport_checksum(packet.src, packet.dst, packet.protocol, segment, packet.family)
        return good and (verified or header_holds(packet))
    if verified and packet.protocol == ICMP:
        # Together with a header that was right, whose sum is this.
        return not checksum(b"\xff\xff" + segment)
    # Of other protocols the kernel sums the whole packet; its IP header adds nothing, and nothing at all is right too.
    return not checksum(packet.raw)


def error_about(packet: Packet, source: int, type: int, code: int, rest: int, options: bytes, to: int) -> bytes:
    """The ICMP error: from ``source``, quoting as much of the packet as fits into 576 bytes, with IP options.

    ``to``: the packet's source, or the first station on a route there. To a multicast group it goes one hop far.
    """
    room = LONGEST_ERROR - 20 - len(options) - 8
    tos = packet.tos & 0x1E | 0xC0
    error = craft.icmp(source, to, type, code, rest, packet.raw[:room], ttl=1 if to >> 28 == 0xE else 64, tos=tos, df=False)
    return ipoptions.with_options(error, options) if options else error


def with_lower_ttl(packet: Packet) -> bytes:
    """The packet's bytes as they leave a router: TTL one less, the header checksum adjusted as the kernel does (never to 0xffff)."""
    raw = bytearray(packet.raw)
    raw[8] -= 1
    total = (raw[10] << 8 | raw[11]) + 0x100
    pack_into("!H", raw, 10, (total + (total >= 0xFFFF)) & 0xFFFF)
    return bytes(raw)


def fragments(raw: bytes, mtu: int, known: bool = True, keeps_df: bool = True) -> list[bytes]:
    """An IPv4 packet cut to ``mtu``, as a router cuts it; the packet itself when it fits.

    ``known``: its options were read, and so those that are not copied stay in the first fragment of all. ``keeps_df``: where it
    says DF, its fragments do.
    """
    if len(raw) <= mtu:
        return [raw]
    size = (raw[0] & 15) * 4
    header, payload = bytearray(raw[:size]), raw[size:]
    field = header[6] << 8 | header[7]
    offset, more, room = field & 0x1FFF, field & 0x2000, mtu - size
    pieces, at = [], 0
    while at < len(payload):
        # Only what comes last need be no multiple of eight.
        piece = payload[at : at + (room if len(payload) - at <= room else room // 8 * 8)]
        flags = field & (0xC000 if keeps_df else 0x8000) | (0x2000 if more or at + len(piece) < len(payload) else 0)
        pack_into("!H", header, 2, size + len(piece))
        pack_into("!H", header, 6, flags | offset + at // 8)
        header[10:12] = b"\0\0"
        header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
        pieces.append(bytes(header) + piece)
        if known and not at and not offset:
            header = bytearray(ipoptions.in_later_fragments(bytes(header)))
        at += len(piece)
    return pieces
