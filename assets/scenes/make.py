"""Play the scenes of ``tests/network/scenes.py`` with real programs on this machine's kernel, and keep what was on the wire.

Needs root, TUN, iptables, iproute2 and for the tools curl, iputils-ping, traceroute, nmap, vsftpd, tnftp, tftp-hpa, tftpd-hpa,
dnsmasq-base and bind9-dnsutils. Run from the top of the source tree: ``.venv/bin/python -m assets.scenes.make [NAME...]`` (six minutes
for all). What a scene comes to may hang on whether a program was quicker than a timer: where ``test_scenes`` then finds a difference,
play that scene once more before you believe it.

Every host is a process in a network namespace of its own (``host.py``); the wires between their TUN interfaces are this program: it
notes each packet as it sets out, loses those the scene says, and hands on the others after the link's delay. So the times written
down are those at which a packet was sent, whoever sent it. NAME.jsonl has the packets of the wire ``near``, as ``fwtutor trace`` reads
them, seen from the client; NAME.txt what was typed and what came of it.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import multiprocessing
import os
import select
import socket
import sys
import time
from pathlib import Path

from assets.scenes.host import live
from fwtutor.netfilter.packet import Packet
from fwtutor.network.words import describe
from tests.network.on_the_wire import Sent, since
from tests.network.scenes import FILES, HOSTS, LINKS, ROUTES, SCENES, SERVICES, Scene, interfaces_of

HERE = Path(__file__).parent
AT_ONCE = 5
"""Scenes that are played at the same time: most of the time they wait."""


ETHERNET, IPV4, IPV6 = 14, b"\x08\0", b"\x86\xdd"
NEIGHBOURS = (135, 136)


def is_noise(raw: bytes, ethernet: bool) -> bool:
    """What an IPv6 host says of its own accord about groups, and routers; where there is no link layer, about neighbours too."""
    if raw[0] >> 4 != 6:
        return False
    return raw[6] == 0 or (raw[6] == 58 and 130 <= raw[40] <= 143 and not (ethernet and raw[40] in NEIGHBOURS))


class Hosts:
    """The hosts of a scene, and their ends of the wires."""

    def __init__(self, scene: Scene) -> None:
        self.channels: dict[str, socket.socket] = {}
        self.ends: dict[str, int] = {}
        far = [end.partition(":") for end in LINKS[scene.where].get("far", ())]
        for name, interfaces in interfaces_of(scene).items():
            spec = {
                "interfaces": interfaces,
                "mtus": {interface: scene.mtu for host, _, interface in far if host == name == "box"},
                "routes": ROUTES[scene.where].get(name, {}),
                "services": (*SERVICES, *scene.runs) if name == "server" else (),
                "ethernet": scene.ethernet,
                "files": FILES.get(name, {}),
                "forwards": name == "box",
            }
            ours, theirs = socket.socketpair()
            # A copy of this process: starting Python anew takes more time than most scenes.
            if not os.fork():
                try:
                    live(spec, theirs)
                finally:
                    os._exit(0)
            theirs.close()
            self.channels[name] = ours
            for interface in interfaces:
                self.ends[f"{name}:{interface}"] = socket.recv_fds(ours, 1, 1)[1][0]
            assert ours.recv(100) == b'{"ready": true}\n'

    def enter(self, host: str, line: str) -> None:
        self.channels[host].sendall(line.encode() + b"\n")

    def end(self) -> dict[str, list[dict[str, object]]]:
        """Ends them all; what each has told."""
        for channel in self.channels.values():
            channel.shutdown(socket.SHUT_WR)
        told = {name: [json.loads(line) for line in channel.makefile()] for name, channel in self.channels.items()}
        for descriptor in self.ends.values():
            os.close(descriptor)
        return told


def play(scene: Scene) -> tuple[list[tuple[float, str, bytes]], dict[str, list[dict[str, object]]]]:
    """The packets of the wire ``near``: (second, host that sent it, bytes); and what each host told."""
    hosts = Hosts(scene)
    across: dict[int, tuple[int, str, str]] = {}
    for link, (one, other) in LINKS[scene.where].items():
        across[hosts.ends[one]] = (hosts.ends[other], link, one.partition(":")[0])
        across[hosts.ends[other]] = (hosts.ends[one], link, other.partition(":")[0])
    seen: list[tuple[float, str, bytes]] = []
    sent = dict.fromkeys(HOSTS[scene.where], 0)
    under_way: list[tuple[float, int, int, bytes]] = []
    typed = list(scene.typed)
    number = 0
    begin = time.monotonic() + 0.3
    try:
        while (now := time.monotonic() - begin) < scene.lasts:
            while typed and typed[0][0] <= now:
                hosts.enter(*typed.pop(0)[1:])
            while under_way and under_way[0][0] <= now:
                _, _, end, raw = heapq.heappop(under_way)
                with contextlib.suppress(OSError):
                    os.write(end, raw)
            due = min([scene.lasts, *(each[0] for each in typed[:1]), *(each[0] for each in under_way[:1])])
            ready, _, _ = select.select(list(across), [], [], max(0.0, due - now))
            now = time.monotonic() - begin
            for end in ready:
                frame = os.read(end, 65536)
                other, link, sender = across[end]
                # Who asks for a neighbour by ARP is not heard of, but answered.
                noted = not scene.ethernet or frame[12:14] in (IPV4, IPV6)
                raw = frame[ETHERNET:] if scene.ethernet and noted else frame
                if noted and is_noise(raw, scene.ethernet):
                    continue
                lost = False
                if link == "near" and noted:
                    lost = sent[sender] in scene.loses.get(sender, ())
                    sent[sender] += 1
                    seen.append((now, sender, raw))
                if not lost:
                    number += 1
                    heapq.heappush(under_way, (now + scene.delay, number, other, frame))
    finally:
        told = hosts.end()
    return seen, told


def write(name: str) -> str:
    # Before all others, and the hosts too: times are to be the kernel's, not those of a busy machine.
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    scene = SCENES[name]
    seen, told = play(scene)
    kept = since([Sent(*each) for each in seen], scene.since)
    lines = []
    for at, sender, raw in kept:
        came = {"in": None if sender == "client" else "eth0"}
        lines.append(json.dumps({"t": round(at - kept[0].at, 4), **came, "says": describe(Packet(raw)), "hex": raw.hex()}) + "\n")
    (HERE / f"{name}.jsonl").write_text("".join(lines))
    text = [f"{at:g} s, {host}: {line}\n" for at, host, line in scene.typed]
    for host, things in told.items():
        for thing in things:
            if "failed" in thing:
                raise RuntimeError(f"{name}, {host}: {thing['failed']}")
            if "line" in thing and (thing["said"] or thing["code"]):
                text.append(f"\n--- {host}: {thing['line']}\n{thing['said']}(exit code {thing['code']})\n")
            elif "connection" in thing:
                text.append(f"\n--- {host}: a connection ends: {thing['connection']}\n")
    (HERE / f"{name}.txt").write_text("".join(text))
    return f"{name}: {len(kept)} packets"


def main() -> None:
    # The longest first.
    names = sorted(sys.argv[1:] or SCENES, key=lambda name: -SCENES[name].lasts)
    with multiprocessing.get_context("fork").Pool(AT_ONCE, maxtasksperchild=1) as pool:
        for line in pool.imap_unordered(write, names, chunksize=1):
            print(line, flush=True)


if __name__ == "__main__":
    main()
