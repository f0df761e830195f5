"""IPv6 addresses by what they are for: scopes, groups, and which of its addresses a box sends from (RFC 6724)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

LOOPBACK_ADDRESS = 1
"""::1"""
ALL_NODES, ALL_ROUTERS = (0xFF02 << 112) + 1, (0xFF02 << 112) + 2
INTERFACE_LOCAL, LINK_LOCAL, SITE_LOCAL, GLOBAL = 1, 2, 5, 14
COMPATIBLE = -1
"""::a.b.c.d, an IPv4 address written in IPv6."""

_SOLICITED = 0xFF02 << 112 | 1 << 32 | 0xFF << 24
_LABELS = (
    (1, 128, 0), (0xFFFF << 32, 96, 4), (0, 96, 3), (0x20010000 << 96, 32, 6), (0x20010010 << 96, 28, 7), (0x2002 << 112, 16, 2),
    (0x3FFE << 112, 16, 12), (0xFEC0 << 112, 10, 11), (0xFC00 << 112, 7, 5),
)  # fmt: skip
"""(network, prefix length, label) of the kernel's table, the longest prefixes first; of everything else it is 1."""


def is_link_local(address: int) -> bool:
    return address >> 118 == 0x3FA


def is_multicast(address: int) -> bool:
    return address >> 120 == 0xFF


def group_scope(group: int) -> int:
    """How far a multicast group reaches."""
    return group >> 112 & 15


def needs_link(address: int) -> bool:
    """Whether the address says nothing without a link to look for it on."""
    return is_link_local(address) or is_multicast(address) or address == LOOPBACK_ADDRESS


def solicited_node(address: int) -> int:
    """The group in which neighbours ask for the owner of an address."""
    return _SOLICITED | address & 0xFFFFFF


def is_solicited_node(address: int) -> bool:
    """Whether it is the group of some address."""
    return address >> 24 == _SOLICITED >> 24


def scope(address: int) -> int:
    if is_multicast(address):
        return group_scope(address)
    if is_link_local(address) or address == LOOPBACK_ADDRESS:
        return LINK_LOCAL
    return SITE_LOCAL if address >> 118 == 0x3FB else GLOBAL


def bound(address: int) -> int:
    """What a REDIRECT must keep to: INTERFACE_LOCAL, LINK_LOCAL, SITE_LOCAL, COMPATIBLE; 0: nothing, as the address reaches further."""
    if is_multicast(address):
        reach = group_scope(address)
    elif address == LOOPBACK_ADDRESS:
        reach = INTERFACE_LOCAL
    elif 1 < address < 1 << 32:
        reach = COMPATIBLE
    else:
        reach = scope(address)
    return reach if reach in (INTERFACE_LOCAL, LINK_LOCAL, SITE_LOCAL, COMPATIBLE) else 0


def label(address: int) -> int:
    return next((label for network, length, label in _LABELS if (address ^ network) >> (128 - length) == 0), 1)


class Candidate(NamedTuple):
    """One of the box's addresses."""

    interface: str
    address: int
    length: int


def choose(candidates: Iterable[Candidate], destination: int, leaves_by: str) -> int:
    """The address to send from to ``destination``; 0: there is none. ``candidates`` in the order in which the kernel looks at them."""
    wanted = scope(destination)
    on_link_only = is_multicast(destination) or wanted <= LINK_LOCAL
    best: tuple[tuple[int, ...], int] | None = None
    for interface, address, length in candidates:
        if on_link_only and interface != leaves_by:
            continue
        own = scope(address)
        rank = (
            address == destination,
            -own if own >= wanted else own - 128,
            interface == leaves_by,
            label(address) == label(destination),
            min(128 - (address ^ destination).bit_length(), length),
        )
        if best is None or rank > best[0]:
            best = rank, address
    return best[1] if best else 0
