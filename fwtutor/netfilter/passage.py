"""Passage: one packet's way through a box, hook by hook: what both versions of IP share.

The order is the kernel's: PREROUTING, routing, INPUT or FORWARD and POSTROUTING; OUTPUT and POSTROUTING for the box's own. Where a
packet goes and what the stack itself takes offence at is ``passage4``'s and ``passage6``'s.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from copy import copy
from typing import Any, Self

from fwtutor.netfilter.box import Box, Delivered, Stop
from fwtutor.netfilter.conntrack.entry import CONFIRMED, ESTABLISHED, INVALID, ORIGINAL, RELATED, REPLY, UNTRACKED, Entry
from fwtutor.netfilter.conntrack.expectations import MET, News
from fwtutor.netfilter.conntrack.helpers import HELPERS
from fwtutor.netfilter.conntrack.helpers.helper import LONGEST, segment
from fwtutor.netfilter.conntrack.tuples import inverted, is_icmp, tuple_of
from fwtutor.netfilter.defrag import Key, Waiting
from fwtutor.netfilter.events import (
    CONFIRMED as KEPT,
    EXPECTATION,
    FORGOTTEN,
    HELPED,
    HOOK,
    LOOKED_UP,
    ROUTED,
    TABLE,
    TIED,
    TOLD,
    Shown,
)
from fwtutor.netfilter.hooks import FORWARD, INPUT, MANGLE, NAT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.packet import UDP, Packet
from fwtutor.netfilter.routing import LOOPBACK
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.translating import Translating
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.compiled import ACTED
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.rule import Rule
from fwtutor.netfilter.xtables.targets.reject import Reject

UNREADABLE = {4: ((3, 2),), 6: ((4, 0), (4, 1), (4, 2))}
"""By family: type and code of the ICMP errors about what the stack did not read as far as a protocol it knows."""
AT = {hook: (HOOK, hook) for hook in (PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING)}
TO_THE_BOX = (ROUTED, "local", "")
# Built once: every recorded walk holds some of them.


def _routed_by(context: Context) -> tuple[int, int, int, int, int]:
    """What routing is thought to look at: when mangle changes it in OUTPUT, the packet is routed again."""
    packet = context.packet
    hop_limit = packet.ttl if packet.family == 6 else 0
    return packet.src, packet.dst, packet.tos, context.mark, hop_limit


class Passage(Translating):
    """One packet on its way. What happens is written down in ``walk``."""

    __slots__ = ("busy", "is_copy", "keeps_df", "largest", "later", "sizes")

    def __init__(self, box: Box, walk: Walk, context: Context) -> None:
        super().__init__(box, walk, context)
        self.busy = False
        """True for an answer: the stack makes it on account of another packet."""
        self.later = False
        """Whether what comes back to the box has to wait, as the stack is at work on another packet."""
        self.sizes: tuple[int, ...] = ()
        """Of the fragments the packet was put together from; empty when it came whole."""
        self.largest = 0
        """The largest of them with its header; no larger ones are sent on."""
        self.is_copy = False
        """Whether it is what TEE made, and not what that caused."""
        self.keeps_df = True
        """Whether fragments of what says DF say so too: those of a copy only if what was copied said so."""
        context.memory, context.routing, context.keep = box.state.memory, box.routing, box.conntrack.entries.exchange
        context.wall = walk.wall = box.began + context.at
        context.seed, context.lots, context.find = box.seed, box.lots, box.state.find
        context.owner, context.socket, context.mac, context.link = walk.owner, walk.socket, walk.mac, walk.link

    @abstractmethod
    def arrive(self, on: str) -> None:
        """PREROUTING, then to the box or through it."""

    @abstractmethod
    def depart(self) -> None:
        """OUTPUT, POSTROUTING; and around again when the packet is for the box itself, or for the box among others."""

    @abstractmethod
    def give_up(self, key: Key, waiting: Waiting) -> None:
        """The rest of a datagram never came: it is forgotten."""

    def miss(self, came_by: str) -> None:
        """It had left, and on the link was nobody to take it: its sender is told. (An entry deleted since is not tied to the error.)"""
        context, packet = self.context, self.context.packet
        back = tuple_of(packet) if self.box.tracking[packet.family] else None
        back = back and inverted(back)
        entry = back and self.box.state.find(back)
        if entry is not None:
            context.entry, context.direction = entry, ORIGINAL if entry.reply == back else REPLY
        context.in_interface = came_by
        self._tell_missed()

    @abstractmethod
    def _tell_missed(self) -> None:
        """The ICMP error that says so."""

    @abstractmethod
    def _gather(self, where: str) -> bool:
        """Fragments become whole datagrams. False: this one waits for the rest."""

    @abstractmethod
    def _as_sent(self, mtu: int) -> list[bytes]:
        """What goes onto the wire: the packet, or its fragments; a datagram that came in fragments leaves in the same."""

    @abstractmethod
    def _way_out(self) -> str | None:
        """The interface by which routing would now have it leave, LOOPBACK for the box itself; None: there is none."""

    def answering(self, walk: Walk, context: Context, reset: bool) -> None:
        # An error comes out of the stack's own socket, a reset that REJECT sends out of none.
        walk.socket = not reset
        answer = type(self)(self.box, walk, context)
        answer.busy, answer.copied, context.unfinished = True, self.copied, reset and context.packet.family == 4
        # A program's packet does not keep the stack busy, but legacy's rules do, and so does an ICMP error.
        by_program = self.context.in_interface == "" and not self.context.by_stack and not self.busy
        answer.later = not (by_program and reset and self.box.variant == "nft")
        answer.depart()

    def _leave(self) -> bool:
        """POSTROUTING, and out by the interface routing chose."""
        self.walk.events.append(AT[POSTROUTING])
        if not self._pass(POSTROUTING) or not self._confirm():
            return False
        interface = self.context.out_interface
        self.walk.to = self.walk.out_interface = interface
        if interface != LOOPBACK:
            self.walk.out += [[interface, raw] for raw in self._as_sent(self.box.routing.mtus[interface])]
        return True

    def _come_around(self) -> None:
        """What the box sends to itself comes in by loopback: what was put together to be tracked, in pieces again."""
        context, packet = self.context, self.context.packet
        context.owner, context.socket = None, False
        pieces = self._as_sent(self.box.routing.mtus[LOOPBACK])
        if pieces == [packet.raw]:
            self.arrive(LOOPBACK)
            return
        for raw in pieces:
            self.walk.verdict, self.walk.reason = "ACCEPT", ""
            self._piece(raw, self.walk).arrive(LOOPBACK)

    def _piece(self, raw: bytes, walk: Walk) -> Self:
        """A piece of the packet, on a way of its own from here on."""
        piece = copy(self)
        piece.walk, piece.context = walk, self.context.copy()
        piece.sizes, piece.largest = (), 0
        piece.context.packet = self.context.packet if raw is self.context.packet.raw else Packet(raw)
        piece._look_again()  # at what the way of the one before may have changed
        return piece

    def _look_again(self) -> None:
        """Another packet of the connection has been on its way meanwhile: its entry is as that left it."""
        entry = self.context.entry
        if entry is not None:
            self.context.entry = self.box.state.entries.get(entry.id, entry)

    def _gather_to_track(self, where: str) -> bool:
        """Connection tracking has fragments put together first.

        Not those that come around by loopback, when they are never to be tracked; and of IPv6, when they are already.
        """
        packet, context = self.context.packet, self.context
        if not self.box.tracking[packet.family] or context.state == UNTRACKED or (packet.family == 6 and context.entry is not None):
            return True
        return self._gather(where)

    def _enter(self, hook: str) -> bool:
        """A hook where packets enter or are made: raw, connection tracking, the other tables. False when the packet ends here."""
        self.walk.events.append(AT[hook])
        family = self.context.packet.family
        stops = self.box.raw[family].get(hook)
        if self.context.by_stack and hook == OUTPUT:
            self._tie_error()
        if stops:
            if not self.context.state and self.box.tracking[family]:
                # So rules see what is not looked up yet.
                self.context.state = INVALID
            for stop in stops:
                if not self._through(hook, stop):
                    return False
        if not self._track(hook == PREROUTING) or not self._pass(hook):
            return False
        self.context.out_interface = self.context.goes_by or self.context.out_interface
        self.context.goes_by = ""
        return True

    def _tie_error(self) -> None:
        """That it could not read a packet as far as a protocol it knows the stack ties to that packet's entry, even to one deleted since.

        Not so that a port is closed: whose protocol is known, that packet has been freed of its entry by then.
        """
        packet, context = self.context.packet, self.context
        tie = self.box.delivered.tied if self.box.tracking[packet.family] else None
        if tie is None or not is_icmp(packet.protocol, packet.family):
            return
        if (packet.icmp_type, packet.icmp_code) in UNREADABLE[packet.family]:
            entry, direction = tie
            context.entry, context.state = self.box.state.entries.get(entry.id, entry), RELATED
            context.direction = REPLY if direction == ORIGINAL else ORIGINAL

    def _hand_over(self) -> None:
        """It has passed INPUT, and the stack gets it: what that answers answers this one."""
        context = self.context
        tied = None if context.entry is None else (context.entry, context.direction)
        self.box.delivered = Delivered(context.in_interface, context.packet.dst, tied)

    def _track(self, arriving: bool) -> bool:
        """Tie the packet to an entry, unless it is tied already. False when the table is full, and the packet ends here."""
        if not self.box.tracking[self.context.packet.family]:
            return True
        if self.context.entry is not None or self.context.state == UNTRACKED:
            self.walk.events.append((TIED, self.context.state))
            return True
        conntrack, context = self.box.conntrack, self.context
        tracked = conntrack.track(context.packet, self.walk.at, arriving, context.template, context.mark)
        context.template = None
        if conntrack.expectations.news:
            tracked = tracked._replace(news=tuple(conntrack.expectations.take_news()))
        self.walk.events.append((LOOKED_UP, tracked))
        if tracked.full:
            self.walk.verdict, self.walk.reason = "DROP", tracked.reason
            return False
        self.twice = tracked.again
        if tracked.entry is not None:
            self.walk.zone = (tracked.entry.reply if tracked.direction else tracked.entry.original).zone
        self.context.entry, self.context.state, self.context.direction = tracked.entry, tracked.state, tracked.direction
        if tracked.news:
            self._follow(tracked.news)
        return True

    def _pass(self, hook: str) -> bool:
        """Through the tables of a hook behind connection tracking; False when the packet ends here."""
        for stop in self.box.chains[self.context.packet.family].get(hook, ()):
            if not (self._translate if stop.name == NAT else self._through)(hook, stop):
                return False
        return True

    def _through(self, hook: str, stop: Stop) -> bool:
        """Through one table; False when the packet ends there."""
        before = _routed_by(self.context)
        result = self._walk(hook, stop)
        if result == "ACCEPT" and (hook != OUTPUT or stop.name != MANGLE or before == _routed_by(self.context) or self._route_again()):
            return True
        if not isinstance(result, str) and isinstance(result.target, Reject):
            self._reject(result.target)
            self.walk.verdict = "REJECT"
        else:
            self.walk.verdict = "DROP"
        self._forget()
        return False

    def _walk(self, hook: str, stop: Stop) -> Rule | str:
        context = self.context
        context.hook, context.copy_to = hook, self._copy_to
        here, there = context.in_interface, context.out_interface
        shown = Shown(
            hook, context.packet, here, there, context.entry, context.state, context.direction, context.mark, context.priority,
            self.box.routing,
        )  # fmt: skip
        hits: list[Any] = []
        assert stop.chain is not None
        result = stop.table.walk(stop.chain, context, self.box.state.counters, hits)
        self.walk.events.append((TABLE, stop.chain, hits, shown))
        if self.sizes and any(hit.what == ACTED and hit.chain.rules[hit.position].target.flattens for hit in hits):
            self.sizes = ()
        return result

    def _copy_to(self, gateway: int, oif: str) -> Walk | None:
        """Send a copy of the packet out by the way to a gateway; None: there is no way, or this is a copy itself."""
        interface = self._way_to(gateway, oif if oif in self.box.routing.addresses else "")
        if self.copied or interface is None:
            return None
        own = Context(self._as_copy(self.context.packet, self.context.hook in (PREROUTING, INPUT)), self.walk.at)
        own.mark, own.priority, own.state = self.context.mark, self.context.priority, UNTRACKED
        own.unfinished = self.context.unfinished
        walk = Walk(own.packet, None, self.walk.at)
        copy = self._copy(walk, own)
        walk.events.append((ROUTED, interface, ""))
        own.out_interface = interface
        if copy._enter(OUTPUT):
            # It never came in, but says there that it came by where it leaves.
            own.in_interface = interface
            copy._leave_as_copy()
        self.walk.out += walk.out
        return walk

    def _copy(self, walk: Walk, context: Context) -> Self:
        copy = type(self)(self.box, walk, context)
        copy.is_copy = copy.copied = copy.aside = copy.busy = copy.later = True
        # The fragments still belong to the packet it was copied from, so the copy is cut anew.
        copy.largest, copy.keeps_df = self.largest, self.context.packet.df
        return copy

    def _leave_as_copy(self) -> None:
        """POSTROUTING, and out, unless it is too big: then its sender is told, as of any packet."""
        interface = self.context.out_interface
        mtu = self.box.routing.mtus[interface]
        self.walk.events.append(AT[POSTROUTING])
        if not self._pass(POSTROUTING):
            return
        if self.context.packet.length > mtu and not (self.largest and self.largest <= mtu):
            self.context.in_interface = ""
            self._tell_too_big(mtu)
            self._lose(f"too big for {interface} (MTU {mtu}), and it may not be fragmented")
            return
        self.walk.to = self.walk.out_interface = interface
        if interface != LOOPBACK:
            self.walk.out += [[interface, raw] for raw in self._as_sent(mtu)]

    @abstractmethod
    def _way_to(self, gateway: int, interface: str) -> str | None:
        """The interface by which a gateway is reached, if it must be by that ``interface``; None: it is not."""

    @abstractmethod
    def _as_copy(self, packet: Packet, came_in: bool) -> Packet:
        """The packet as TEE sends it; ``came_in``: it was not routed yet."""

    @abstractmethod
    def _tell_too_big(self, mtu: int) -> None:
        """An ICMP error about a copy."""

    def _confirm(self) -> bool:
        """The end of the path: a new entry is kept. False when its tuple was taken meanwhile."""
        entry = self.context.entry
        if entry is not None and entry.help is not None and not self.context.packet.offset:
            if not self._help(entry):
                return False
            entry = self.context.entry
        if entry is None:
            return True
        if not entry.status & CONFIRMED and self.context.direction != REPLY:
            kept = self.box.conntrack.entries.confirm(entry, self.walk.at)
            if kept is None:
                self.walk.verdict = "DROP"
                self._forget()
                return False
            self.context.entry = kept
            self.walk.events.append((KEPT, kept))
        known = self.box.state.entries.get(entry.id)
        if known is not None:
            self.walk.events.append((TOLD, known))
        return True

    def _follow(self, news: Iterable[News]) -> None:
        """Who was expected is translated as the connection on whose account he was."""
        for before, _, why in news:
            if why == MET and before is not None and self.context.entry is not None:
                self._translate_like_master(before)

    def _help(self, entry: Entry) -> bool:
        """Before the entry is kept, its helper reads the packet. False when it drops it."""
        context = self.context
        packet, direction, state = context.packet, context.direction, context.state
        if state == RELATED and direction == REPLY:
            return True
        abroad = LOOPBACK not in (context.in_interface, context.out_interface)
        changes: list[Change] = []

        def draw(below: int) -> int:
            known = self.box.expected(entry) if self.box.expected is not None else ()
            offsets = (port - (LONGEST - below) for port in known)
            return next((offset for offset in offsets if 0 <= offset < below), self._draw(changes) * below >> 16)

        context.packet, after, fault = self.box.conntrack.help(packet, entry, direction, state, self.walk.at, draw, abroad)
        context.entry = after
        # Of TCP nothing is read before it was answered.
        flattened = HELPERS[after.helper].flattens and (state == ESTABLISHED or packet.protocol == UDP)
        if self.sizes and (flattened or segment(context.packet) != segment(packet)):
            self.sizes = ()
        self.walk.events.append((HELPED, entry, after, fault, self.box.conntrack.expectations.take_news(), packet, context.packet, changes))
        if fault:
            self.walk.verdict, self.walk.reason = "DROP", f"the helper {after.helper} drops it: {fault}"
            self._forget()
        return not fault

    def _forget(self) -> None:
        """A packet that ends takes its entry with it, unless that was kept before."""
        entry = self.context.entry
        self.walk.to = self.walk.out_interface = None
        if entry is not None and not entry.status & CONFIRMED and self.context.direction == ORIGINAL:
            self.walk.events.append((FORGOTTEN, entry))
            if entry.help is not None:
                self.box.conntrack.expectations.orphan(entry.id)
                self.walk.events += [(EXPECTATION, news) for news in self.box.conntrack.expectations.take_news()]

    def _route_again(self) -> bool:
        interface = self._way_out()
        if interface != (self.context.goes_by or self.context.out_interface):
            self.walk.events.append((ROUTED, interface, "" if interface else f"no route to {self.context.packet.destination}"))
        self.context.goes_by, self.aside = interface or "", False
        return interface is not None

    def _lose(self, reason: str) -> None:
        self.walk.events.append((ROUTED, None, reason))
        self.walk.verdict, self.walk.reason = "DISCARD", reason
        self._forget()
