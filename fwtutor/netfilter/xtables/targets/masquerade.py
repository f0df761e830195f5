"""``-j MASQUERADE``: SNAT to the address the box has on the link by which the connection leaves. Only in POSTROUTING of table nat.

A connection that would leave by another interface later is not what its other side knows any more: its entry is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.conntrack.nat.ranges import Range
from fwtutor.netfilter.hooks import POSTROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.rule import NatTarget
from fwtutor.netfilter.xtables.targets.translation import FULLY, RANDOM, Ports, Switched, read_ports, write_ports
from fwtutor.netfilter.xtables.wording import Wording


@dataclass(frozen=True, slots=True)
class Masquerade(Switched, NatTarget):
    """The box's own address as source."""

    name: ClassVar[str] = "MASQUERADE"
    hooks: ClassVar[tuple[str, ...]] = (POSTROUTING,)
    meaning: ClassVar[str] = "the connection gets the box's own address as its source"
    words: ClassVar[Wording] = {
        "": "get the box's own address as their source",
        "ports": "and one of the ports {}",
        "random": ";with ports drawn by lot",
        "fully": ";with ports drawn by lot",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="ports", names=("to-ports",), argument="PORT[-PORT]", read=read_ports, write=write_ports, invertible=False,
               of_protocol=True, meaning="the ports to choose from"),
        RANDOM, FULLY,
    )  # fmt: skip

    ports: Given[Ports] | None = None
    random: Given[bool] | None = None
    fully: Given[bool] | None = None

    def wanted(self, context: Context) -> Range | None:
        entry, routing = context.entry, context.routing
        assert entry is not None
        assert routing is not None
        if not entry.original.src and entry.original.family == 4:
            return Range(entry.reply.dst, entry.reply.dst)  # a host that has no address yet is not masqueraded
        packet, there = context.packet, context.out_interface
        if packet.family == 6:
            own = routing.source_by6(packet.dst, there)
        else:
            route = routing.lookup_by(4, packet.dst, there)
            own = routing.address_on(there, route.gateway if route is not None and route.gateway else packet.dst)
        ports = None if self.ports is None else self.ports.value
        random = bool(self.random or self.fully)
        if not own:
            return None
        return Range(own, own, ports and ports[:2], ports and ports.base, random, leaves_by=there)

    def listing(self, numeric: bool) -> str:
        ports = "" if self.ports is None else f" masq ports: {write_ports(self.ports.value)}"
        return f"{ports}{self.switches()}".lstrip()
