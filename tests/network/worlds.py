"""Worlds for the tests: the standard cast, and the shortest one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import Packet
from fwtutor.network.host import Host
from fwtutor.network.records import CommandRun, Record, TimerFired, Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.network.words import describe
from fwtutor.network.world import World

SERVER, ATTACKER, ALICE, DNS, WEB = "203.0.113.1", "203.0.113.9", "192.168.0.20", "198.51.100.53", "198.51.100.80"


def cast(rules: str = "", seed: int = 0) -> Topology:
    """Server between the world (attacker, dns, web) and the LAN (alice)."""
    return Topology(
        hosts=(
            HostSpec(
                "server",
                {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)},
                {"default": "wan"},
                ("ssh:22", "app:1337"),
                rules,
            ),
            HostSpec("attacker", {"eth0": ("203.0.113.9/24",)}, {"default": "eth0"}),
            HostSpec("alice", {"eth0": ("192.168.0.20/16",)}, {"default": ("eth0", "192.168.0.1")}),
            HostSpec("dns", {"eth0": ("198.51.100.53/24",)}, {"default": "eth0"}, ("dns:53",)),
            HostSpec("web", {"eth0": ("198.51.100.80/24",)}, {"default": "eth0"}, ("http:80", "https:443")),
        ),
        links=(
            LinkSpec("internet", ("server:wan", "attacker:eth0", "dns:eth0", "web:eth0"), 0.02),
            LinkSpec("lan", ("server:lan", "alice:eth0"), 0.001),
        ),
        seed=seed,
    )


def pair(services: tuple[str, ...] = ("app:1337",), delay: float = 0.02, seed: int = 0, arp: bool = True) -> World:
    """A client and a server on one link."""
    return World(
        Topology(
            (
                HostSpec("client", {"eth0": ("10.0.0.1/24",)}, {"default": "eth0"}),
                HostSpec("server", {"eth0": ("10.0.0.2/24",)}, {"default": "eth0"}, services),
            ),
            (LinkSpec("wire", ("client:eth0", "server:eth0"), delay, arp=arp),),
            seed,
        )
    )


def routed(mtu: int = 1500) -> World:
    """A router between client and server; its far link carries ``mtu`` bytes."""
    near, far = ("10.0.1.254", "fd00:1::fe"), ("10.0.2.254", "fd00:2::fe")
    forwarding = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
    to_far, to_near = (
        {network: ("eth0", gateway) for network, gateway in zip(networks, box, strict=True)}
        for networks, box in ((("10.0.2.0/24", "fd00:2::/64"), near), (("10.0.1.0/24", "fd00:1::/64"), far))
    )
    box = {"near": (f"{near[0]}/24", f"{near[1]}/64"), "far": (f"{far[0]}/24", f"{far[1]}/64")}
    hosts = (
        HostSpec("client", {"eth0": ("10.0.1.1/24", "fd00:1::1/64")}, to_far),
        HostSpec("box", box, sysctls=forwarding, mtus={"far": mtu}),
        HostSpec("server", {"eth0": ("10.0.2.2/24", "fd00:2::2/64")}, to_near, ("ssh:22",)),
    )
    return World(Topology(hosts, (LinkSpec("near", ("client:eth0", "box:near")), LinkSpec("far", ("box:far", "server:eth0")))))


def refused_at_once(world: World, line: str, words: str) -> None:
    """A line that cannot be carried out is answered in words that begin so, and nothing comes of it."""
    record = world.enter("client", line)
    assert record.refused
    assert record.output.startswith(words)
    assert world.quiet


def settle(world: World) -> list[Record]:
    """Runs until quiet."""
    found: list[Record] = []
    while not world.quiet:
        found += world.step()
    return found


def play(world: World, host: str, *lines: str) -> list[Record]:
    """Enters lines one after another, each when the world is quiet."""
    start = len(world.records)
    for line in lines:
        record = world.enter(host, line)
        assert not record.refused, record.output
        settle(world)
    return world.records[start:]


def said(host: Host) -> list[str]:
    """What a host's console shows."""
    return [line.text for line in host.console]


def printed(world: World, host: str, line: str) -> list[str]:
    record = world.enter(host, line)
    assert not record.refused, record.output
    return record.output.splitlines()


def sent(records: Sequence[Record], host: str) -> list[Packet]:
    """The packets a host set out, in order."""
    walks = [record.walk for record in records if isinstance(record, Walked) and record.host == host]
    return [walk.packet for walk in walks if walk.in_interface is None]


def flags(packets: Sequence[Packet]) -> list[str]:
    return ["+".join(packet.flag_names) for packet in packets]


def fired(records: Sequence[Record]) -> list[TimerFired]:
    return [record for record in records if isinstance(record, TimerFired)]


def packets_of(world: World, host: str, *lines: str) -> int:
    """How many packets are put on links when these lines are typed."""
    count = 0

    def counting(link: str, sender: str, packet: Packet) -> bool:
        nonlocal count
        count += 1
        return False

    world.lose(counting)
    play(world, host, *lines)
    return count


def lose_number(world: World, number: int) -> Callable[[], bool]:
    """Loses the ``number``-th packet (from 0) put on any link, once; the function returned says whether it came to that."""
    count = -1
    lost = False

    def predicate(link: str, sender: str, packet: Packet) -> bool:
        nonlocal count, lost
        count += 1
        if count == number:
            lost = True
            return True
        return False

    world.lose(predicate)
    return lambda: lost


def story(records: Sequence[Record]) -> list[tuple[object, ...]]:
    """Everything a record says, in values that can be compared."""
    told: list[tuple[object, ...]] = []
    for record in records:
        common = (type(record).__name__, record.index, record.at, record.host, record.cause, record.ordinal)
        if isinstance(record, Walked):
            walk = record.walk
            told.append((*common, walk.packet.raw, walk.verdict, walk.to, walk.reason, walk.path, walk.states, walk.entry, walk.out))
        elif isinstance(record, CommandRun):
            told.append((*common, record.line, record.output, record.refused, record.changes, record.learner))
        else:
            told.append((*common, record.what, record.changes))
    return told


def seconds(record: Record) -> float:
    return record.at / SECOND


def words(records: Sequence[Record]) -> list[str]:
    """For reading a failure."""
    return [f"{seconds(r):.3f} {r.host} {describe(r.walk.packet)}" for r in records if isinstance(r, Walked)]
