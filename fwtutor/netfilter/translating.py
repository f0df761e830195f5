"""A packet where its connection is translated: whether nat's rules are asked, what becomes of it, and where it goes then.

The rules are asked once for each end of a connection, about its first packet; what they decide is kept in the entry, and all later
packets are translated without them. While there is a nat table at all, every connection passes here, and one that no rule is
about still may have to give way to another: see ``conntrack/nat``.
"""

from __future__ import annotations

from abc import abstractmethod

from fwtutor.netfilter.box import Stop
from fwtutor.netfilter.conntrack.entry import CONFIRMED, NAT_MASK, NEW, ORIGINAL, RELATED, REPLY, Entry
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.nat import applying, choosing
from fwtutor.netfilter.conntrack.nat.ranges import CHANGED, DECIDED, DST, SRC, Range, end_at
from fwtutor.netfilter.conntrack.tuples import inverted, is_icmp
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.events import TRANSLATED
from fwtutor.netfilter.hooks import OUTPUT, POSTROUTING
from fwtutor.netfilter.lots import next_lot
from fwtutor.netfilter.packet import Packet, checksum
from fwtutor.netfilter.replying import Replying
from fwtutor.netfilter.state import ENTRY, MEMORY
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.xtables.rule import NatTarget, Rule

LOTS = "lots"
"""Key of what the next lot will be drawn from."""
_REDIRECTS = {4: 5, 6: 137}
"""ICMP types that tell of another way."""


class Translating(Replying):
    """A packet in a box that translates."""

    __slots__ = ()

    @abstractmethod
    def _walk(self, hook: str, stop: Stop) -> Rule | str:
        """Through the table's rules: what they say, or the rule whose target must act."""

    @abstractmethod
    def _forget(self) -> None:
        """The packet ends, and takes its entry with it, unless that was kept before."""

    @abstractmethod
    def _route_again(self) -> bool:
        """What the box sends is routed anew. False: there is no way, and the packet is dropped."""

    def _translate(self, hook: str, stop: Stop) -> bool:
        """At the table nat; False when the packet ends here."""
        context, end = self.context, end_at(hook)
        entry, packet = context.entry, context.packet
        if entry is None:
            return True
        changes: list[Change] = []
        if context.state == RELATED and is_icmp(packet.protocol, packet.family):
            good = self._translate_error(end)
        else:
            if context.state in (NEW, RELATED) and not entry.status & DECIDED[end]:
                good = self._decide(hook, stop, end, changes)
            else:
                good = not self._leaves_elsewhere(hook, changes)
            good = good and self._apply(end)
        now = context.entry
        if context.packet is not packet or changes or now is None or (now.original, now.reply) != (entry.original, entry.reply):
            self.walk.events.append((TRANSLATED, end, packet, context.packet, entry, now or entry, tuple(changes)))
        if good and hook == OUTPUT and now is not None:
            here, back = (now.original, now.reply) if context.direction == ORIGINAL else (now.reply, now.original)
            good = here.dst == back.src or self._route_again()
        if not good:
            self.walk.verdict = "DROP"
            self._forget()
        return good

    # --- a new connection ------------------------------------------------------------------------------------------

    def _decide(self, hook: str, stop: Stop, end: str, changes: list[Change]) -> bool:
        context = self.context
        if stop.chain is not None:
            result = self._walk(hook, stop)
            if result == "DROP":
                return False
            if isinstance(result, Rule):
                assert isinstance(result.target, NatTarget)
                wanted = result.target.wanted(context)
                if wanted is None:
                    return False
                self._bind(wanted, end, changes)
        entry = context.entry
        if entry is not None and not entry.status & DECIDED[end]:
            self._bind(choosing.null_range(entry, end), end, changes)
        return True

    def _bind(self, wanted: Range, end: str, changes: list[Change]) -> None:
        """Decide on one end of the packet's connection, unless that was kept before there was anybody to decide."""
        context, box = self.context, self.box
        entry = context.entry
        assert entry is not None
        if entry.status & CONFIRMED:
            return

        def draw() -> int:
            return self._draw(changes)

        chosen = choosing.bind(box.state, entry, wanted, end, draw, box.chooser)
        if chosen.evicted is not None:
            box.conntrack.entries.put(chosen.evicted, None)
            changes.append(Change(ENTRY, chosen.evicted.id, chosen.evicted, None))
        context.entry = chosen.entry

    def _draw(self, changes: list[Change]) -> int:
        """16 bits by lot."""
        box = self.box
        before = box.state.memory.get(LOTS)
        after = next_lot(box.seed if before is None else before)
        box.state.memory[LOTS] = after
        changes.append(Change(MEMORY, LOTS, before, after))
        return after >> 40 & 0xFFFF

    def _translate_like_master(self, met: Expectation) -> None:
        """A new connection that was expected is translated as the one that announced it: no rule is asked about it."""
        entry, master = self.context.entry, self.box.state.entries.get(met.master)
        if met.follows is None or entry is None or master is None:
            return
        other = master.original if met.follows.direction else master.reply
        port, address = met.follows.port, met.follows.address
        wanted = [(SRC, Range(other.dst, other.dst)), (DST, Range(other.src, other.src, (port, port)))]
        if address is not None:
            wanted = [(DST, Range(address, address, (port, port))), *self._source_as_expected(met, entry, master)]
        changes: list[Change] = []
        for end, range in wanted:
            self._bind(range, end, changes)
        packet, now = self.context.packet, self.context.entry
        self.walk.events.append((TRANSLATED, DST, packet, packet, entry, now, tuple(changes)))

    def _source_as_expected(self, met: Expectation, entry: Entry, master: Entry) -> list[tuple[str, Range]]:
        """What a stream's sender becomes: where he is expected himself, or its master's end if he is that; else rules say it."""
        assert met.follows is not None
        came = entry.original
        if met.kind:
            for other in reversed(self.box.conntrack.expectations.of(master.id)):
                follows, own = other.follows, other.tuple
                if follows is not None and own.protocol == came.protocol and (follows.address, follows.port) == (came.src, came.sport):
                    return [(SRC, Range(own.dst, own.dst, (own.dport, own.dport)))]
        here, back = (master.reply, master.original) if met.follows.direction else (master.original, master.reply)
        return [(SRC, Range(back.dst, back.dst))] if came.src == here.src else []

    def _leaves_elsewhere(self, hook: str, changes: list[Change]) -> bool:
        """What was given the address of one interface and leaves by another now is not what it was: its entry goes."""
        context = self.context
        entry = context.entry
        assert entry is not None
        if hook != POSTROUTING or context.direction != ORIGINAL or entry.leaves_by in ("", context.out_interface):
            return False
        if entry.id in self.box.state.entries:
            self.box.conntrack.entries.put(entry, None)
            changes.append(Change(ENTRY, entry.id, entry, None))
        return True

    # --- every packet ----------------------------------------------------------------------------------------------

    def _is_changed(self, end: str) -> bool:
        """Whether this end of the packet is another on this side of the box."""
        entry = self.context.entry
        assert entry is not None
        bit = CHANGED[end] ^ (NAT_MASK if self.context.direction == REPLY else 0)
        return bool(entry.status & bit)

    def _apply(self, end: str) -> bool:
        context = self.context
        entry = context.entry
        assert entry is not None
        if not self._is_changed(end):
            return True
        target = inverted(entry.reply if context.direction == ORIGINAL else entry.original)
        assert target is not None
        after = applying.translated(context.packet, target, end, context.unfinished)
        if after is None:
            return False
        context.packet = after
        return True

    def _translate_error(self, end: str) -> bool:
        """An ICMP error about a packet of a connection: no rule is asked. False when it is dropped."""
        context = self.context
        entry, packet = context.entry, context.packet
        assert entry is not None
        if not _sums_up(packet):
            return False
        if packet.icmp_type == _REDIRECTS[packet.family]:
            decided = entry.status & DECIDED[SRC] and entry.status & DECIDED[DST]
            if not decided or entry.status & NAT_MASK:
                return False
        if not self._is_changed(end):
            return True
        other = entry.reply if context.direction == ORIGINAL else entry.original
        after = applying.error_translated(packet, other, end)
        if after is None:
            return False
        context.packet = after
        return True


def _sums_up(packet: Packet) -> bool:
    if packet.family == 4:
        return not checksum(packet.raw[packet.l4 :])
    return not transport_checksum(packet.src, packet.dst, packet.protocol, packet.raw[packet.l4 :], 6)
