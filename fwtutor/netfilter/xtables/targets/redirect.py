"""``-j REDIRECT``: the connection goes to the box itself: DNAT to its address where the packet came in, or, of its own connections, to
127.0.0.1. Only in PREROUTING and OUTPUT of table nat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.conntrack.nat.ranges import Range
from fwtutor.netfilter.hooks import OUTPUT, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Demanded, Given, Option
from fwtutor.netfilter.xtables.rule import NatTarget
from fwtutor.netfilter.xtables.targets.translation import RANDOM, Ports, Switched, read_ports, write_ports
from fwtutor.netfilter.xtables.wording import Wording

_LOOPBACK = {4: 0x7F000001, 6: 1}


def _read(text: str, demanded: Demanded) -> Ports:
    ports = read_ports(text, demanded)
    if ports.base is not None:
        raise Unreadable("Shifted portmap ranges not supported with this kernel")
    return ports


@dataclass(frozen=True, slots=True)
class Redirect(Switched, NatTarget):
    """To the box itself."""

    name: ClassVar[str] = "REDIRECT"
    hooks: ClassVar[tuple[str, ...]] = (PREROUTING, OUTPUT)
    meaning: ClassVar[str] = "the connection goes to the box itself"
    words: ClassVar[Wording] = {
        "": "go to the box itself",
        "ports": "at port {}",
        "random": ";with ports drawn by lot",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="ports", names=("to-ports",), argument="PORT[-PORT]", read=_read, write=write_ports, invertible=False,
               of_protocol=True, meaning="the ports to choose from"),
        RANDOM,
    )  # fmt: skip

    ports: Given[Ports] | None = None
    random: Given[bool] | None = None

    def wanted(self, context: Context) -> Range | None:
        family = context.packet.family
        own = _LOOPBACK[family]
        if context.hook != OUTPUT:
            assert context.routing is not None
            here, routing = context.in_interface, context.routing
            own = routing.first_address(here, 4) if family == 4 else routing.redirected6(here, context.packet.dst)
        ports = None if self.ports is None else self.ports.value[:2]
        return Range(own, own, ports, random=self.random is not None) if own else None

    def listing(self, numeric: bool) -> str:
        ports = "" if self.ports is None else f" redir ports {write_ports(self.ports.value)}"
        return f"{ports}{self.switches()}".lstrip()
