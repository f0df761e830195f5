"""Passage: one packet's way through a box, hook by hook, with what the box answers on the way.

The order is the kernel's: PREROUTING, routing, INPUT or FORWARD and POSTROUTING; OUTPUT and POSTROUTING for the box's own.
"""

from __future__ import annotations

from typing import Any

from fwtutor.netfilter import answers, defrag
from fwtutor.netfilter.box import Box, Stop
from fwtutor.netfilter.conntrack.entry import CONFIRMED, ORIGINAL, REPLY, SECOND, UNTRACKED
from fwtutor.netfilter.events import (
    CONFIRMED as KEPT,
    COPY,
    FORGOTTEN,
    GATHERED,
    HOOK,
    LOOKED_UP,
    ROUTED,
    TABLE,
    TIED,
    Shown,
)
from fwtutor.netfilter.hooks import FORWARD, INPUT, NAT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.optioned import Optioned
from fwtutor.netfilter.packet import ICMP, Packet
from fwtutor.netfilter.replying import ALL_HOSTS, REDIRECTS
from fwtutor.netfilter.routing import LIMITED_BROADCAST, LOOPBACK
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.rule import Rule
from fwtutor.netfilter.xtables.targets.reject import Reject

AT = {hook: (HOOK, hook) for hook in (PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING)}
TO_THE_BOX = (ROUTED, "local", "")
# Built once: every recorded walk holds some of them.


class Passage(Optioned):
    """One packet on its way. What happens is written down in ``walk``."""

    __slots__ = ("busy", "largest", "later", "sizes")

    def __init__(self, box: Box, walk: Walk, context: Context) -> None:
        super().__init__(box, walk, context)
        self.busy = False
        """True for an answer: the stack makes it on account of another packet."""
        self.later = False
        """Whether what comes back to the box has to wait, as the stack is at work on another packet."""
        self.sizes: tuple[int, ...] = ()
        """Of the fragments the packet was put together from; empty when it came whole."""
        self.largest = 0
        """The largest of them with its header; no larger ones are sent on."""
        context.memory, context.routing, context.keep = box.state.memory, box.routing, box.conntrack.put
        context.owner, context.mac, context.link = walk.owner, walk.mac, walk.link

    def arrive(self, on: str) -> None:
        """PREROUTING, then to the box or through it."""
        self.context.in_interface, self.context.out_interface = on, ""
        if not self._gather_to_track(defrag.ARRIVING) or not self._enter(PREROUTING):
            return
        packet = self.context.packet
        routing, dst = self.box.routing, packet.dst
        fault = "" if on == LOOPBACK else self._martian(packet)
        if fault:
            self._lose(fault)
        elif routing.is_local(packet.family, dst) or self._is_for_many(dst) or dst == 0:
            fault = "" if on == LOOPBACK else routing.own_source(packet.src)
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
        """OUTPUT, POSTROUTING; and around again when the packet is for the box itself, or for the box among others."""
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
        if rationed and not self._may_send_error(packet.dst, packet.icmp_type, packet.icmp_code, self.box.delivered_by):
            self._lose(f"the ration of ICMP messages, to all or to {packet.destination}, is used up")
            return
        if not self._gather_to_track(defrag.OWN):
            return
        if not self._enter(OUTPUT):
            return
        packet = self.context.packet
        if not to_self and self._is_for_many(packet.dst):
            self._leave_and_come_back()
        elif self._leave() and to_self:
            self.context.owner = None
            self.arrive(LOOPBACK)

    def answering(self, walk: Walk, context: Context, reset: bool) -> None:
        answer = Passage(self.box, walk, context)
        answer.busy, answer.reset = True, reset
        # A program's packet does not keep the stack busy, but legacy's rules do, and so does an ICMP error.
        by_program = self.context.in_interface == "" and not self.context.by_stack and not self.busy
        answer.later = not (by_program and reset and self.box.variant == "nft")
        answer.depart()

    def _leave_and_come_back(self) -> None:
        """What goes to many goes to the box too: a copy passes POSTROUTING first, and comes in where the packet goes out."""
        packet, walk = self.context.packet, self.walk
        copy = Walk(packet, self.context.out_interface, walk.at)
        here = Passage(self.box, copy, self.context.copy())
        copy.events += [(TIED, self.context.state), AT[POSTROUTING]]
        comes = here._pass(POSTROUTING) and here._confirm()
        self.context.entry = here.context.entry
        later = self.later or self.context.by_stack
        if comes and not later:
            here._come_back()
        leaves = packet.ttl > 0 or not self.box.routing.is_multicast(packet.family, packet.dst)
        if leaves and later:
            # The stack is at work on another packet, and what comes back has to wait.
            self._leave()
        if comes and later:
            here._come_back()
        walk.events.append((COPY, copy))
        if leaves and not later:
            self._leave()
        walk.delivered = copy.delivered
        if not leaves:
            walk.verdict, walk.to = copy.verdict, copy.to

    def _come_back(self) -> None:
        """PREROUTING and INPUT of a copy: where it goes was known when it was sent."""
        self.context.in_interface, self.context.out_interface = self.context.out_interface, ""
        if self._gather_to_track(defrag.ARRIVING) and self._enter(PREROUTING) and self._read_options():
            self._deliver()

    def _deliver(self) -> None:
        """INPUT, and to the box's own programs."""
        self.walk.events.append(TO_THE_BOX)
        # Before INPUT the stack itself puts together what is for the box, tracking or not.
        if not self._gather(defrag.DELIVERED):
            return
        packet = self.context.packet
        self.walk.events.append(AT[INPUT])
        if self._pass(INPUT) and self._confirm():
            self.walk.to, self.walk.delivered = "local", packet
            self.box.delivered_by = self.context.in_interface

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
        mtu = min(mtu, self.largest or mtu)
        if self.sizes and packet.l4 + max(self.sizes) <= mtu:
            return defrag.apart(packet, self.sizes, self.good > 0)
        return answers.fragments(packet.raw, mtu, self.good > 0)

    def _gather_to_track(self, where: str) -> bool:
        """Connection tracking has fragments put together first, but for a packet that comes around by loopback."""
        return not self.box.tracking[self.context.packet.family] or self.context.entry is not None or self._gather(where)

    def _gather(self, where: str) -> bool:
        """Fragments become whole datagrams. False: this one waits for the rest."""
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
            self.walk.verdict = "HELD"
            return False
        self.context.packet, self.sizes, self.largest, self.context.mark = whole
        if where == defrag.DELIVERED:
            self.good = whole.packet.l4
        return True

    # --- at a hook ---------------------------------------------------------------------------------------

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

    def _enter(self, hook: str) -> bool:
        """A hook where packets enter or are made: raw, connection tracking, the other tables. False when the packet ends here."""
        self.walk.events.append(AT[hook])
        for stop in self.box.raw[self.context.packet.family].get(hook, ()):
            if not self._through(hook, stop):
                return False
        return self._track(hook == PREROUTING) and self._pass(hook)

    def _track(self, arriving: bool) -> bool:
        """Tie the packet to an entry, unless it is tied already. False when the table is full, and the packet ends here."""
        if not self.box.tracking[self.context.packet.family] or self.context.entry is not None:
            return True
        if self.context.state == UNTRACKED:
            self.walk.events.append((TIED, UNTRACKED))
            return True
        tracked = self.box.conntrack.track(self.context.packet, self.walk.at, arriving)
        self.walk.events.append((LOOKED_UP, tracked))
        if tracked.full:
            self.walk.verdict, self.walk.reason = "DROP", tracked.reason
            return False
        self.twice = tracked.again
        self.context.entry, self.context.state, self.context.direction = tracked.entry, tracked.state, tracked.direction
        return True

    def _pass(self, hook: str) -> bool:
        """Through the tables of a hook behind connection tracking; False when the packet ends here."""
        for stop in self.box.chains[self.context.packet.family].get(hook, ()):
            if stop.name != NAT and not self._through(hook, stop):
                return False
        return True

    def _through(self, hook: str, stop: Stop) -> bool:
        """Through one table; False when the packet ends there."""
        result = self._walk(hook, stop)
        if result == "ACCEPT":
            return True
        if not isinstance(result, str) and isinstance(result.target, Reject):
            self._reject(result.target)
            self.walk.verdict = "REJECT"
        else:
            self.walk.verdict = "DROP"
        self._forget()
        return False

    def _walk(self, hook: str, stop: Stop) -> Rule | str:
        context = self.context
        context.hook = hook
        here, there = context.in_interface, context.out_interface
        shown = Shown(
            hook, context.packet, here, there, context.entry, context.state, context.direction, context.mark, context.priority,
            self.box.routing,
        )  # fmt: skip
        hits: list[Any] = []
        assert stop.chain is not None
        result = stop.table.walk(stop.chain, context, self.box.state.counters, hits)
        self.walk.events.append((TABLE, stop.chain, hits, shown))
        return result

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
