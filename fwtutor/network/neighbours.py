"""The neighbours of a host: whom it has asked for on its links, and what waits until they answer.

On most links the world knows who is there: whoever is not is given up after three seconds, and that is all one sees. On a link with
``discovery`` an IPv6 host asks as Linux does, by messages that go through its own rules, and hears only of whom they let through:
solicitations to the group of the address (three, a second apart), and to a neighbour not heard of for long, to himself.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter import craft, scopes
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ICMPV6, TCP, Packet
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.settings6 import FORWARDING
from fwtutor.network.ends import Address, Ends, destination_of, ends_of, source_of

if TYPE_CHECKING:
    from fwtutor.network.clock import Event
    from fwtutor.network.host import Host

TRIES = 3
"""How often a neighbour is asked for, first by its group, later by itself (``mcast_solicit``, ``ucast_solicit``)."""
PATIENCE = SECOND + JIFFY
"""How long each time (``retrans_time_ms``). Nobody's timer is early; this one is late, so that TCP's of a second come before it."""
REACHABLE_TIME = 30 * SECOND
"""How long who has answered counts as there, give or take a half (``base_reachable_time_ms``)."""
DELAY_TIME = 5 * SECOND
"""How long somebody whom one writes to has for a sign of life, before he is asked for it (``delay_first_probe_time``)."""
DELAY_TIMER = DELAY_TIME + 32 * JIFFY
"""When that is looked at: a timer so long may be late by 64 ticks."""
MOST_WAITING = 101
"""Packets that wait for one neighbour; the oldest give way (``unres_qlen``)."""
INCOMPLETE, REACHABLE, STALE, DELAY, PROBE = "INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE"
"""As ``ip neigh`` calls them; one that has failed is forgotten."""

SOLICITATION, ADVERTISEMENT = 135, 136
FROM_ROUTER, SOLICITED, OVERRIDE = 4, 2, 1
HOP_LIMIT = 255
"""What no router has passed on has all of it."""
SOURCE_OPTION, TARGET_OPTION = 1, 2


class Waiting(NamedTuple):
    """A packet that has left its host but for the last step: who is to take it is not known yet."""

    packet: Packet
    came_by: str
    """The interface by which it came; for the host's own that by which it leaves."""


class Neighbour:
    """What is known of one neighbour."""

    def __init__(self) -> None:
        self.state = INCOMPLETE
        self.waiting: list[Waiting] = []
        self.confirmed = 0
        """ns: when there was last a sign of life."""
        self.asked = 0
        self.event: Event | None = None
        """What happens if nothing is heard."""


class Message(NamedTuple):
    """A solicitation or an advertisement, read."""

    kind: int
    flags: int
    target: Address
    says_where: bool
    """It has the link-layer address of whom it is from, or about."""


class Neighbours:
    """All of a host's. ``Waiting`` packets are given back by ``give_up``, or put on the link by the host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[tuple[str, Address], Neighbour] = {}

    # --- packets on their way out ------------------------------------------------------------------------------

    def wait(self, interface: str, address: Address, packet: Waiting) -> None:
        """It is for a neighbour that is not there, on a link without discovery."""
        neighbour = self._known.setdefault((interface, address), Neighbour())
        if neighbour.event is None:
            neighbour.event = self._host.miss(TRIES * PATIENCE, interface, address)
        self._keep(neighbour, packet)

    def find(self, interface: str, address: Address, packet: Waiting) -> bool:
        """True when a packet may go to a neighbour on a link with discovery; else it is kept, and he is asked for."""
        neighbour = self._known.setdefault((interface, address), Neighbour())
        if neighbour.state == REACHABLE and self._host.now > neighbour.confirmed + self._reachable_time(interface):
            neighbour.state = STALE
        if neighbour.state == STALE:
            neighbour.state = DELAY
            neighbour.event = self._host.arm(DELAY_TIMER, lambda: self._delay_is_over(interface, address, neighbour), busy=False)
        if neighbour.state != INCOMPLETE:
            return True
        self._keep(neighbour, packet)
        if neighbour.event is None:
            neighbour.asked = 0
            self._ask(interface, address, neighbour)
        return False

    def give_up(self, interface: str, address: Address) -> list[Waiting]:
        """Nobody has answered: what has waited."""
        neighbour = self._known.pop((interface, address))
        return neighbour.waiting

    def is_held(self, ends: Ends) -> bool:
        """Whether a segment with these ends waits."""
        waiting = (packet for neighbour in self._known.values() for packet, _ in neighbour.waiting)
        return any(packet.protocol == TCP and ends_of(packet) == ends for packet in waiting)

    @staticmethod
    def _keep(neighbour: Neighbour, packet: Waiting) -> None:
        neighbour.waiting.append(packet)
        del neighbour.waiting[:-MOST_WAITING]

    # --- asking ------------------------------------------------------------------------------------------------

    def _ask(self, interface: str, address: Address, neighbour: Neighbour) -> None:
        """Once more: what is sent, and what happens if nothing comes of it."""
        host = self._host
        neighbour.asked += 1
        probing = neighbour.state == PROBE
        source = 0
        if not probing and neighbour.waiting:
            # As whoever sent what waits, so that he is known then.
            own = source_of(neighbour.waiting[0].packet)
            source = own.value if self._has(interface, own) else 0
        to = address.value if probing else scopes.solicited_node(address.value)
        self._send(interface, source or self._own_source(interface), to, SOLICITATION, 0, address, SOURCE_OPTION)
        if neighbour.asked < TRIES or probing:
            neighbour.event = host.arm(PATIENCE, lambda: self._ask_again(interface, address, neighbour))
        else:
            neighbour.event = host.miss(PATIENCE, interface, address)

    def _ask_again(self, interface: str, address: Address, neighbour: Neighbour) -> str:
        if neighbour.asked >= TRIES:
            del self._known[interface, address]
            return f"{address} no longer answers, and is forgotten"
        self._ask(interface, address, neighbour)
        return f"{address} is asked for again ({neighbour.asked} of {TRIES})"

    def _delay_is_over(self, interface: str, address: Address, neighbour: Neighbour) -> str:
        if neighbour.confirmed and self._host.now <= neighbour.confirmed + DELAY_TIME:
            neighbour.state, neighbour.event = REACHABLE, None
            return f"{address} has been heard of"
        neighbour.state, neighbour.asked = PROBE, 0
        self._ask(interface, address, neighbour)
        return f"{address} has not been heard of for a while, and is asked"

    def _reachable_time(self, interface: str) -> int:
        return REACHABLE_TIME // 2 + REACHABLE_TIME * self._host.draw("reachable", interface) // 2**32

    # --- what comes --------------------------------------------------------------------------------------------

    def hear(self, packet: Packet, interface: str) -> None:
        """What the host's rules let through of what its neighbours on a link with discovery say."""
        message = read_message(packet)
        if message is None:
            return
        if message.kind == ADVERTISEMENT:
            self._hear_of(interface, message)
            return
        if not packet.src or not self._has(interface, message.target):
            return
        asker, to_many = source_of(packet), scopes.is_multicast(packet.dst)
        if message.says_where:
            neighbour = self._known.setdefault((interface, asker), Neighbour())
            if neighbour.state == INCOMPLETE:
                self._found(interface, asker, neighbour, STALE)
        router = FROM_ROUTER if self._host.firewall.sysctls[FORWARDING] else 0
        flags = router | SOLICITED | (OVERRIDE if to_many else 0)
        self._send(interface, message.target.value, asker.value, ADVERTISEMENT, flags, message.target, TARGET_OPTION if to_many else 0)

    def _hear_of(self, interface: str, message: Message) -> None:
        neighbour = self._known.get((interface, message.target))
        if neighbour is None or (neighbour.state == INCOMPLETE and not message.says_where):
            return
        if message.flags & SOLICITED:
            self._found(interface, message.target, neighbour, REACHABLE)
        elif neighbour.state == INCOMPLETE:
            self._found(interface, message.target, neighbour, STALE)

    def _found(self, interface: str, address: Address, neighbour: Neighbour, state: str) -> None:
        if neighbour.event is not None:
            self._host.cancel(neighbour.event)
            neighbour.event = None
        neighbour.state = state
        if state == REACHABLE:
            neighbour.confirmed = self._host.now
        waiting, neighbour.waiting = neighbour.waiting, []
        for each in waiting:
            if self.find(interface, address, each):
                self._host.put_on_link(interface, each.packet)

    def confirm(self, interface: str, address: Address) -> None:
        """A sign of life that a program has had of a neighbour."""
        neighbour = self._known.get((interface, address))
        if neighbour is not None and neighbour.state != INCOMPLETE:
            neighbour.confirmed = self._host.now

    # --- messages ----------------------------------------------------------------------------------------------

    def _has(self, interface: str, address: Address) -> bool:
        return any((family, own) == address for family, own, _ in self._host.firewall.interfaces[interface])

    def _own_source(self, interface: str) -> int:
        """The address of the link; where the network gives the interface none, another one it has."""
        own = [address for family, address, _ in self._host.firewall.interfaces[interface] if family == 6]
        return next((address for address in own if scopes.is_link_local(address)), own[0] if own else 0)

    def _send(self, interface: str, source: int, to: int, kind: int, flags: int, target: Address, option: int) -> None:
        if not source:
            return
        where = b"\2\0" + self._host.draw("mac", interface).to_bytes(4, "big")
        body = target.value.to_bytes(16, "big") + (pack("!BB", option, 1) + where if option else b"")
        raw = craft.icmp(source, to, kind, 0, flags << 29, body, family=6, ttl=HOP_LIMIT)
        self._host.emit(raw, by_stack=True, by=interface)


def read_message(packet: Packet) -> Message | None:
    """A message about neighbours; None if it is none, or one that cannot be from a neighbour."""
    if packet.family != 6 or packet.protocol != ICMPV6 or packet.icmp_type not in (SOLICITATION, ADVERTISEMENT):
        return None
    raw = packet.raw[packet.l4 : packet.length]
    if len(raw) < 24 or packet.ttl != HOP_LIMIT or packet.icmp_code or craft.transport_checksum(packet.src, packet.dst, ICMPV6, raw, 6):
        return None
    target = Address(6, int.from_bytes(raw[8:24], "big"))
    flags, at, says_where = raw[4] >> 5, 24, False
    if scopes.is_multicast(target.value) or (flags & SOLICITED and packet.icmp_type == ADVERTISEMENT and scopes.is_multicast(packet.dst)):
        return None
    wanted = SOURCE_OPTION if packet.icmp_type == SOLICITATION else TARGET_OPTION
    while at < len(raw):
        if at + 2 > len(raw) or not raw[at + 1]:
            return None
        says_where = says_where or raw[at] == wanted
        at += 8 * raw[at + 1]
    return Message(packet.icmp_type, flags, target, says_where)


def next_hop(sender: Host, packet: Packet) -> Address | None:
    """The neighbour to whom a packet goes: a gateway, or whom it is for; None: it is for many."""
    family, routing = packet.family, sender.firewall.routing
    if routing.is_multicast(family, packet.dst) or routing.is_broadcast(family, packet.dst):
        return None
    route = sender.firewall.route(packet.dst, family)
    return Address(family, route.gateway) if route is not None and route.gateway else destination_of(packet)
