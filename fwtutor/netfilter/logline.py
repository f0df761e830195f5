"""The line the kernel logs for a packet that meets ``-j LOG``, word for word, with the space at its end.

Addresses and headers are told in the order in which they lie in the packet, each as far as it is there. An ICMP error's quote
is told in brackets, but what that quotes is not. Behind a TCP or UDP header that is
cut short the line just ends. What stands before it in a log (time, host) is the log's own.
"""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.logline6 import Ports, ip6
from fwtutor.netfilter.packet import ICMP, TCP, UDP, Packet
from fwtutor.netfilter.routing import LOOPBACK

UDPLITE, ESP, AH = 136, 50, 51
_NAMES = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP", ESP: "ESP", AH: "AH", UDPLITE: "UDPLITE"}
_FLAGS = ((0x100, "AE"), (128, "CWR"), (64, "ECE"), (32, "URG"), (16, "ACK"), (8, "PSH"), (4, "RST"), (2, "SYN"), (1, "FIN"))
_ECHO = (0, 8)
_UNREACHABLE, _QUENCH, _REDIRECT, _EXCEEDED, _PARAMETER = 3, 4, 5, 11, 12
_ICMP_NEEDS = {0: 4, 8: 4, 3: 24, 4: 24, 5: 24, 11: 24, 12: 24, 13: 16, 14: 16, 17: 8, 18: 8}
"""Bytes after the first four that a message must have to be told in full, by type."""
_NO_LINK = {4: "00:" * 12 + "08:00", 6: "00:" * 12 + "86:dd"}
"""By IP version: the link header of a packet that came by loopback."""


LONGEST = 1016
"""So many characters the kernel has room for; what is beyond them is lost."""


class Told(NamedTuple):
    """What of a packet is told besides the usual: the options of the LOG rule that say so."""

    sequence: bool = False
    tcp_options: bool = False
    ip_options: bool = False
    uid: bool = False


def log_line(
    packet: Packet, told: Told, *, prefix: str, in_interface: str, out_interface: str, mark: int, owner: tuple[int, int] | None
) -> str:
    """``owner``: user and group of the program that sent it, None where there is none. Interfaces have no link layer, but lo."""
    line = f"{prefix}IN={in_interface} OUT={out_interface} "
    if in_interface:
        line += f"MAC={_NO_LINK[packet.family] if in_interface == LOOPBACK else ''} "
    headers, whole = _ip(packet.raw, told) if packet.family == 4 else ip6(packet.raw, told.ip_options, _ports(told))
    line += headers
    if whole and told.uid and owner is not None:
        line += f"UID={owner[0]} GID={owner[1]} "
    if whole and mark:
        line += f"MARK=0x{mark:x} "
    return line[:LONGEST]


def _ip(raw: bytes, told: Told, quoted: bool = False) -> tuple[str, bool]:
    """A header and what follows, and whether the line goes on after it; ``raw`` has at least 20 bytes."""
    size = (raw[0] & 15) * 4
    tos, field, protocol = raw[1], _short(raw, 6), raw[9]
    line = f"SRC={_address(raw, 12)} DST={_address(raw, 16)} "
    line += f"LEN={_short(raw, 2)} TOS=0x{tos & 0x1E:02X} PREC=0x{tos & 0xE0:02X} TTL={raw[8]} ID={_short(raw, 4)} "
    line += "".join(word for bit, word in ((0x8000, "CE "), (0x4000, "DF "), (0x2000, "MF ")) if field & bit)
    if field & 0x1FFF:
        line += f"FRAG:{field & 0x1FFF} "
    if told.ip_options and size > 20:
        if size > len(raw):
            return f"{line}TRUNCATED", False
        line += f"OPT ({raw[20:size].hex().upper()}) "
    later = field & 0x1FFF != 0
    line += f"PROTO={_NAMES.get(protocol, protocol)} "
    if later:
        return line, True
    if protocol in (TCP, UDP, UDPLITE):
        ports, whole = _tcp(raw, size, told) if protocol == TCP else _udp(raw, size)
        return line + ports, whole
    if protocol == ICMP:
        line += _icmp(raw, size, told, quoted)
    elif protocol in (ESP, AH):
        line += _ipsec(raw, size, protocol)
    return line, True


def _ports(told: Told) -> Ports:
    return lambda raw, at, protocol: _tcp(raw, at, told) if protocol == TCP else _udp(raw, at)


def _incomplete(raw: bytes, size: int) -> str:
    # A quote's header can claim to be longer than the quote, and then the count goes round.
    return f"INCOMPLETE [{(len(raw) - size) & 0xFFFFFFFF} bytes] "


def _tcp(raw: bytes, at: int, told: Told) -> tuple[str, bool]:
    if len(raw) < at + 20:
        return _incomplete(raw, at), False
    line = f"SPT={_short(raw, at)} DPT={_short(raw, at + 2)} "
    if told.sequence:
        line += f"SEQ={_long(raw, at + 4)} ACK={_long(raw, at + 8)} "
    bits, size = _short(raw, at + 12), (raw[at + 12] >> 4) * 4
    line += f"WINDOW={_short(raw, at + 14)} RES=0x{bits >> 6 & 0x38:02x} "
    line += "".join(f"{name} " for bit, name in _FLAGS if bits & bit)
    line += f"URGP={_short(raw, at + 18)} "
    if told.tcp_options and size > 20:
        options = raw[at + 20 : at + size]
        if len(options) < size - 20:
            return f"{line}OPT (TRUNCATED)", False
        line += f"OPT ({options.hex().upper()}) "
    return line, True


def _udp(raw: bytes, at: int) -> tuple[str, bool]:
    if len(raw) < at + 8:
        return _incomplete(raw, at), False
    return f"SPT={_short(raw, at)} DPT={_short(raw, at + 2)} LEN={_short(raw, at + 4)} ", True


def _ipsec(raw: bytes, at: int, protocol: int) -> str:
    needs, spi = (8, at) if protocol == ESP else (12, at + 4)
    return _incomplete(raw, at) if len(raw) < at + needs else f"SPI=0x{_long(raw, spi):x} "


def _icmp(raw: bytes, at: int, told: Told, quoted: bool) -> str:
    if len(raw) < at + 8:
        return _incomplete(raw, at)
    type, code = raw[at], raw[at + 1]
    line = f"TYPE={type} CODE={code} "
    if len(raw) < at + 4 + _ICMP_NEEDS.get(type, 0):
        return line + _incomplete(raw, at)
    if type in _ECHO:
        return f"{line}ID={_short(raw, at + 4)} SEQ={_short(raw, at + 6)} "
    if type == _PARAMETER:
        return f"{line}PARAMETER={raw[at + 4]} "
    if type == _REDIRECT:
        line += f"GATEWAY={_address(raw, at + 4)} "
    if type in (_UNREACHABLE, _QUENCH, _REDIRECT, _EXCEEDED) and not quoted:
        line += f"[{_ip(raw[at + 8 :], told, quoted=True)[0]}] "
    if type == _UNREACHABLE and code == 4:
        line += f"MTU={_short(raw, at + 6)} "
    return line


def _short(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 2], "big")


def _long(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "big")


def _address(raw: bytes, at: int) -> str:
    return format_address(4, _long(raw, at))
