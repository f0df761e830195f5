"""Telling the box's own answers in a capture: REJECT's and ICMP errors were made, and walked, with the packet they answer.

A capture taken on the box shows them once more. Compared is what makes an answer that answer; its IP id and what network
cards do to checksums are the machine's own affair.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from fwtutor.capture import Seen
from fwtutor.netfilter.packet import ICMP, TCP, Packet
from fwtutor.netfilter.walk import Walk

MEMORY = 4096
"""How many answers back one is looked for; it follows at once."""

_ERRORS = frozenset((3, 5, 11, 12))
"""ICMP types that quote the packet they are about."""


class OwnAnswers:
    """Remembers answers until the capture showed them."""

    def __init__(self) -> None:
        self._made: OrderedDict[bytes, int] = OrderedDict()

    def made(self, walks: Iterable[Walk]) -> None:
        """The walks of what the box sent because of a packet."""
        self.expect(walk.packet for walk in _all(walks))

    def expect(self, packets: Iterable[Packet]) -> None:
        """What the box sends, and what the capture may show once more."""
        for packet in packets:
            key = _key(packet)
            self._made[key] = self._made.pop(key, 0) + 1
            if len(self._made) > MEMORY:
                self._made.popitem(last=False)

    def is_one(self, seen: Seen, packet: Packet) -> bool:
        """True when the capture shows an answer that was made before. What a jsonl file says is taken as it is."""
        if seen.counted != "packet" or seen.outgoing is False or packet.fault or not self._made:
            return False
        key = _key(packet)
        count = self._made.pop(key, 0)
        if count > 1:
            self._made[key] = count - 1
        return count > 0


def _all(walks: Iterable[Walk]) -> Iterator[Walk]:
    for walk in walks:
        yield walk
        yield from _all(walk.answers)


def _key(packet: Packet) -> bytes:
    raw = packet.raw
    if packet.family == 6:
        body = raw[packet.l4 :]
        key = bytes([6, packet.protocol]) + raw[8:40]
        if packet.protocol == TCP:
            return key + body[:14]
        # All of an ICMPv6 message but its checksum; of another packet, all that is behind the headers.
        return key + body[:2] + body[4:]
    body = raw[(raw[0] & 15) * 4 :]
    key = raw[9:10] + raw[12:20]
    if packet.protocol == TCP:
        return key + body[:14]
    if packet.protocol == ICMP and body[:1] and body[0] in _ERRORS:
        quoted = body[8:]
        return key + body[:2] + quoted[4:6] + quoted[9:10] + quoted[12:24]
    return key + body[:2] + body[4:]
