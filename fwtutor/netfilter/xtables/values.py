"""Reading numbers, ports, addresses and masks as the tool reads them, octal and short forms included, and writing them.

The tool reads some things in two ways, by the age of the match: numbers in any C notation (``number``), and ports
through the system's resolver (``resolved_port``: decimal only, and silently modulo 65536). Names of hosts and
networks are never resolved here.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from functools import lru_cache

from fwtutor.netfilter.addresses import ALL_ONES, format_address, prefix_mask
from fwtutor.netfilter.xtables.errors import Unreadable, meant, nearest
from fwtutor.netfilter.xtables.names import SERVICES, protocol_number, service_port

ALL_PORTS = (0, 0xFFFF)
BITS = {4: 32, 6: 128}
"""Of an address, by family."""
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
"""The network of all addresses, by family."""
NO_NAMES = "fwtutor resolves no names: write the address in numbers"

_NUMBER = re.compile(r"[ \t\n\v\f\r]*\+?(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))")
_DECIMAL = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)")


def leading_number(text: str, low: int, high: int) -> tuple[int, str] | None:
    """A number in C notation at the start of ``text`` and what follows it; None if there is none or it is out of range."""
    found = _NUMBER.match(text)
    if not found:
        return None
    hexadecimal, octal, decimal = found.groups()
    digits = hexadecimal or octal or decimal
    if len(digits) > 24:
        return None
    value = int(digits, 16 if hexadecimal else 8 if octal else 10)
    return (value, text[found.end() :]) if low <= value <= high else None


def number(text: str, low: int, high: int) -> int | None:
    """``text`` as one number in C notation (``0x16``, ``026``, ``22``) within the range, else None."""
    found = leading_number(text, low, high)
    return found[0] if found and not found[1] else None


def bounded(extension: str, option: str, low: int, high: int) -> Callable[[str], int]:
    """A reader of one number in C notation, with the words in which the tool refuses one out of range."""

    def read(text: str) -> int:
        value = number(text, low, high)
        if value is None:
            raise Unreadable(f'{extension}: bad value for option "--{option}", or out of range ({low}-{high}).')
        return value

    return read


def number_range(text: str, extension: str, option: str, high: int) -> tuple[int, int]:
    """``5``, ``1:10``, ``:7`` or ``10:`` as the newer reader takes them. Raises Unreadable."""
    values: list[int] = []
    rest = f":{text}"
    while rest:
        part = rest[1:]
        if len(values) == 2:
            raise Unreadable(f'{extension}: Too many components for option "--{option}" (max: 2)')
        found = ((0, high)[len(values)], part) if not part or part[0] == ":" else leading_number(part, 0, high)
        if found is None:
            raise Unreadable(f'{extension}: bad value for option "--{option}" near "{part}", or out of range (0-{high}).')
        value, rest = found
        if rest and rest[0] != ":":
            raise Unreadable(f'{extension}: Argument to "--{option}" has unexpected characters near "{rest}".')
        values.append(value)
    return values[0], values[-1]


def scanned(text: str) -> int | None:
    """The decimal number ``text`` begins with, modulo 2^64 and no larger than it holds; None if it begins with none."""
    found = _DECIMAL.match(text)
    if not found:
        return None
    value = min(int(found[2][:24]), 2**64 - 1)
    return -value % 2**64 if found[1] == "-" else value


def protocol(text: str) -> int:
    """A protocol's number from its number or name. Raises Unreadable."""
    value = number(text, 0, 255)
    if value is None:
        value = protocol_number(text)
    if value is None:
        raise Unreadable(f'unknown protocol "{text}" specified', hint=nearest(text, ("tcp", "udp", "icmp", "icmpv6", "all"), "protocols"))
    return value


MAX_INTERFACE = 15
"""Bytes of the name of an interface."""


def interface(text: str) -> str:
    """An interface's name, or the beginning of one with a "+" behind it. Raises Unreadable."""
    if len(text.encode(errors="surrogateescape")) > MAX_INTERFACE:
        raise Unreadable(f"interface name `{text}' must be shorter than IFNAMSIZ ({MAX_INTERFACE})")
    return text


def odd_interface(text: str) -> str:
    """What the tool says of one that no interface can have."""
    odd = "/" in text or " " in text
    return f"Warning: weird character in interface `{text}' ('/' and ' ' are not allowed by the kernel).\n" if odd else ""


def service(text: str, name: str) -> int:
    """A port from its number or its service's name under the protocol ``name``. Raises Unreadable."""
    value = number(text, 0, 0xFFFF)
    if value is None:
        value = service_port(text, name)
    if value is None:
        raise Unreadable(f"invalid port/service `{text}' specified", hint=meant(text, SERVICES))
    return value


def resolved_port(text: str) -> int:
    """A port as the system's resolver takes it. Raises Unreadable."""
    if not text:
        return 0
    found = _DECIMAL.fullmatch(text)
    if found:
        value = min(int(found[2][:24]), 2**64 - 1)
        low = (-value if found[1] == "-" else value) & 0xFFFFFFFF
        if low < 0x80000000:
            return low & 0xFFFF
    named = service_port(text)
    if named is None:
        raise Unreadable(f'Port "{text}" does not resolve to anything.', hint=meant(text, SERVICES))
    return named


def format_range(ports: tuple[int, int]) -> str:
    """``22`` or ``1024:65535``."""
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}:{ports[1]}"


def dotted(text: str) -> int | None:
    """An address of one to four numbers, missing ones 0 (``10.1`` is 10.1.0.0), as ``-s`` first tries it."""
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")  # the usual form, at once
    except (OSError, ValueError):
        pass
    parts = text[:19].split(".", 3)
    values = [number(part, 0, 255) for part in parts]
    if None in values:
        return None
    value = 0
    for part in [*values, 0, 0, 0][:4]:
        value = value << 8 | (part or 0)
    return value


def colons(text: str) -> int | None:
    """An IPv6 address in any of its forms, as ``-s`` first tries it."""
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
    except (OSError, ValueError):
        return None


def numeric(text: str, family: int) -> int | None:
    """An address, or a mask written like one."""
    return dotted(text) if family == 4 else colons(text)


def resolved_address(text: str, family: int) -> int | None:
    """An address as the system's resolver reads one."""
    return _resolved4(text) if family == 4 else _resolved6(text)


def looked_up(text: str, family: int, part: tuple[int, int] | None = None) -> int:
    """An address as the newer reader takes one: through the system's resolver. Raises Unreadable."""
    address = resolved_address(text, family)
    if address is None:
        why = "Address family for hostname not supported" if is_of_other_family(text, family) else "Name or service not known"
        raise Unreadable(f"getaddrinfo: {why}\n", part, no_address(text, family))
    return address


def _resolved6(text: str) -> int | None:
    """Behind a "%" may stand a zone, which the tool drops: a number, or behind a link-local address an interface's name."""
    host, percent, zone = text.partition("%")
    address = colons(host)
    if address is None or not percent or (zone.isascii() and zone.isdigit() and int(zone[:12]) < 2**32):
        return address
    link_local = address >> 118 == 0xFE80 >> 6 or address >> 112 & 0xFF0F in (0xFF01, 0xFF02)
    return address if zone and link_local else None


def _resolved4(text: str) -> int | None:
    """One to four numbers, the last of which fills what is left (``10.1`` is 10.0.0.1); or an IPv4 address in IPv6's clothes."""
    if ":" in text:
        mapped = _resolved6(text)
        return mapped & ALL_ONES[4] if mapped is not None and mapped >> 32 == 0xFFFF else None
    parts = text.split(".")
    if len(parts) > 4 or any(not re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9]+", part) for part in parts):
        return None
    values = [number(part, 0, 255) for part in parts[:-1]]
    room = 8 * (5 - len(parts))
    last = number(parts[-1], 0, (1 << room) - 1)
    if None in values or last is None:
        return None
    value = 0
    for part in values:
        value = value << 8 | (part or 0)
    return value << room | last


@lru_cache(maxsize=1024)
def mask(text: str, family: int) -> int:
    """A mask from its length, or written as an address. Raises Unreadable."""
    value = numeric(text, family) if family == 6 or text.count(".") >= 3 else None
    if value is not None:
        return value
    length = number(text, 0, BITS[family])
    if length is None:
        raise Unreadable(f"invalid mask `{text}' specified")
    return prefix_mask(family, length)


def mask_length(value: int, family: int) -> int | None:
    """The prefix length of a mask; None when its ones are not all in front."""
    length = value.bit_count()
    return length if value == prefix_mask(family, length) else None


def no_address(host: str, family: int) -> str:
    """A hint: why there is no such address."""
    if is_of_other_family(host, family):
        return f"this is an address of IPv{10 - family}: ip6tables is for IPv6, iptables for IPv4"
    return NO_NAMES if re.search("[a-zA-Z]", host) else ""


def is_of_other_family(host: str, family: int) -> bool:
    """Whether it is an address, but of the other family."""
    return bool(host) and resolved_address(host, 10 - family) is not None


def network(text: str, family: int) -> tuple[int, int]:
    """One address with an optional mask as ``-s`` reads it: (address & mask, mask). Raises Unreadable."""
    host, slash, given = text.rpartition("/") if "/" in text else (text, "", "")
    try:
        bits = mask(given, family) if slash else ALL_ONES[family]
    except Unreadable as wrong:
        raise Unreadable(str(wrong), (len(host) + 1, len(text)) if given else None) from None
    if not bits:
        return 0, 0
    address = numeric(host, family)
    if address is None:
        address = resolved_address(host, family)
    if address is None:
        raise Unreadable(f"host/network `{host}' not found", (0, len(host)), no_address(host, family))
    return address & bits, bits


@lru_cache(maxsize=1024)
def networks(text: str, family: int) -> tuple[tuple[int, int], ...]:
    """A comma list of addresses with masks, in order. Raises Unreadable."""
    found: list[tuple[int, int]] = []
    at = 0
    for piece in text.split(","):
        own = piece.lstrip(" \t\n\v\f\r")
        begin = at + len(piece) - len(own)
        try:
            found.append(network(own, family))
        except Unreadable as wrong:
            low, high = wrong.part or (0, len(own))
            raise Unreadable(str(wrong), (begin + low, begin + high), wrong.hint) from None
        at += len(piece) + 1
    return tuple(found)


def read_length(extension: str, option: str, family: int, holes: int | None = None) -> Callable[[str], int]:
    """The length of a mask as the newer reader takes it: in figures or as an address.

    A mask with holes, or (IPv4) a length above 32, silently becomes that of a single host (or ``holes``).
    """

    def read(text: str) -> int:
        bits = BITS[family]
        length = number(text, 0, bits)
        if length is not None:
            return length
        address = resolved_address(text, family)
        if address is None:
            raise Unreadable(f'{extension}: bad value for option "--{option}", neither a valid network mask nor valid CIDR (0-{bits}).')
        length = mask_length(address, family)
        return length if length is not None else bits if holes is None else holes

    return read


def read_host(extension: str, option: str, family: int) -> Callable[[str], tuple[int, int]]:
    """An address and mask as the newer reader takes them; the address is kept as written, host bits and all."""
    read_mask = read_length(extension, option, family)

    def read(text: str) -> tuple[int, int]:
        host, slash, given = text.partition("/")
        address = looked_up(host, family, (0, len(host)))
        try:
            return address, prefix_mask(family, read_mask(given)) if slash else ALL_ONES[family]
        except Unreadable as wrong:
            raise Unreadable(str(wrong), (len(host) + 1, len(text))) from None

    return read


def write_host(family: int) -> Callable[[tuple[int, int]], str]:
    """How such an address is saved."""

    def write(value: tuple[int, int]) -> str:
        address, mask = value
        shown = format_address(family, address)
        return shown if mask == ALL_ONES[family] else f"{shown}/{mask.bit_count()}"

    return write


def format_network(address: int, bits: int, family: int) -> str:
    """``10.0.0.0/8``, or with the mask as an address when its ones are not all in front; always with the mask."""
    length = mask_length(bits, family)
    return f"{format_address(family, address)}/{format_address(family, bits) if length is None else length}"


SAFE = frozenset("_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def quoted(text: str) -> str:
    """A free text as iptables-save writes it: bare when every character is harmless, else in quotes with backslashes."""
    if text and SAFE.issuperset(text):
        return text
    return '"' + "".join(f"\\{letter}" if letter in "\"\\'" else letter for letter in text) + '"'
