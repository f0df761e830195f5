"""Scenes, played in the simulated world."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.services.echoing import EchoDatagrams
from fwtutor.network.stack import Listener
from fwtutor.network.surroundings import ROOT_USER
from fwtutor.network.tcp import Endpoint
from fwtutor.network.topology import SERVICES as KNOWN, HostSpec, LinkSpec, Topology
from fwtutor.network.world import World
from tests.network.on_the_wire import Sent
from tests.network.scenes import FILES, HOSTS, LINKS, ROUTES, SERVICES, Scene, interfaces_of


class Silent(Application):
    """Reads and says nothing, and closes when the other side does."""


class Patient(Application):
    """The same, and does not close."""

    def ended(self, endpoint: Endpoint) -> None:
        pass


def world_of(scene: Scene) -> World:
    services = tuple(service for service in (*SERVICES, *scene.runs) if service.partition(":")[0] in KNOWN)
    hosts = tuple(
        HostSpec(
            name,
            interfaces,
            ROUTES[scene.where].get(name, {}),
            services if name == "server" else (),
            mtus={"far": scene.mtu} if name == "box" else {},
            files=FILES.get(name, {}),
            sysctls={} if name == "box" else {"net.ipv6.conf.all.forwarding": 0},
        )
        for name, interfaces in interfaces_of(scene).items()
    )
    world = World(
        Topology(
            hosts,
            tuple(
                LinkSpec(name, ends, scene.delay, discovery=scene.ethernet, arp=scene.ethernet) for name, ends in LINKS[scene.where].items()
            ),
        )
    )
    stack = world.hosts["server"].stack
    stack.listen(None, 9000, Listener(Silent, ROOT_USER, "silent"))
    stack.listen(None, 9001, Listener(Patient, ROOT_USER, "patient"))
    stack.listen(None, 9002, Listener(Patient, ROOT_USER, "crowded", backlog=2, at_once=0))
    stack.datagrams[1337] = EchoDatagrams()
    return world


def played(scene: Scene) -> tuple[list[Sent], World]:
    """What was on the wire ``near``, and the world afterwards."""
    world = world_of(scene)
    seen: list[Sent] = []
    sent = dict.fromkeys(HOSTS[scene.where], 0)

    def on_the_wire(link: str, sender: str, packet: Packet) -> bool:
        if link != "near":
            return False
        seen.append(Sent(world.now / SECOND, sender, packet.raw))
        sent[sender] += 1
        return sent[sender] - 1 in scene.loses.get(sender, ())

    world.lose(on_the_wire)
    for second, host, line in scene.typed:
        world.run_until(round(second * SECOND))
        enter(world, host, line)
    world.run_until(round(scene.lasts * SECOND))
    first = seen[0].at if seen else 0.0
    return [packet._replace(at=packet.at - first) for packet in seen], world


def enter(world: World, host: str, line: str) -> None:
    """A line of a scene: at the prompt, or what a program does with its socket."""
    name, *words = line.split()
    stack = world.hosts[host].stack
    youngest = [*stack.endpoints.values()]
    if name == "leave":
        youngest[-1].leave()
    elif name == "hold":
        youngest[-1].hold()
    elif name == "read":
        youngest[-1].read()
    elif name == "accept":
        stack.listeners[None, 9002].accept()
    elif name == "keepalive":
        idle, interval, probes = (int(word) for word in words)
        youngest[-1].keep_alive(idle * SECOND, interval * SECOND, probes)
    else:
        record = world.enter(host, line)
        assert not record.refused, record.output
