"""The types of sets: what an element of each consists of, and what may be said when one is created.

A hash type is named for the parts of its elements: ``ip`` an address, ``net`` an address and a length, ``port`` a protocol and a port.
A ``bitmap:port`` has ports alone, a ``list:set`` the names of other sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

IP, NET, PORT, BARE_PORT = "ip", "net", "port", "bare port"
_WIDTHS = {IP: 1, NET: 2, PORT: 2, BARE_PORT: 1}


class Memory(NamedTuple):
    """Bytes in the kernel's memory, as it tells them."""

    empty: int
    """Of a set without elements."""
    element: int
    """Of an element alone, without what it carries."""


@dataclass(frozen=True, slots=True)
class SetType:
    """One type of sets."""

    name: str
    revision: int
    parts: tuple[str, ...]
    """Of an element; of a list of sets none."""
    memory: tuple[Memory, Memory]
    """Of IPv4, of IPv6."""
    old_name: str = ""
    """What it was called once; the tool still knows it."""

    @property
    def hashes(self) -> bool:
        """Whether its elements are of a family."""
        return self.name.startswith("hash:")

    @property
    def lists(self) -> bool:
        return not self.parts

    @property
    def masks(self) -> bool:
        """Whether it can be told to leave bits of addresses out."""
        return self.name in ("hash:ip", "hash:ip,port")

    @property
    def dimension(self) -> int:
        """How often src or dst must be said of it."""
        return max(len(self.parts), 1)

    @property
    def net(self) -> int | None:
        """Where in a key the length of its net is."""
        return self.place(NET) + 1 if NET in self.parts else None

    def place(self, part: str) -> int:
        """Where in a key the first such part begins."""
        return sum(_WIDTHS[each] for each in self.parts[: self.parts.index(part)])


def _same(empty: int, element: int) -> tuple[Memory, Memory]:
    return Memory(empty, element), Memory(empty, element)


TYPES = {
    one.name: one
    for one in (
        SetType("hash:ip", 6, (IP,), (Memory(216, 4), Memory(224, 16)), "iphash"),
        SetType("hash:net", 7, (NET,), (Memory(456, 8), Memory(1240, 20)), "nethash"),
        SetType("hash:ip,port", 7, (IP, PORT), (Memory(216, 8), Memory(232, 20)), "ipporthash"),
        SetType("hash:net,port", 8, (NET, PORT), (Memory(456, 8), Memory(1240, 20))),
        SetType("hash:ip,port,ip", 6, (IP, PORT, IP), (Memory(208, 12), Memory(232, 36)), "ipportiphash"),
        SetType("hash:ip,port,net", 8, (IP, PORT, NET), (Memory(464, 12), Memory(1256, 36)), "ipportnethash"),
        SetType("bitmap:port", 3, (BARE_PORT,), _same(72, 0), "portmap"),
        SetType("list:set", 3, (), _same(80, 48), "setlist"),
    )
}
"""By name."""
BY_OLD_NAME = {one.old_name: one for one in TYPES.values() if one.old_name}
NOT_YET = frozenset({
    "bitmap:ip", "bitmap:ip,mac", "hash:ip,mac", "hash:ip,mark", "hash:mac", "hash:net,iface", "hash:net,net", "hash:net,port,net",
    "ipmap", "macipmap", "iptree", "iptreemap",
})  # fmt: skip
"""Types that the tool knows and fwtutor does not simulate."""
