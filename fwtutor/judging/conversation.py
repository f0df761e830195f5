"""Packets from words: the grammar of the lab's ``send``, one after the other, with numbers that go on from packet to packet."""

from __future__ import annotations

from fwtutor.badinput import BadInput
from fwtutor.netfilter.lots import lot_of
from fwtutor.netfilter.packet import FIN, SYN, TCP, Packet
from fwtutor.network.arguments import BadArgument
from fwtutor.network.crafting import craft_packet
from fwtutor.network.ends import Ends, ends_of

MOST_SECONDS = 3600.0


class Conversation:
    """Who has said what so far: a packet's sequence numbers are those its two ends would use next."""

    def __init__(self) -> None:
        self._next: dict[Ends, int] = {}
        self._said: list[Packet] = []
        self._at = 0.0

    def packet(self, text: str) -> tuple[bytes, float]:
        """(bytes, seconds) of ``[@SECONDS] tcp A:P > B:Q FLAGS ...``. Raises BadInput."""
        at, rest = self._time(text)
        drawn = lot_of(f"{len(self._said)} {rest}")
        try:
            raw, _ = craft_packet(rest, drawn, lambda ends: self._numbers(ends, drawn), self._last)
        except BadArgument as error:
            raise BadInput(f"--send {text[:100]!r}: {error}") from None
        self._at = at
        self._remember(Packet(raw))
        return raw, at

    def _time(self, text: str) -> tuple[float, str]:
        if not text.startswith("@"):
            return self._at, text
        word, _, rest = text[1:].partition(" ")
        try:
            at = float(word)
        except ValueError:
            at = -1.0
        if not 0 <= at <= MOST_SECONDS:
            raise BadInput(f"--send {text[:100]!r}: after @ stands a time from 0 to {MOST_SECONDS:g} seconds, as in @2.5")
        if at < self._at:
            raise BadInput(f"--send {text[:100]!r}: that is before the packet above it (@{self._at:g}); time only goes forward")
        return at, rest.strip()

    def _numbers(self, ends: Ends, drawn: int) -> tuple[int, int]:
        return self._next.get(ends, drawn), self._next.get(ends.turned, 0)

    def _last(self, protocol: int, ends: Ends) -> Packet | None:
        matching = (packet for packet in reversed(self._said) if packet.protocol == protocol)
        return next((packet for packet in matching if ends_of(packet) == ends), None)

    def _remember(self, packet: Packet) -> None:
        self._said.append(packet)
        if packet.protocol == TCP and not packet.fault and packet.has_l4:
            used = len(packet.payload) + bool(packet.flags & SYN) + bool(packet.flags & FIN)
            self._next[ends_of(packet)] = packet.seq + used & 0xFFFFFFFF
