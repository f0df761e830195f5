"""What the kernel chose where it draws lots, read from what it did; and what it had yet to do to a packet when it was seen.

The engine takes a choice only where it would draw itself, and only one that it could have drawn.
"""

from __future__ import annotations

import re

from fwtutor.kernel.observation import Observation
from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.conntrack.listing import format_tuple
from fwtutor.netfilter.conntrack.nat.ranges import SRC, port_of
from fwtutor.netfilter.conntrack.tuples import tuple_of
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.packet import TCP, Packet
from fwtutor.netfilter.state import State


def kernels_choice(observation: Observation, number: int, entry: Entry, end: str) -> int | None:
    """The port (or ICMP id) the kernel gave an end of a connection that began with the packet ``number``, if anything tells.

    Its entry does, as it was when it was kept: what has the same tuple afterwards may be another. One that was not kept was perhaps logged.
    """
    packet = observation.packets[number]
    wanted = entry.original.protocol, format_tuple(entry.original)
    for one in packet.begun:
        if (one.protocol, one.original) == wanted:
            found = re.search(r"id=(\d+)", one.reply) or re.search(r"dport=(\d+)" if end == SRC else r"sport=(\d+)", one.reply)
            return int(found[1]) if found else None
    logged = [key for _, raw in packet.logged[-1:] if raw and (key := tuple_of(Packet(raw))) is not None]
    return port_of(logged[0], end) if logged else None


def kernels_ports(observation: Observation, number: int, state: State, master: Entry) -> list[int]:
    """The ports at which the kernel expects connections on account of an entry, and the engine does not yet."""
    ours = {one.tuple.dport for one in state.expectations.values() if one.master == master.id}
    theirs = observation.packets[number].expectations or ()
    name = format_tuple(master.original).replace("src=", "master-src=").replace("dst=", "master-dst=")
    ports = [int(one.awaited.rpartition("dport=")[2]) for one in theirs if one.master == name]
    return [port for port in ports if port not in ours]


def kernels_lots(observation: Observation, number: int, table: str, chain: str, rule: int) -> bool:
    """Whether a lot fell on a rule: then the packet's way leads through it.

    Where another condition behind it does not hold, that is not to be seen, and makes no difference.
    """
    return f"{table}:{chain}:rule:{rule}" in observation.packets[number].path


def summed_up(raw: bytes) -> bytes:
    """A segment of the stack's own, as it is when it leaves: IPv6's is summed up only then, and translated before."""
    packet = Packet(raw)
    if packet.family != 6 or packet.protocol != TCP or not packet.has_l4:
        return raw
    at = packet.l4 + 16
    segment = raw[packet.l4 : at] + b"\0\0" + raw[at + 2 :]
    total = transport_checksum(packet.src, packet.dst, TCP, segment, 6) or 0xFFFF
    return raw[:at] + total.to_bytes(2, "big") + raw[at + 2 :]
