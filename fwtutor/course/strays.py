"""What must not get in: packets that belong to no conversation, drawn from a lesson's seed, and aimed at the answer's own rules.

A *stray* has got in when the watched firewall lets it through, to the box itself or to whom it was for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import field, replace
from ipaddress import ip_interface, ip_network
from itertools import chain, islice
from random import Random

from fwtutor.course.aiming import Aim, aims, in_turn
from fwtutor.course.alike import told_apart
from fwtutor.course.ground import Ground, Story, draw_address, enter
from fwtutor.course.happened import by_whom, packet_told
from fwtutor.course.knocking import Knocking, opens
from fwtutor.course.trials import QUOTED, Telling
from fwtutor.late import late_dataclass
from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, ICMP, ICMPV6, SYN, TCP, UDP, Packet
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.rule import Rule, StatefulMatch
from fwtutor.network.captured import Captured
from fwtutor.network.ends import Address
from fwtutor.network.world import World

MOST_AIMED = 150
"""Packets aimed at the answer, by one check: they take some ten milliseconds. Of more rules that may accept, each has one."""
MOST_KNOCKERS = 8
"""Addresses from which somebody knocks."""
AGAIN = (0, 1, 3)
"""Seconds after which a packet that nobody answers comes, as TCP sends it again."""
DAY = 86_400 * SECOND
QUESTIONS = (0, 9, 10, 13, 14, 15, 16, 17, 18)
"""Types of ICMP that are no errors, besides echo."""


@late_dataclass
class Strays(Telling):
    """Packets that belong to no conversation there is: the watched firewall must let none through."""

    interface: str
    destination: Address
    sources: tuple[str, ...]
    """Addresses, and networks from which one is drawn."""
    tcp: tuple[int, ...] = ()
    """Flags to try."""
    udp: bool = False
    icmp: tuple[tuple[int, int], ...] = ()
    """(type, code); an error quotes a connection that does not exist."""
    ports: tuple[int, ...] = ()
    but: tuple[int, ...] = ()
    """TCP ports that are open to the world."""
    only: bool = False
    """Only ``ports``, and no drawn ones beside them."""
    source_ports: tuple[int, ...] = ()
    first: tuple[tuple[str, str], ...] = ()
    """(host, line) pairs entered before, so that there is a connection to hide behind."""
    anybody: bool = False
    """Whoever is none of the lesson's hosts, and at home on no other link of the watched host, is a stranger as ``sources`` are."""
    _made: dict[object, tuple[Packet, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The packets of the last draw: in a class they are the same for every answer."""

    def story(self, ground: Ground, random: Random) -> Story | None:
        world = ground.world()
        for host, line in self.first:
            enter(world, host, line)
        firewall = world.hosts[ground.watch].firewall
        matches = [match for rule in _rules(firewall) for match in rule.matches]
        # A rule that counts may let in the second packet, and one that looks at the clock whoever comes another day.
        times = AGAIN if any(isinstance(match, StatefulMatch) for match in matches) else (0,)
        days = (0, Random(f"{self.sources}").randint(400, 4000)) if any(match.name == "time" for match in matches) else (0,)
        key = told_apart(firewall, self.destination.family)
        packets: dict[Hashable, Packet] = {}
        for packet in chain(self._drawn(random), self._aimed(ground, firewall)):
            packets.setdefault(key(packet), packet)
        mark, began = firewall.checkpoint(), firewall.box.began
        for day in days:
            firewall.box.began = began + day * DAY
            for packet in packets.values():
                for seconds in times:
                    walk = firewall.receive_ns(packet, on=self.interface, at=world.now + seconds * SECOND)
                    if walk.to is not None:
                        later = f", {day} days later" if day else ""
                        again = f", when it was sent again after {seconds} s" if seconds else ""
                        return Story(f"{self._words(walk)}{again}{later}", world, packets=(self._shown(packet, world.now),))
                firewall.rollback(mark)
        return self._behind_a_list(ground, world) if not self.only and opens(_rules(firewall)) else None

    def _words(self, walk: Walk) -> str:
        before = "".join(f'after "{line}" at {host}, ' for host, line in self.first)
        return f"{before}{packet_told(walk.packet)} came in by {self.interface} and got through{by_whom(walk)}"

    def _shown(self, packet: Packet, at: int) -> Captured:
        return Captured(at, self.interface, packet.raw)

    def _behind_a_list(self, ground: Ground, world: World) -> Story | None:
        """A stray that gets in when others were sent before it."""
        firewall, now = world.hosts[ground.watch].firewall, world.now
        usual, accepting, dropping = self._spoken_of(ground, firewall)
        # One may knock with anything, and where everybody may come in.
        knocker = replace(self, tcp=(SYN,), udp=True, icmp=((8 if self.destination.family == 4 else 128, 0),), but=())
        sources = dict.fromkeys((*usual.sources, *in_turn(iter(aim.sources) for aim in (*accepting, *dropping))))
        for source in islice(sources, MOST_KNOCKERS):
            own = [aim._replace(sources=(source,)) for aim in (*accepting, *dropping, Aim())]
            most = min(2 * len(own), MOST_AIMED)
            knocks, doors = (tuple(map(Packet, islice(in_turn(who._at(aim, usual) for aim in own), most))) for who in (knocker, self))
            ways = Knocking(firewall, lambda packet: firewall.receive_ns(packet, on=self.interface, at=now), knocks, doors).found()
            if ways:
                knocked = ", then ".join(packet_told(walk.packet) for walk in ways[:-1])
                return Story(
                    f"{self._words(ways[-1])}; before, somebody had knocked with {knocked}",
                    world,
                    packets=tuple(self._shown(walk.packet, now) for walk in ways),
                )
        return None

    def _drawn(self, random: Random) -> tuple[Packet, ...]:
        state = random.getstate()
        if state not in self._made:
            made = tuple(map(Packet, self._packets(random)))
            self._made.clear()
            self._made[state] = made
        return self._made[state]

    def _packets(self, random: Random) -> Iterator[bytes]:
        """The plainest first, so that a failure shows the plainest."""
        family, destination = self.destination
        ports = [*self.ports, *(() if self.only else (random.randint(1, 1023), random.randint(1024, 65535)))]
        source_ports = [*self.source_ports, random.randint(1024, 65535)]
        for place in self.sources:
            source = parse_address(str(draw_address(place, random)))[1]
            for flags in self.tcp:
                for port in ports:
                    if port not in self.but:
                        for source_port in source_ports:
                            seq, ack = random.getrandbits(32), random.getrandbits(32)
                            number = ack if flags & ACK else 0
                            yield craft.tcp(source, destination, source_port, port, flags, seq, number, family=family)
            if self.udp:
                for port in (*ports, *self.but):
                    for source_port in source_ports:
                        yield craft.udp(source, destination, source_port, port, b"?", family=family)
            for type, code in self.icmp:
                if type in (8, 128):
                    yield craft.icmp(source, destination, type, code, rest=random.getrandbits(32), payload=b"ping", family=family)
                else:
                    # About a connection from a port below any the box would use for one of its own.
                    quoted = craft.tcp(destination, source, random.randint(1, 1000), 443, SYN, family=family)[: QUOTED[family]]
                    yield craft.icmp(source, destination, type, code, payload=quoted, family=family)

    # --- aimed at the answer ---

    def _aimed(self, ground: Ground, firewall: Firewall) -> Iterator[Packet]:
        """Packets for each rule that is in force, each rule in its turn, and then for what they speak of together.

        Whoever hides a back door among many others pays for it himself: however many may accept, each has its first turn.
        """
        if self.only:
            return
        usual, accepting, dropping = self._spoken_of(ground, firewall)
        found = [*accepting, *dropping]
        together = Aim(*(tuple(dict.fromkeys(chain.from_iterable(values))) for values in zip(*found, strict=True))) if found else Aim()
        seen, most = set[bytes](), max(MOST_AIMED, len(accepting))
        for raw in chain(in_turn(self._at(aim, usual) for aim in found), self._at(together._replace(protocols=()), usual)):
            if raw not in seen:
                seen.add(raw)
                yield Packet(raw)
            if len(seen) >= most:
                return

    def _spoken_of(self, ground: Ground, firewall: Firewall) -> tuple[Aim, list[Aim], list[Aim]]:
        """What to take where a rule says nothing; what the rules speak of that may accept; what the others do."""
        random = Random(f"{ground.watch} {self.sources} {self.ports}")
        usual = Aim(
            tuple(parse_address(str(draw_address(place, random)))[1] for place in self.sources[:2]),
            self.ports[:2] or (random.randint(1024, 65535),),
            (random.randint(32768, 60999),),
        )
        is_stray = self._strangers(ground)

        def strange(aim: Aim) -> Aim:
            return aim._replace(sources=tuple(filter(is_stray, aim.sources)) or (() if aim.sources else usual.sources))

        accepting, dropping = aims(firewall, self.destination.family)
        return usual, [*map(strange, accepting)], [*map(strange, dropping)]

    def _strangers(self, ground: Ground) -> Callable[[int], bool]:
        listed = [ip_network(place) for place in self.sources]
        family, _ = self.destination
        hosts = ground.addresses
        here = ground.topology.host(ground.watch).interfaces
        homes = [ip_interface(text).network for name, texts in here.items() if name != self.interface for text in texts]

        def is_stray(source: int) -> bool:
            address = ip_network((source, 32 if family == 4 else 128)).network_address
            if any(address in network for network in listed):
                return True
            return self.anybody and (family, source) not in hosts and not any(address in home for home in homes)

        return is_stray

    def _at(self, aim: Aim, usual: Aim) -> Iterator[bytes]:
        family, destination = self.destination
        flags = SYN if SYN in self.tcp else self.tcp[0] if self.tcp else None
        for source_port in aim.source_ports or usual.source_ports:
            for source in aim.sources:
                for port in aim.ports or usual.ports:
                    if flags is not None and port not in self.but and _speaks_of(aim, TCP):
                        number = 1 if flags & ACK else 0
                        yield craft.tcp(source, destination, source_port, port, flags, 1, number, family=family)
                    if self.udp and _speaks_of(aim, UDP):
                        yield craft.udp(source, destination, source_port, port, b"?", family=family)
                    if self.udp and self.tcp:
                        for protocol in aim.protocols:
                            if protocol not in (TCP, UDP, ICMP, ICMPV6):
                                yield _of_protocol(protocol, source, destination, source_port, port, family)
        if any(type in (8, 128) for type, _ in self.icmp) and (not aim.protocols or {ICMP, ICMPV6} & set(aim.protocols)):
            questions = [kind for kind in aim.icmp if family == 4 and kind[0] in QUESTIONS] or [(8 if family == 4 else 128, 0)]
            for source in aim.sources:
                for type, code in questions:
                    yield craft.icmp(source, destination, type, code, rest=1, payload=b"ping", family=family)


def _rules(firewall: Firewall) -> Iterator[Rule]:
    for family in (4, 6):
        for table in firewall.ruleset(family).tables.values():
            for each in table.chains.values():
                yield from each.rules


def _speaks_of(aim: Aim, protocol: int) -> bool:
    # The ends of its ranges are known: what is between the first and the last may be meant.
    return not aim.protocols or min(aim.protocols) <= protocol <= max(aim.protocols)


def _of_protocol(protocol: int, source: int, destination: int, source_port: int, port: int, family: int) -> bytes:
    if protocol == craft.SCTP and family == 4:
        return craft.sctp(source, destination, source_port, port, 0, craft.sctp_init(1, 1))
    ports = source_port.to_bytes(2, "big") + port.to_bytes(2, "big")
    return craft.ip(source, destination, protocol, ports + bytes(28), family=family)
