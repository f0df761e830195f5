"""Hooks and priorities: which chain of which table runs when.

At a hook the tables run in the order of their priorities, the same for IPv4 and IPv6. Connection tracking stands between raw and the
others, where a packet enters (PREROUTING) or is made (OUTPUT); of nat's chains two come before filter and two behind everything.
"""

from __future__ import annotations

PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"
RAW, MANGLE, NAT, FILTER, SECURITY = "raw", "mangle", "nat", "filter", "security"

BUILTIN_CHAINS: dict[str, tuple[str, ...]] = {
    RAW: (PREROUTING, OUTPUT),
    MANGLE: (PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING),
    NAT: (PREROUTING, INPUT, OUTPUT, POSTROUTING),
    FILTER: (INPUT, FORWARD, OUTPUT),
    SECURITY: (INPUT, FORWARD, OUTPUT),
}
"""Built-in chains of each table, in the order iptables-save prints them."""

ORDER: dict[str, tuple[str, ...]] = {
    PREROUTING: (MANGLE, NAT),
    INPUT: (MANGLE, FILTER, SECURITY, NAT),
    FORWARD: (MANGLE, FILTER, SECURITY),
    OUTPUT: (MANGLE, NAT, FILTER, SECURITY),
    POSTROUTING: (MANGLE, NAT),
}
"""The tables a packet meets at each hook, behind connection tracking; raw comes before that."""


def order(variant: str) -> dict[str, tuple[str, ...]]:
    """``ORDER`` of a variant: iptables-nft puts security behind everything, nat's INPUT too."""
    return ORDER if variant == "legacy" else {**ORDER, INPUT: (MANGLE, FILTER, NAT, SECURITY)}


SAVED_BY_NFT = (MANGLE, SECURITY, RAW, FILTER, NAT)
"""The order in which iptables-nft-save prints tables. Legacy's prints the youngest first."""
