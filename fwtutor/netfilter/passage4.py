"""An IPv4 packet's way through a box: martians, options, forwarding, broadcasts that come back, fragments."""

from __future__ import annotations

from typing import Self

from fwtutor.netfilter import answers, defrag
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.events import COPY, GATHERED, ROUTED, TIED
from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.optioned import Optioned
from fwtutor.netfilter.packet import ICMP, Packet, checksum
from fwtutor.netfilter.passage import AT, TO_THE_BOX
from fwtutor.netfilter.rations import NO_ROUTE_BURST, NO_ROUTE_COST
from fwtutor.netfilter.replying4 import ALL_HOSTS, REDIRECTS
from fwtutor.netfilter.routing import LIMITED_BROADCAST, LOOPBACK, RP_FILTER, STRICT, rp_filter_of
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.context import Context


class Passage4(Optioned):
    """One packet on its way."""

    __slots__ = ()

    def arrive(self, on: str) -> None:
        self.context.in_interface, self.context.out_interface = on, ""
        if not self._gather_to_track(defrag.ARRIVING) or not self._enter(PREROUTING):
            return
        packet = self.context.packet
        routing, dst = self.box.routing, packet.dst
        fault = "" if on == LOOPBACK else self._martian(packet)
        if fault:
            self._lose(fault)
        elif routing.is_local(packet.family, dst) or self._is_for_many(dst) or dst == 0:
            fault = "" if on == LOOPBACK else self._wrong_source(packet)
            if fault:
                self._lose(fault)
            elif self._read_options():
                self._deliver()
        elif routing.is_multicast(packet.family, dst):
            self._lose("a multicast group the box has not joined")
        elif self.context.link != "host":
            # Its options are read too, but nobody hears of a fault in them.
            self._lose("a broadcast on the link is not forwarded")
        else:
            self._forward()

    def _martian(self, packet: Packet) -> str:
        if packet.src == 0 and packet.dst in (0, LIMITED_BROADCAST, ALL_HOSTS):
            return ""
        fault = self.box.routing.martian_source(packet.src)
        if fault:
            return fault
        if packet.dst == 0 or packet.dst >> 24 == 127:
            return f"a martian destination address, {packet.destination}"
        return ""

    def _wrong_source(self, packet: Packet) -> str:
        """Why an arriving packet cannot be from where it says: that is the box, or not where it came in; "" if it can."""
        routing, on = self.box.routing, self.context.in_interface
        fault = routing.own_source(packet.src)
        mode = max(self.box.sysctls[RP_FILTER], self.box.sysctls[rp_filter_of(on)])
        # Whoever has no address yet may ask around.
        if fault or not mode or not packet.src:
            return fault
        route = routing.lookup(4, packet.src)
        if routing.is_broadcast(4, packet.src):
            return f"a martian source address, {packet.source}"
        if route is None:
            return f"no route leads back to its source {packet.source} (rp_filter)"
        if mode == STRICT and route.interface != on:
            return f"the way back to its source {packet.source} is by {route.interface}, and it came in by {on} (rp_filter)"
        return ""

    def _forward(self) -> None:
        packet = self.context.packet
        route = self.box.routing.lookup(packet.family, packet.dst)
        if not self.box.sysctls["net.ipv4.ip_forward"]:
            if not self._read_options():
                return
            self._lose("it is for somebody else, and net.ipv4.ip_forward is 0")
            return
        if route is None:
            if not self._read_options():
                return
            if self._take_token(packet.src, NO_ROUTE_COST, NO_ROUTE_BURST):
                self._error(answers.UNREACHABLE, answers.NET_UNREACHABLE)
            self._lose(f"no route to {packet.destination}")
            return
        # The stack looks at the destination first, and only then whether the source can be.
        fault = self._wrong_source(packet)
        if fault:
            self._lose(fault)
            return
        turns_around = route.interface == self.context.in_interface
        if turns_around and self.box.sysctls[REDIRECTS] and self.box.routing.is_broadcast(packet.family, packet.src):
            # Only a box that might send a redirect looks this closely at where the packet says it comes from.
            self._lose(f"a martian source address, {packet.source}")
            return
        if not self._read_options():
            return
        packet = self.context.packet
        if packet.ttl <= 1:
            self._error(answers.TIME_EXCEEDED, 0)
            self._lose("its TTL ran out")
            return
        mtu = self.box.routing.mtus[route.interface]
        # A datagram that came in fragments may leave in fragments, whatever it says, if those fit.
        if (self.largest or packet.length) > mtu and packet.df:
            self._error(answers.UNREACHABLE, answers.FRAGMENTATION_NEEDED, mtu)
            self._lose(f"too big for {route.interface} (MTU {mtu}), and it may not be fragmented")
            return
        self.walk.events.append((ROUTED, route.interface, ""))
        self.context.packet = Packet(answers.with_lower_ttl(packet), taken=True)
        if turns_around:
            self._redirect(route)
        self.context.out_interface = route.interface
        self.walk.events.append(AT[FORWARD])
        if self._pass(FORWARD):
            if self.changed:
                self._complete_options()
            self._leave()

    def depart(self) -> None:
        packet, routing = self.context.packet, self.box.routing
        self.good = packet.l4 if self.busy or self.context.by_stack else 0
        to_self = routing.is_local(packet.family, packet.dst) or packet.dst == 0
        route = None
        if not to_self:
            by_stack = self.busy or self.context.by_stack
            route = routing.lookup_from(4, packet.dst, packet.src) if by_stack else routing.lookup(4, packet.dst)
        if not to_self and route is None:
            self._lose(f"no route to {packet.destination}")
            return
        interface = LOOPBACK if route is None else route.interface
        self.walk.events.append((ROUTED, interface, ""))
        self.context.in_interface, self.context.out_interface = "", interface
        # The stack rations what it sends out of the same buckets as REJECT's errors; of answers to questions only if the mask says so.
        rationed = self.context.by_stack and packet.protocol == ICMP and packet.has_l4
        if rationed and not self._may_send_error(packet.dst, packet.icmp_type, packet.icmp_code, self.box.delivered.by):
            self._lose(f"the ration of ICMP messages, to all or to {packet.destination}, is used up")
            return
        if not self._gather_to_track(defrag.OWN):
            return
        if not self._enter(OUTPUT):
            return
        to_self = self.context.out_interface == LOOPBACK
        if not to_self and self._is_for_many(self.context.packet.dst):
            self._leave_and_come_back()
        elif self._leave() and to_self:
            self._come_around()

    def _way_out(self) -> str | None:
        packet, routing = self.context.packet, self.box.routing
        if routing.is_local(4, packet.dst) or packet.dst == 0:
            return LOOPBACK
        chosen = not self._is_to_many_address(packet.src)
        route = routing.lookup_from(4, packet.dst, packet.src) if chosen else routing.lookup(4, packet.dst)
        # What is from 127.0.0.0/8 does not leave the box.
        return None if route is None or packet.src >> 24 == 127 else route.interface

    def _way_to(self, gateway: int, interface: str) -> str | None:
        routing = self.box.routing
        if routing.is_local(4, gateway):
            return None
        route = None if interface else routing.lookup(4, gateway)
        return interface or (None if route is None else route.interface)

    def _copy(self, walk: Walk, context: Context) -> Self:
        copy = super()._copy(walk, context)
        copy.good = self.good
        return copy

    def _as_copy(self, packet: Packet, came_in: bool) -> Packet:
        header = bytearray(packet.raw[: packet.l4])
        header[6] |= 0x40
        header[8] = (header[8] - came_in) & 0xFF
        header[10:12] = b"\0\0"
        header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
        return Packet(bytes(header) + packet.raw[packet.l4 :])

    def _tell_too_big(self, mtu: int) -> None:
        self._error(answers.UNREACHABLE, answers.FRAGMENTATION_NEEDED, mtu)

    def _tell_missed(self) -> None:
        self.good = self.context.packet.l4
        self._error(answers.UNREACHABLE, answers.HOST_UNREACHABLE)

    def _is_to_many_address(self, address: int) -> bool:
        return self.box.routing.type_of(4, address, None) in ("BROADCAST", "MULTICAST")

    def _leave_and_come_back(self) -> None:
        """What goes to many goes to the box too: a copy passes POSTROUTING first, and comes in where the packet goes out."""
        packet, walk = self.context.packet, self.walk
        copy = Walk(packet, self.context.out_interface, walk.at)
        here = Passage4(self.box, copy, self.context.copy())
        copy.events += [(TIED, self.context.state), AT[POSTROUTING]]
        comes = here._pass(POSTROUTING) and here._confirm()
        self.context.entry = here.context.entry
        later = self.later or self.context.by_stack
        if comes and not later:
            here._come_back()
            self._look_again()
        leaves = packet.ttl > 0 or not self.box.routing.is_multicast(packet.family, packet.dst)
        if leaves and later:
            # The stack is at work on another packet, and what comes back has to wait.
            self._leave()
        if comes and later:
            here._look_again()
            here._come_back()
        walk.events.append((COPY, copy))
        walk.out += copy.out
        if leaves and not later:
            self._leave()
        walk.delivered = copy.delivered
        if not leaves:
            walk.verdict, walk.to = copy.verdict, copy.to

    def _come_back(self) -> None:
        """PREROUTING and INPUT of a copy: where it goes was known when it was sent."""
        self.context.in_interface, self.context.out_interface = self.context.out_interface, ""
        context, packet = self.context, self.context.packet
        context.looped = self.walk.looped = True
        context.link = self.walk.link = "multicast" if self.box.routing.is_multicast(packet.family, packet.dst) else "broadcast"
        if self._gather_to_track(defrag.ARRIVING) and self._enter(PREROUTING) and self._read_options():
            self._deliver()

    def _deliver(self) -> None:
        """INPUT, and to the box's own programs."""
        self.walk.events.append(TO_THE_BOX)
        # Before INPUT the stack itself puts together what is for the box, tracking or not.
        if not self._gather(defrag.DELIVERED):
            return
        self.walk.events.append(AT[INPUT])
        if self._pass(INPUT) and self._confirm():
            self.walk.to, self.walk.delivered = "local", self.context.packet
            self._hand_over()

    def _as_sent(self, mtu: int) -> list[bytes]:
        packet = self.context.packet
        mtu = min(mtu, self.largest or mtu)
        if self.sizes and packet.l4 + max(self.sizes) <= mtu:
            return defrag.apart(packet, self.sizes, self.good > 0)
        return answers.fragments(packet.raw, mtu, self.good > 0, self.keeps_df)

    def _gather(self, where: str) -> bool:
        packet = self.context.packet
        if not defrag.is_fragment(packet):
            return True
        key = defrag.key_of(packet, where)
        before = self.box.state.memory.get(key)
        waiting = before or defrag.nothing_yet(self.walk.at + self.box.sysctls[defrag.TIME] * SECOND)
        after, whole = defrag.gather(waiting._replace(interface=self.context.in_interface), packet, self.context.mark)
        self.box.wait(key, after)
        self.walk.events.append((GATHERED, key, before, after, whole))
        if whole is None:
            self.walk.verdict, self.walk.to = "HELD", None
            return False
        self.context.packet, self.sizes, self.largest, self.context.mark = whole
        if where == defrag.DELIVERED:
            self.good = whole.packet.l4
        return True

    def give_up(self, key: defrag.Key, waiting: defrag.Waiting) -> None:
        """The rest of a datagram never came: it is forgotten. Its sender is told if it was for the box, which then must have its head."""
        self.box.wait(key, None)
        self.walk.events.append((GATHERED, key, waiting, None, None))
        self.context.in_interface = waiting.interface
        if key.where == defrag.DELIVERED:
            self.good = self.context.packet.l4
        head = waiting.pieces[0].packet if waiting.pieces else None
        if head is None or head.offset or waiting.interface in ("", LOOPBACK):
            return
        routing = self.box.routing
        if routing.is_local(4, head.dst) and not self._martian(head) and not routing.own_source(head.src):
            self._error(answers.TIME_EXCEEDED, answers.REASSEMBLY_TIME)
