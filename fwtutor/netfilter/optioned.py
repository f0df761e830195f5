"""A packet's IP options on its way: when the stack reads them, what it takes offence at, and what it writes into them.

How options are read and written is ``ipoptions``'; how they go back with an ICMP error, ``replying``'s.
"""

from __future__ import annotations

from fwtutor.netfilter import answers, ipoptions
from fwtutor.netfilter.box import Box
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.replying4 import Replying4
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.context import Context


class Optioned(Replying4):
    """A packet in a box that looks at its options."""

    __slots__ = ("changed", "places")

    def __init__(self, box: Box, walk: Walk, context: Context) -> None:
        super().__init__(box, walk, context)
        self.changed = False
        """Whether its options were written into."""
        self.places: tuple[int, ...] = ()
        """Where in them the address it leaves from is to stand."""

    def _read_options(self) -> bool:
        """Between PREROUTING and what comes next the stack looks at the IP options. False when the packet ends here for them."""
        packet = self.context.packet
        if packet.l4 == ipoptions.FIXED:
            return True
        header = packet.raw[: packet.l4]
        read = ipoptions.read(header, self._recorded_as(packet), self._is_ours, self._time_of_day())
        self.good, self.changed, self.places = read.good, read.changed, read.places
        if read.changed:
            self.context.packet = Packet(read.header + packet.raw[packet.l4 :], taken=True)
        if read.fault is not None:
            self._error(answers.PARAMETER_PROBLEM, 0, read.fault << 24)
            self._lose(f"byte {read.fault} of its header, in the IP options, makes no sense")
        elif read.source_route:
            self._lose("it brings a source route along, and those are not followed")
        return read.fault is None and not read.source_route

    def _recorded_as(self, packet: Packet) -> int:
        """The address by which the box records itself on a packet that comes in: the one the sender would know it by."""
        routing = self.box.routing
        if routing.is_local(packet.family, packet.dst):
            return packet.dst
        back = routing.source_for(packet.family, packet.src) if packet.src else 0
        return back or next((own for family, own, _ in routing.addresses[self.context.in_interface] if family == 4), 0)

    def _complete_options(self) -> None:
        """Behind FORWARD the box puts the address the packet leaves from where it recorded itself, and mends the header's checksum."""
        packet = self.context.packet
        source = self.box.routing.source_for(packet.family, packet.dst)
        header = ipoptions.leaving(packet.raw[: packet.l4], self.places, source)
        self.context.packet = Packet(header + packet.raw[packet.l4 :])
