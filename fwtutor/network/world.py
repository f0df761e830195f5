"""The world: hosts, links, the clock, and one event after another, each of which leaves one record.

It knows nothing of lessons, cursors or screens; what is entered when, ``recording`` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import LOOPBACK
from fwtutor.netfilter.state import COUNTER, ENTRY, EXPECTATION, MEMORY
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.walk import Walk
from fwtutor.network.captured import Captured, Replay
from fwtutor.network.clock import Clock, Event
from fwtutor.network.ends import Address, Ends, destination_of, ends_of
from fwtutor.network.host import Host
from fwtutor.network.links import Link
from fwtutor.network.neighbours import Waiting, next_hop
from fwtutor.network.prompt import family_of, run
from fwtutor.network.records import CommandRun, Record, TimerFired, Walked
from fwtutor.network.surroundings import Timer, User
from fwtutor.network.topology import Topology

Loses = Callable[[str, str, Packet], bool]
"""(link, sending host, packet) -> True when the link loses it."""
Told = bool | Callable[[], None]


class Arrival(Event):
    """A packet reaches an interface."""

    __slots__ = ("interface", "link", "packet")

    def __init__(self, at: int, host: str, cause: int, ordinal: int, packet: Packet, interface: str, link: str) -> None:
        super().__init__(at, host, cause, ordinal)
        self.packet = packet
        self.interface = interface
        self.link = link


class Departure(Event):
    """A host's own packet sets out.

    ``tell``: its console, or whom that calls, hears if the rules drop it. ``by_stack``: no program sent it, else ``user``'s.
    ``by``: the interface for a destination that says nothing without one.
    """

    __slots__ = ("by", "by_stack", "packet", "tell", "user")

    def __init__(
        self, at: int, host: str, cause: int, ordinal: int, packet: Packet, tell: Told, by_stack: bool, user: User, by: str
    ) -> None:  # fmt: skip
        super().__init__(at, host, cause, ordinal)
        self.by = by
        self.packet = packet
        self.tell = tell
        self.by_stack = by_stack
        self.user = user


class Entering(Event):
    """The script enters a line at a prompt."""

    __slots__ = ("line",)

    def __init__(self, at: int, host: str, line: str) -> None:
        super().__init__(at, host, -1, 0)
        self.line = line


class Executing(Event):
    """A program runs a command of its host's; ``done`` is told what became of it."""

    __slots__ = ("done", "line")

    def __init__(self, at: int, host: str, cause: int, ordinal: int, line: str, done: Callable[[CommandRun], None]) -> None:
        super().__init__(at, host, cause, ordinal)
        self.line = line
        self.done = done


class Missed(Event):
    """Nobody has answered for an address on a link, and nobody will."""

    __slots__ = ("address", "interface")

    def __init__(self, at: int, host: str, cause: int, ordinal: int, interface: str, address: Address) -> None:
        super().__init__(at, host, cause, ordinal)
        self.interface = interface
        self.address = address


class World:
    """Everything that is simulated, at ``now``. Nothing happens but by ``step``, ``run_until`` and ``enter``."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.now = 0
        """ns"""
        self.clock = Clock()
        self.records: list[Record] = []
        self.current = -1
        """Index of the record being made: the cause of what is queued, the place of what is said; -1 before the first."""
        names: dict[str, tuple[Address, ...]] = {}
        resolver = None
        for spec in topology.hosts:
            addresses = _first_addresses(spec.interfaces)
            names[spec.name.lower()] = names[f"{spec.name.lower()}.example"] = addresses
            if resolver is None and addresses and "dns:53" in spec.services:
                resolver = addresses[0]
        self._inputs = 0
        self._packets = self._timers = self._commands = 0
        self.hosts = {spec.name: Host(self, spec, topology.seed, names, resolver) for spec in topology.hosts}
        self.links = tuple(Link(spec, self.hosts, topology.seed) for spec in topology.links)
        self._link_of = {end: link for link in self.links for end in link.ends}
        self._loses: list[Loses] = []
        self._touched: dict[tuple[str, int], int] = {}

    # --- going on ----------------------------------------------------------------------------------------------

    @property
    def quiet(self) -> bool:
        """True when nothing is in flight, entered, or to be sent again. Entries' expiry and TIME_WAIT do not count."""
        return not self.clock.busy

    @property
    def pending(self) -> bool:
        """True when anything at all is still ahead."""
        return self._next() is not None

    def due(self, host: str) -> int | None:
        """ns: when the next timer of a host runs out, or one of its entries is forgotten; None if it waits for nothing."""
        times = (self.clock.due(host), self.hosts[host].firewall.next_timer_ns())
        return min((at for at in times if at is not None), default=None)

    @property
    def next_at(self) -> int | None:
        """ns: when something happens next; None: nothing is ahead."""
        upcoming = self._next()
        return None if upcoming is None else max(self.now, upcoming[0])

    def step(self) -> list[Record]:
        """Lets exactly one event happen; its record, in a list (empty when nothing is ahead)."""
        upcoming, start = self._next(), len(self.records)
        if upcoming is not None:
            self._let(*upcoming)
        return self.records[start:]

    def run_until(self, at: int) -> list[Record]:
        """Lets everything happen that is due up to ``at`` (ns), and goes there."""
        start = len(self.records)
        while (upcoming := self._next()) is not None and upcoming[0] <= at:
            self._let(*upcoming)
        self.now = max(self.now, at)
        return self.records[start:]

    def _let(self, at: int, expiring: Host | None) -> None:
        """Lets happen what is next."""
        self.now = max(self.now, at)
        if expiring is not None:
            self._expire(expiring)
        else:
            self._happen(self.clock.pop())

    def enter(self, host: str, line: str, learner: bool = False) -> CommandRun:
        """Enters a line at a host's prompt, now. Raises KeyError if there is no such host."""
        record = self._carry_out(self.hosts[host], line, -1, self._inputs, learner)
        self._inputs += 1
        return record

    def _carry_out(self, here: Host, line: str, cause: int, ordinal: int, learner: bool) -> CommandRun:
        firewall = here.firewall
        family = family_of(line)
        before, state = firewall.ruleset(family), firewall.state
        counters, entries, memory, expected = dict(state.counters), dict(state.entries), dict(state.memory), dict(state.expectations)
        index = self._begin()
        here.lines += 1
        output, refused = run(here, line)
        changes = _difference(COUNTER, counters, state.counters) + _difference(ENTRY, entries, state.entries)
        changes += _difference(MEMORY, memory, state.memory) + _difference(EXPECTATION, expected, state.expectations)
        after = firewall.ruleset(family)
        record = CommandRun(index, self.now, here.name, cause, ordinal, line, output, refused, before, after, changes, learner)
        self.records.append(record)
        return record

    def schedule(self, at: int, host: str, line: str) -> None:
        """A line to be entered later, as by a script. Raises KeyError if there is no such host."""
        self.clock.push(Entering(at, self.hosts[host].name, line))

    def replay(self, at: int, host: str, packet: Captured, number: int) -> None:
        """A packet of a capture, the ``number``-th, to be played into a host later. Raises KeyError if there is no such host."""
        self.clock.push(Replay(at, self.hosts[host].name, number, packet))

    def lose(self, predicate: Loses) -> None:
        """From now on links lose the packets for which ``predicate(link, sender, packet)`` is true."""
        self._loses.append(predicate)

    # --- what hosts ask for ------------------------------------------------------------------------------------

    def emit(self, host: Host, raw: bytes, tell: Told, by_stack: bool, user: User, by: str) -> None:
        """Queues a host's own packet as the next event: the kernel answers one packet before it takes up another."""
        departure = Departure(self.now, host.name, self.current, self._packets, Packet(raw), tell, by_stack, user, by)
        self.clock.push(departure, first=True)
        self._packets += 1

    def arm(self, host: Host, delay: int, fire: Callable[[], str], busy: bool) -> Timer:
        """Queues a timer of a host."""
        timer = Timer(self.now + delay, host.name, self.current, self._timers, busy, fire)
        self._timers += 1
        self.clock.push(timer)
        return timer

    def execute(self, host: Host, line: str, done: Callable[[CommandRun], None]) -> None:
        """Queues a command that a program runs, as the next event."""
        self.clock.push(Executing(self.now, host.name, self.current, self._commands, line, done))
        self._commands += 1

    def last_on_the_wire(self, protocol: int, ends: Ends) -> Packet | None:
        """The last packet with this source, source port, destination and destination port that left a host; None if there was none."""
        for record in reversed(self.records):
            if isinstance(record, Walked):
                for _, raw in record.walk.out:
                    packet = Packet(raw)
                    if packet.protocol == protocol and ends_of(packet) == ends:
                        return packet
        return None

    def answers_on_link(self, host: Host, address: Address) -> bool | None:
        """Whether somebody answers to that address on the link by which ``host`` reaches it; None: it lies behind a router, or nowhere."""
        route = host.firewall.route(address.value, address.family)
        if route is None or route.gateway:
            return None
        link = self._link_of.get((host.name, route.interface))
        return link is not None and (not link.arp or link.has(address))

    def miss(self, host: Host, delay: int, interface: str, address: Address) -> Event:
        """Queues the moment when a neighbour is given up."""
        missed = Missed(self.now + delay, host.name, self.current, self._timers, interface, address)
        self._timers += 1
        self.clock.push(missed)
        return missed

    def put_on_link(self, host: Host, interface: str, packet: Packet) -> None:
        """The last step of a packet out of a host."""
        link = self._link_of.get((host.name, interface))
        if link is None:
            return
        ordinal = self._packets
        self._packets += 1
        if link.loses(packet) or any(loses(link.name, host.name, packet) for loses in self._loses):
            return
        for target, arrives_on, how in link.reach(host, packet):
            self.clock.push(Arrival(self.now + link.delay, target.name, self.current, ordinal, packet, arrives_on, how))

    # --- events ------------------------------------------------------------------------------------------------

    def _next(self) -> tuple[int, Host | None] | None:
        """(when, whose entries expire) of what is next; None in the second place: the clock's event."""
        at = self.clock.next_at()
        whose: Host | None = None
        for host in self.hosts.values():
            due = host.firewall.next_timer_ns()
            # An entry is forgotten before a packet of the same instant arrives.
            if due is not None and (at is None or due < at or (due == at and whose is None)):
                at, whose = due, host
        return None if at is None else (at, whose)

    def _begin(self) -> int:
        self._packets = self._timers = self._commands = 0
        self.current = len(self.records)
        return self.current

    def _happen(self, event: Event) -> None:
        host = self.hosts[event.host]
        if isinstance(event, Entering):
            self.enter(event.host, event.line)
            return
        if isinstance(event, Executing):
            event.done(self._carry_out(host, event.line, event.cause, event.ordinal, learner=False))
            return
        if isinstance(event, Missed):
            self._give_up(host, event)
            return
        index = self._begin()
        if isinstance(event, Replay):
            walk = event.packet.walk(host.firewall, self.now)
            self.records.append(Walked(index, self.now, host.name, event.cause, event.ordinal, walk))
            self._remember(host, walk, index)
            return
        if isinstance(event, Timer):
            what = event.fire()
            self.records.append(TimerFired(index, self.now, host.name, event.cause, event.ordinal, what))
            return
        if isinstance(event, Arrival):
            walk = host.firewall.receive_ns(event.packet, on=event.interface, at=self.now, link=event.link)
        else:
            assert isinstance(event, Departure)
            uid = event.user.uid
            walk = host.firewall.send_ns(event.packet, at=self.now, uid=uid, gid=uid, by_stack=event.by_stack, by=event.by)
            if walk.verdict == "DROP" and event.tell:
                if isinstance(event.tell, bool):
                    host.say("sendto: Operation not permitted (dropped on its way out)")
                else:
                    event.tell()
        self._walked(host, walk, event.cause, event.ordinal, event.link if isinstance(event, Arrival) else "host")

    def _walked(self, host: Host, walk: Walk, cause: int, ordinal: int, link: str) -> None:
        """A packet has been through a host: its record, and what follows from it."""
        index = self._begin()
        self.records.append(Walked(index, self.now, host.name, cause, ordinal, walk))
        self._remember(host, walk, index)
        self._transmit(host, walk)
        for part in (*walk.answers, walk):
            if part.delivered is not None:
                routing, packet = host.firewall.routing, part.delivered
                many = link != "host" or routing.is_broadcast(packet.family, packet.dst) or routing.is_multicast(packet.family, packet.dst)
                host.stack.receive(packet, many)
                self._hear(host, part)

    def _hear(self, host: Host, walk: Walk) -> None:
        link = self._link_of.get((host.name, walk.in_interface or ""))
        if link is not None and link.discovery and walk.in_interface and walk.delivered is not None:
            host.neighbours.hear(walk.delivered, walk.in_interface)

    def _transmit(self, host: Host, walk: Walk) -> None:
        for interface, raw in walk.out:
            if interface == LOOPBACK:
                continue  # the Firewall has taken it around already
            packet = Packet(raw)
            if self._has_taker(host, interface, Waiting(packet, walk.in_interface or interface)):
                self.put_on_link(host, interface, packet)

    def _has_taker(self, host: Host, interface: str, packet: Waiting) -> bool:
        """Whether a packet may go on its link now; else it waits for a neighbour."""
        hop = next_hop(host, packet.packet)
        if hop is None:
            return True
        link = self._link_of.get((host.name, interface))
        if link is not None and link.discovery and hop.family == 6:
            return host.neighbours.find(interface, hop, packet)
        if link is not None and (not link.arp or link.has(hop) or link.has(destination_of(packet.packet))):
            return True
        host.neighbours.wait(interface, hop, packet)
        return False

    def _give_up(self, host: Host, event: Missed) -> None:
        """Whoever sent what has waited is told, the host itself first of all."""
        packets = host.neighbours.give_up(event.interface, event.address)
        changes: tuple[Change, ...] = ()
        caused: list[Walk] = []
        for packet, came_by in packets:
            changes += host.firewall.missed_ns(packet, came_by, self.now)
            caused += host.firewall.caused
        index = self._begin()
        what = f"nobody answers for {event.address}: {len(packets)} {'packet' if len(packets) == 1 else 'packets'} could not be delivered"
        self.records.append(TimerFired(index, self.now, host.name, event.cause, event.ordinal, what, changes))
        for number, walk in enumerate(caused):
            self._walked(host, walk, index, number, "host")

    def _expire(self, host: Host) -> None:
        changes = tuple(host.firewall.advance_ns(self.now))
        if not changes:
            return
        cause = self._touched.get((host.name, changes[0].key), -1)
        index = self._begin()
        entries = sum(change.kind == ENTRY for change in changes)
        what = f"{entries} {'entry' if entries == 1 else 'entries'} forgotten" if entries else "an incomplete datagram forgotten"
        self.records.append(TimerFired(index, self.now, host.name, cause, 0, what, changes))
        for change in changes:
            self._touched.pop((host.name, change.key), None)
        for number, walk in enumerate(host.firewall.caused):
            self._walked(host, walk, index, number, "host")

    def _remember(self, host: Host, walk: Walk, index: int) -> None:
        """Notes which record touched an entry last: it will be the cause of its being forgotten."""
        if walk.tracked is not None:
            self._touched[host.name, walk.tracked.id] = index
        if walk.verdict == "HELD":
            for change in walk.changes:
                self._touched[host.name, change.key] = index


def _first_addresses(interfaces: Mapping[str, tuple[str, ...]]) -> tuple[Address, ...]:
    """The first of each family, IPv4 before IPv6."""
    found: dict[int, Address] = {}
    for addresses in interfaces.values():
        for text in addresses:
            address = Address(*parse_address(text.partition("/")[0]))
            found.setdefault(address.family, address)
    return tuple(found[family] for family in (4, 6) if family in found)


def _difference(kind: str, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> tuple[Change, ...]:
    """What became of a mapping, as effects, in an order that does not depend on chance."""
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    return tuple(Change(kind, key, before.get(key), after.get(key)) for key in sorted(changed, key=str))
