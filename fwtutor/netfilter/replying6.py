"""What the box answers to an IPv6 packet on its way: when REJECT answers, and ICMPv6 errors."""

from __future__ import annotations

from fwtutor.netfilter import answers6, exthdrs, rations, scopes
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.hooks import OUTPUT
from fwtutor.netfilter.packet import ICMPV6
from fwtutor.netfilter.passage import Passage
from fwtutor.netfilter.rations import RATE_BURST
from fwtutor.netfilter.replying import MILLISECOND, told
from fwtutor.netfilter.routing import LOOPBACK, Route
from fwtutor.netfilter.settings6 import FORWARDING, RATELIMIT
from fwtutor.netfilter.xtables.targets.reject import CODES


class Replying6(Passage):
    """An IPv6 packet in a box that can answer it."""

    __slots__ = ()

    def _is_ours(self, address: int) -> bool:
        """Whether the address is one of the box, or one it has as a router of a network."""
        return self.box.routing.is_local6(address, self.context.in_interface) or self._is_anycast(address)

    def _is_anycast(self, address: int) -> bool:
        return bool(self.box.sysctls[FORWARDING]) and self.box.routing.is_anycast(address, self.context.in_interface)

    def _is_for_routers(self, address: int, route: Route | None) -> bool:
        """Whether it is the address of any router of the box's network, or of that the route leads to: who is told there is not known."""
        if self._is_anycast(address):
            return True
        return route is not None and route.network == address and not route.gateway and route.mask.bit_count() < 127

    def _may_reset(self) -> bool:
        packet = self.context.packet
        if not answers6.may_answer_with_reset(packet):
            return False
        if any(address == 0 or scopes.is_multicast(address) for address in (packet.src, packet.dst)):
            return False
        # Without a way back nothing is sent, and the connection stays as it is.
        routing = self.box.routing
        return routing.is_local(6, packet.src) or routing.lookup(6, packet.src) is not None

    def _is_reachable(self, dst: int, link: str) -> bool:
        routing = self.box.routing
        return routing.is_local(6, dst) or routing.lookup6(dst, link) is not None

    def _answers_by(self) -> str:
        """The link by which its sender is looked for.

        An address that says nothing without a link, of what the box sent: by which it leaves, or where the one it is for is at home.
        """
        context, packet = self.context, self.context.packet
        by = context.in_interface
        if not scopes.is_link_local(packet.src):
            return by
        by = context.out_interface if context.hook == OUTPUT else by
        return self.box.routing.home_of(packet.dst) if by == LOOPBACK else by

    def _refuse(self, kind: str) -> None:
        if answers6.checksum_holds(self.context.packet):
            self._error(answers6.UNREACHABLE, CODES[kind])

    def _is_rationed(self, type: int, code: int) -> bool:
        return type < answers6.INFORMATIONAL and type != answers6.TOO_BIG

    def _interval(self) -> int:
        return self.box.sysctls[RATELIMIT] * MILLISECOND

    def _redirect(self, route: Route) -> None:
        """The packet leaves by the interface it came in on: its sender, if a neighbour, is told of the shorter way.

        Rationed by whom it goes to, told or not, and by whom is told; only a box with a link-local address there tells.
        """
        packet, routing = self.context.packet, self.box.routing
        own = (address for family, address, _ in routing.addresses[route.interface] if family == 6 and scopes.is_link_local(address))
        source, target = next(own, 0), route.gateway or packet.dst
        back = routing.lookup6(packet.src, route.interface)
        neighbour = routing.is_local6(packet.src, route.interface) or (back is not None and not back.gateway)
        would = bool(source) and neighbour and (target == packet.dst or scopes.is_link_local(target))
        allowed, after = rations.take_token(self._peer(packet.dst), self.walk.at, SECOND, RATE_BURST * SECOND)
        # Where nothing would be told, nothing is withheld.
        self._remember(told(packet.dst), after, allowed or not would)
        if allowed and would and self._take_token(packet.src, SECOND, RATE_BURST * SECOND):
            self._answer(answers6.redirect_about(packet, source, target), tied=False)

    def _error(self, type: int, code: int, rest: int = 0) -> None:
        packet, context = self.context.packet, self.context
        if context.by_stack and not context.in_interface and packet.protocol == ICMPV6 and packet.icmp_type == answers6.ECHO_REPLY:
            # The stack's ICMP is still busy sending this one; what it says to neighbours it says by another socket.
            return
        # What is refused in OUTPUT has no device yet, but for a copy; the stack takes that of loopback for it, and rations nothing.
        came_by = LOOPBACK if context.hook == OUTPUT and not self.is_copy else context.in_interface
        # By loopback no link-local address is the box's own.
        ours = self._is_ours(packet.dst) and not (came_by == LOOPBACK and scopes.is_link_local(packet.dst))
        if scopes.is_multicast(packet.dst) or context.link != "host":
            unknown = type == answers6.PARAMETER_PROBLEM and code == exthdrs.UNKNOWN_OPTION
            if type != answers6.TOO_BIG and not (unknown and packet.raw[rest] >> 6 == 2):
                return
            ours = False
        if packet.src == 0 or scopes.is_multicast(packet.src) or not answers6.may_answer_with_error(packet):
            return
        link = self._answers_by()
        if self._is_for_routers(packet.src, self.box.routing.lookup6(packet.src, link)):
            return
        if link == LOOPBACK and scopes.is_link_local(packet.src):
            return  # it is nobody's there
        source = packet.dst if ours else self.box.routing.source_for6(packet.src, link)
        if not source or not self._is_reachable(packet.src, link):
            return
        if self._may_send_error(packet.src, type, code, came_by):
            self._answer(answers6.error_about(context.kept, source, type, code, rest))
