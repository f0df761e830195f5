"""Telling the second sighting of a packet from a second packet.

A capture of several interfaces shows a forwarded packet twice (it comes in, it goes out with its TTL one lower) and so a packet over
loopback. The firewall walks it once. Captures of one interface, and files that say nothing of directions and names, have no copies.
"""

from __future__ import annotations

from collections import OrderedDict

from fwtutor.capture.frames import Seen

MEMORY = 4096
"""How many packets back a first sighting is looked for; the second follows at once."""


class Copies:
    """Remembers first sightings until their second one came."""

    def __init__(self) -> None:
        self._first: OrderedDict[bytes, Seen] = OrderedDict()

    def is_second(self, seen: Seen) -> bool:
        """True when this is a packet that was already there, seen again at another place."""
        if seen.outgoing is None and seen.interface is None:
            return False
        raw = seen.raw
        if len(raw) >= 40 and raw[0] >> 4 == 6:
            key = raw[:7] + raw[8:]  # all but the hop limit
        elif len(raw) >= 20 and raw[0] >> 4 == 4:
            key = raw[:8] + raw[9:10] + raw[12:]  # all but the TTL and the checksum it changes
        else:
            return False
        first = self._first.pop(key, None)
        if first is not None and _another_place(first, seen):
            return True
        self._first[key] = seen
        if len(self._first) > MEMORY:
            self._first.popitem(last=False)
        return False


def _another_place(first: Seen, second: Seen) -> bool:
    at = 7 if first.raw[0] >> 4 == 6 else 8
    hops = first.raw[at] - second.raw[at]
    if first.outgoing is not None and second.outgoing is not None:
        return first.outgoing != second.outgoing and hops in (0, 1)
    return first.interface != second.interface and hops == 1
