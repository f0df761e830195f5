"""Addresses with their family, and the two ends of a connection: what a socket is known by."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.packet import Packet


class Address(NamedTuple):
    """An address of either family (4 or 6), printed as people write it."""

    family: int
    value: int

    def __str__(self) -> str:
        return format_address(self.family, self.value)


ANY = {4: Address(4, 0), 6: Address(6, 0)}
"""Whoever listens there listens at all addresses of the family."""


class Ends(NamedTuple):
    """Own address and port, the peer's address and port."""

    address: Address
    port: int
    peer: Address
    peer_port: int

    def __str__(self) -> str:
        return f"{self.here} > {self.there}"

    @property
    def here(self) -> str:
        """``203.0.113.9:4000``, ``[2001:db8::9]:4000``."""
        return write_place(self.address, self.port)

    @property
    def there(self) -> str:
        """Likewise, of the peer."""
        return write_place(self.peer, self.peer_port)

    @property
    def turned(self) -> Ends:
        """As the peer has them."""
        return Ends(self.peer, self.peer_port, self.address, self.port)


def write_place(address: Address, port: int) -> str:
    """An address with a port, as people write it."""
    return f"[{address}]:{port}" if address.family == 6 else f"{address}:{port}"


def source_of(packet: Packet) -> Address:
    """Who sent it."""
    return Address(packet.family, packet.src)


def destination_of(packet: Packet) -> Address:
    """To whom."""
    return Address(packet.family, packet.dst)


def ends_of(packet: Packet) -> Ends:
    """Its ends as its sender has them."""
    return Ends(source_of(packet), packet.sport, destination_of(packet), packet.dport)
