"""The RST of a host for a TCP segment that no socket wants, of both versions of IP."""

from __future__ import annotations

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN, TCP, Packet


def sound_tcp(packet: Packet) -> bool:
    """True when the TCP header is whole and its checksum right; else the stack drops the segment without a word."""
    if not packet.has_l4 or packet.doff < 20 or packet.l4 + packet.doff > packet.length:
        return False
    return not craft.transport_checksum(packet.src, packet.dst, TCP, packet.raw[packet.l4 :], packet.family)


def answer_reset(packet: Packet) -> bytes | None:
    """The RST for a TCP segment no socket wants; None for a RST, or a broken segment."""
    if packet.flags & RST or not sound_tcp(packet):
        return None
    if packet.flags & ACK:
        flags, seq, ack = RST, packet.ack, 0
    else:
        length = len(packet.payload) + bool(packet.flags & SYN) + bool(packet.flags & FIN)
        flags, seq, ack = RST | ACK, 0, packet.seq + length
    # ECN bits are not carried over into an answer.
    tos = packet.tos & 0xFC
    return craft.tcp(packet.dst, packet.src, packet.dport, packet.sport, flags, seq, ack, window=0, tos=tos, family=packet.family)
