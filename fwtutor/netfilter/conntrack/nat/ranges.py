"""What a rule asks of a translation: addresses and ports to choose from, and how."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import DST_NAT, DST_NAT_DONE, SRC_NAT, SRC_NAT_DONE, Tuple
from fwtutor.netfilter.conntrack.tuples import GRE, WITH_PORTS, is_icmp
from fwtutor.netfilter.hooks import INPUT, POSTROUTING

SRC, DST = "src", "dst"
"""Which end of a connection is translated."""
CHANGED = {SRC: SRC_NAT, DST: DST_NAT}
"""The status bit of an entry whose source or destination is another one."""
DECIDED = {SRC: SRC_NAT_DONE, DST: DST_NAT_DONE}
"""The status bit of an entry about whose source or destination it has been decided, if only to leave it alone."""


def end_at(hook: str) -> str:
    """Which end is translated at a hook."""
    return SRC if hook in (INPUT, POSTROUTING) else DST


class Range(NamedTuple):
    """Nothing given means: stay as it is, but for what has to give way."""

    low: int | None = None
    """The first address; ``high`` is the last."""
    high: int | None = None
    ports: tuple[int, int] | None = None
    base: int | None = None
    """Ports are shifted: this one becomes the first of ``ports``, the next the second and so on."""
    random: bool = False
    """Ports are drawn by lot even where the connection could keep its own."""
    persistent: bool = False
    """A source gets the same address whatever it connects to."""
    leaves_by: str = ""
    """The interface whose address this is, and by which the connection has to leave from now on (MASQUERADE)."""


def port_of(key: Tuple, end: str) -> int:
    """The port a tuple has at an end, or its ICMP id, which belongs to both."""
    return key.sport if end == SRC or is_icmp(key.protocol, key.family) else key.dport


def with_port(key: Tuple, end: str, port: int) -> Tuple:
    if end == SRC or is_icmp(key.protocol, key.family):
        return key._replace(sport=port)
    return key._replace(dport=port)


def with_address(key: Tuple, end: str, address: int) -> Tuple:
    return key._replace(src=address) if end == SRC else key._replace(dst=address)


def port_fits(key: Tuple, end: str, ports: tuple[int, int]) -> bool:
    """Whether the port is one of these; of protocols that have none, it always is."""
    if key.protocol in WITH_PORTS or key.protocol == GRE or is_icmp(key.protocol, key.family):
        return ports[0] <= port_of(key, end) <= ports[1]
    return True


def source_fits(key: Tuple, wanted: Range) -> bool:
    """Whether the tuple's source is one a rule asks for already."""
    if wanted.low is not None and wanted.high is not None and not wanted.low <= key.src <= wanted.high:
        return False
    return wanted.ports is None or port_fits(key, SRC, wanted.ports)
