"""The kinds of history an answer is put through, each in a fresh world: what must go on, and what must not get in.

Judged by what happens, never by how the rules are written. An *exchange* is finished, not half open: words crossed
both ways and, for TCP, both ends closed. A *stray* has reached the box when its own stack gets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from random import Random

from fwtutor.course.queries import decided, packet_words
from fwtutor.late import late_dataclass
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import ACK, FIN, SYN, TCP, UDP, Packet
from fwtutor.netfilter.walk import Walk
from fwtutor.network.records import Walked
from fwtutor.network.topology import Topology
from fwtutor.network.world import World

MAX_EVENTS = 20_000
"""A history that is not over by then is judged as it stands."""


class CommandRefused(ValueError):
    """A command of the answer itself was refused; the text is the tool's."""


@late_dataclass
class Ground:
    """Where a trial takes place: the lesson's network, with the answer in force."""

    topology: Topology
    watch: str
    rules: str
    """iptables-save text for the watched host."""
    commands: tuple[tuple[str, str], ...] = ()
    """(host, line) pairs entered before the trial."""

    def world(self) -> World:
        """A fresh one. Raises CommandRefused, and RuleRefused if the rules themselves are wrong."""
        hosts = tuple(replace(host, rules=self.rules) if host.name == self.watch else host for host in self.topology.hosts)
        world = World(replace(self.topology, hosts=hosts))
        for host, line in self.commands:
            record = world.enter(host, line)
            if record.refused:
                raise CommandRefused(f"{host}# {line}: {record.output.strip()}")
            settle(world)
        return world

    def owner(self, address: str) -> str:
        """The host that has the address; "" if none has."""
        for host in self.topology.hosts:
            if any(text.partition("/")[0] == address for texts in host.interfaces.values() for text in texts):
                return host.name
        return ""


def settle(world: World) -> None:
    """Runs until nothing is in flight."""
    for _ in range(MAX_EVENTS):
        if world.quiet:
            return
        world.step()


@late_dataclass
class Exchange:
    """A conversation that must go on, from its first packet to its last."""

    host: str
    run: tuple[str, ...]
    """Commands at that host, each run to quiet; ``{port}`` stands for a source port drawn from the seed."""
    protocol: int
    address: str
    port: int
    times: int = 2

    def failure(self, ground: Ground, random: Random) -> str:
        for _ in range(self.times):
            world = ground.world()
            refused = _enter(world, self.host, self.run, random)
            # A "say" that finds its connection dead is refused: what killed it is the better story.
            said = self._unfinished(world, ground.owner(self.address)) or refused
            if said:
                return f"{self.host}: {self.run[0].replace('{port}', 'any port')}: {said}{_first_loss(world, ground.watch, self)}"
        return ""

    def _unfinished(self, world: World, peer: str) -> str:
        """What is missing for a whole conversation; "" if nothing is."""
        address = parse_address(self.address)[1]
        heard = answered = False
        closed = [False, False]
        for record in world.records:
            if not isinstance(record, Walked) or record.walk.to != "local":
                continue
            packet = record.walk.packet
            if packet.protocol != self.protocol:
                continue
            if record.host == peer and (packet.dst, packet.dport) == (address, self.port):
                heard = heard or bool(packet.payload)
                closed[0] = closed[0] or bool(packet.flags & FIN)
            elif record.host == self.host and (packet.src, packet.sport) == (address, self.port):
                answered = answered or bool(packet.payload)
                closed[1] = closed[1] or bool(packet.flags & FIN)
        if not heard:
            return f"nothing said ever reached {self.address}:{self.port}"
        if not answered:
            return f"no answer of {self.address}:{self.port} came back"
        if self.protocol == TCP and not all(closed):
            return "the connection was never closed at both ends"
        return ""


@late_dataclass
class IcmpError:
    """A router's word about a packet the watched host sent: it must reach the host's own stack."""

    host: str
    run: tuple[str, ...]
    address: str
    port: int
    interface: str
    type: int
    code: int
    router: str

    def failure(self, ground: Ground, random: Random) -> str:
        world = ground.world()
        said = _enter(world, self.host, self.run, random)
        if said:
            return said
        destination = parse_address(self.address)[1]
        sent = [
            record.walk.packet
            for record in world.records
            if isinstance(record, Walked)
            and record.host == ground.watch
            and (record.walk.packet.dst, record.walk.packet.dport) == (destination, self.port)
            and record.walk.out
        ]
        if not sent:
            return f"nothing was sent to {self.address}:{self.port}"
        lost = sent[-1]
        mtu = 1400 if (self.type, self.code) == (3, 4) else 0
        raw = craft.icmp(parse_address(self.router)[1], lost.src, self.type, self.code, rest=mtu, payload=lost.raw[:28])
        walk = world.hosts[ground.watch].firewall.receive_ns(raw, on=self.interface, at=world.now)
        if walk.to == "local":
            return ""
        return f"ICMP {self.type}/{self.code} from {self.router} about {packet_words(lost)} did not get through ({decided(walk)})"


@late_dataclass
class Strays:
    """Packets that belong to no conversation the box has: none may reach its own stack."""

    interface: str
    destination: str
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

    def failure(self, ground: Ground, random: Random) -> str:
        world = ground.world()
        for host, line in self.first:
            world.enter(host, line)
            settle(world)
        firewall = world.hosts[ground.watch].firewall
        for raw in self._packets(random):
            mark = firewall.checkpoint()
            walk = firewall.receive_ns(raw, on=self.interface, at=world.now)
            if walk.to == "local":
                return self._words(walk)
            firewall.rollback(mark)
        return ""

    def _words(self, walk: Walk) -> str:
        before = "".join(f"after {host}: {line}: " for host, line in self.first)
        return f"{before}{packet_words(walk.packet)} came in on {self.interface} and was let through ({decided(walk)})"

    def _packets(self, random: Random) -> Iterator[bytes]:
        """The plainest first, so that a failure shows the plainest."""
        destination = parse_address(self.destination)[1]
        ports = [*self.ports, *(() if self.only else (random.randint(1, 1023), random.randint(1024, 65535)))]
        source_ports = [*self.source_ports, random.randint(1024, 65535)]
        for place in self.sources:
            source = _draw(place, random)
            for flags in self.tcp:
                for port in ports:
                    if port not in self.but:
                        for source_port in source_ports:
                            seq, ack = random.getrandbits(32), random.getrandbits(32)
                            yield craft.tcp(source, destination, source_port, port, flags, seq, ack if flags & ACK else 0)
            if self.udp:
                for port in (*ports, *self.but):
                    for source_port in source_ports:
                        yield craft.udp(source, destination, source_port, port, b"?")
            for type, code in self.icmp:
                if type == 8:
                    yield craft.icmp(source, destination, type, code, rest=random.getrandbits(32), payload=b"ping")
                else:
                    # About a connection from a port below any the box would use for one of its own.
                    quoted = craft.tcp(destination, source, random.randint(1, 1000), 443, SYN)[:28]
                    yield craft.icmp(source, destination, type, code, payload=quoted)


def _draw(place: str, random: Random) -> int:
    network = IPv4Network(place)
    if network.num_addresses <= 2:
        return int(network.network_address)
    return int(network.network_address) + random.randint(1, network.num_addresses - 2)


def _enter(world: World, host: str, lines: tuple[str, ...], random: Random) -> str:
    """Enters the lines, each run to quiet; what a refused one said, or ""."""
    port = str(random.randint(10_000, 30_000))
    for line in lines:
        record = world.enter(host, line.replace("{port}", port))
        if record.refused:
            return f"{record.line}: {record.output.strip()}"
        settle(world)
    return ""


def _first_loss(world: World, watch: str, exchange: Exchange) -> str:
    """The first packet of the conversation that the watched firewall stopped, in words; "" if none."""
    address = parse_address(exchange.address)[1]
    for record in world.records:
        if isinstance(record, Walked) and record.host == watch and record.walk.verdict in ("DROP", "REJECT"):
            packet: Packet = record.walk.packet
            if packet.protocol in (TCP, UDP) and (address, exchange.port) in ((packet.src, packet.sport), (packet.dst, packet.dport)):
                return f"; the firewall stopped {packet_words(packet)} ({decided(record.walk)})"
    return ""
