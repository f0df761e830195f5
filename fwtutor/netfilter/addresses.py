"""Addresses and prefixes as the engine keeps them: an integer and its family (4 or 6)."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache

ALL_ONES = {4: (1 << 32) - 1, 6: (1 << 128) - 1}
"""The mask of a single host, by family."""


@lru_cache(maxsize=4096)
def parse_address(text: str) -> tuple[int, int]:
    """``"203.0.113.1"`` as (family, integer). Raises ValueError, naming the text, if it is no address."""
    address = ipaddress.ip_address(text)
    return address.version, int(address)


@lru_cache(maxsize=65536)
def format_address(family: int, value: int) -> str:
    """The address as people write it, IPv6 in its shortest form: as the system's library has it, which all tools use."""
    return str(ipaddress.IPv4Address(value)) if family == 4 else socket.inet_ntop(socket.AF_INET6, value.to_bytes(16, "big"))


def prefix_mask(family: int, length: int) -> int:
    """The mask of a prefix length, as an integer."""
    bits = 32 if family == 4 else 128
    return ((1 << length) - 1) << (bits - length)


@lru_cache(maxsize=4096)
def parse_interface(text: str) -> tuple[int, int, int]:
    """``"192.168.0.1/16"`` as (family, address, prefix length). Raises ValueError."""
    interface = ipaddress.ip_interface(text)
    return interface.version, int(interface), interface.network.prefixlen


def parse_network(text: str) -> tuple[int, int, int]:
    """``"10.0.0.0/8"`` as (family, network address, prefix length). Raises ValueError, also when host bits are set."""
    network = ipaddress.ip_network(text)
    return network.version, int(network.network_address), network.prefixlen
