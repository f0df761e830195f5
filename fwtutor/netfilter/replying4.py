"""What the box answers to an IPv4 packet on its way: when REJECT answers, ICMP errors, and redirects."""

from __future__ import annotations

from fwtutor.netfilter import answers, ipoptions, rations
from fwtutor.netfilter.box import Box
from fwtutor.netfilter.conntrack.entry import INVALID
from fwtutor.netfilter.hooks import INPUT
from fwtutor.netfilter.packet import ICMP, TCP, UDP, Packet
from fwtutor.netfilter.passage import Passage
from fwtutor.netfilter.replying import MILLISECOND, told
from fwtutor.netfilter.routing import LOOPBACK, Route
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.targets.reject import CODES

ALL_HOSTS = 0xE0000001
"""224.0.0.1, the one group every host has joined."""
REDIRECTS = "net.ipv4.conf.all.send_redirects"


class Replying4(Passage):
    """An IPv4 packet in a box that can answer it."""

    __slots__ = ("good",)

    def __init__(self, box: Box, walk: Walk, context: Context) -> None:
        super().__init__(box, walk, context)
        self.good = 0
        """Where the IP options that the stack has read end: those of what programs send it does not read."""

    def _may_reset(self) -> bool:
        packet = self.context.packet
        if not answers.may_answer_with_reset(packet, self._is_to_many(packet)):
            return False
        if not self._reachable(packet.src) or (packet.dst >> 24 == 127 and not self.box.routing.is_local(4, packet.src)):
            return False  # without a way back nothing is sent, and the connection stays as it is
        return answers.header_holds(packet) or (self._is_verified(packet) and (self.context.hook == INPUT or self.twice))

    def _refuse(self, kind: str) -> None:
        packet = self.context.packet
        if answers.checksum_holds(packet, self._is_verified(packet)):
            self._error(answers.UNREACHABLE, CODES[kind])

    def _is_rationed(self, type: int, code: int) -> bool:
        never = type == answers.UNREACHABLE and code == answers.FRAGMENTATION_NEEDED
        return bool(self.box.sysctls["net.ipv4.icmp_ratemask"] >> type & 1) and not never

    def _interval(self) -> int:
        return self.box.sysctls["net.ipv4.icmp_ratelimit"] * MILLISECOND

    def _is_for_many(self, dst: int) -> bool:
        """Broadcasts, and the one group every host has joined."""
        return self.box.routing.is_broadcast(4, dst) or dst == ALL_HOSTS

    def _is_to_many(self, packet: Packet) -> bool:
        """Whether it was routed to many: not a copy on its way to a gateway, who is one."""
        return not self.aside and (self._is_for_many(packet.dst) or self.box.routing.is_multicast(packet.family, packet.dst))

    def _reachable(self, dst: int) -> bool:
        """Whether the box can send there. To many it can without a route: out where the sending address is at home."""
        routing = self.box.routing
        return routing.is_local(4, dst) or routing.lookup(4, dst) is not None or self._is_for_many(dst) or routing.is_multicast(4, dst)

    def _redirect(self, route: Route) -> None:
        """The packet leaves by the interface it came in on: its sender, if a neighbour, is told of the shorter way."""
        packet = self.context.packet
        back = self.box.routing.lookup_by(packet.family, packet.src, route.interface)
        if back is None or back.gateway or not self.box.sysctls[REDIRECTS]:
            return
        allowed, peer = rations.may_redirect(self._peer(packet.src), self.walk.at)
        self._remember(told(packet.src), peer, allowed)
        if not allowed:
            return
        # Told or not: what may not be answered with an ICMP message counts too.
        code = answers.REDIRECT_HOST
        may = answers.may_answer_with_error(packet, self._is_to_many(packet))
        source = self.box.routing.source_for(packet.family, packet.src)
        options = self._sent_back(packet, source, b"")
        if may and options is not None and self._may_send_error(packet.src, answers.REDIRECT, code, self.context.in_interface):
            self._answer(answers.error_about(packet, source, answers.REDIRECT, code, route.gateway or packet.dst, options, packet.src))
        self._remember(told(packet.src), rations.redirected(self._peer(packet.src) or peer, self.walk.at), True)

    def _error(self, type: int, code: int, rest: int = 0) -> None:
        packet = self.context.packet
        if self.context.link != "host" or not answers.may_answer_with_error(packet, self._is_to_many(packet)):
            return
        own = self.context.in_interface == ""
        if own and self.context.by_stack and packet.protocol == ICMP:
            # The stack's ICMP is still busy sending this one, and does not answer itself meanwhile.
            return
        quoted = self.context.kept
        way, to = self._way_back(packet)
        here = self.box.routing.is_local(packet.family, packet.dst) and not self.aside
        source = packet.dst if here else self.box.routing.source_for(packet.family, to)
        if not source or (way and not self.box.routing.source_for(packet.family, to)):
            return
        if source >> 24 == 127 and not self.box.routing.is_local(packet.family, to):
            return  # what is from 127.0.0.0/8 does not leave the box
        options = self._sent_back(packet, source, way)
        if options is not None and self._may_send_error(to, type, code, self.context.in_interface):
            self._answer(answers.error_about(quoted, source, type, code, rest, options, to))

    def _way_back(self, packet: Packet) -> tuple[bytes, int]:
        """Where an ICMP error goes, with the source route it takes."""
        if self.good <= ipoptions.FIXED:
            return b"", packet.src
        return ipoptions.way_back(packet.raw[: packet.l4], self.good, packet.src)

    def _sent_back(self, packet: Packet, source: int, way: bytes) -> bytes | None:
        """The IP options of an ICMP error: it takes the packet's record of its way back with it. None: it cannot be sent."""
        if self.good <= ipoptions.FIXED:
            return b""
        return ipoptions.sent_back(packet.raw[: packet.l4], self.good, source, way, self._is_ours, self._time_of_day())

    def _is_verified(self, packet: Packet) -> bool:
        """Connection tracking has verified its checksum when it came in; what the stack makes itself is right."""
        if self.context.by_stack and packet.protocol == TCP:
            return True
        room = packet.length - packet.l4
        if packet.protocol == UDP and not 8 <= int.from_bytes(packet.raw[packet.l4 + 4 : packet.l4 + 6], "big") <= room:
            return False  # its length was wrong already
        if packet.protocol == TCP and not 20 <= packet.doff <= room:
            return False
        if packet.protocol == ICMP and room < 8:
            return False
        # What comes around by loopback is tracked there only if that was in vain when it left.
        came_in = self.context.in_interface
        arrived = came_in not in ("", LOOPBACK) or (came_in == LOOPBACK and self.context.state == INVALID)
        tracked = self.box.tracking[packet.family] and self.box.conntrack.settings.checksum
        return bool(tracked) and packet.protocol in (TCP, UDP, ICMP) and arrived

    def _is_ours(self, address: int) -> bool:
        """Whether an IP option that asks for this address means the box: also as one of many."""
        routing = self.box.routing
        return address == 0 or routing.is_local(4, address) or routing.is_broadcast(4, address) or routing.is_multicast(4, address)

    def _time_of_day(self) -> bytes:
        """What is written into a timestamp: milliseconds since midnight."""
        return ((self.box.began + self.walk.at) // MILLISECOND % (24 * 3600 * 1000)).to_bytes(4, "big")
