"""What a Linux host answers to an IPv6 packet that no socket of its own wants: RST, port unreachable, echo replies, parameter problems.

A pure function of the packet; rations and rules are the Firewall's. Neighbours and routers are not answered: nobody is looked for.
"""

from __future__ import annotations

from struct import unpack_from

from fwtutor.netfilter import craft, defrag6, exthdrs, scopes
from fwtutor.netfilter.answers6 import PARAMETER_PROBLEM, UNREACHABLE, error_about, may_answer_with_error
from fwtutor.netfilter.packet import ICMPV6, TCP, UDP, Packet
from fwtutor.network.answers import UDP_LITE, sound_udp_lite
from fwtutor.network.resets import answer_reset

PORT_UNREACHABLE = 4
ECHO_REQUEST, ECHO_REPLY = 128, 129
PIM = 103
_SECOND = exthdrs.Fault("a datagram has one Fragment header at most", exthdrs.HEADER_FIELD)


def closed_port_answers6(packet: Packet, source: tuple[int, int] | None = None, link: str = "host") -> list[bytes]:
    """The packets it sends back (none or one).

    ``packet`` is as ``Walk.delivered`` gives it. ``source``: the addresses for errors and for echoes, where its destination was for many
    or for any of its routers (0: the sender cannot be reached so); None: its destination was the host's own. ``link``: to whom it was
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
        return _error(packet, UNREACHABLE, PORT_UNREACHABLE, 0, source, link) if sound_udp_lite(packet) else []
    return _echo(packet, source) if ends == ICMPV6 else []


def _read_headers(packet: Packet, link: str) -> int | exthdrs.Fault | None:
    """The protocol of the header behind all extension headers, what the stack takes offence at on the way, or None: it says nothing."""
    raw, host = packet.raw, link == "host"
    what, field, at = exthdrs.read(raw, *defrag6.begin_of_reading(packet), packet.dst, host)
    if what == exthdrs.FRAGMENT:
        fault = _SECOND._replace(pointer=at) if packet.joined is not None else defrag6.fault(packet)
        if fault is not None:
            return fault
        # It is all of a datagram, and goes on behind its header.
        what, field, at = exthdrs.read(raw, at, at + 8, packet.dst, host)
        if what == exthdrs.FRAGMENT:
            return _SECOND._replace(pointer=at)
    if isinstance(what, exthdrs.Fault):
        return what if what.code >= 0 else None
    if what in (TCP, UDP, UDP_LITE, ICMPV6):
        return what if at == packet.l4 else None
    unknown = exthdrs.Fault("nobody here knows what it carries", exthdrs.UNKNOWN_HEADER, field)
    return None if what in (exthdrs.NONE, PIM) else unknown


def _error(
    packet: Packet, type: int, code: int, rest: int, source: tuple[int, int] | None, link: str, length: int | None = None
) -> list[bytes]:
    to_many = scopes.is_multicast(packet.dst)
    if to_many or link != "host":
        unknown = type == PARAMETER_PROBLEM and code == exthdrs.UNKNOWN_OPTION and packet.raw[rest] >> 6 == 2
        if not unknown:
            return []
    if packet.src == 0 or not may_answer_with_error(packet):
        return []
    address = packet.dst if source is None or not to_many else source[0]
    return [error_about(packet, address, type, code, rest, length)] if address else []


def _echo(packet: Packet, source: tuple[int, int] | None) -> list[bytes]:
    message = packet.raw[packet.l4 :]
    if packet.icmp_type != ECHO_REQUEST or not packet.has_l4 or craft.transport_checksum(packet.src, packet.dst, ICMPV6, message, 6):
        return []
    address = packet.dst if source is None else source[1]
    if not address:
        return []
    (rest,) = unpack_from("!I", message, 4)
    # The code is not looked at, and comes back.
    return [craft.icmp(address, packet.src, ECHO_REPLY, packet.icmp_code, rest, message[8:], family=6, tos=packet.tos)]


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
