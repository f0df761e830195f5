"""The part of a LOG line that tells an IPv6 packet: its header, the extension headers (their options with ``--log-ip-options``), and on.

What is cut short ends the line where it does; an ICMPv6 error's quote is told in brackets, but what that quotes is not.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.packet import ICMPV6, TCP, UDP

UDPLITE, ESP = 136, 50
_OPTIONED = (exthdrs.HOP_BY_HOP, exthdrs.ROUTING, exthdrs.DESTINATION)
_UNREACHABLE, _TOO_BIG, _EXCEEDED, _PARAMETER, _ECHO = 1, 2, 3, 4, (128, 129)

Ports = Callable[[bytes, int, int], tuple[str, bool]]
"""How a TCP, UDP or UDP-Lite header is told: of (bytes, where it begins, protocol), and whether the line goes on."""


def ip6(raw: bytes, options: bool, ports: Ports, quoted: bool = False) -> tuple[str, bool]:
    """A header and what follows, and whether the line goes on after it."""
    if len(raw) < exthdrs.FIXED:
        return "TRUNCATED", False
    (word,) = unpack_from("!I", raw)
    line = f"SRC={_address(raw, 8)} DST={_address(raw, 24)} LEN={exthdrs.FIXED + int.from_bytes(raw[4:6], 'big')} "
    line += f"TC={word >> 20 & 0xFF} HOPLIMIT={raw[7]} FLOWLBL={word & 0xFFFFF} "
    protocol, at, later = raw[6], exthdrs.FIXED, False
    while protocol in exthdrs.EXTENSIONS or protocol == ESP:
        if len(raw) < at + 2:
            return line + "TRUNCATED", False
        line += "OPT ( " if options else ""
        if protocol == exthdrs.FRAGMENT:
            line += "FRAG:"
            if len(raw) < at + 8:
                return line + "TRUNCATED ", False
            _, _, field, number = unpack_from("!BBHI", raw, at)
            line += f"{field & 0xFFF8} {'INCOMPLETE ' if field & 1 else ''}ID:{number:08x} "
            later, size = later or field & 0xFFF8 != 0, 8
        elif protocol in _OPTIONED:
            if later:
                return line + (")" if options else ""), False
            size = exthdrs.length(protocol, raw, at)
        else:
            told, goes_on = _ipsec(raw, at, protocol, later) if options else ("", protocol != ESP)
            line += told
            if not goes_on:
                return line, False
            size = exthdrs.length(protocol, raw, at)
        line += ") " if options else ""
        protocol, at = raw[at], at + size
    if protocol in (TCP, UDP, UDPLITE):
        line += f"PROTO={ {TCP: 'TCP', UDP: 'UDP', UDPLITE: 'UDPLITE'}[protocol] } "
        told, goes_on = ("", True) if later else ports(raw, at, protocol)
        return line + told, goes_on
    if protocol != ICMPV6:
        return line + f"PROTO={protocol} ", True
    line += "PROTO=ICMPv6 "
    if later:
        return line, True
    told, goes_on = _icmpv6(raw, at, options, ports, quoted)
    return line + told, goes_on


def _ipsec(raw: bytes, at: int, protocol: int, later: bool) -> tuple[str, bool]:
    """What is told of an ESP or Authentication header, and whether there is something to be told behind it."""
    name, needs, spi = ("ESP", 8, at) if protocol == ESP else ("AH", 12, at + 4)
    if later:
        return f"{name} )", False
    if len(raw) < at + needs:
        return f"{name} INCOMPLETE [{(len(raw) - at) & 0xFFFFFFFF} bytes] )", False
    told = f"{name} SPI=0x{int.from_bytes(raw[spi : spi + 4], 'big'):x} "
    return (told + ")", False) if protocol == ESP else (told, True)


def _icmpv6(raw: bytes, at: int, options: bool, ports: Ports, quoted: bool) -> tuple[str, bool]:
    if len(raw) < at + 8:
        return f"INCOMPLETE [{(len(raw) - at) & 0xFFFFFFFF} bytes] ", False
    type, code = raw[at], raw[at + 1]
    rest = int.from_bytes(raw[at + 4 : at + 8], "big")
    line = f"TYPE={type} CODE={code} "
    if type in _ECHO:
        return line + f"ID={rest >> 16} SEQ={rest & 0xFFFF} ", True
    if type == _PARAMETER:
        line += f"POINTER={rest:08x} "
    if type in (_UNREACHABLE, _TOO_BIG, _EXCEEDED, _PARAMETER) and not quoted:
        line += f"[{ip6(raw[at + 8 :], options, ports, quoted=True)[0]}] "
    return line + (f"MTU={rest} " if type == _TOO_BIG else ""), True


def _address(raw: bytes, at: int) -> str:
    digits = raw[at : at + 16].hex()
    return ":".join(digits[place : place + 4] for place in range(0, 32, 4))
