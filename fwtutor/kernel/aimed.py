"""Packets aimed at every rule of a ruleset, and the conversations that they begin.

A rule is taken, a way to it, and a packet is made that fits everything on the way (``wishes``). An engine that plays along says what
became of it: so a conversation can go on with the addresses it was given, and what was hit already is not aimed at again. What the kernel
does with the packets is another matter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from random import Random

from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.drafts import ICMPS, Draft
from fwtutor.kernel.neighbourhood import Net
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.kernel.rulelines import Condition, Line, callers, lines, way
from fwtutor.kernel.wishes import Wish
from fwtutor.netfilter import craft
from fwtutor.netfilter.hooks import OUTPUT, PREROUTING
from fwtutor.netfilter.packet import ACK, FIN, PSH, RST, SYN, TCP, UDP, Packet
from fwtutor.netfilter.walk import Walk

_STATES = ("--ctstate", "--state")
_ERRORS = {4: ((3, 3), (3, 1), (3, 4), (11, 0), (12, 0)), 6: ((1, 4), (1, 0), (2, 0), (3, 0), (4, 0))}
TRIES = 15
"""Packets tried on the engine until one comes to the rule aimed at."""
VOLLEY = 70
"""Packets that are sent at most to exhaust a limit."""


@dataclass(slots=True)
class Progress:
    """What of a ruleset was aimed at, in all cases together. Rules are in TRACE's words."""

    hit: set[str] = field(default_factory=set)
    """Those that need not be aimed at any more; what the engine hits is added."""
    turns: Counter[str] = field(default_factory=Counter)
    """How often each was aimed at."""


class Aimer:
    """One case: a box with rules of one family."""

    def __init__(self, setup: Setup, family: int, random: Random, progress: Progress) -> None:
        self.random, self.family, self.progress = random, family, progress
        self._setup, self._engine, self._net = setup, engine_for(setup), Net(setup, family)
        self._lines = list(lines(self._engine.save(family=family)))
        self._leading = callers(self._lines)
        self._sizes = {(line.table, line.chain): line.number for line in self._lines}
        self._ports = self._named_ports()
        self._seen = set[str]()
        """What the engine hit since aiming began anew."""
        self._shots = list[Shot]()

    @property
    def rules(self) -> list[Line]:
        return self._lines

    def shots(self, count: int) -> list[Shot]:
        """So many packets, or as many as come of it."""
        turns = 0
        while len(self._shots) < count and turns < 20 * count:
            turns += 1
            line = self._next()
            if line is None:
                break
            self._aim(line)
        return self._shots[:count]

    def _named_ports(self) -> tuple[int, ...]:
        named = {
            int(text) for line in self._lines for one in line.conditions if "port" in one.option
            for text in one.values[0].replace(":", ",").split(",") if text.isdigit()
        }  # fmt: skip
        return tuple(sorted(named | {7, 80}))

    def _next(self) -> Line | None:
        """Mostly a rule that was not hit yet, of those that were aimed at least often; else any."""
        missing = [line for line in self._lines if line.words not in self.progress.hit]
        if missing and self.random.random() < 0.8:
            least = min(self.progress.turns[line.words] for line in missing)
            return self.random.choice([line for line in missing if self.progress.turns[line.words] == least])
        return self.random.choice(self._lines) if self._lines else None

    # --- one rule ----------------------------------------------------------------------------------------------

    def _aim(self, line: Line) -> None:
        """Some packets, if possible such that come to the rule."""
        self.progress.turns[line.words] += 1
        for turn in range(TRIES):
            mark, first = self._engine.checkpoint(), len(self._shots)
            self._seen = set()
            self._try(line, turn)
            # What comes to other rules is worth something too.
            if line.words in self._seen or (turn == TRIES - 1 and self.random.random() < 0.4):
                break
            self._engine.rollback(mark)
            del self._shots[first:]
        else:
            return
        self.progress.hit |= self._seen

    def _try(self, line: Line, turn: int) -> None:
        random = self.random
        draft, wanted = self._draft(line)
        if draft is None:
            return
        if random.random() < 0.1:
            draft = self._otherwise(draft)
        if wanted in ("ESTABLISHED", "RELATED"):
            self._after_others(draft, related=wanted == "RELATED")
            return
        if wanted == "INVALID":
            self._make_invalid(draft)
        walk = self._play(draft)
        if turn % 5 == 4 and line.words not in self._seen:
            several = random.random() < 0.4
            for _ in range(random.choice((3, 6, 12, 30, VOLLEY))):
                src = draft.src & ~0xFF | random.randint(1, 254) if several and draft.on is not None else draft.src
                sport = random.randint(1024, 65535) if random.random() < 0.9 else draft.sport
                draft = replace(draft, seq=draft.seq + 1000, sport=sport, src=src)
                self._play(draft)
        elif walk is not None and random.random() < 0.6:
            self._go_on(draft, walk, random.choice((1, 2, 5)), error=random.random() < 0.2)

    def _draft(self, line: Line, *, changed: bool = True) -> tuple[Draft | None, str]:
        """A packet for it, and the state that packet should have."""
        random = self.random
        found = way(self._leading, line, random)
        if found is None:
            return None, ""
        hook, before = found
        conditions = [condition for each in (*before, line) for condition in each.conditions]
        states = [set(one.values[0].split(",")) for one in conditions if one.option in _STATES and not one.negated]
        allowed = set.intersection(*states) if states else set[str]()
        for one in conditions:
            if one.option in _STATES and one.negated:
                allowed = (allowed or {"NEW", "ESTABLISHED", "RELATED", "INVALID"}) - set(one.values[0].split(","))
        wanted = random.choice(sorted(allowed)) if allowed else random.choice(("NEW",) * 8 + ("ESTABLISHED", "INVALID"))
        conditions += self._of_others(conditions, wanted, hook)
        named = [one.values[0] for one in conditions if one.option == "--helper"]
        if named:
            conditions.append(Condition("-p", ("udp" if named[0] in ("sip", "tftp") else "tcp",), False))
            conditions.append(Condition("--dport", ({"ftp": "21", "irc": "6667", "sip": "5060", "tftp": "69"}.get(named[0], "21"),), False))
        draft = Wish(random, self._net, hook, conditions, self._ports).draft()
        if draft is None:
            return None, ""
        for one in conditions:
            if one.option == "--ctorigdst" and not one.negated:
                draft.dst = int(ip_address(one.values[0].partition("/")[0]))
        if changed and line.table != "raw" and hook != PREROUTING and draft.on is not None:
            draft = self._through_nat(draft)
        return draft, wanted

    def _of_others(self, conditions: list[Condition], wanted: str, hook: str) -> list[Condition]:
        """What other rules must be told for it: those that do not track, and those that set a mark."""
        targets = set[str]()
        if wanted == "UNTRACKED":
            targets = {"NOTRACK", "CT"}
        elif hook != OUTPUT and any(one.option == "--mark" for one in conditions) and self.random.random() < 0.7:
            targets = {"MARK", "CONNMARK"}
        lines = [line for line in self._lines if line.target in targets and (line.target != "CT" or "--notrack" in line.options)]
        if not lines:
            return []
        line = self.random.choice(lines)
        found = way(self._leading, line, self.random)
        if found is None:
            return []
        return [condition for each in (*found[1], line) for condition in each.conditions if condition.option not in _STATES]

    def _through_nat(self, draft: Draft) -> Draft:
        """Where a rule translates to its destination, mostly the packet as it was before."""
        fitting = [line for line in self._lines if line.target in ("DNAT", "REDIRECT") and self._leads_to(line, draft)]
        if not fitting or self.random.random() < 0.3:
            return draft
        before, _ = self._draft(self.random.choice(fitting), changed=False)
        if before is None or before.on is None:
            return draft
        if before.on != draft.on and self.random.random() < 0.9:
            return draft
        src = draft.src if self.random.random() < 0.7 else before.src
        return replace(before, src=src, sport=draft.sport)

    def _leads_to(self, line: Line, draft: Draft) -> bool:
        if line.target == "REDIRECT":
            return draft.dst in self._net.local
        text = line.options[1] if line.options else ""
        host, _, _ = text.rpartition(":") if "." in text and ":" in text else (text, "", "")
        host = host.partition("]")[0].lstrip("[")
        low, _, high = host.partition("-")
        try:
            return int(ip_address(low)) <= draft.dst <= int(ip_address(high or low))
        except ValueError:
            return False

    def _otherwise(self, draft: Draft) -> Draft:
        """The same with one thing changed."""
        random, net = self.random, self._net
        choice = random.randrange(7)
        if choice == 0 and draft.on is not None:
            return replace(draft, on=random.choice(net.names))
        if choice == 1:
            return replace(draft, src=net.host(random, random.choice(net.names)) or draft.src)
        if choice == 2:
            return replace(draft, dst=random.choice((net.host(random, random.choice(net.names)) or draft.dst, *net.local)))
        if choice == 3:
            return replace(draft, dport=random.choice(self._ports))
        if choice == 4:
            return replace(draft, protocol=random.choice((TCP, UDP, ICMPS[self.family], 47, 50, 132)))
        if choice == 5:
            return replace(draft, ttl=random.choice((1, 2, 255)))
        return replace(draft, flags=random.choice((ACK, RST, FIN | ACK, SYN | ACK, 0, 63, SYN | FIN)))

    def _make_invalid(self, draft: Draft) -> None:
        random = self.random
        if draft.protocol == TCP and random.random() < 0.5:
            draft.flags = random.choice((SYN | RST, 0, SYN | FIN))
        if draft.protocol == ICMPS[self.family] and random.random() < 0.5 and draft.kind[0] in (8, 128):
            draft.kind = (0, 0) if self.family == 4 else (129, 0)
        elif draft.on is not None and random.random() < 0.7:
            draft.broken = True

    # --- conversations -----------------------------------------------------------------------------------------

    def _after_others(self, draft: Draft, *, related: bool) -> None:
        """The packet belongs to a connection that began before, in its direction or the other."""
        random = self.random
        kind = draft.kind if related and draft.protocol == ICMPS[self.family] else None
        if kind is not None and draft.on is None and random.random() < 0.3:  # an error of the box itself, about what it does not forward
            far = self._net.host(random, random.choice(self._net.names))
            on = self._on_of(draft.dst)
            if far is not None and on is not None:
                self._play(replace(draft, on=on, src=draft.dst, dst=far, protocol=UDP, ttl=1, mark=0))
                return
        if random.random() < 0.5 and self._between_the_same(draft, related, kind):
            return
        opener = replace(draft, flags=SYN, payload=b"" if draft.protocol == TCP else draft.payload, broken=False)
        if kind is not None:
            opener = replace(opener, protocol=random.choice((TCP, UDP)), dport=random.choice(self._ports))
        if random.random() < 0.6:
            opener = opener.back(self._on_of(draft.dst))
            opener = replace(opener, flags=SYN, ack=0, kind=draft.kind)
        walk = self._play(opener)
        if walk is not None:
            self._go_on(opener, walk, random.choice((2, 3, 5)), error=related, kind=kind)

    def _between_the_same(self, draft: Draft, related: bool, kind: tuple[int, int] | None) -> bool:
        """A connection that some rule lets through, from where the packet comes to where it goes or back. False: none was found."""
        wanted = draft.on, self._on_of(draft.dst)
        accepting = [line for line in self._lines if line.target == "ACCEPT"]
        for _ in range(25 if accepting else 0):
            opener, state = self._draft(self.random.choice(accepting))
            if opener is None or state != "NEW":
                continue
            mark, first, seen = self._engine.checkpoint(), len(self._shots), set(self._seen)
            walk = self._play(opener)
            ends = opener.on, None if walk is None or walk.to == "local" else walk.to
            if walk is not None and (ends[::-1] == wanted or (ends == wanted and not related)):
                self._go_on(opener, walk, self.random.choice((2, 3, 5)), error=related, kind=kind)
                return True
            if walk is not None and ends == wanted and self._client_complains(opener, walk, kind):
                return True
            self._engine.rollback(mark)
            del self._shots[first:]
            self._seen = seen
        return False

    def _client_complains(self, client: Draft, walk: Walk, kind: tuple[int, int] | None) -> bool:
        """Who began the connection sends an error about the answer."""
        _, server = self._other_end(client, walk)
        if server is None:
            return False
        answered = self._play(server)
        if answered is None:
            return False
        raw = answered.out[-1][1] if answered.out else answered.delivered.raw if answered.delivered is not None else b""
        self._complain(raw, client, kind if kind in _ERRORS[self.family] else self.random.choice(_ERRORS[self.family]))
        return True

    def _on_of(self, address: int) -> str | None:
        if address in self._net.local:
            return None
        route = self._engine.route(address, self.family)
        return None if route is None else route.interface

    def _play(self, draft: Draft) -> Walk | None:
        return self._shoot(draft.shot())

    def _shoot(self, shot: Shot) -> Walk | None:
        """Remember it, and see what the engine makes of it."""
        self._shots.append(shot)
        at = self._engine.now / 1e9 + 0.0001
        if shot.on is None:
            walk = self._engine.send(shot.raw, at, mark=shot.mark)
        else:
            walk = self._engine.receive(shot.raw, shot.on, at, mac=shot.mac, link=shot.link)
        for word in walk.path:
            table, chain, _, number = word.split(":")
            if int(number) <= self._sizes.get((table, chain), 0):  # a bare verdict is told as the end of its chain
                self._seen.add(f"{table}:{chain}:rule:{number}")
        return walk if walk.verdict == "ACCEPT" and walk.to is not None else None

    def _go_on(self, client: Draft, walk: Walk, turns: int, *, error: bool, kind: tuple[int, int] | None = None) -> None:
        """Answers and further packets of what was let through, with the addresses that it was given."""
        random = self.random
        arrived, server = self._other_end(client, walk)
        if server is None:
            return
        if error:
            wanted = kind if kind is not None and kind in _ERRORS[self.family] else random.choice(_ERRORS[self.family])
            self._complain(arrived, server, wanted)
            if random.random() < 0.5:
                return
        if client.protocol == UDP and client.dport == 69:
            self._play(replace(server, sport=random.randint(1024, 65535)))
        for turn in range(turns):
            if turn % 2 == 0:
                self._play(server)
                server = replace(
                    server, flags=ACK | PSH, seq=server.seq + 1, payload=b"hello" if client.protocol == TCP else server.payload
                )
            else:
                client = replace(client, flags=ACK, seq=client.seq + 1, ack=server.seq)
                self._play(client)
                if client.protocol == TCP and client.dport == 21:
                    self._ftp(client, server)
                    return
        if client.protocol == TCP and random.random() < 0.2:
            self._play(replace(client, flags=random.choice((FIN | ACK, RST))))

    def _other_end(self, client: Draft, walk: Walk) -> tuple[bytes, Draft | None]:
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

    def _complain(self, arrived: bytes, server: Draft, kind: tuple[int, int]) -> None:
        """An ICMP error about a packet from the end that it came to."""
        rest = 1280 if kind in ((3, 4), (2, 0)) else 0
        src, on, net = server.src, server.on, self._net
        if on is not None and self.random.random() < 0.3:  # a router, somewhere
            other = self.random.choice((on, *net.names))
            src, on = net.host(self.random, other if self.random.random() < 0.8 else net.names[0]) or src, other
        raw = craft.icmp(src, server.dst, *kind, rest, arrived[:128], family=self.family, id=7)
        self._shoot(Shot(raw, on))

    def _ftp(self, client: Draft, server: Draft) -> None:
        """The server names a port, and the client comes there."""
        port, host = self.random.choice((1500, 4000, 50000)), server.src.to_bytes(4 if self.family == 4 else 16, "big")
        if self.family == 4:
            text = f"227 Entering Passive Mode ({','.join(map(str, host))},{port >> 8},{port & 255}).\r\n"
        else:
            text = f"229 Entering Extended Passive Mode (|||{port}|)\r\n"
        # The helper reads what begins where a line it saw ended.
        welcome = b"220 hi\r\n"
        self._play(replace(server, flags=ACK | PSH, payload=welcome))
        self._play(replace(server, flags=ACK | PSH, payload=text.encode(), seq=server.seq + len(welcome)))
        data = replace(client, dport=port, sport=self.random.randint(1024, 65535), flags=SYN, payload=b"", ack=0)
        walk = self._play(data)
        if walk is not None:
            self._go_on(data, walk, 3, error=False)
