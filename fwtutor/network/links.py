"""Links: which interface of which host a packet reaches when it leaves by another, and how long that takes."""

from __future__ import annotations

from collections.abc import Mapping

from fwtutor.netfilter import scopes
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.lots import lot_of
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.settings6 import FORWARDING
from fwtutor.network.ends import Address
from fwtutor.network.host import Host
from fwtutor.network.neighbours import next_hop
from fwtutor.network.topology import LinkSpec


class Link:
    """A segment. Who has the address gets the packet, else the sender's gateway."""

    def __init__(self, spec: LinkSpec, hosts: Mapping[str, Host], seed: int) -> None:
        self.name = spec.name
        self.delay = round(spec.delay * SECOND)
        """ns"""
        self._mtu, self._loss = spec.mtu, spec.loss
        self.discovery, self.arp = spec.discovery, spec.arp
        self._seed, self._carried = seed, 0
        self._ends: list[tuple[Host, str]] = []
        for end in spec.joins:
            name, _, interface = end.partition(":")
            self._ends.append((hosts[name], interface))
        self._owners = {
            (family, address): (host, interface)
            for host, interface in self._ends
            for family, address, _ in host.firewall.interfaces[interface]
        }

    @property
    def ends(self) -> tuple[tuple[str, str], ...]:
        """(host, interface) of everybody joined."""
        return tuple((host.name, interface) for host, interface in self._ends)

    def has(self, address: Address) -> bool:
        """Whether somebody on it has that address."""
        return address in self._owners

    def _hears(self, host: Host, interface: str, packet: Packet) -> bool:
        """Whether an interface takes what is for many: of a group that asks for one neighbour, where they are asked for, a member."""
        if not self.discovery or packet.family != 6 or not scopes.is_solicited_node(packet.dst):
            return True
        return host.firewall.routing.has_joined(packet.dst, interface, bool(host.firewall.sysctls[FORWARDING]))

    def loses(self, packet: Packet) -> bool:
        """Whether it loses the packet: as one that is too long, or by the lot of the seed and of how many it has carried."""
        self._carried += 1
        if self._mtu and packet.length > self._mtu:
            return True
        if not self._loss:
            return False
        return lot_of(f"{self._seed} {self.name} {self._carried}") < self._loss * 2**32

    def reach(self, sender: Host, packet: Packet) -> list[tuple[Host, str, str]]:
        """Who gets a packet: (host, interface, "host" or "broadcast"), the sender excluded."""
        family, routing = packet.family, sender.firewall.routing
        group = routing.is_multicast(family, packet.dst)
        if group or routing.is_broadcast(family, packet.dst):
            how = "multicast" if group else "broadcast"
            return [(host, interface, how) for host, interface in self._ends if host is not sender and self._hears(host, interface, packet)]
        owner = self._owners.get((family, packet.dst))
        if owner is None:
            hop = next_hop(sender, packet)
            owner = None if hop is None else self._owners.get(hop)
        return [(*owner, "host")] if owner is not None and owner[0] is not sender else []
