"""ICMP and ICMPv6 errors as a host reads them: about which packet of its own, and in what words a program is told."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ICMP, ICMPV6, Packet, checksum

ERRORS = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}
"""The types that quote a packet, by family."""
UNREACHABLE_TYPE = {4: 3, 6: 1}
NO_ROUTE, NO_NETWORK, REFUSED, TOO_LONG, DENIED = (
    "No route to host", "Network is unreachable", "Connection refused", "Message too long", "Permission denied",
)  # fmt: skip
UNREACHABLE = {
    0: NO_NETWORK, 1: NO_ROUTE, 2: "Protocol not available", 3: REFUSED, 4: TOO_LONG, 5: "Operation not supported", 6: NO_NETWORK,
    7: "Host is down", 8: "Machine is not on the network", 9: NO_NETWORK, 10: NO_ROUTE, 11: NO_NETWORK, 12: NO_ROUTE, 13: NO_ROUTE,
    14: NO_ROUTE, 15: NO_ROUTE,
}  # fmt: skip
"""What a program is told after an ICMP destination unreachable, by code."""
_HARD = {4: (2, 3, 4, 6, 7, 8, 9, 10, 13, 14, 15), 6: (1, 4, 5, 6)}
"""Codes of unreachables that a UDP socket is told of; of the others, which may pass, only one that has asked for it."""
UNREACHABLE6 = {0: NO_NETWORK, 1: DENIED, 2: NO_ROUTE, 3: NO_ROUTE, 4: REFUSED, 5: DENIED, 6: DENIED}
"""The same of ICMPv6."""


class Error(NamedTuple):
    """An error, whole and with a good checksum."""

    about: Packet
    """What it quotes; what the quotation lacks counts as zeros."""
    why: str
    """What a program is told; empty: nothing."""
    too_big: bool
    """It says that the packet was longer than some link carries."""
    mtu: int
    """That link's MTU in bytes; 0: it does not say."""
    hard: bool
    """It will not pass: a UDP socket is told."""
    hopeless: bool
    """A half-open connection is given up on it."""


def is_icmp(packet: Packet) -> bool:
    """True for messages of the family's own ICMP."""
    return packet.protocol == (ICMP if packet.family == 4 else ICMPV6)


def read_error(packet: Packet) -> Error | None:
    """The error that a packet is; None if it is none, or broken."""
    if not is_icmp(packet) or packet.icmp_type not in ERRORS[packet.family]:
        return None
    message = packet.raw[packet.l4 : packet.length]
    total = checksum(message) if packet.family == 4 else craft.transport_checksum(packet.src, packet.dst, ICMPV6, message, 6)
    about = None if total or len(message) < 8 else _quoted(message[8:], packet.family)
    if about is None:
        return None
    kind, code = packet.icmp_type, packet.icmp_code
    too_big = (kind, code) == (3, 4) if packet.family == 4 else kind == 2
    mtu = unpack_from("!I", message, 4)[0] & (0xFFFF if packet.family == 4 else 0xFFFFFFFF) if too_big else 0
    hard = too_big or (kind == UNREACHABLE_TYPE[packet.family] and code in _HARD[packet.family])
    hopeless = packet.family == 4 and ((kind == 3 and code < 2) or kind > 5)
    return Error(about, _why(packet.family, kind, code), too_big, mtu, hard, hopeless)


def _quoted(raw: bytes, family: int) -> Packet | None:
    """The packet quoted, filled up with zeros to the length it had; None unless its ports can be read."""
    least = 28 if family == 4 else 48
    if len(raw) < least or raw[0] >> 4 != family:
        return None
    whole = int.from_bytes(raw[2:4] if family == 4 else raw[4:6], "big") + (0 if family == 4 else 40)
    about = Packet(raw + bytes(max(0, whole - len(raw))), taken=True)
    return None if about.fault or len(raw) < about.l4 + 8 else about


def _why(family: int, kind: int, code: int) -> str:
    if family == 6:
        return {1: UNREACHABLE6.get(code, ""), 2: TOO_LONG, 3: NO_ROUTE}.get(kind, "")
    return {3: UNREACHABLE.get(code, ""), 11: UNREACHABLE[1]}.get(kind, "")
