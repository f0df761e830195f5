"""What the box answers to a packet on its way: REJECT's answers, ICMP errors and redirects, as often as their rations allow.

How such packets look is ``answers``'; where they go then, ``passage``'s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from fwtutor.netfilter import answers, ipoptions
from fwtutor.netfilter.box import Box
from fwtutor.netfilter.conntrack.entry import INVALID, ORIGINAL, RELATED, REPLY, SECOND, UNTRACKED
from fwtutor.netfilter.events import ANSWER, CHANGED, MEMORY, TIED
from fwtutor.netfilter.hooks import INPUT
from fwtutor.netfilter.packet import ICMP, TCP, UDP, Packet
from fwtutor.netfilter.routing import LOOPBACK, Route
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.targets.reject import Reject

ALL_HOSTS = 0xE0000001
"""224.0.0.1, the one group every host has joined."""
MILLISECOND = SECOND // 1000
ALL_ERRORS = "icmp errors"
"""Key of the ration of all destinations together."""
PER_SECOND, BURST = "net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"
REDIRECTS = "net.ipv4.conf.all.send_redirects"


class Replying(ABC):
    """A packet in a box that can answer it."""

    __slots__ = ("box", "context", "good", "reset", "twice", "walk")

    def __init__(self, box: Box, walk: Walk, context: Context) -> None:
        self.box, self.walk, self.context = box, walk, context
        self.reset = False
        """The packet is REJECT's own RST."""
        self.good = 0
        """Where the IP options that the stack has read end: those of what programs send it does not read."""
        self.twice = False
        """Whether connection tracking has verified its checksum twice: what was found good the second time is not doubted again."""

    @abstractmethod
    def answering(self, walk: Walk, context: Context, reset: bool) -> None:
        """Send an answer on its way; ``reset``: it is REJECT's RST."""

    def _is_for_many(self, dst: int) -> bool:
        """Broadcasts, and the one group every host has joined."""
        return self.box.routing.is_broadcast(4, dst) or dst == ALL_HOSTS

    def _is_to_many(self, packet: Packet) -> bool:
        return self._is_for_many(packet.dst) or self.box.routing.is_multicast(packet.family, packet.dst)

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
        allowed, peer = answers.may_redirect(self._peer(packet.src), self.walk.at)
        self._remember(_told(packet.src), peer, allowed)
        if not allowed:
            return
        # Told or not: what may not be answered with an ICMP message counts too.
        code = answers.REDIRECT_HOST
        may = answers.may_answer_with_error(packet, self._is_to_many(packet))
        source = self.box.routing.source_for(packet.family, packet.src)
        options = self._sent_back(packet, source, b"")
        if may and options is not None and self._may_send_error(packet.src, answers.REDIRECT, code, self.context.in_interface):
            self._answer(answers.error_about(packet, source, answers.REDIRECT, code, route.gateway or packet.dst, options, packet.src))
        self._remember(_told(packet.src), answers.redirected(self._peer(packet.src) or peer, self.walk.at), True)

    def _reject(self, target: Reject) -> None:
        packet = self.context.packet
        if target.kind == "tcp-reset":
            if not answers.may_answer_with_reset(packet, self._is_to_many(packet)):
                return
            if not self._reachable(packet.src):
                return  # without a way back nothing is sent, and the connection stays as it is
            if not answers.header_holds(packet) and not (self._is_verified(packet) and (self.context.hook == INPUT or self.twice)):
                return
            if self.context.entry is not None:
                closed = self.box.conntrack.close(self.context.entry, self.walk.at)
                if closed is not None:
                    self.walk.events.append((CHANGED, *closed))
                    self.context.entry = closed[1]
            self._answer(answers.reset_for(packet), reset=True)
        elif answers.checksum_holds(packet, self._is_verified(packet)):
            self._error(answers.UNREACHABLE, answers.REJECT_CODES[target.kind])

    def _error(self, type: int, code: int, rest: int = 0) -> None:
        """Send an ICMP error about the packet to its source, if one may be sent and the rate limit allows."""
        packet = self.context.packet
        if self.context.link != "host" or not answers.may_answer_with_error(packet, self._is_to_many(packet)):
            return
        own = self.context.in_interface == ""
        if own and self.context.by_stack and packet.protocol == ICMP:
            # The stack's ICMP is still busy sending this one, and does not answer itself meanwhile.
            return
        quoted = answers.as_kept(packet) if self.reset else packet
        way, to = self._way_back(packet)
        here = self.box.routing.is_local(packet.family, packet.dst)
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
        """What is written into a timestamp: milliseconds since midnight, which is when the simulation begins."""
        return (self.walk.at // MILLISECOND % (24 * 3600 * 1000)).to_bytes(4, "big")

    def _may_send_error(self, destination: int, type: int, code: int, came_by: str) -> bool:
        """Whether the rations, that of all destinations and that of this one, have one more; if so it is taken.

        What came in by loopback is answered without.
        """
        sysctls = self.box.sysctls
        limited = sysctls["net.ipv4.icmp_ratemask"] >> type & 1 and not (
            type == answers.UNREACHABLE and code == answers.FRAGMENTATION_NEEDED
        )
        if not limited or came_by == LOOPBACK:
            return True
        before = self.box.state.memory.get(ALL_ERRORS)
        allowed, after = answers.take_credit(before, self.walk.at, sysctls[PER_SECOND], sysctls[BURST])
        if allowed and not self.box.routing.is_local(4, destination):
            interval = sysctls["net.ipv4.icmp_ratelimit"] * MILLISECOND
            if not self._take_token(destination, interval, answers.RATE_BURST * interval):
                return False
        self._remember(ALL_ERRORS, after, allowed)
        return allowed

    def _take_token(self, destination: int, cost: int, burst: int) -> bool:
        allowed, after = answers.take_token(self._peer(destination), self.walk.at, cost, burst)
        self._remember(_told(destination), after, allowed)
        return allowed

    def _peer(self, host: int) -> answers.Peer | None:
        peer: answers.Peer | None = self.box.state.memory.get(_told(host))
        return peer

    def _remember(self, key: object, after: object, allowed: bool) -> None:
        memory = self.box.state.memory
        self.walk.events.append((MEMORY, key, memory.get(key), after, allowed))
        memory[key] = after

    def _answer(self, raw: bytes, *, reset: bool = False) -> None:
        """Send a packet of the box's own, tied to the entry of the packet it answers as RELATED."""
        packet = Packet(raw)
        answer = Walk(packet, None, self.walk.at)
        own = Context(packet, self.walk.at)
        if self.context.entry is not None or self.context.state == UNTRACKED:
            own.entry = self.context.entry
            own.state = UNTRACKED if self.context.entry is None else RELATED
            own.direction = REPLY if self.context.direction == ORIGINAL else ORIGINAL
            answer.events.append((TIED, own.state))
        self.answering(answer, own, reset)
        answer.tracked = self.box.entry_of(packet)
        self.walk.out += answer.out
        self.walk.events.append((ANSWER, answer))


def _told(host: int) -> tuple[str, int]:
    """Key of what the stack remembers of a host it told something."""
    return "told", host
