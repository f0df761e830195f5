"""A host: one Firewall, one stack, one prompt, one console. The world moves its packets and its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING

from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import DEFAULT_MTU, Route
from fwtutor.network.ends import Address, Ends
from fwtutor.network.records import Record, Said, kernel_log
from fwtutor.network.services import Names, install
from fwtutor.network.stack import Stack
from fwtutor.network.surroundings import Timer
from fwtutor.network.topology import HostSpec, parse_service

if TYPE_CHECKING:
    from fwtutor.network.world import World

MAX_CONSOLE = 10_000
"""Lines kept; a flood keeps the first ones."""


class Host:
    """One live host of a world."""

    def __init__(self, world: World, spec: HostSpec, seed: int, names: Names, resolver: Address | None) -> None:
        self.name = spec.name
        self.spec = spec
        self.resolver = resolver
        """The name server it asks; None when the topology has none."""
        self.console: list[Said] = []
        """What its sockets had to say, in order of time."""
        self.lines = 0
        """How many lines were entered at its prompt."""
        self._world = world
        self._seed = seed
        try:
            self.firewall = Firewall(interfaces=spec.interfaces, routes=spec.routes, sysctls=spec.sysctls)
        except ValueError as error:
            raise ValueError(f"hosts.{spec.name}: {error}") from None
        if spec.rules:
            self.firewall.load(spec.rules)
        self.stack = Stack(self)
        for service in spec.services:
            install(self.stack, *parse_service(service), names)

    # --- what the stack asks for (surroundings.Surroundings) ---------------------------------------------------

    @property
    def now(self) -> int:
        return self._world.now

    def emit(self, raw: bytes, *, tell: bool = False, by_stack: bool = False) -> None:
        self._world.emit(self, raw, tell, by_stack)

    def arm(self, delay: int, fire: Callable[[], str], busy: bool = True) -> Timer:
        return self._world.arm(self, delay, fire, busy)

    def cancel(self, timer: Timer) -> None:
        self._world.clock.cancel(timer)

    @property
    def log(self) -> list[str]:
        """The kernel's log: what LOG rules wrote."""
        return kernel_log(self.records)

    @property
    def records(self) -> Iterator[Record]:
        """What has happened here, in order."""
        return (record for record in self._world.records if record.host == self.name)

    def say(self, text: str) -> None:
        if len(self.console) < MAX_CONSOLE:
            self.console.append(Said(self._world.now, self._world.current, text))

    def draw(self, *key: object) -> int:
        digest = blake2b(repr((self._seed, self.name, *key)).encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big")

    def is_local(self, address: Address) -> bool:
        return self.firewall.is_local(address.value, address.family)

    def source_for(self, address: Address) -> Address | None:
        if self.is_local(address):
            return address
        value, family = address.value, address.family
        source = self.firewall.source_for(value, family) if self.firewall.route(value, family) is not None else 0
        return Address(family, source) if source else None

    def mtu_to(self, address: Address) -> int:
        return self.firewall.routing.mtu_to(address.family, address.value) or DEFAULT_MTU

    def source_of_answer(self, packet: Packet) -> tuple[int, int] | None:
        return self.firewall.source_of_answer(packet)

    def last_on_the_wire(self, protocol: int, ends: Ends) -> Packet | None:
        """The last packet from these ends that was sent on any link; None if there was none."""
        return self._world.last_on_the_wire(protocol, ends)

    # --- what the world asks for -------------------------------------------------------------------------------

    def route_to(self, address: Address) -> Route | bool | None:
        """How a packet to ``address`` would leave: a route, True for the host itself, None: not at all."""
        return True if self.is_local(address) else self.firewall.route(address.value, address.family)
