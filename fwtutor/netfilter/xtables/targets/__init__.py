"""Targets: what happens to a packet that matches. ``TARGETS`` finds them by name; jumps to chains are ``rule.Jump``."""

from __future__ import annotations

from fwtutor.netfilter.xtables.options import OptionTarget
from fwtutor.netfilter.xtables.targets.ct import Ct
from fwtutor.netfilter.xtables.targets.log import Log
from fwtutor.netfilter.xtables.targets.notrack import NoTrack
from fwtutor.netfilter.xtables.targets.reject import Reject
from fwtutor.netfilter.xtables.targets.verdicts import Accept, Drop, Return

TARGETS: dict[str, type[OptionTarget]] = {target.name: target for target in (Accept, Drop, Return, Reject, Log, Ct, NoTrack)}

NOT_YET = frozenset({
    "AUDIT", "CHECKSUM", "CLASSIFY", "CLUSTERIP", "CONNMARK", "CONNSECMARK", "DNAT", "DSCP", "ECN", "HMARK", "IDLETIMER",
    "LED", "MARK", "MASQUERADE", "NETMAP", "NFLOG", "NFQUEUE", "QUEUE", "RATEEST", "REDIRECT", "SECMARK", "SET",
    "SNAT", "SYNPROXY", "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS", "TPROXY", "TRACE", "TTL", "ULOG",
})  # fmt: skip
"""Targets iptables has and fwtutor does not simulate yet."""
