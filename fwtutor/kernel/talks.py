"""Conversations that aimed packets begin: an engine plays along, so that they go on with the addresses they were given."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import NamedTuple

from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.drafts import Draft
from fwtutor.kernel.neighbourhood import Net
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.kernel.rulelines import lines
from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.firewall import Mark as Checkpoint
from fwtutor.netfilter.packet import ACK, FIN, PSH, RST, SYN, TCP, UDP, Packet
from fwtutor.netfilter.walk import Walk

ERRORS = {4: ((3, 3), (3, 1), (3, 4), (11, 0), (12, 0)), 6: ((1, 4), (1, 0), (2, 0), (3, 0), (4, 0))}
REDIRECT = 137
PACE = 0.001
"""Seconds that a packet takes; the kernel mostly takes less."""


class Mark(NamedTuple):
    """What there was at a moment."""

    engine: Checkpoint
    shots: int
    seen: frozenset[str]


class Talk:
    """What is played, and what the engine makes of it."""

    def __init__(self, setup: Setup, family: int, random: Random) -> None:
        self.family, self.random = family, random
        self.engine, self.net = engine_for(setup), Net(setup, family)
        self.rules = list(lines(self.engine.save(family=family)))
        self._sizes = {(line.table, line.chain): line.number for line in self.rules}
        self.shots = list[Shot]()
        self._linked = any(condition.option in ("--mac-source", "--pkt-type") for line in self.rules for condition in line.conditions)
        """The case is one of links with addresses."""
        self.seen = set[str]()
        """The rules hit, in TRACE's words; whoever asks empties it."""

    def mark(self) -> Mark:
        return Mark(self.engine.checkpoint(), len(self.shots), frozenset(self.seen))

    def back(self, mark: Mark) -> None:
        """As if nothing had been played since."""
        self.engine.rollback(mark.engine)
        del self.shots[mark.shots :]
        self.seen = set(mark.seen)

    def on_of(self, address: int) -> str | None:
        if address in self.net.local:
            return None
        route = self.engine.route(address, self.family)
        return None if route is None else route.interface

    def play(self, draft: Draft) -> Walk | None:
        return self.shoot(draft.shot())

    def shoot(self, shot: Shot) -> Walk | None:
        """Remember it, and see what the engine makes of it; None when it goes nowhere, or is of what is not simulated."""
        before = self.mark()
        self.shots.append(shot)
        at = self.engine.now / SECOND + PACE
        if shot.on is None:
            walk = self.engine.send(shot.raw, at, mark=shot.mark)
        else:
            walk = self.engine.receive(shot.raw, shot.on, at, mac=shot.mac, link=shot.link)
        if self.family == 6 and self._differs(walk):
            self.back(before)
            return None
        for each in (walk, *walk.answers):
            self._look(each)
        return walk if walk.verdict == "ACCEPT" and walk.to is not None else None

    def _differs(self, walk: Walk) -> bool:
        """Whether it is of what is not simulated: what the box sends to itself on account of a packet, and link addresses in redirects."""
        to_itself = walk.in_interface is not None and walk.packet.src in self.net.local
        redirected = self._linked and any(answer.packet.icmp_type == REDIRECT for answer in walk.answers)
        return to_itself or redirected or any(answer.answers for answer in walk.answers)

    def _look(self, walk: Walk) -> None:
        for word in walk.path:
            table, chain, _, number = word.split(":")
            if int(number) <= self._sizes.get((table, chain), 0):  # a bare verdict is told as the end of its chain
                self.seen.add(f"{table}:{chain}:rule:{number}")

    def go_on(self, client: Draft, walk: Walk, turns: int, *, error: bool, kind: tuple[int, int] | None = None) -> None:
        """Answers and further packets of what was let through, with the addresses that it was given."""
        random = self.random
        arrived, server = self.other_end(client, walk)
        if server is None:
            return
        if error:
            wanted = kind if kind is not None and kind in ERRORS[self.family] else random.choice(ERRORS[self.family])
            self.complain(arrived, server, wanted)
            if random.random() < 0.5:
                return
        if client.protocol == UDP and client.dport == 69:
            self.play(replace(server, sport=random.randint(1024, 65535)))
        for turn in range(turns):
            if turn % 2 == 0:
                self.play(server)
                server = replace(
                    server, flags=ACK | PSH, seq=server.seq + 1, payload=b"hello" if client.protocol == TCP else server.payload
                )
            else:
                client = replace(client, flags=ACK, seq=client.seq + 1, ack=server.seq)
                self.play(client)
                if client.protocol == TCP and client.dport == 21:
                    self._ftp(client, server)
                    return
        if client.protocol == TCP and random.random() < 0.2:
            self.play(replace(client, flags=random.choice((FIN | ACK, RST))))

    def other_end(self, client: Draft, walk: Walk) -> tuple[bytes, Draft | None]:
        """The packet as it came to the other side, and the answer from there."""
        if walk.to == "local" and walk.delivered is not None:
            raw, on = walk.delivered.raw, None
        elif walk.out:
            on, raw = walk.out[-1]
        else:
            return b"", None
        seen = Packet(raw)
        if not seen.has_l4:
            return raw, None
        ports = (seen.sport, seen.dport) if client.protocol in (TCP, UDP) else (client.sport, client.dport)
        there = replace(client, src=seen.src, dst=seen.dst, sport=ports[0], dport=ports[1])
        return raw, there.back(on)

    def complain(self, arrived: bytes, server: Draft, kind: tuple[int, int]) -> None:
        """An ICMP error about a packet from the end that it came to."""
        rest = 1280 if kind in ((3, 4), (2, 0)) else 0
        src, on, net = server.src, server.on, self.net
        if on is not None and self.random.random() < 0.3:  # a router, somewhere
            other = self.random.choice((on, *net.names))
            src, on = net.host(self.random, other if self.random.random() < 0.8 else net.names[0]) or src, other
        raw = craft.icmp(src, server.dst, *kind, rest, arrived[:128], family=self.family, id=7)
        self.shoot(Shot(raw, on))

    def _ftp(self, client: Draft, server: Draft) -> None:
        """The server names a port, and the client comes there."""
        port, host = self.random.choice((1500, 4000, 50000)), server.src.to_bytes(4 if self.family == 4 else 16, "big")
        if self.family == 4:
            text = f"227 Entering Passive Mode ({','.join(map(str, host))},{port >> 8},{port & 255}).\r\n"
        else:
            text = f"229 Entering Extended Passive Mode (|||{port}|)\r\n"
        # The helper reads what begins where a line it saw ended.
        welcome = b"220 hi\r\n"
        self.play(replace(server, flags=ACK | PSH, payload=welcome))
        self.play(replace(server, flags=ACK | PSH, payload=text.encode(), seq=server.seq + len(welcome)))
        data = replace(client, dport=port, sport=self.random.randint(1024, 65535), flags=SYN, payload=b"", ack=0)
        walk = self.play(data)
        if walk is not None:
            self.go_on(data, walk, 3, error=False)
