"""The kinds of history an answer is put through, each in a fresh world: what must go on, and what
must never happen. What must not get in is ``strays``.

Judged by what happens, never by how the rules are written. An *exchange* is finished, not half open: words crossed
both ways and, for TCP, both ends closed. A *history* is any traffic, with what must be seen in it and what must never be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from ipaddress import ip_network
from itertools import islice
from random import Random

from fwtutor.course.aiming import aims
from fwtutor.course.facts import tried
from fwtutor.course.ground import (
    USUAL_DRAWS,
    Ground,
    Played,
    Story,
    draw_address,
    draw_all,
    draw_in_turn,
    enter,
    fill,
    loss_words,
    lost,
    settle,
)
from fwtutor.course.happened import by_whom, must_told, never_told, packet_told
from fwtutor.course.model import Condition
from fwtutor.course.patterns import packet_words
from fwtutor.late import late_dataclass
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import FIN, SYN, TCP, Packet
from fwtutor.network.captured import Captured
from fwtutor.network.ends import Address, destination_of, source_of, write_place
from fwtutor.network.records import Record, Walked
from fwtutor.network.world import World

TOO_BIG = {4: (3, 4), 6: (2, 0)}
MOST_SHUT_OUT = 40
"""Addresses tried of one network that must be let in."""
QUOTED = {4: 28, 6: 1232}
"""Bytes of a packet that an error quotes, by family."""


class Telling:
    """A trial that can tell the history that failed."""

    def story(self, ground: Ground, random: Random) -> Story | None:
        """The history that failed; None if none did. Raises CommandRefused and RuleRefused, as the ground does."""
        raise NotImplementedError

    def failure(self, ground: Ground, random: Random) -> str:
        """What went wrong, in words; "" if nothing did."""
        story = self.story(ground, random)
        return story.text if story else ""


@late_dataclass
class Exchange(Telling):
    """A conversation that must go on, from its first packet to its last."""

    host: str
    run: tuple[str, ...]
    """Commands at that host, each run to quiet; ``{port}`` stands for a source port drawn from the seed."""
    protocol: int
    address: Address
    port: int
    times: int = 2
    served: tuple[Address, int] | None = None
    """Where the words really arrive, if something on the way translates the address."""
    everyone: tuple[str, ...] = ()
    """Networks from all of which it must be possible to begin such a conversation, but for the lesson's own hosts."""

    def story(self, ground: Ground, random: Random) -> Story | None:
        for _ in range(self.times):
            world = ground.world()
            begun = len(world.records)
            drawn = draw_all(USUAL_DRAWS, random)
            # A "say" that finds its connection dead is refused: what killed it is the better story.
            refused = next(filter(None, (enter(world, self.host, fill(line, drawn)) for line in self.run)), "")
            said = self._unfinished(world, ground, begun) or refused
            if said:
                at = lost(world, ground.watch, (self.address, self.port))
                typed = self.run[0].replace("{port}", "any port")
                return Story(f'"{typed}" at {self.host}: {said}{loss_words(world, at)}', world, at)
        return self._shut_out(world.records[begun:], ground, random) if self.everyone else None

    def _shut_out(self, played: list[Record], ground: Ground, random: Random) -> Story | None:
        """The same beginning from elsewhere: both ends of each network, and what the answer's own rules speak of."""
        family, destination = self.address
        here = (record.walk for record in played if isinstance(record, Walked) and record.host == ground.watch)
        began = next((walk for walk in here if destination_of(walk.packet) == self.address), None)
        on = began.in_interface if began else None
        if began is None or on is None:
            return None
        world = ground.world()
        firewall = world.hosts[ground.watch].firewall
        mark = firewall.checkpoint()
        spoken = [source for some in aims(firewall, family) for aim in some for source in aim.sources]
        hosts = ground.addresses
        for place in self.everyone:
            network = ip_network(place)
            first, last = int(network.network_address) + 1, int(network.broadcast_address) - 1
            drawn = parse_address(str(draw_address(place, random)))[1]
            for source in [each for each in dict.fromkeys((first, last, drawn, *spoken)) if first <= each <= last][:MOST_SHUT_OUT]:
                if (family, source) in hosts:
                    continue
                sport = began.packet.sport
                if self.protocol == TCP:
                    raw = craft.tcp(source, destination, sport, self.port, SYN, random.getrandbits(32), family=family)
                else:
                    raw = craft.udp(source, destination, sport, self.port, began.packet.payload, family=family)
                walk = firewall.receive_ns(Packet(raw), on=on, at=world.now)
                if walk.to is None:
                    text = f"{packet_told(walk.packet)} did not get in{by_whom(walk)}"
                    return Story(text, world, packets=(Captured(world.now, on, raw),))
                firewall.rollback(mark)
        return None

    def _unfinished(self, world: World, ground: Ground, begun: int) -> str:
        """What is missing for a whole conversation since the record ``begun``; "" if nothing is."""
        place = self.address, self.port
        served = self.served or place
        # A loopback address is nobody's in particular: it is the host's own.
        peer = ground.owner(str(served[0])) or self.host
        heard = answered = False
        closed = [False, False]
        for record in world.records[begun:]:
            packet = record.walk.delivered if isinstance(record, Walked) else None
            if packet is None or packet.protocol != self.protocol:
                continue
            if record.host == peer and (destination_of(packet), packet.dport) == served:
                heard = heard or bool(packet.payload)
                closed[0] = closed[0] or bool(packet.flags & FIN)
            elif record.host == self.host and (source_of(packet), packet.sport) == place:
                answered = answered or bool(packet.payload)
                closed[1] = closed[1] or bool(packet.flags & FIN)
        where = write_place(self.address, self.port)
        if not heard:
            return f"nothing said ever reached {where}"
        if not answered:
            return f"no answer of {where} came back"
        if self.protocol == TCP and not all(closed):
            return "the connection was never closed at both ends"
        return ""


@late_dataclass
class IcmpError(Telling):
    """A router's word about a packet that went out through the watched host: it must come home to whoever sent that."""

    host: str
    run: tuple[str, ...]
    address: Address
    port: int
    interface: str
    type: int
    code: int
    router: Address

    def story(self, ground: Ground, random: Random) -> Story | None:
        world = ground.world()
        begun = len(world.records)
        drawn = draw_all(USUAL_DRAWS, random)
        said = next(filter(None, (enter(world, self.host, fill(line, drawn)) for line in self.run)), "")
        if said:
            return Story(said, world, lost(world, ground.watch))
        sent = [
            packet
            for packet in self._left(world.records[begun:], ground.watch)
            if (destination_of(packet), packet.dport) == (self.address, self.port)
        ]
        if not sent:
            return Story(f"nothing was sent to {write_place(self.address, self.port)}", world, lost(world, ground.watch))
        big, family = sent[-1], self.router.family
        mtu = 1400 if (self.type, self.code) == TOO_BIG[family] else 0
        quoted = big.raw[: QUOTED[family]]
        raw = craft.icmp(self.router.value, big.src, self.type, self.code, rest=mtu, payload=quoted, family=family)
        error = Captured(world.now, self.interface, raw)
        walk = error.walk(world.hosts[ground.watch].firewall, world.now)
        if walk.to is not None:
            return None
        kind = "ICMP" if family == 4 else "ICMPv6"
        text = f"{kind} {self.type}/{self.code} from {self.router} about {packet_words(big)} was stopped{by_whom(walk)}"
        return Story(text, world, packets=(error,))

    def _left(self, records: Iterable[Record], watch: str) -> Iterator[Packet]:
        """The packets that left the watched host, as the wire saw them."""
        for record in records:
            if isinstance(record, Walked) and record.host == watch:
                for interface, raw in record.walk.out:
                    if interface == self.interface:
                        yield Packet(raw)


# --- any traffic --------------------------------------------------------------------------------------------


@late_dataclass
class Traffic:
    """What is entered in a history, and what is drawn for it."""

    lines: tuple[tuple[float, str, str], ...]
    """(seconds from the start, host, line), in order; ``{names}`` are drawn."""
    draws: Mapping[str, str] = field(default_factory=dict)
    """What each name is drawn from (see ``ground.draw``), besides ``port``."""
    already: tuple[tuple[str, str], ...] = ()
    """(host, line) pairs that went before: they are entered before the answer comes into force."""

    def drawings(self, random: Random) -> Iterator[dict[str, str]]:
        """What is drawn for it, time and again."""
        return draw_in_turn({**USUAL_DRAWS, **self.draws}, random)

    def play(self, ground: Ground, drawn: Mapping[str, str]) -> tuple[Played, str]:
        """(the history in a fresh world, what was said of the first line that was refused)."""
        world = ground.world(tuple((host, fill(line, drawn)) for host, line in self.already))
        start, first, refused = world.now, len(world.records), ""
        for at, host, line in self.lines:
            world.run_until(start + round(at * SECOND))
            record = world.enter(host, fill(line, drawn))
            refused = refused or (f'"{record.line}" was refused, {record.output.strip()}' if record.refused else "")
        settle(world)
        return Played(world, world.records, first), refused


Conditions = Callable[[Mapping[str, str]], Condition]
"""A condition, once it is known what was drawn."""


@late_dataclass
class History(Telling):
    """Traffic in which some things must happen, and some must never."""

    traffic: Traffic
    must: tuple[Conditions, ...] = ()
    never: tuple[Conditions, ...] = ()
    times: int = 1

    def story(self, ground: Ground, random: Random) -> Story | None:
        for drawn in islice(self.traffic.drawings(random), self.times):
            played, refused = self.traffic.play(ground, drawn)
            for wanted in self.must:
                condition = wanted(drawn)
                if condition.met_at(played) is None:
                    at = lost(played.world, ground.watch)
                    because = f"; {refused}" if refused else loss_words(played.world, at)
                    return Story(f"{must_told(condition)}{because}", played.world, at)
            for unwanted in self.never:
                condition = unwanted(drawn)
                found = condition.met_at(played)
                if found is not None:
                    return Story(never_told(condition, played.records, found), played.world, found)
        return None


@late_dataclass
class Cost(Telling):
    """Traffic of which most packets must meet few rules."""

    traffic: Traffic
    most: int
    """Rules tried, in all tables and chains of the watched host together."""
    share: int = 100
    """Of the packets, in per cent."""

    def story(self, ground: Ground, random: Random) -> Story | None:
        played, _ = self.traffic.play(ground, next(self.traffic.drawings(random)))
        here = played.records[played.start :]
        met = [record for record in here if isinstance(record, Walked) and record.host == ground.watch]
        costs = sorted(tried(record.walk) for record in met)
        cheap = sum(cost <= self.most for cost in costs)
        if not costs or cheap * 100 >= self.share * len(costs):
            return None
        dearest = max(met, key=lambda record: tried(record.walk))
        walk = dearest.walk
        said = f"{cheap} of {len(costs)} packets met at most {self.most} rules, and {self.share} % are asked for"
        return Story(f"{said}; {packet_told(walk.packet)} met {tried(walk)}{by_whom(walk)}", played.world, dearest.index)
