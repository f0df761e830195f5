"""The events a Walk records: plain tuples whose first item says which. ``derive`` turns them into everything else.

HOOK hook | LOOKED_UP Tracked | CHANGED before, after | TABLE chain, hits, Shown | ROUTED to, reason |
HELPED entry before, after, why the packet is dropped, News, packet before, after, lots drawn | EXPECTATION News |
ANSWER walk | CONFIRMED entry | FORGOTTEN entry | MEMORY key, before, after, whether an answer may go |
GATHERED key, before, after, whole datagram or None |
TIED ctstate: what NOTRACK marked is not looked up; an answer begins its way tied to the entry of what it answers, a copy to that of
what it is a copy of |
COPY walk: of the copy that comes back to the box of what it sends to many |
TOLD entry: it left the last hook, and what happened to its entry is told to those who listen |
TRANSLATED end, packet before, packet after, entry before, entry after, changes: an end of a connection was decided on or rewritten
"""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import Routing

(
    HOOK, LOOKED_UP, CHANGED, TABLE, ROUTED, ANSWER, CONFIRMED, FORGOTTEN, MEMORY, TIED, GATHERED, COPY, TRANSLATED, HELPED, EXPECTATION,
    TOLD,
) = range(16)  # fmt: skip


class Shown(NamedTuple):
    """What the rules of a table were shown of the packet."""

    hook: str
    packet: Packet
    in_interface: str
    out_interface: str
    entry: Entry | None
    state: str
    direction: int
    mark: int
    priority: int
    routing: Routing
