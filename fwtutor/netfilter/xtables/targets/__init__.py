"""Targets: what happens to a packet that matches. ``TARGETS`` finds them by family and name; jumps to chains are ``rule.Jump``."""

from __future__ import annotations

from fwtutor.netfilter.xtables.options import OptionTarget
from fwtutor.netfilter.xtables.targets.log import Log
from fwtutor.netfilter.xtables.targets.reject import Reject, Reject6
from fwtutor.netfilter.xtables.targets.verdicts import Accept, Drop, Return

_BOTH: tuple[type[OptionTarget], ...] = (Accept, Drop, Return, Log)


def _named(*targets: type[OptionTarget]) -> dict[str, type[OptionTarget]]:
    return {target.name: target for target in targets}


TARGETS = {4: _named(*_BOTH, Reject), 6: _named(*_BOTH, Reject6)}

_BOTH_NOT_YET = frozenset({
    "AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT", "DNAT", "DSCP", "HMARK", "IDLETIMER", "LED", "MARK",
    "MASQUERADE", "NETMAP", "NFLOG", "NFQUEUE", "NOTRACK", "QUEUE", "RATEEST", "REDIRECT", "SECMARK", "SET", "SNAT", "SYNPROXY",
    "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS", "TPROXY", "TRACE",
})  # fmt: skip
NOT_YET = {4: _BOTH_NOT_YET | {"CLUSTERIP", "ECN", "TTL", "ULOG"}, 6: _BOTH_NOT_YET | {"DNPT", "HL", "SNPT"}}
"""Targets the tool of a family has and fwtutor does not simulate yet."""
