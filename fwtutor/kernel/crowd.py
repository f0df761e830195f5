"""A connection table with little room left: entries of strangers, written over ctnetlink before the first packet.

How many entries a table may hold cannot be set in a namespace of one's own. So a setup that asks for a table of N entries gets the
kernel's own, with all but N of its places taken. The strangers' entries carry a mark of their own, and are never shown.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from fwtutor.kernel.ctnetlink import CTA_MARK, CTA_STATUS, CTA_TIMEOUT, CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, NEW, STRANGER
from fwtutor.kernel.errors import KernelUnavailable
from fwtutor.kernel.netlink import Netfilter, attribute
from fwtutor.kernel.tuples import tuple_attribute
from fwtutor.netfilter.conntrack.entry import ASSURED, CONFIRMED, SEEN_REPLY, Tuple
from fwtutor.netfilter.packet import UDP

MAX = "net.netfilter.nf_conntrack_max"
_PROC = Path("/proc/sys/net/netfilter")
_BATCH = 500
_HOUR = 3600


def make_room(netfilter: Netfilter, sysctls: Mapping[str, int]) -> None:
    """Fill the table up to what ``sysctls`` leave free, if they say. The strangers are ASSURED: none is thrown out."""
    free = sysctls.get(MAX, 0)
    size = int((_PROC / "nf_conntrack_max").read_text())
    if free > size:
        raise KernelUnavailable(f"sysctl {MAX} = {free}: this kernel's table holds {size} entries")
    if free:
        add_strangers(netfilter, size - free)


def add_strangers(netfilter: Netfilter, count: int, *, assured: bool = True, first: int = 0) -> None:
    """Put ``count`` entries of UDP in the table, from number ``first`` on."""
    status = SEEN_REPLY | CONFIRMED | (ASSURED if assured else 0)
    rest = b"".join(
        attribute(kind, struct.pack("!I", value)) for kind, value in ((CTA_STATUS, status), (CTA_TIMEOUT, _HOUR), (CTA_MARK, STRANGER))
    )
    for start in range(first, first + count, _BATCH):
        netfilter.batch(NEW, [_entry(number) + rest for number in range(start, min(start + _BATCH, first + count))])


def _entry(number: int) -> bytes:
    src, sport, dst, dport = 0x0A000000 + (number >> 15), number & 0x7FFF, 0x0B000001, 53
    there, back = Tuple(4, src, dst, UDP, sport, dport), Tuple(4, dst, src, UDP, dport, sport)
    return tuple_attribute(CTA_TUPLE_ORIG, there) + tuple_attribute(CTA_TUPLE_REPLY, back)


def count() -> int:
    """How many entries the namespace's table holds."""
    return int((_PROC / "nf_conntrack_count").read_text())
