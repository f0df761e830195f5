"""What the random rules and the random traffic share: addresses, ports, and small helpers."""

from __future__ import annotations

from random import Random

from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import checksum

WAN_BOX, LAN_BOX = "203.0.113.1", "192.168.0.1"
"""The box's own addresses."""
FAR = ("203.0.113.9", "203.0.113.77", "198.51.100.53", "198.51.100.80")
"""Hosts behind wan."""
NEAR = ("192.168.0.20", "192.168.7.7")
"""Hosts behind lan."""
TO_MANY = ("0.0.0.0", "255.255.255.255", "203.0.113.255", "192.168.255.255", "224.0.0.1", "239.1.2.3")
"""What the box itself sends to most of them also comes back to it."""
ODD = (*TO_MANY, "127.0.0.1", "127.1.2.3", "203.0.113.0", "240.0.0.1", "0.1.2.3")
"""Addresses that routing has opinions about."""
PORTS = (22, 53, 80, 1337, 4000, 4001, 50000)
INTERFACES = {"wan": (f"{WAN_BOX}/24",), "lan": (f"{LAN_BOX}/16",)}

Ends = tuple[tuple[int, str | None], tuple[int, str | None]]
"""Two ends of a conversation: (address, interface its packets come in on, None for the box itself)."""


def address(text: str) -> int:
    return parse_address(text)[1]


def side_of(number: int) -> str | None:
    """The interface packets of that source come in on; None for the box itself."""
    if number in (address(WAN_BOX), address(LAN_BOX)):
        return None
    return "lan" if number >> 16 == 0xC0A8 else "wan"


def random_id(random: Random) -> int:
    return random.randint(1, 65535)


def random_ttl(random: Random) -> int:
    return 64 if random.random() < 0.95 else random.choice((0, 1, 2, 255))


def mended(raw: bytearray) -> bytes:
    """``raw`` with the length and the checksum of its IP header (which may have options) set right."""
    size = (raw[0] & 15) * 4
    raw[2:4] = len(raw).to_bytes(2, "big")
    raw[10:12] = b"\0\0"
    raw[10:12] = checksum(bytes(raw[:size])).to_bytes(2, "big")
    return bytes(raw)
