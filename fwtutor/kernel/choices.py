"""What the kernel chose where it draws lots, read from what it did; and what it had yet to do to a packet when it was seen.

The engine takes a choice only where it would draw itself, and only one that it could have drawn.
"""

from __future__ import annotations

import re
from itertools import chain

from fwtutor.kernel.observation import ANSWER, Observation
from fwtutor.netfilter.conntrack.entry import Entry, Tuple
from fwtutor.netfilter.conntrack.listing import format_tuple
from fwtutor.netfilter.conntrack.nat.ranges import SRC, port_of
from fwtutor.netfilter.conntrack.tuples import inverted, is_icmp, tuple_at, tuple_of
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.packet import TCP, Packet
from fwtutor.netfilter.state import State


def kernels_choice(observation: Observation, number: int, entry: Entry, end: str) -> int | None:
    """The port (or ICMP id) the kernel gave an end of a connection that began with the packet ``number``, if anything tells.

    Its entry does, while there is one; else what the stack answered, or how it was logged last.
    """
    original = format_tuple(entry.original)
    seen = chain((packet.entry for packet in observation.packets[number:]), observation.conntrack)
    known = next((one for one in seen if one is not None and (one.protocol, one.original) == (entry.original.protocol, original)), None)
    if known is not None:
        found = re.search(r"id=(\d+)", known.reply) or re.search(r"dport=(\d+)" if end == SRC else r"sport=(\d+)", known.reply)
        return int(found[1]) if found else None
    answers = [_answered(Packet(packet.raw)) for packet in observation.packets[number + 1 : number + 2] if packet.shot == ANSWER]
    logged = [tuple_of(Packet(raw)) for _, raw in observation.packets[number].logged[-1:] if raw]
    key = next((key for key in (*answers, *logged) if key is not None), None)
    return None if key is None else port_of(key, end)


def kernels_ports(observation: Observation, number: int, state: State, master: Entry) -> list[int]:
    """The ports at which the kernel expects connections on account of an entry, and the engine does not yet."""
    ours = {one.tuple.dport for one in state.expectations.values() if one.master == master.id}
    theirs = observation.packets[number].expectations or ()
    name = format_tuple(master.original).replace("src=", "master-src=").replace("dst=", "master-dst=")
    ports = [int(one.awaited.rpartition("dport=")[2]) for one in theirs if one.master == name]
    return [port for port in ports if port not in ours]


def _answered(answer: Packet) -> Tuple | None:
    """The tuple of what the stack's answer is about, as its programs saw it."""
    if is_icmp(answer.protocol, answer.family) and answer.icmp_type in (3, 11, 12):
        at = answer.l4 + 8
        return tuple_at(4, 0, 0, answer.raw[at + 9], 0, answer.raw, at + (answer.raw[at] & 15) * 4)
    key = tuple_of(answer)
    return None if key is None else inverted(key)


def summed_up(raw: bytes) -> bytes:
    """A segment of the stack's own, as it is when it leaves: IPv6's is summed up only then, and translated before."""
    packet = Packet(raw)
    if packet.family != 6 or packet.protocol != TCP or not packet.has_l4:
        return raw
    at = packet.l4 + 16
    segment = raw[packet.l4 : at] + b"\0\0" + raw[at + 2 :]
    total = transport_checksum(packet.src, packet.dst, TCP, segment, 6) or 0xFFFF
    return raw[:at] + total.to_bytes(2, "big") + raw[at + 2 :]
