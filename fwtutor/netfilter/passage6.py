"""An IPv6 packet's way through a box: what the stack refuses, hop-by-hop options, scopes, forwarding, groups, fragments."""

from __future__ import annotations

from fwtutor.netfilter import answers6, defrag, defrag6, exthdrs, scopes
from fwtutor.netfilter.box import Box
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.events import COPY, GATHERED, ROUTED, TIED
from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.packet import ICMPV6, Packet
from fwtutor.netfilter.passage import AT, TO_THE_BOX
from fwtutor.netfilter.replying6 import Replying6
from fwtutor.netfilter.routing import LOOPBACK, Route
from fwtutor.netfilter.settings6 import FORWARDING, FRAGMENTS, TRACKED_FRAGMENTS
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.context import Context


class Passage6(Replying6):
    """One packet on its way."""

    __slots__ = ("answers_by",)

    def __init__(self, box: Box, walk: Walk, context: Context, answers_by: str = "") -> None:
        super().__init__(box, walk, context)
        self.answers_by = answers_by
        """The link an answer goes back by, where its destination says nothing without one."""

    # --- in ----------------------------------------------------------------------------------------------

    def arrive(self, on: str) -> None:
        self.context.in_interface, self.context.out_interface = on, ""
        if not self._is_taken(on) or not self._gather_to_track(defrag.ARRIVING) or not self._enter(PREROUTING):
            return
        packet, routing = self.context.packet, self.box.routing
        if scopes.is_multicast(packet.dst):
            if routing.has_joined(packet.dst, on, self._forwards()):
                self._deliver()
            else:
                self._lose("a multicast group the box has not joined")
        elif self._is_ours(packet.dst):
            self._deliver()
        else:
            self._forward()

    def _is_taken(self, on: str) -> bool:
        """What the stack looks at before PREROUTING. False when the packet ends here."""
        packet = self.context.packet
        fault = self._address_fault(packet, on)
        if fault:
            self._lose(fault)
            return False
        if packet.raw[6] != exthdrs.HOP_BY_HOP:
            return True
        options = exthdrs.options_fault(packet.raw, exthdrs.FIXED, packet.dst, hop_by_hop=True)
        if options is None:
            return True
        if options.code >= 0:
            self._error(answers6.PARAMETER_PROBLEM, options.code, options.pointer)
        self._lose(options.reason)
        return False

    def _address_fault(self, packet: Packet, on: str) -> str:
        src, dst = packet.src, packet.dst
        if scopes.LOOPBACK_ADDRESS in (src, dst) and on != LOOPBACK:
            return "::1 is known on the loopback interface alone"
        if scopes.is_multicast(dst):
            scope = scopes.group_scope(dst)
            if scope == 0 or (scope == scopes.INTERFACE_LOCAL and on != LOOPBACK and not self.context.looped):
                return f"{packet.destination} is a group that no other host can send to"
        return f"its source {packet.source} is a group" if scopes.is_multicast(src) else ""

    def _forwards(self) -> bool:
        return bool(self.box.sysctls[FORWARDING])

    def _forward(self) -> None:
        packet, context, routing = self.context.packet, self.context, self.box.routing
        route = routing.lookup6(packet.dst, context.in_interface)
        if route is None:
            self._error(answers6.UNREACHABLE, answers6.NO_ROUTE)
            self._lose(f"no route to {packet.destination}")
            return
        if not self._forwards():
            self._lose(f"it is for somebody else, and {FORWARDING} is 0")
            return
        if context.link != "host":
            self._lose("a broadcast on the link is not forwarded")
            return
        if packet.ttl <= 1:
            self._error(answers6.TIME_EXCEEDED, 0)
            self._lose("its hop limit ran out")
            return
        if route.interface == context.in_interface:
            self._redirect(route)
        elif packet.src in (0, scopes.LOOPBACK_ADDRESS) or scopes.is_multicast(packet.src):
            self._lose(f"nobody can be answered at its source, {packet.source}")
            return
        elif scopes.is_link_local(packet.src):
            self._error(answers6.UNREACHABLE, answers6.BEYOND_SCOPE)
            self._lose(f"its source {packet.source} is known on its own link alone")
            return
        mtu = routing.mtus[route.interface]
        if packet.length > mtu and (not self.largest or self.largest > mtu):
            self._error(answers6.TOO_BIG, 0, mtu)
            self._lose(f"too big for {route.interface} (MTU {mtu}), and routers do not fragment IPv6")
            return
        self.walk.events.append((ROUTED, route.interface, ""))
        context.packet = Packet(answers6.with_lower_hop_limit(packet))
        context.out_interface = route.interface
        self.walk.events.append(AT[FORWARD])
        if self._pass(FORWARD):
            self._leave()

    def _deliver(self) -> None:
        """INPUT, and to the box's own programs: the stack itself puts together only what has passed."""
        self.walk.events.append(TO_THE_BOX)
        self.walk.events.append(AT[INPUT])
        if not self._pass(INPUT) or not self._confirm():
            return
        packet = self.context.packet
        self._hand_over()
        whole = not defrag6.waits(packet, self.context.link == "host")
        self.walk.delivered = self.context.packet if whole or self._gather(defrag.DELIVERED) else None
        self.walk.verdict, self.walk.to, self.walk.reason = "ACCEPT", "local", ""

    # --- out ---------------------------------------------------------------------------------------------

    def depart(self) -> None:
        packet, context = self.context.packet, self.context
        to_self = self._is_to_self(packet.dst, self._link()) and not self._is_echoed_elsewhere(packet)
        route = None if to_self else self._way(packet)
        if not to_self and route is None:
            self._lose(f"no route to {packet.destination}")
            return
        interface = LOOPBACK if route is None else route.interface
        self.walk.events.append((ROUTED, interface, ""))
        context.in_interface, context.out_interface = "", interface
        error = context.by_stack and packet.protocol == ICMPV6 and packet.has_l4 and packet.icmp_type < answers6.INFORMATIONAL
        if error and self._is_for_routers(packet.dst, route):
            self._lose(f"{packet.destination} may be many, and gets no errors")
            return
        if error and not self._may_send_error(packet.dst, packet.icmp_type, packet.icmp_code, self.box.delivered.by):
            self._lose(f"the ration of ICMP messages, to all or to {packet.destination}, is used up")
            return
        if not self._gather_to_track(defrag.OWN) or not self._enter(OUTPUT):
            return
        to_self = context.out_interface == LOOPBACK
        if scopes.is_multicast(context.packet.dst):
            self._leave_and_come_back()
        elif self._leave() and to_self:
            self._come_around()

    def _way_out(self) -> str | None:
        """Nothing is known then of what it answers; and what says nothing without a link keeps to the one it has."""
        dst = self.context.packet.dst
        link = self.context.out_interface if scopes.is_multicast(dst) or scopes.is_link_local(dst) else ""
        if self._is_to_self(dst, link):
            return LOOPBACK
        route = self.box.routing.lookup6(dst, "" if link == LOOPBACK else link)
        return None if route is None else route.interface

    def _way_to(self, gateway: int, interface: str) -> str | None:
        routing = self.box.routing
        if routing.is_local6(gateway, interface):
            return None
        route = routing.lookup_by(6, gateway, interface) if interface else routing.lookup6(gateway, "")
        return None if route is None else route.interface

    def _as_copy(self, packet: Packet, came_in: bool) -> Packet:
        return Packet(packet.raw[:7] + bytes([(packet.raw[7] - came_in) & 0xFF]) + packet.raw[8:])

    def _tell_too_big(self, mtu: int) -> None:
        self._error(answers6.TOO_BIG, 0, mtu)

    def _tell_missed(self) -> None:
        self._error(answers6.UNREACHABLE, answers6.ADDRESS_UNREACHABLE)

    def _is_to_self(self, dst: int, link: str) -> bool:
        """Whether what the box sends there stays in it: the address is its own, or one it has as a router."""
        routing = self.box.routing
        return routing.is_local6(dst, link) or (self._forwards() and routing.is_anycast(dst, link))

    def _is_echoed_elsewhere(self, packet: Packet) -> bool:
        """Whether it answers an echo for a group, or for any router, and its destination is no address of the link that one came by."""
        return self._echoes_many(packet) and all(own[:2] != (6, packet.dst) for own in self.box.routing.addresses[self._link()])

    def _echoes_many(self, packet: Packet) -> bool:
        """Whether it answers an echo for a group, or for any router, that came by a link: it goes back there or not at all."""
        if not self.context.by_stack or packet.protocol != ICMPV6 or packet.icmp_type != answers6.ECHO_REPLY:
            return False
        delivered = self.box.delivered
        return self._link() not in ("", LOOPBACK) and not self.box.routing.is_local6(delivered.to, delivered.by)

    def _link(self) -> str:
        """The link on which it looks for what says nothing without one: what it answers came from there. "": it answers nothing.

        To the stack what came around by loopback came from where the address it was for is at home.
        """
        if self.answers_by or not self.context.by_stack:
            return self.answers_by
        link, packet = self.box.delivered.by, self.context.packet
        if packet.dst == scopes.LOOPBACK_ADDRESS and packet.protocol == ICMPV6:
            return link
        return link if link != LOOPBACK else self.box.routing.home_of(self.box.delivered.to)

    def _way(self, packet: Packet) -> Route | None:
        """Where what the box sends leaves. What says nothing without a link: by that of what it answers, or else by the first that fits."""
        routing, link = self.box.routing, self._link()
        if link in ("", LOOPBACK) and scopes.is_multicast(packet.dst):
            homes = (name for name, own in routing.addresses.items() if name != LOOPBACK and any(each[0] == 6 for each in own))
            link = next(homes, "")
            return routing.lookup6(packet.dst, link) if link else None
        if link not in ("", LOOPBACK) and self.context.by_stack and packet.protocol == ICMPV6:
            if packet.icmp_type in answers6.NEIGHBOURS:
                return Route(6, 0, 0, link, 0, 0)
            if self._echoes_many(packet):
                return routing.lookup_by(6, packet.dst, link)
        return routing.lookup6(packet.dst, "" if link == LOOPBACK else link)

    def answering(self, walk: Walk, context: Context, reset: bool) -> None:
        walk.socket = not reset
        answer = Passage6(self.box, walk, context)
        # A RST goes where routing alone would send it, also to an address that says nothing without a link.
        answer.busy, answer.copied, answer.answers_by = True, self.copied, "" if reset else self._answers_by()
        answer.depart()

    def _leave_and_come_back(self) -> None:
        """What goes to a group of the box's goes to the box too: a copy passes POSTROUTING after it, and comes in where it goes out."""
        context, walk = self.context, self.walk
        interface = context.out_interface
        joined = self.box.routing.has_joined(context.packet.dst, interface, self._forwards())
        walk.events.append(AT[POSTROUTING])
        if not self._pass(POSTROUTING) or not self._confirm():
            return
        packet = context.packet  # whose hop limit a rule may just have used up
        leaves = (packet.ttl > 0 or not joined) and scopes.group_scope(packet.dst) > scopes.INTERFACE_LOCAL
        pieces = self._as_sent(self.box.routing.mtus[interface])
        for raw in pieces if joined else ():
            # Only what would go onto the wire is copied.
            copy = Walk(packet if raw is packet.raw else Packet(raw), interface, walk.at)
            here = self._piece(raw, copy)
            here.context.looped = copy.looped = True
            here.context.owner, here.context.socket = None, False
            copy.events += [(TIED, context.state), AT[POSTROUTING]]
            if here._pass(POSTROUTING) and here._confirm():
                here.context.link = copy.link = "multicast"
                here.arrive(interface)
            walk.events.append((COPY, copy))
            walk.out += copy.out
            walk.delivered = copy.delivered
            if not leaves:
                walk.verdict, walk.to = copy.verdict, copy.to
        if leaves:
            walk.to = walk.out_interface = interface
            walk.out += [[interface, raw] for raw in pieces]
        elif not joined:
            self._lose(f"the group {packet.destination} reaches no further than the box, which is not in it")

    def _as_sent(self, mtu: int) -> list[bytes]:
        packet = self.context.packet
        if packet.length <= mtu and not (self.largest and packet.length > self.largest):
            return [packet.raw]
        if self.largest:
            mtu = min(mtu, max(self.largest, 1280))
        return defrag6.apart(packet, mtu, self.sizes, self._fragment_id()) or []

    def _fragment_id(self) -> int:
        """The kernel draws it by lot: it is none of fragments that wait in the box itself."""
        packet, id = self.context.packet, self.walk.at & 0xFFFFFFFF or 1
        keys = [defrag.Key(defrag.DELIVERED, packet.src, packet.dst, exthdrs.FRAGMENT, 0, on) for on in ("", self.context.out_interface)]
        while any(key._replace(id=id) in self.box.state.memory for key in keys):
            id += 1
        return id

    # --- fragments ---------------------------------------------------------------------------------------

    def _gather(self, where: str) -> bool:
        packet = self.context.packet
        if packet.raw[4:6] == b"\0\0":
            return True  # where a jumbo length should be, there are no fragments
        alone = defrag6.is_fragment(packet) and defrag6.lacks_headers(packet)
        if not alone and defrag6.cut_short(packet):
            self._throw_away("its Fragment header is cut short")
            return False
        if alone or not defrag6.is_fragment(packet):
            return True
        key = defrag6.key_of(packet, where, self.context.in_interface)
        before = self.box.state.memory.get(key)
        time = FRAGMENTS if where == defrag.DELIVERED else TRACKED_FRAGMENTS
        waiting = before or defrag.nothing_yet(self.walk.at + self.box.sysctls[time] * SECOND)
        arrived = waiting._replace(interface=self.context.in_interface)
        gathered = defrag6.gather(arrived, packet, self.context.mark, where != defrag.DELIVERED)
        if gathered.refused and where == defrag.DELIVERED:
            gathered = gathered._replace(waiting=None)  # the stack is not as patient as connection tracking
        if gathered.waiting is not None and not packet.offset and self.context.entry is not None:
            tied = self.context.entry, self.context.direction
            gathered = gathered._replace(waiting=gathered.waiting._replace(tied=tied))
        self.box.wait(key, gathered.waiting)
        self.walk.events.append((GATHERED, key, before, gathered.waiting, gathered.whole))
        if gathered.whole is not None:
            self.context.packet, self.sizes, self.largest, self.context.mark = gathered.whole
        elif gathered.refused:
            self._throw_away(gathered.refused)
        elif not gathered.alone:
            self.walk.verdict, self.walk.to = "HELD", None
        return gathered.whole is not None or gathered.alone

    def _throw_away(self, reason: str) -> None:
        """Nothing tells a fragment that fits nowhere from one that waits, but for one that would be a whole datagram."""
        if self.context.packet.mf or self.context.packet.offset:
            self.walk.verdict = "HELD"
        else:
            self.walk.verdict, self.walk.reason = "DISCARD", reason

    def give_up(self, key: defrag.Key, waiting: defrag.Waiting) -> None:
        """The sender is told, if the head of the datagram came."""
        self.box.wait(key, None)
        self.walk.events.append((GATHERED, key, waiting, None, None))
        self.context.in_interface = waiting.interface
        if waiting.tied is not None:
            entry, self.context.direction = waiting.tied
            self.context.entry = self.box.state.entries.get(entry.id, entry)
        head = waiting.pieces[0].packet if waiting.pieces else None
        if head is not None and not head.offset and waiting.interface:
            self._error(answers6.TIME_EXCEEDED, answers6.REASSEMBLY_TIME)
