"""Packets aimed at every rule of a ruleset, and the conversations that they begin.

A rule is taken, a way to it, and a packet is made that fits everything on the way (``wishes``). An engine that plays along (``talks``) says
what became of it, and what was hit already is not aimed at again. What the kernel does with the packets is another matter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from random import Random

from fwtutor.kernel.drafts import ICMPS, Draft
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.kernel.rulelines import Condition, Line, callers, way
from fwtutor.kernel.talks import ERRORS, Talk
from fwtutor.kernel.wishes import Wish
from fwtutor.netfilter.hooks import OUTPUT, PREROUTING
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN, TCP, UDP
from fwtutor.netfilter.walk import Walk

_STATES = ("--ctstate", "--state")
TRIES = 15
"""Packets tried on the engine until one comes to the rule aimed at."""
VOLLEY = 160
"""Packets that are sent at most to exhaust a limit, which fills up again meanwhile."""
_BURSTS = ("--limit-burst", "--hashlimit-burst", "--hitcount", "--connlimit-above", "--connlimit-upto")


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
        self._talk = Talk(setup, family, random)
        self._lines = self._talk.rules
        self._leading = callers(self._lines)
        self._ports = self._named_ports()
        self._volleys = self._named_bursts()

    @property
    def rules(self) -> list[Line]:
        return self._lines

    def shots(self, count: int) -> list[Shot]:
        """At least so many packets, or as many as come of it."""
        turns = 0
        while len(self._talk.shots) < count and turns < 20 * count:
            turns += 1
            line = self._next()
            if line is None:
                break
            self._aim(line)
        return self._talk.shots

    def _named_ports(self) -> tuple[int, ...]:
        named = {
            int(text) for line in self._lines for one in line.conditions if "port" in one.option
            for text in one.values[0].replace(":", ",").split(",") if text.isdigit()
        }  # fmt: skip
        return tuple(sorted(named | {7, 80}))

    def _named_bursts(self) -> tuple[int, ...]:
        """How many packets are worth trying where something is to be exhausted."""
        named = {int(one.values[0]) for line in self._lines for one in line.conditions if one.option in _BURSTS and one.values[0].isdigit()}
        return (3, 6, 12, 30, *(min(3 * one + 10, VOLLEY) for one in sorted(named)))

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
            self._talk.seen = set()
            mark = self._talk.mark()
            self._try(line, turn)
            # What comes to other rules is worth something too.
            if line.words in self._talk.seen or (turn == TRIES - 1 and self.random.random() < 0.4):
                break
            self._talk.back(mark)
        else:
            return
        self.progress.hit |= self._talk.seen

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
        if wanted == "DNAT" and draft.on is not None and random.random() < 0.3:
            self._translated_elsewhere(draft.on)
            return
        walk = self._talk.play(draft)
        if turn % 5 == 4 and line.words not in self._talk.seen:
            # Of one sender, of some in its network, or of some in many networks.
            several = random.choice((0, 0, 0xFF, 0xFFFF))
            for _ in range(random.choice(self._volleys)):
                src = draft.src & ~several | random.randint(1, several - 1) if several and draft.on is not None else draft.src
                sport = random.randint(1024, 65535) if random.random() < 0.9 else draft.sport
                draft = replace(draft, seq=draft.seq + 1000, sport=sport, src=src)
                self._talk.play(draft)
        elif walk is not None and random.random() < 0.6:
            self._talk.go_on(draft, walk, random.choice((1, 2, 5)), error=random.random() < 0.2)

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
        draft = Wish(random, self._talk.net, hook, conditions, self._ports).draft()
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
            return draft.dst in self._talk.net.local
        text = line.options[1] if line.options else ""
        host, _, _ = text.rpartition(":") if "." in text and ":" in text else (text, "", "")
        host = host.partition("]")[0].lstrip("[")
        low, _, high = host.partition("-")
        try:
            return int(ip_address(low)) <= draft.dst <= int(ip_address(high or low))
        except ValueError:
            return False

    def _translated_elsewhere(self, on: str) -> None:
        """What came by one link and was translated comes again by another one, whose rules would not have done so."""
        translating = [line for line in self._lines if line.target in ("DNAT", "REDIRECT")]
        before = self._draft(self.random.choice(translating), changed=False)[0] if translating else None
        if before is not None and before.on is not None:
            self._talk.play(before)
            self._talk.play(replace(before, on=on))

    def _otherwise(self, draft: Draft) -> Draft:
        """The same with one thing changed."""
        random, net = self.random, self._talk.net
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
            far = self._talk.net.host(random, random.choice(self._talk.net.names))
            on = self._talk.on_of(draft.dst)
            if far is not None and on is not None:
                self._talk.play(replace(draft, on=on, src=draft.dst, dst=far, protocol=UDP, ttl=1, mark=0))
                return
        if related and draft.on is None and draft.protocol == TCP and self._refused(draft.dst):
            return
        if random.random() < 0.5 and self._between_the_same(draft, related, kind):
            return
        opener = replace(draft, flags=SYN, payload=b"" if draft.protocol == TCP else draft.payload, broken=False)
        if kind is not None:
            opener = replace(opener, protocol=random.choice((TCP, UDP)), dport=random.choice(self._ports))
        if random.random() < 0.6:
            opener = opener.back(self._talk.on_of(draft.dst))
            opener = replace(opener, flags=SYN, ack=0, kind=draft.kind)
        walk = self._talk.play(opener)
        if walk is not None:
            self._talk.go_on(opener, walk, random.choice((2, 3, 5)), error=related, kind=kind)

    def _refused(self, somebody: int) -> bool:
        """Something is answered with a RST, which is of the connection that was not to be. False: no rule does that."""
        refusing = [line for line in self._lines if "tcp-reset" in line.options]
        refused = self._draft(self.random.choice(refusing))[0] if refusing else None
        if refused is not None:
            # The RST goes where the address says, by whatever link the packet came.
            self._talk.play(replace(refused, src=somebody) if refused.on is not None and self.random.random() < 0.5 else refused)
        return refused is not None

    def _between_the_same(self, draft: Draft, related: bool, kind: tuple[int, int] | None) -> bool:
        """A connection that some rule lets through, from where the packet comes to where it goes or back. False: none was found."""
        wanted = draft.on, self._talk.on_of(draft.dst)
        accepting = [line for line in self._lines if line.target == "ACCEPT"]
        for _ in range(25 if accepting else 0):
            opener, state = self._draft(self.random.choice(accepting))
            if opener is None or state != "NEW":
                continue
            mark = self._talk.mark()
            walk = self._talk.play(opener)
            ends = opener.on, None if walk is None or walk.to == "local" else walk.to
            if walk is not None and (ends[::-1] == wanted or (ends == wanted and not related)):
                self._talk.go_on(opener, walk, self.random.choice((2, 3, 5)), error=related, kind=kind)
                return True
            if walk is not None and ends == wanted and self._client_complains(opener, walk, kind):
                return True
            if walk is not None and not related and wanted[0] is not None and self._strays(opener, walk, wanted):
                return True
            self._talk.back(mark)
        return False

    def _strays(self, client: Draft, walk: Walk, wanted: tuple[str | None, str | None]) -> bool:
        """What goes on comes by another link than it should."""
        on, (_, server) = wanted[0], self._talk.other_end(client, walk)
        if server is None or self.random.random() < 0.3:
            return False
        if client.on == wanted[1] and server.on is not None:
            self._talk.play(replace(server, on=on))
            return True
        if server.on == wanted[1] and client.on is not None and self._talk.play(server) is not None:
            self._talk.play(replace(client, on=on, flags=ACK, seq=client.seq + 1, ack=server.seq + 1))
            return True
        return False

    def _client_complains(self, client: Draft, walk: Walk, kind: tuple[int, int] | None) -> bool:
        """Who began the connection sends an error about the answer."""
        _, server = self._talk.other_end(client, walk)
        if server is None:
            return False
        answered = self._talk.play(server)
        if answered is None:
            return False
        raw = answered.out[-1][1] if answered.out else answered.delivered.raw if answered.delivered is not None else b""
        self._talk.complain(raw, client, kind if kind in ERRORS[self.family] else self.random.choice(ERRORS[self.family]))
        return True
