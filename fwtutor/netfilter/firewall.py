"""Firewall: one box's netfilter, the facade everything else uses.

It owns interfaces, routes, sysctls, rules, connection tracking, and what forwarding answers by itself (REJECT, ICMP errors and
their rate limit). It has no clock and no sockets: packets and times come in, Walks come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fwtutor.netfilter import defrag
from fwtutor.netfilter.box import Box, Delivered
from fwtutor.netfilter.conntrack import settings as conntrack_settings
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.conntrack.expectations import DELETED
from fwtutor.netfilter.derive import changes_of
from fwtutor.netfilter.enforced import Enforced
from fwtutor.netfilter.events import ANSWER, EXPECTATION, GATHERED
from fwtutor.netfilter.ipset.sets import MEMORY_KEY, NO_SETS, Sets
from fwtutor.netfilter.journal import Journal
from fwtutor.netfilter.packet import TCP, Packet
from fwtutor.netfilter.passage import Passage
from fwtutor.netfilter.passage4 import Passage4
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.replying import BURST, PER_SECOND
from fwtutor.netfilter.routing import LOOPBACK, RP_FILTER, Route, Routing, rp_filter_of
from fwtutor.netfilter.settings6 import FORWARDING, FRAGMENTS, RATELIMIT, TRACKED_FRAGMENTS
from fwtutor.netfilter.state import ENTRY, MEMORY
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.wallclock import BEGAN
from fwtutor.netfilter.xtables import commands, savefile, script
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.rule import Counters, Ruleset
from fwtutor.netfilter.xtables.tokens import shell_words

if TYPE_CHECKING:
    from fwtutor.netfilter.ipset.command import Outcome, Uses


class NotSimulated(ValueError):
    """Linux has it, fwtutor does not simulate it (yet)."""


SOMAXCONN, MAX_SYN_BACKLOG, SYNCOOKIES = "net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies"
"""What the sockets of a host go by; nothing that a firewall does depends on them."""

SYSCTLS: dict[str, int] = {
    **conntrack_settings.DEFAULTS,
    "net.ipv4.ip_forward": 1,
    "net.ipv4.conf.all.send_redirects": 1,
    RP_FILTER: 0,
    defrag.TIME: 30,
    "net.ipv4.icmp_ratelimit": 1000,
    "net.ipv4.icmp_ratemask": 0x1818,
    FORWARDING: 1,
    RATELIMIT: 100,
    FRAGMENTS: 60,
    TRACKED_FRAGMENTS: 60,
    PER_SECOND: 1000,
    BURST: 50,
    SOMAXCONN: 4096,
    MAX_SYN_BACKLOG: 1024,
    SYNCOOKIES: 1,
}
"""Every sysctl that is simulated, with the value it has when it is not given: the kernel's, but for forwarding. Besides, every interface
has its own rp_filter."""

HIGHEST_SYSCTL = 2**31 - 1


class Mark(NamedTuple):
    """Where ``rollback`` goes back to."""

    journal: int
    rulesets: Mapping[int, Ruleset]
    now: int
    next_entry: int
    next_rule: int
    sysctls: tuple[tuple[str, int], ...]
    delivered: Delivered


class Firewall:
    """One box. Times are seconds (``at``), not going backwards.

    Raises ValueError for arguments that make no sense, RuleRefused for rules iptables would refuse, NotSimulated for what
    only the real kernel has.
    """

    def __init__(
        self,
        interfaces: Mapping[str, Sequence[str]],
        routes: Mapping[str, str | tuple[str, str]] | None = None,
        sysctls: Mapping[str, int] | None = None,
        variant: str = "legacy",
        mtus: Mapping[str, int] | None = None,
        seed: int = 0,
        began: int = BEGAN,
    ) -> None:
        """``seed``: of all that the kernel would draw by lot; ``began``: ns since 1970, when by the clock on the wall its time 0 is."""
        if variant not in ("legacy", "nft"):
            raise ValueError(f"variant {variant!r} is neither 'legacy' nor 'nft'")
        self.variant = variant
        self.sysctls: dict[str, int] = dict(SYSCTLS)
        self.box = Box(Routing(interfaces, routes or {}, mtus or {}), self.sysctls, variant)
        self.box.seed = seed
        self.box.began = began
        self.routing, self.state = self.box.routing, self.box.state
        self.sysctls.update({rp_filter_of(name): 0 for name in self.routing.addresses})
        for name, value in (sysctls or {}).items():
            self.set_sysctl(name, value)
        self.now = 0
        self.caused: tuple[Walk, ...] = ()
        """The packets that the last ``advance`` or ``missed_ns`` caused: ICMP errors about what stayed incomplete, or reached nobody."""
        self._journal = Journal(self.state)
        self._rules = Enforced(self.box, self._journal)

    # --- configuration -----------------------------------------------------------------------------------

    @property
    def interfaces(self) -> dict[str, list[tuple[int, int, int]]]:
        """(family, address, prefix length) by interface, ``lo`` among them."""
        return self.routing.addresses

    @property
    def counters(self) -> Counters:
        return self.state.counters

    @property
    def tracking(self) -> bool:
        """True while some rule needs connection tracking; without one there is none."""
        return any(self.box.tracking.values())

    def ruleset(self, family: int = 4) -> Ruleset:
        """The rules as they are now: an immutable version."""
        return self._rules.rulesets[_known(family)]

    @property
    def sets(self) -> Sets:
        """The sets of addresses there are."""
        sets: Sets = self.state.memory.get(MEMORY_KEY, NO_SETS)
        return sets

    def ipset(self, line: str, at: float | None = None) -> str:
        """The program ipset with these words ("add banned 203.0.113.66"): what it prints. Raises SetRefused."""
        from fwtutor.netfilter.ipset.command import run

        words = [token.text for token in shell_words(line)]
        return self._adopt_sets(run(words, self.sets, self._set_uses(), self._tick(at), self.box.seed))

    def restore_sets(self, text: str, at: float | None = None) -> None:
        """What ``ipset save`` printed, all or nothing. Raises SetRefused with ``line_number``."""
        from fwtutor.netfilter.ipset.command import restore

        self._adopt_sets(restore(text, self.sets, self._set_uses(), self._tick(at), self.box.seed))

    def save_sets(self, at: float | None = None) -> str:
        """As ``ipset save`` prints them."""
        return self.ipset("save", at)

    def _tick(self, at: float | None) -> int:
        return (self.now if at is None else round(at * SECOND)) // JIFFY

    def _set_uses(self) -> Uses:
        return script.uses(self._rules.rulesets)

    def _adopt_sets(self, outcome: Outcome) -> str:
        self._put_sets(outcome.sets)
        if outcome.refused is not None:
            raise outcome.refused
        return outcome.output

    def _put_sets(self, sets: Sets) -> None:
        before = self.state.memory.get(MEMORY_KEY)
        if sets is not (NO_SETS if before is None else before):
            change = (Change(MEMORY, MEMORY_KEY, before, sets),)
            self.state.apply(change)
            self._journal.log(change)

    def set_sysctl(self, name: str, value: int) -> None:
        """Raises NotSimulated for a name that is not simulated, ValueError for a value no kernel takes."""
        name = name.replace("/", ".")
        if name not in self.sysctls:
            full = next((known for known in sorted(self.sysctls) if known.endswith(f".{name}")), None)
            meant = f"did you mean {full}? " if full else ""
            raise NotSimulated(f"sysctl {name} is not simulated; {meant}these are: {', '.join(sorted(self.sysctls))}")
        if not 0 <= value <= HIGHEST_SYSCTL:
            raise ValueError(f"sysctl {name}: {value!r} is not a whole number between 0 and {HIGHEST_SYSCTL}")
        self.box.set_sysctls({name: value})

    def iptables(self, line: str, family: int = 4) -> str:
        """One command line ("-A INPUT ..."); what -L or -S prints, else "". Raises RuleRefused and then changes nothing."""
        ruleset = self._rules.rulesets[_known(family)]
        outcome = commands.run_command(ruleset, line, counters=self.state.counters, new_id=self._rules.new_rule_id, sets=self.sets)
        self._rules.adopt(outcome, self.now)
        return outcome.output

    def restore(
        self, text: str, family: int = 4, counters: bool = False, noflush: bool = False, only: str = ""
    ) -> Mapping[int, int]:  # fmt: skip
        """iptables-save text, all or nothing. Raises RuleRefused with ``line_number``.

        ``counters``: take its counters too (-c); ``noflush``: add to the rules there are (-n); ``only``: a table (-T).
        Returns the line of each rule in the text, by the rule's id.
        """
        before, known = self._rules.rulesets[_known(family)], self.state.counters
        options = {"counters": counters, "noflush": noflush}
        if len(text) <= savefile.SHORT and not (before.tables or counters or noflush or only or self.sets):
            outcome, self._rules.next_rule = savefile.restore_alone(text, (family, self.variant), self._rules.next_rule)
            self._rules.adopt(outcome, self.now)
            return outcome.lines
        outcome = savefile.restore(text, before, new_id=self._rules.new_rule_id, known=known, sets=self.sets, only=only, **options)
        self._rules.adopt(outcome, self.now)
        return outcome.lines

    def run_script(self, text: str) -> Mapping[int, int]:
        """A list of iptables, ip6tables and ipset commands, all or nothing. Raises RuleRefused with ``line_number``.

        Returns the line of each rule in the text, by the rule's id.
        """
        done = script.run(
            text, self._rules.rulesets, self.state.counters, self._rules.new_rule_id, self.sets, self._tick(None), self.box.seed
        )
        self._put_sets(done.sets)
        for outcome in done.outcomes:
            self._rules.adopt(outcome, self.now)
        return done.lines

    def load(
        self, text: str, family: int = 4, counters: bool = False, noflush: bool = False, only: str = ""
    ) -> Mapping[int, int]:  # fmt: skip
        """Rules as a file has them: a list of commands (``run_script``), or what iptables-save printed (``restore``)."""
        return self.run_script(text) if script.is_script(text) else self.restore(text, family, counters, noflush, only)

    def save(self, family: int = 4, counters: bool = False) -> str:
        """As iptables-save prints it, without its comments."""
        return savefile.save(self._rules.rulesets[_known(family)], self.state.counters if counters else None)

    # --- time and undoing --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """When something happens by itself next (an entry is forgotten), in seconds; None: nothing will."""
        due = self.next_timer_ns()
        return None if due is None else due / SECOND

    def next_timer_ns(self) -> int | None:
        soonest = None
        for timers in self.box.timers:
            if timers and (found := timers.next()) is not None and (soonest is None or found[0] < soonest):
                soonest = found[0]
        return soonest

    def advance(self, at: float) -> list[Change]:
        """Let time pass; returns what that changed (entries and fragments forgotten).

        The packets it caused, with changes of their own, are in ``caused``.
        """
        return self.advance_ns(round(at * SECOND))

    def advance_ns(self, at: int) -> list[Change]:
        self._set_time(at)
        events = self._pass_time(at)
        self._journal.log(changes_of(events))
        self.caused = tuple(event[1] for event in events if event[0] == ANSWER)
        return list(changes_of(event for event in events if event[0] != ANSWER))

    def _pass_time(self, at: int) -> list[tuple[Any, ...]]:
        """What happens by itself up to ``at``, as the events of a Walk."""
        box, events = self.box, list[tuple[Any, ...]]()
        while (incomplete := box.incomplete.next()) is not None and incomplete[0] <= at:
            due, key = incomplete
            events += box.expire(due)
            waiting = box.state.memory[key]
            if not waiting.pieces:
                box.wait(key, None)
                events.append((GATHERED, key, waiting, None, None))
                continue
            first = waiting.pieces[0].packet
            given_up = Walk(first, None, due)
            _passage(box, given_up, Context(first, due)).give_up(key, waiting)
            events += given_up.events
        return events + box.expire(at)

    def _set_time(self, at: int) -> None:
        if at < self.now:
            raise ValueError(f"time goes backwards: from {self.now / SECOND} to {at / SECOND} s")
        self.now = at

    def checkpoint(self) -> Mark:
        """A place to come back to; from the first call on, what happens is kept in a journal."""
        box, rules = self.box, self._rules
        sysctls = tuple(self.sysctls.items())
        return Mark(
            self._journal.begin(), dict(rules.rulesets), self.now, box.conntrack.next_id, rules.next_rule, sysctls, box.delivered
        )  # fmt: skip

    def rollback(self, mark: Mark) -> None:
        """Go back to ``mark``; costs time in proportion to what happened since."""
        timed = self._journal.revert(mark.journal)
        self.now, self._rules.next_rule = mark.now, mark.next_rule
        self.box.conntrack.next_id, self.box.delivered = mark.next_entry, mark.delivered
        if timed:
            self.box.watch_all()
        self._rules.go_back(mark.rulesets)
        if tuple(self.sysctls.items()) != mark.sysctls:
            self.box.set_sysctls(dict(mark.sysctls))

    # --- views -------------------------------------------------------------------------------------------

    def conntrack(self, at: float | None = None, family: int = 0) -> str:
        """What ``conntrack -L`` prints at the time ``at`` (the last packet's, unless given); of one ``family`` with ``-f``."""
        from fwtutor.netfilter.conntrack.listing import format_table

        when = self.now if at is None else round(at * SECOND)
        return format_table(self.state.entries, when, family, self.state.held)

    def run_conntrack(self, words: list[str], at: float | None = None) -> str:
        """The program conntrack with these words: what it prints. Raises ConntrackRefused, and then changes nothing.

        ``-E`` has heard nothing yet: a ``messages.Listener`` hears it from the Walks.
        """
        from fwtutor.netfilter.conntrack.command import EXPECT, parse

        command = parse(words)
        when = self.now if at is None else round(at * SECOND)
        state, conntrack = self.state, self.box.conntrack
        output = command.shown(state.entries, state.expectations, when, self.state.held)
        if command.changes:
            changes: list[Change] = []
            for entry in command.chosen(list(state.entries.values()), when) if command.table != EXPECT else ():
                conntrack.entries.put(entry, None)
                changes.append(Change(ENTRY, entry.id, entry, None))
            if command.table == EXPECT:
                for one in list(state.expectations.values()):
                    conntrack.expectations.remove(one, DELETED)
            changes += changes_of((EXPECTATION, news) for news in conntrack.expectations.take_news())
            self._journal.log(tuple(changes))
        return output

    def expectations(self, at: float | None = None) -> str:
        """What ``conntrack -L expect`` prints at the time ``at`` (the last packet's, unless given)."""
        from fwtutor.netfilter.conntrack.listing import format_expectations

        when = self.now if at is None else round(at * SECOND)
        return format_expectations(self.state.expectations.values(), self.state.entries, when)

    def route(self, dst: int, family: int = 4) -> Route | None:
        """The route to an address (an integer); None: there is none."""
        return self.routing.lookup(family, dst)

    def source_for(self, dst: int, family: int = 4) -> int:
        """The address the box would send from to ``dst``; 0: none."""
        return self.routing.source_for(family, dst)

    def is_local(self, address: int, family: int = 4) -> bool:
        return self.routing.is_local(family, address)

    def source_of_answer(self, packet: Packet) -> tuple[int, int] | None:
        """The addresses from which the stack sends errors and echoes about what was just delivered; None: its destination, its own alone.

        Echoes for many or for any are answered on the link they came by; 0: the sender is not there.
        """
        routing, link = self.routing, self.box.delivered.by
        if packet.family == 4 or routing.is_local(6, packet.dst):
            return None
        if link == LOOPBACK:
            link = routing.home_of(packet.dst)
        at_home = (6, packet.src) in (each[:2] for each in routing.addresses[link])
        reached = at_home or routing.lookup_by(6, packet.src, link) is not None
        source = routing.source_for6(packet.src, link)
        return source, source if reached else 0

    # --- packets -----------------------------------------------------------------------------------------

    def receive(self, raw: bytes | Packet, on: str, at: float, *, mac: str | None = None, link: str = "host") -> Walk:
        """A packet arrives by the interface ``on``. ``mac`` is its source's; ``link``: "host", "broadcast" or "multicast"."""
        return self.receive_ns(raw, on, round(at * SECOND), mac=mac, link=link)

    def receive_ns(self, raw: bytes | Packet, on: str, at: int, *, mac: str | None = None, link: str = "host") -> Walk:
        if on not in self.routing.addresses:
            raise ValueError(f"there is no interface {on!r}; there are: {', '.join(self.routing.addresses)}")
        if link not in ("host", "broadcast", "multicast"):
            raise ValueError(f"link {link!r} is none of host, broadcast, multicast")
        packet = raw if isinstance(raw, Packet) else Packet(raw)
        walk = self._begin(packet, on, at)
        if packet.fault:
            return self._discard(walk, packet.fault)
        walk.mac, walk.link = mac, link
        _passage(self.box, walk, Context(packet, at)).arrive(on)
        return self._finish(walk)

    def send(self, raw: bytes | Packet, at: float, *, uid: int = 0, gid: int = 0, mark: int = 0, by_stack: bool = False) -> Walk:
        """A packet the box itself sends: a program of the user ``uid``, or its own network stack (``by_stack``: echo replies)."""
        return self.send_ns(raw, round(at * SECOND), uid=uid, gid=gid, mark=mark, by_stack=by_stack)

    def send_ns(
        self, raw: bytes | Packet, at: int, *, uid: int = 0, gid: int = 0, mark: int = 0, by_stack: bool = False, by: str = ""
    ) -> Walk:  # fmt: skip
        """``by``: the interface for a destination that says nothing without one, of IPv6."""
        packet = raw if isinstance(raw, Packet) else Packet(raw)
        walk = self._begin(packet, None, at)
        if packet.fault:
            return self._discard(walk, packet.fault)
        context = Context(packet, at)
        context.mark, context.by_stack = mark, by_stack
        walk.owner = None if by_stack else (uid, gid)
        # A RST of IPv6 belongs to no socket, not even to one of the stack's; and it is summed up when it leaves, as IPv4's of REJECT are.
        context.unfinished = by_stack and packet.family == 6 and packet.protocol == TCP
        walk.socket = not context.unfinished
        _passage(self.box, walk, context, by).depart()
        return self._finish(walk)

    def missed_ns(self, packet: Packet, came_by: str, at: int) -> tuple[Change, ...]:
        """A packet that had left found no neighbour on the link: its sender is told. Returns what that changed.

        ``came_by``: the interface by which it came in, for the box's own that by which it left.

        The packets it caused, with changes of their own, are in ``caused``.
        """
        self._set_time(at)
        missed = Walk(packet, None, at)
        _passage(self.box, missed, Context(packet, at)).miss(came_by)
        self._journal.log(missed)
        self.caused = tuple(missed.answers)
        return changes_of(event for event in missed.events if event[0] != ANSWER)

    def _begin(self, packet: Packet, on: str | None, at: int) -> Walk:
        self._set_time(at)
        walk = Walk(packet, on, at)
        if self.box.may_be_due(at):
            walk.events += self._pass_time(at)
            for answer in walk.answers:
                walk.out += answer.out
        return walk

    def _finish(self, walk: Walk) -> Walk:
        walk.tracked = self.box.entry_of(walk.whole, walk.zone)
        # What was deleted elsewhere may have had some.
        walk.events += [(EXPECTATION, news) for news in self.box.conntrack.expectations.take_news()]
        if walk.tracked is not None:
            walk.uses = self.state.uses(walk.tracked)
        self._journal.log(walk)
        return walk

    def _discard(self, walk: Walk, reason: str) -> Walk:
        walk.verdict, walk.reason = "DISCARD", reason
        return self._finish(walk)


def _known(family: int) -> int:
    if family not in (4, 6):
        raise ValueError(f"family {family!r} is neither 4 nor 6")
    return family


def _passage(box: Box, walk: Walk, context: Context, by: str = "") -> Passage:
    """``by``: as ``send_ns`` has it."""
    if context.packet.family == 4:
        return Passage4(box, walk, context)
    # Most boxes never see one.
    from fwtutor.netfilter.passage6 import Passage6

    return Passage6(box, walk, context, by)
