"""Passage: one packet's way through a box, hook by hook, with what the box answers on the way.

The order is the kernel's: PREROUTING, routing, INPUT or FORWARD and POSTROUTING; OUTPUT and POSTROUTING for the box's own.
"""

from __future__ import annotations

from typing import Any

from fwtutor.netfilter import answers, defrag
from fwtutor.netfilter.conntrack.entry import CONFIRMED, ORIGINAL, RELATED, REPLY, SECOND, UNTRACKED, Entry
from fwtutor.netfilter.conntrack.settings import Settings
from fwtutor.netfilter.conntrack.tracking import Conntrack
from fwtutor.netfilter.conntrack.tuples import tuple_of
from fwtutor.netfilter.events import (
    ANSWER,
    CHANGED,
    CONFIRMED as KEPT,
    FORGOTTEN,
    GATHERED,
    HOOK,
    LOOKED_UP,
    MEMORY,
    ROUTED,
    TABLE,
    TIED,
    Shown,
)
from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.packet import ICMP, Packet
from fwtutor.netfilter.routing import LIMITED_BROADCAST, LOOPBACK, Route, Routing
from fwtutor.netfilter.state import State
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.compiled import CompiledChain, CompiledTable
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.targets.reject import Reject

AT = {hook: (HOOK, hook) for hook in (PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING)}
TO_THE_BOX = (ROUTED, "local", "")
# Built once: every recorded walk holds some of them.


ALL_HOSTS = 0xE0000001
"""224.0.0.1, the one group every host has joined."""
MILLISECOND = SECOND // 1000
REDIRECTS = "net.ipv4.conf.all.send_redirects"


class Box:
    """What a packet meets in a box: routes, sysctls, compiled chains, and the state it changes."""

    __slots__ = ("chains", "conntrack", "routing", "state", "sysctls", "tracking")

    def __init__(self, routing: Routing, sysctls: dict[str, int]) -> None:
        self.routing, self.sysctls = routing, sysctls
        self.state = State()
        self.conntrack = Conntrack(self.state, Settings.of(sysctls))
        self.chains: dict[str, list[tuple[CompiledTable, CompiledChain]]] = {}
        """By hook, in the order of the tables' priorities."""
        self.tracking = False

    def entry_of(self, packet: Packet) -> Entry | None:
        """The table's entry that has the packet's tuple, in either direction."""
        return self.state.find(tuple_of(packet)) if self.state.index and not packet.fault else None


class Passage:
    """One packet on its way. What happens is written down in ``walk``."""

    __slots__ = ("box", "context", "reset", "sizes", "walk")

    def __init__(self, box: Box, walk: Walk, context: Context) -> None:
        self.box, self.walk, self.context = box, walk, context
        self.sizes: tuple[int, ...] = ()
        """Of the fragments the packet was put together from; empty when it came whole."""
        self.reset = False
        """The packet is REJECT's own RST."""
        context.memory = box.state.memory

    def arrive(self, on: str, link: str) -> None:
        """PREROUTING, then to the box or through it."""
        self.context.in_interface, self.context.out_interface = on, ""
        if not self._gather_to_track(defrag.ARRIVING):
            return
        packet = self.context.packet
        self.walk.events.append(AT[PREROUTING])
        if self.box.tracking and self.context.entry is None and self.context.state != UNTRACKED:
            self._track(True)
        if not self._pass(PREROUTING):
            return
        routing, dst = self.box.routing, packet.dst
        fault = "" if on == LOOPBACK else self._martian(packet)
        if fault:
            self._lose(fault)
        elif routing.is_local(packet.family, dst) or self._is_for_many(dst) or dst == 0:
            fault = "" if on == LOOPBACK else routing.own_source(packet.src)
            if fault:
                self._lose(fault)
                return
            self.walk.events.append(TO_THE_BOX)
            # Before INPUT the stack itself puts together what is for the box, tracking or not.
            if not self._gather(defrag.DELIVERED):
                return
            packet = self.context.packet
            self.walk.events.append(AT[INPUT])
            if self._pass(INPUT) and self._confirm():
                self.walk.to, self.walk.delivered = "local", packet
        elif routing.is_multicast(packet.family, dst):
            self._lose("a multicast group the box has not joined")
        elif link != "host":
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

    def _is_for_many(self, dst: int) -> bool:
        """Broadcasts, and the one group every host has joined."""
        return self.box.routing.is_broadcast(4, dst) or dst == ALL_HOSTS

    def _is_to_many(self, packet: Packet) -> bool:
        return self._is_for_many(packet.dst) or self.box.routing.is_multicast(packet.family, packet.dst)

    def _forward(self) -> None:
        packet = self.context.packet
        route = self.box.routing.lookup(packet.family, packet.dst)
        if not self.box.sysctls["net.ipv4.ip_forward"]:
            self._lose("it is for somebody else, and net.ipv4.ip_forward is 0")
            return
        if route is None:
            if self._take_token(packet.src, answers.NO_ROUTE_COST, answers.NO_ROUTE_BURST):
                self._error(answers.UNREACHABLE, answers.NET_UNREACHABLE)
            self._lose(f"no route to {packet.destination}")
            return
        # The stack looks at the destination first, and only then whether the source can be.
        fault = self.box.routing.own_source(packet.src)
        if fault:
            self._lose(fault)
            return
        turns_around = route.interface == self.context.in_interface
        if turns_around and self.box.sysctls[REDIRECTS] and self.box.routing.is_broadcast(packet.family, packet.src):
            # Only a box that might send a redirect looks this closely at where the packet says it comes from.
            self._lose(f"a martian source address, {packet.source}")
            return
        if packet.ttl <= 1:
            self._error(answers.TIME_EXCEEDED, 0)
            self._lose("its TTL ran out")
            return
        mtu = self.box.routing.mtus[route.interface]
        # A datagram that came in fragments may leave in fragments, whatever it says, if those fit.
        largest = packet.l4 + max(self.sizes) if self.sizes else packet.length
        if largest > mtu and packet.df:
            self._error(answers.UNREACHABLE, answers.FRAGMENTATION_NEEDED, mtu)
            self._lose(f"too big for {route.interface} (MTU {mtu}), and it may not be fragmented")
            return
        self.walk.events.append((ROUTED, route.interface, ""))
        self.context.packet = Packet(answers.with_lower_ttl(packet))
        if turns_around:
            self._redirect(route)
        self.context.out_interface = route.interface
        self.walk.events.append(AT[FORWARD])
        if self._pass(FORWARD):
            self._leave()

    def _redirect(self, route: Route) -> None:
        """The packet leaves by the interface it came in on: its sender, if a neighbour, is told of the shorter way."""
        packet = self.context.packet
        back = self.box.routing.lookup_by(packet.family, packet.src, route.interface)
        if back is None or back.gateway or not self.box.sysctls[REDIRECTS]:
            return
        allowed, peer = answers.may_redirect(self._peer(packet.src), self.walk.at)
        self._remember(packet.src, peer, allowed)
        if not allowed:
            return
        # Told or not: what may not be answered with an ICMP message counts too.
        code = answers.REDIRECT_HOST
        may = answers.may_answer_with_error(packet, self._is_to_many(packet))
        if may and self._may_send_error(packet.src, answers.REDIRECT, code):
            source = self.box.routing.source_for(packet.family, packet.src)
            self._answer(answers.error_about(packet, source, answers.REDIRECT, code, route.gateway or packet.dst))
        self._remember(packet.src, answers.redirected(self._peer(packet.src) or peer, self.walk.at), True)

    def depart(self) -> None:
        """OUTPUT, POSTROUTING; and around again when the packet is for the box itself."""
        packet = self.context.packet
        to_self = self.box.routing.is_local(packet.family, packet.dst)
        route = None if to_self else self.box.routing.lookup(packet.family, packet.dst)
        if not to_self and route is None and not self._is_for_many(packet.dst):
            self._lose(f"no route to {packet.destination}")
            return
        interface = LOOPBACK if to_self else route.interface if route is not None else self._first_interface()
        self.walk.events.append((ROUTED, interface, ""))
        self.context.in_interface, self.context.out_interface = "", interface
        if self.context.by_stack and packet.protocol == ICMP and packet.has_l4 and packet.icmp_type in answers.ERRORS:
            # The stack rations its errors out of the same bucket: it had a token for this one.
            self._may_send_error(packet.dst, packet.icmp_type, packet.icmp_code)
        if not self._gather_to_track(defrag.OWN):
            return
        self.walk.events.append(AT[OUTPUT])
        if self.box.tracking and self.context.entry is None and self.context.state != UNTRACKED:
            self._track(False)
        if not self._pass(OUTPUT):
            return
        if self._leave() and to_self:
            self.arrive(LOOPBACK, "host")

    def _first_interface(self) -> str:
        return next((name for name in self.box.routing.addresses if name != LOOPBACK), LOOPBACK)

    def _leave(self) -> bool:
        """POSTROUTING, and out by the interface routing chose."""
        self.walk.events.append(AT[POSTROUTING])
        if not self._pass(POSTROUTING) or not self._confirm():
            return False
        interface = self.context.out_interface
        self.walk.to = self.walk.out_interface = interface
        if interface != LOOPBACK:
            self.walk.out += [[interface, raw] for raw in self._as_sent(self.box.routing.mtus[interface])]
        return True

    def _as_sent(self, mtu: int) -> list[bytes]:
        """What goes onto the wire: the packet, or its fragments; a datagram that came in fragments leaves in the same."""
        packet = self.context.packet
        if self.sizes and packet.l4 + max(self.sizes) <= mtu:
            return defrag.apart(packet, self.sizes)
        return answers.fragments(packet.raw, mtu)

    def _gather_to_track(self, where: str) -> bool:
        """Connection tracking has fragments put together first, but for a packet that comes around by loopback."""
        return not self.box.tracking or self.context.entry is not None or self._gather(where)

    def _gather(self, where: str) -> bool:
        """Fragments become whole datagrams. False: this one waits for the rest."""
        packet = self.context.packet
        if not defrag.is_fragment(packet):
            return True
        key = defrag.key_of(packet, where)
        before = self.box.state.memory.get(key)
        after, whole = defrag.gather(before, packet, self.walk.at)
        if after is None:
            self.box.state.memory.pop(key, None)
        else:
            self.box.state.memory[key] = after
        self.walk.events.append((GATHERED, key, before, after, whole))
        if whole is None:
            self.walk.verdict = "HELD"
            return False
        self.context.packet, self.sizes = whole
        return True

    # --- at a hook ---------------------------------------------------------------------------------------

    def _track(self, arriving: bool) -> None:
        tracked = self.box.conntrack.track(self.context.packet, self.walk.at, arriving)
        self.walk.events.append((LOOKED_UP, tracked))
        self.context.entry, self.context.state, self.context.direction = tracked.entry, tracked.state, tracked.direction

    def _pass(self, hook: str) -> bool:
        """Through the tables of a hook; False when the packet ends here."""
        chains = self.box.chains.get(hook)
        if chains is None:
            return True
        context = self.context
        context.hook = hook
        for table, chain in chains:
            here, there = context.in_interface, context.out_interface
            shown = Shown(hook, context.packet, here, there, context.entry, context.state, context.direction, context.mark)
            hits: list[Any] = []
            result = table.walk(chain, context, self.box.state.counters, hits)
            self.walk.events.append((TABLE, chain, hits, shown))
            if result == "ACCEPT":
                continue
            if not isinstance(result, str) and isinstance(result.target, Reject):
                self._reject(result.target)
                self.walk.verdict = "REJECT"
            else:
                self.walk.verdict = "DROP"
            self._forget()
            return False
        return True

    def _confirm(self) -> bool:
        """The end of the path: a new entry is kept. False when its tuple was taken meanwhile."""
        entry = self.context.entry
        if entry is None or entry.status & CONFIRMED or self.context.direction == REPLY:
            return True
        kept = self.box.conntrack.confirm(entry, self.walk.at)
        if kept is None:
            self.walk.verdict = "DROP"
            self._forget()
            return False
        self.context.entry = kept
        self.walk.events.append((KEPT, kept))
        return True

    def _forget(self) -> None:
        """A packet that ends takes its entry with it, unless that was kept before."""
        entry = self.context.entry
        self.walk.to = self.walk.out_interface = None
        if entry is not None and not entry.status & CONFIRMED and self.context.direction == ORIGINAL:
            self.walk.events.append((FORGOTTEN, entry))

    def _lose(self, reason: str) -> None:
        self.walk.events.append((ROUTED, None, reason))
        self.walk.verdict, self.walk.reason = "DISCARD", reason
        self._forget()

    # --- answers -----------------------------------------------------------------------------------------

    def _reject(self, target: Reject) -> None:
        packet = self.context.packet
        if target.kind == "tcp-reset":
            if not answers.may_answer_with_reset(packet, self._is_for_many(packet.dst)):
                return
            if self.context.entry is not None:
                closed = self.box.conntrack.close(self.context.entry, self.walk.at)
                if closed is not None:
                    self.walk.events.append((CHANGED, *closed))
                    self.context.entry = closed[1]
            self._answer(answers.reset_for(packet), reset=True)
        elif answers.checksum_holds(packet):
            self._error(answers.UNREACHABLE, answers.REJECT_CODES[target.kind])

    def _error(self, type: int, code: int, rest: int = 0) -> None:
        """Send an ICMP error about the packet to its source, if one may be sent and the rate limit allows."""
        packet = self.context.packet
        if not answers.may_answer_with_error(packet, self._is_to_many(packet)):
            return
        own = self.context.in_interface == ""
        if own and self.context.by_stack and packet.protocol == ICMP:
            # The stack's ICMP is still busy sending this one, and does not answer itself meanwhile.
            return
        here = self.box.routing.is_local(packet.family, packet.dst)
        source = packet.dst if here else self.box.routing.source_for(packet.family, packet.src)
        if not source:
            return
        if self._may_send_error(packet.src, type, code):
            quoted = answers.as_kept(packet) if self.reset else packet
            self._answer(answers.error_about(quoted, source, type, code, rest))

    def _may_send_error(self, destination: int, type: int, code: int) -> bool:
        """Whether the ration of that destination has one more; if so it is taken."""
        limited = self.box.sysctls["net.ipv4.icmp_ratemask"] >> type & 1 and not (
            type == answers.UNREACHABLE and code == answers.FRAGMENTATION_NEEDED
        )
        if not limited or self.box.routing.is_local(4, destination):
            return True
        interval = self.box.sysctls["net.ipv4.icmp_ratelimit"] * MILLISECOND
        return self._take_token(destination, interval, answers.RATE_BURST * interval)

    def _take_token(self, destination: int, cost: int, burst: int) -> bool:
        allowed, after = answers.take_token(self._peer(destination), self.walk.at, cost, burst)
        self._remember(destination, after, allowed)
        return allowed

    def _peer(self, host: int) -> answers.Peer | None:
        peer: answers.Peer | None = self.box.state.memory.get(("told", host))
        return peer

    def _remember(self, host: int, peer: answers.Peer, allowed: bool) -> None:
        key = ("told", host)
        self.walk.events.append((MEMORY, key, self._peer(host), peer, allowed))
        self.box.state.memory[key] = peer

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
        passage = Passage(self.box, answer, own)
        passage.reset = reset
        passage.depart()
        answer.tracked = self.box.entry_of(packet)
        self.walk.out += answer.out
        self.walk.events.append((ANSWER, answer))
