"""How fast the world is: a flood, and many bytes over one connection, against what the engine alone takes for the same walks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

from benchmarks.engine import timed
from benchmarks.table import Result, in_turn
from fwtutor.netfilter import Firewall
from fwtutor.network.records import Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.network.world import World

ROUNDS = 5
STATE = (
    "*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m tcp --syn -j ACCEPT\nCOMMIT\n"
)
HOSTS = (
    HostSpec("client", {"eth0": ("10.0.0.1/24",)}, {"default": "eth0"}),
    HostSpec("server", {"eth0": ("10.0.0.2/24",)}, {"default": "eth0"}, ("echo:7", "ssh:22"), STATE),
)
FLOOD = ("flood syn server:22 count 2000 rate 1000 from 198.51.100.0/24",)
BULK = ("connect server:7 from 4000", "upload 1000000 to 7")


def measure() -> Iterator[Result]:
    """A walk in the world, with all that sends and receives it, against one of the engine alone."""
    for what, lines in (("a flood of SYNs", FLOOD), ("a megabyte there and back", BULK)):
        yield compared(what, lines)


def played(lines: tuple[str, ...]) -> World:
    """The world in which these lines were entered at the client, three seconds or quiet apart."""
    world = World(Topology(HOSTS, (LinkSpec("wire", ("client:eth0", "server:eth0"), 0.001),)))
    for line in lines:
        record = world.enter("client", line)
        assert not record.refused, record.output
        world.run_until(world.now + 3_000_000_000)
    return world


def again(world: World) -> Callable[[], None]:
    """What walks the same packets through fresh firewalls, and does nothing else."""
    walks = [record for record in world.records if isinstance(record, Walked)]
    boxes = {spec.name: Firewall(interfaces=spec.interfaces, routes=spec.routes) for spec in HOSTS}
    for spec in HOSTS:
        if spec.rules:
            boxes[spec.name].load(spec.rules)

    def walk() -> None:
        for record in walks:
            box, packet, interface = boxes[record.host], record.walk.packet, record.walk.in_interface
            if interface is None:
                box.send_ns(packet, at=record.at)
            else:
                box.receive_ns(packet, interface, record.at)

    return walk


def compared(what: str, lines: tuple[str, ...]) -> Result:
    world = played(lines)
    count = sum(isinstance(record, Walked) for record in world.records)
    here, alone = in_turn(ROUNDS, lambda: timed(lambda: played(lines)) / count, lambda: timed(again(world)) / count)
    ours, theirs = median(here), median(alone)
    return Result(
        f"{what} in the world ({count:,} walks)", f"{1 / ours:,.0f} packets/s", "the engine alone, the same walks",
        f"{1 / theirs:,.0f} packets/s", ours / theirs, 4,
    )  # fmt: skip
