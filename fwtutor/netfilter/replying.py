"""What the box answers to a packet on its way: REJECT's answers and ICMP errors, as often as their rations allow.

What both versions of IP share; when which packet is answered is ``replying4``'s and ``replying6``'s, how the answers look ``answers``'
and ``answers6``'s, where they go then ``passage``'s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from fwtutor.netfilter import answers, rations
from fwtutor.netfilter.box import Box
from fwtutor.netfilter.conntrack.entry import ORIGINAL, RELATED, REPLY, SECOND
from fwtutor.netfilter.events import ANSWER, CHANGED, MEMORY, TIED
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import LOOPBACK
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.targets.reject import Reject

MILLISECOND = SECOND // 1000
ALL_ERRORS = "icmp errors"
"""Key of the ration of all destinations together."""
PER_SECOND, BURST = "net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"


class Replying(ABC):
    """A packet in a box that can answer it."""

    __slots__ = ("aside", "box", "context", "copied", "twice", "walk")

    def __init__(self, box: Box, walk: Walk, context: Context) -> None:
        self.box, self.walk, self.context = box, walk, context
        self.copied = False
        """Whether TEE made it: of it, and of what it causes, no copies are made."""
        self.aside = False
        """Whether it is such a copy and on its way to the gateway, whoever it is for."""
        self.twice = False
        """Whether connection tracking has verified its checksum twice: what was found good the second time is not doubted again."""

    @abstractmethod
    def answering(self, walk: Walk, context: Context, reset: bool) -> None:
        """Send an answer on its way; ``reset``: it is REJECT's RST."""

    @abstractmethod
    def _error(self, type: int, code: int, rest: int = 0) -> None:
        """Send an ICMP error about the packet to its source, if one may be sent and the rations allow."""

    @abstractmethod
    def _may_reset(self) -> bool:
        """Whether REJECT answers the packet with a RST."""

    @abstractmethod
    def _refuse(self, kind: str) -> None:
        """REJECT's ICMP error of that kind, if the packet gets one."""

    @abstractmethod
    def _is_rationed(self, type: int, code: int) -> bool:
        """Whether ICMP messages of this type and code are."""

    @abstractmethod
    def _interval(self) -> int:
        """ns: of the ration of one destination."""

    def _reject(self, target: Reject) -> None:
        if target.kind != "tcp-reset":
            self._refuse(target.kind)
            return
        if not self._may_reset():
            return
        if self.context.entry is not None:
            closed = self.box.conntrack.close(self.context.entry, self.walk.at)
            if closed is not None:
                self.walk.events.append((CHANGED, *closed))
                self.context.entry = closed[1]
        self._answer(answers.reset_for(self.context.packet), reset=True)

    def _may_send_error(self, destination: int, type: int, code: int, came_by: str) -> bool:
        """Whether the rations, that of all destinations and that of this one, have one more; if so it is taken.

        What came in by loopback is answered without.
        """
        if came_by == LOOPBACK or not self._is_rationed(type, code):
            return True
        sysctls = self.box.sysctls
        before = self.box.state.memory.get(ALL_ERRORS)
        allowed, after = rations.take_credit(before, self.walk.at, sysctls[PER_SECOND], sysctls[BURST])
        if allowed and not self.box.routing.is_local(self.context.packet.family, destination):
            interval = self._interval()
            if not self._take_token(destination, interval, rations.RATE_BURST * interval):
                return False
        self._remember(ALL_ERRORS, after, allowed)
        return allowed

    def _take_token(self, destination: int, cost: int, burst: int) -> bool:
        allowed, after = rations.take_token(self._peer(destination), self.walk.at, cost, burst)
        self._remember(told(destination), after, allowed)
        return allowed

    def _peer(self, host: int) -> rations.Peer | None:
        peer: rations.Peer | None = self.box.state.memory.get(told(host))
        return peer

    def _remember(self, key: object, after: object, allowed: bool) -> None:
        memory = self.box.state.memory
        self.walk.events.append((MEMORY, key, memory.get(key), after, allowed))
        memory[key] = after

    def _answer(self, raw: bytes, *, reset: bool = False, tied: bool = True) -> None:
        """Send a packet of the box's own, ``tied`` to the entry of the packet it answers, if that has one, as RELATED."""
        packet = Packet(raw)
        answer = Walk(packet, None, self.walk.at)
        own = Context(packet, self.walk.at)
        if self.context.entry is not None and tied:
            own.entry, own.state = self.context.entry, RELATED
            own.direction = REPLY if self.context.direction == ORIGINAL else ORIGINAL
            answer.events.append((TIED, own.state))
            answer.zone = (own.entry.reply if own.direction else own.entry.original).zone
        self.answering(answer, own, reset)
        if own.entry is not None and self.context.entry is not None and own.entry.id == self.context.entry.id:
            self.context.entry = own.entry  # which rules the answer met may have marked
        answer.tracked = self.box.entry_of(packet, answer.zone)
        self.walk.out += answer.out
        self.walk.events.append((ANSWER, answer))


def told(host: int) -> tuple[str, int]:
    """Key of what the stack remembers of a host it told something."""
    return "told", host
