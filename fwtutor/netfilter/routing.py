"""Routing: interfaces, addresses, MTU, routes. Where does a packet go: to the box, out by an interface, or nowhere?

Neighbours are not simulated: who is on a link gets what is sent there. Policy routing is not simulated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fwtutor.netfilter import scopes
from fwtutor.netfilter.addresses import format_address, parse_address, parse_interface, parse_network, prefix_mask

LOOPBACK = "lo"
LIMITED_BROADCAST = 0xFFFFFFFF
DEFAULT_MTU = 1500
LOOPBACK_MTU = 65536
LEAST_MTU6 = 1280
"""Bytes every IPv6 link must carry."""


RP_FILTER = "net.ipv4.conf.all.rp_filter"
"""Whether IPv4 packets are dropped to whose source no way leads back: 0 no, 2 (loose) by no interface, 1 by the one they came in by."""
STRICT = 1


def rp_filter_of(interface: str) -> str:
    """The same of one interface."""
    return f"net.ipv4.conf.{interface}.rp_filter"


class Route(NamedTuple):
    """One line of the routing table. ``gateway`` 0: the destination is on the link. ``source`` is the address preferred."""

    family: int
    network: int
    mask: int
    interface: str
    gateway: int
    source: int


class Routing:
    """The routing table of one box. Raises ValueError naming what makes no sense."""

    def __init__(
        self,
        interfaces: Mapping[str, Sequence[str]],
        routes: Mapping[str, str | tuple[str, str]],
        mtus: Mapping[str, int],
    ) -> None:
        self.addresses: dict[str, list[tuple[int, int, int]]] = {LOOPBACK: [parse_interface("127.0.0.1/8"), parse_interface("::1/128")]}
        """By interface: (family, address, prefix length)."""
        for name, texts in interfaces.items():
            if not name or len(name) > 15 or any(letter in "/ \t\n" for letter in name):
                raise ValueError(f"{name!r} cannot be the name of an interface")
            own = self.addresses.setdefault(name, [])
            for text in texts:
                try:
                    own.append(parse_interface(text))
                except ValueError as error:
                    raise ValueError(f"interface {name}: {error}") from None
        self.mtus = {name: mtus.get(name, LOOPBACK_MTU if name == LOOPBACK else DEFAULT_MTU) for name in self.addresses}
        for name in mtus:
            if name not in self.addresses:
                raise ValueError(f"MTU of an unknown interface {name!r}")
            if not 68 <= mtus[name] <= 65536:
                raise ValueError(f"MTU {mtus[name]} of {name} is not between 68 and 65536")
            if mtus[name] < LEAST_MTU6 and any(family == 6 for family, _, _ in self.addresses[name]):
                raise ValueError(f"MTU {mtus[name]} of {name}, which has an IPv6 address: those need {LEAST_MTU6}")
        self.local = {(family, address) for own in self.addresses.values() for family, address, _ in own}
        self.broadcasts: set[int] = {LIMITED_BROADCAST}
        self.anycasts: set[tuple[int, str]] = set()
        """Of each IPv6 network the address of its routers, and its interface where that matters."""
        self.routes: list[Route] = []
        for name, own in self.addresses.items():
            for family, address, length in own:
                mask = prefix_mask(family, length)
                self.routes.append(Route(family, address & mask, mask, name, 0, address))
                if family == 4 and length < 31:
                    self.broadcasts.add(address | ~mask & LIMITED_BROADCAST)
                elif family == 6 and length < 127 and name != LOOPBACK:
                    self.anycasts.add((address & mask, name if scopes.is_link_local(address) else ""))
        for destination, way in routes.items():
            self.routes += self._parse_route(destination, way)
        # The longest prefix wins; among equals the first that was given.
        self.routes.sort(key=lambda route: -route.mask.bit_count())
        self._cache: dict[tuple[int, int], Route | None] = {}

    def _parse_route(self, destination: str, way: str | tuple[str, str]) -> list[Route]:
        name, gateway_text = (way, "") if isinstance(way, str) else way
        if name not in self.addresses:
            raise ValueError(f"route to {destination}: there is no interface {name!r}")
        gateway_family, gateway = parse_address(gateway_text) if gateway_text else (0, 0)
        if destination == "default":
            networks = [(family, 0, 0) for family in (4, 6)]
        else:
            networks = [parse_network(destination)]
        found = []
        for family, network, length in networks:
            if gateway_family in (0, family):
                found.append(Route(family, network, prefix_mask(family, length), name, gateway, self.first_address(name, family)))
        if not found:
            raise ValueError(f"route to {destination}: its gateway {gateway_text} is of the other family")
        return found

    def first_address(self, name: str, family: int) -> int:
        """The first of an interface's addresses; 0: it has none."""
        return next((address for kind, address, _ in self.addresses[name] if kind == family), 0)

    def address_on(self, name: str, hop: int) -> int:
        """The IPv4 address to send from by an interface to a neighbour: one of its network, or the interface's first; 0: none."""
        primary = self._primary(name)
        near = next((address for address, mask in primary if address & mask == hop & mask), 0)
        if near or primary:
            return near or primary[0][0]
        return next((own[0][0] for other in self.addresses if (own := self._primary(other))), 0)

    def _primary(self, name: str) -> list[tuple[int, int]]:
        """An interface's addresses with their masks; of several in one network the first, and none of 127.0.0.0/8."""
        found: list[tuple[int, int]] = []
        for kind, address, length in self.addresses[name]:
            mask = prefix_mask(kind, length)
            if kind == 4 and address >> 24 != 127 and (address & mask, mask) not in {(a & m, m) for a, m in found}:
                found.append((address, mask))
        return found

    def lookup(self, family: int, dst: int) -> Route | None:
        """The route a packet to ``dst`` takes; None: there is none."""
        key = (family, dst)
        if key in self._cache:
            return self._cache[key]
        route = next((route for route in self.routes if route.family == family and dst & route.mask == route.network), None)
        if len(self._cache) > 4096:
            self._cache.clear()
        self._cache[key] = route
        return route

    def lookup_from(self, family: int, dst: int, src: int) -> Route | None:
        """The route of a packet whose source was chosen before: to a group or to everybody it leaves where that source is at home."""
        if self.is_multicast(family, dst) or dst == LIMITED_BROADCAST:
            return next((route for route in self.routes if route.source == src), None)
        return self.lookup(family, dst)

    def lookup_by(self, family: int, dst: int, interface: str) -> Route | None:
        """The best route to ``dst`` among those that leave by ``interface``."""
        matching = (route for route in self.routes if route.family == family and dst & route.mask == route.network)
        return next((route for route in matching if route.interface == interface), None)

    def lookup6(self, dst: int, interface: str) -> Route | None:
        """The route of an IPv6 packet: what says nothing without a link is looked for on that of ``interface``, if one is given."""
        if not interface or not scopes.needs_link(dst):
            return self.lookup(6, dst)
        if scopes.is_multicast(dst):
            return Route(6, 0xFF << 120, 0xFF << 120, interface, 0, 0)
        return self.lookup_by(6, dst, interface)

    def is_local6(self, address: int, interface: str) -> bool:
        """True for the box's own addresses; for a link-local one, on its own link."""
        if interface in ("", LOOPBACK):
            return (6, address) in self.local
        if not scopes.is_link_local(address):
            return (6, address) in self.local and address != scopes.LOOPBACK_ADDRESS
        return any(family == 6 and own == address for family, own, _ in self.addresses[interface])

    def home_of(self, address: int) -> str:
        """The interface that has an IPv6 address of the box, or that of its routers; LOOPBACK when none has."""
        for name, own in self.addresses.items():
            if any(family == 6 and address in (each, each & prefix_mask(6, length)) for family, each, length in own):
                return name
        return LOOPBACK

    def is_anycast(self, address: int, interface: str) -> bool:
        """Whether it is the address of all routers of a network of the box's."""
        return (address, interface if scopes.is_link_local(address) else "") in self.anycasts

    def has_joined(self, group: int, interface: str, forwarding: bool) -> bool:
        """Whether the box listens to an IPv6 multicast group on that link."""
        if group in (scopes.ALL_NODES, scopes.ALL_NODES ^ 3 << 112):
            return True
        if group == scopes.ALL_ROUTERS:
            return forwarding and interface != LOOPBACK
        own = [(address, length) for family, address, length in self.addresses[interface] if family == 6 and interface != LOOPBACK]
        every = {address for address, _ in own}
        if forwarding:
            every |= {address & prefix_mask(6, length) for address, length in own if length < 127}
        return group in {scopes.solicited_node(address) for address in every}

    def is_local(self, family: int, address: int) -> bool:
        """True for the box's own addresses, all of 127.0.0.0/8 among them."""
        return (family, address) in self.local or (family == 4 and address >> 24 == 127)

    def home4(self, address: int) -> str | None:
        """The interface that has an IPv4 address of the box; None when none has."""
        if address >> 24 == 127:
            return LOOPBACK
        own = (name for name, each in self.addresses.items() for family, known, _ in each if (family, known) == (4, address))
        return next(own, None)

    def is_broadcast(self, family: int, address: int) -> bool:
        return family == 4 and address in self.broadcasts

    def is_multicast(self, family: int, address: int) -> bool:
        return address >> 28 == 0xE if family == 4 else scopes.is_multicast(address)

    def mtu_to(self, family: int, dst: int) -> int | None:
        """The MTU of the way the box would send to ``dst``; None when there is none."""
        if self.is_local(family, dst) or dst == 0:
            return self.mtus[LOOPBACK]
        route = self.lookup(family, dst)
        return None if route is None else self.mtus[route.interface]

    def type_of(self, family: int, address: int, interface: str | None) -> str:
        """What kind of address it is for the box: LOCAL, BROADCAST, MULTICAST or UNICAST; LOCAL and BROADCAST only if on ``interface``."""
        if family == 4 and address in (0, LIMITED_BROADCAST):
            return "BROADCAST"
        if self.is_multicast(family, address):
            return "MULTICAST"
        for name, own in self.addresses.items():
            if interface not in (None, name):
                continue
            if family == 4 and address in self._broadcasts_of(name):
                return "BROADCAST"
            if any((kind, each) == (family, address) for kind, each, _ in own) or (
                family == 4 and name == LOOPBACK and address >> 24 == 127
            ):
                return "LOCAL"
        return "UNICAST"

    def _broadcasts_of(self, name: str) -> set[int]:
        own = self.addresses[name]
        return {address | ~prefix_mask(4, length) & LIMITED_BROADCAST for family, address, length in own if family == 4 and length < 31}

    def source_for(self, family: int, dst: int) -> int:
        """The address the box would send from to ``dst``; 0 when there is no way."""
        if self.is_local(family, dst):
            return dst
        if family == 6:
            return self.source_for6(dst, "")
        route = self.lookup(family, dst)
        if route is None:
            return 0
        if route.gateway:
            return self.source_for(family, route.gateway) or route.source
        return route.source or next((address for kind, address in sorted(self.local) if kind == family and address >> 24 != 127), 0)

    def source_for6(self, dst: int, interface: str) -> int:
        """The address the box would send from to ``dst``, about what came in by ``interface`` ("": nothing did); 0 when there is no way."""
        if self.is_local6(dst, interface):
            return dst
        route = self.lookup6(dst, interface)
        if route is None:
            return 0
        return self.source_by6(dst, interface or route.interface) or self.source_by6(dst, route.interface)

    def source_by6(self, dst: int, interface: str) -> int:
        """The address the box would send from to ``dst`` by an interface; 0 when there is none."""
        every = [scopes.Candidate(name, address, length) for name in self.addresses for address, length in self._in_order6(name)]
        return scopes.choose(every, dst, interface)

    def _in_order6(self, name: str) -> list[tuple[int, int]]:
        """An interface's IPv6 addresses as the kernel keeps them: by scope, the widest first, and the youngest before the older."""
        own = [(address, length) for family, address, length in self.addresses[name] if family == 6]
        return sorted(own, key=lambda each: (scopes.scope(each[0]), own.index(each)), reverse=True)

    def redirected6(self, name: str, dst: int) -> int:
        """The address an interface has for what was sent to ``dst``: the first that reaches no further than that; 0: none."""
        wanted = scopes.bound(dst)
        return next((own for own, _ in self._in_order6(name) if not wanted or scopes.bound(own) == wanted), 0)

    def martian_source(self, src: int) -> str:
        """Why an arriving IPv4 packet's source is impossible anywhere, "" if it is not."""
        if src == 0 or src >> 24 == 127 or self.is_multicast(4, src) or src == LIMITED_BROADCAST:
            return f"a martian source address, {format_address(4, src)}"
        return ""

    def own_source(self, src: int) -> str:
        """Why an arriving IPv4 packet's source is impossible here: it is the box's; "" if it is not."""
        return f"its source {format_address(4, src)} is the box itself" if (4, src) in self.local else ""
