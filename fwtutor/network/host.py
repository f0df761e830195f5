"""A host: one Firewall, one stack, one prompt, one console. The world moves its packets and its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING

from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import Route
from fwtutor.network.records import Record, Said, kernel_log
from fwtutor.network.services import install
from fwtutor.network.stack import Stack
from fwtutor.network.surroundings import Timer
from fwtutor.network.topology import HostSpec, parse_service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fwtutor.network.world import World

MAX_CONSOLE = 10_000
"""Lines kept; a flood keeps the first ones."""


class Host:
    """One live host of a world."""

    def __init__(self, world: World, spec: HostSpec, seed: int, names: Mapping[str, bytes], resolver: int | None) -> None:
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

    def is_local(self, address: int) -> bool:
        return self.firewall.is_local(address)

    def source_for(self, address: int) -> int | None:
        if self.firewall.is_local(address):
            return address
        return self.firewall.source_for(address) or None if self.firewall.route(address) is not None else None

    def last_on_the_wire(self, protocol: int, ends: tuple[int, int, int, int]) -> Packet | None:
        """The last packet from these ends that was sent on any link; None if there was none."""
        return self._world.last_on_the_wire(protocol, ends)

    # --- what the world asks for -------------------------------------------------------------------------------

    def route_to(self, address: int) -> Route | bool | None:
        """How a packet to ``address`` would leave: a route, True for the host itself, None: not at all."""
        return True if self.firewall.is_local(address) else self.firewall.route(address)
