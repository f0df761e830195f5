"""``-m rpfilter``: whether the box would send to the packet's source by the interface the packet came in by. In PREROUTING only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter import scopes
from fwtutor.netfilter.hooks import PREROUTING
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import LIMITED_BROADCAST, LOOPBACK, Routing
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test


def _option(name: str, meaning: str) -> Option:
    return Option(field=name.replace("-", "_"), names=(name,), arguments=0, read=lambda: True, invertible=False, meaning=meaning)


@dataclass(frozen=True, slots=True)
class RpFilter(OptionMatch):
    """The way back."""

    name: ClassVar[str] = "rpfilter"
    meaning: ClassVar[str] = "the way back to the packet's source leads over the interface it came in by"
    options: ClassVar[tuple[Option, ...]] = (
        _option("loose", "any interface will do"),
        _option("validmark", "the packet's mark may choose the route (here no route depends on marks)"),
        _option("accept-local", "the source may be an address of the box itself"),
        _option("invert", "the packet fits when it would not"),
    )
    tables: ClassVar[tuple[str, ...]] = ("raw", "mangle")
    hooks: ClassVar[tuple[str, ...]] = (PREROUTING,)

    loose: Given[bool] | None = None
    validmark: Given[bool] | None = None
    accept_local: Given[bool] | None = None
    invert: Given[bool] | None = None

    def judge(self, context: Context) -> tuple[bool, str]:
        """Whether the way back is good, and why."""
        assert context.routing is not None
        if context.in_interface == LOOPBACK:
            return True, "what comes by lo is always good"
        if context.looped:
            return True, "a copy of what the box sent itself is always good"
        look = self._look4 if context.packet.family == 4 else self._look6
        return look(context.packet, context.routing, context.in_interface)

    def _look4(self, packet: Packet, routing: Routing, interface: str) -> tuple[bool, str]:
        source = packet.source
        if packet.src >> 24 == 0 and (packet.dst == LIMITED_BROADCAST or packet.dst >> 8 == 0xE00000):
            return True, f"{source} asks around: it has no address yet"
        home = routing.home4(packet.src)
        if home is not None:
            if self.accept_local is None:
                return False, f"{source} is an address of the box itself"
            return home == interface or self.loose is not None, f"{source} is an address of the box, on {home}"
        if packet.src in routing.broadcasts and packet.src != LIMITED_BROADCAST:
            return False, f"{source} is a broadcast address"
        route = routing.lookup(4, packet.src)
        if route is None:
            return False, f"there is no route to {source}"
        return route.interface == interface or self.loose is not None, f"the way to {source} is by {route.interface}"

    def _look6(self, packet: Packet, routing: Routing, interface: str) -> tuple[bool, str]:
        source, src = packet.source, packet.src
        if not src:
            return True, ":: is no address to send to"
        return routing_says(routing, src, interface, self.loose is not None, self.accept_local is not None, source)

    def compile(self) -> Test:
        inverted = self.invert is not None
        return lambda context: self.judge(context)[0] != inverted

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        good, because = self.judge(context)
        return (Condition(f"-m rpfilter {self.save()}".rstrip(), good != (self.invert is not None), because),)

    def phrases(self) -> list[str]:
        way = "by some interface" if self.loose is not None else "by the interface they arrived at"
        leads = "does not lead" if self.invert is not None else "leads"
        more = " (which may be the box itself)" if self.accept_local is not None else ""
        more += " (their mark may choose the way)" if self.validmark is not None else ""
        return [f"to whose source{more} the way {leads} {way}"]

    def listing(self, numeric: bool) -> str:
        return " ".join(["rpfilter", *(option.names[0] for option, _ in self.given())])


def routing_says(routing: Routing, src: int, interface: str, loose: bool, accept_local: bool, source: str) -> tuple[bool, str]:
    """The same by IPv6's routes."""
    bound = not loose or scopes.is_link_local(src)
    if routing.is_local6(src, interface if bound else ""):
        return accept_local, f"{source} is an address of the box itself"
    if routing.is_anycast(src, interface):
        return False, f"{source} is the address of all routers"
    if scopes.is_link_local(src):
        route = routing.lookup_by(6, src, interface)
        return route is not None, f"the way to {source} is by {interface}" if route else f"there is no route to {source} by {interface}"
    best = routing.lookup(6, src)
    if best is None:
        return False, f"there is no route to {source}"
    # Of the routes to the same network that of the interface will do, but none to a larger network.
    route = routing.lookup_by(6, src, interface) or best
    if route.mask != best.mask:
        route = best
    return loose or route.interface == interface, f"the way to {source} is by {route.interface}"
