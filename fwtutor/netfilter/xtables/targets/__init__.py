"""Targets: what happens to a packet that matches. ``TARGETS`` finds them by family and name; jumps to chains are ``rule.Jump``."""

from __future__ import annotations

from fwtutor.netfilter.xtables.options import OptionTarget
from fwtutor.netfilter.xtables.targets.audit import Audit
from fwtutor.netfilter.xtables.targets.checksum import Checksum
from fwtutor.netfilter.xtables.targets.classify import Classify
from fwtutor.netfilter.xtables.targets.connmark import ConnmarkTarget
from fwtutor.netfilter.xtables.targets.ct import Ct
from fwtutor.netfilter.xtables.targets.dnat import Dnat, Dnat6
from fwtutor.netfilter.xtables.targets.dscp import DscpTarget
from fwtutor.netfilter.xtables.targets.log import Log
from fwtutor.netfilter.xtables.targets.mark import MarkTarget
from fwtutor.netfilter.xtables.targets.masquerade import Masquerade
from fwtutor.netfilter.xtables.targets.netmap import Netmap, Netmap6
from fwtutor.netfilter.xtables.targets.nflog import Nflog
from fwtutor.netfilter.xtables.targets.notrack import NoTrack
from fwtutor.netfilter.xtables.targets.queue import Nfqueue, Queue
from fwtutor.netfilter.xtables.targets.redirect import Redirect
from fwtutor.netfilter.xtables.targets.reject import Reject, Reject6
from fwtutor.netfilter.xtables.targets.set import SetTarget
from fwtutor.netfilter.xtables.targets.snat import Snat, Snat6
from fwtutor.netfilter.xtables.targets.tcpmss import TcpMss, TcpMss6
from fwtutor.netfilter.xtables.targets.tcpoptstrip import TcpOptStrip
from fwtutor.netfilter.xtables.targets.tee import Tee, Tee6
from fwtutor.netfilter.xtables.targets.tos import TosTarget
from fwtutor.netfilter.xtables.targets.trace import Trace
from fwtutor.netfilter.xtables.targets.ttl import Hl, Ttl
from fwtutor.netfilter.xtables.targets.verdicts import Accept, Drop, Return

_BOTH: tuple[type[OptionTarget], ...] = (
    Accept, Drop, Return, Log, Audit, Checksum, Classify, ConnmarkTarget, Ct, DscpTarget, MarkTarget, Masquerade, Nflog, Nfqueue,
    NoTrack, Queue, Redirect, SetTarget, TcpOptStrip, TosTarget, Trace,
)  # fmt: skip


def _named(*targets: type[OptionTarget]) -> dict[str, type[OptionTarget]]:
    return {target.name: target for target in targets}


TARGETS = {
    4: _named(*_BOTH, Dnat, Netmap, Reject, Snat, TcpMss, Tee, Ttl),
    6: _named(*_BOTH, Dnat6, Hl, Netmap6, Reject6, Snat6, TcpMss6, Tee6),
}

_BOTH_NOT_YET = frozenset({
    "CONNSECMARK", "HMARK", "IDLETIMER", "LED", "RATEEST", "SECMARK",
    "SYNPROXY", "TPROXY",
})  # fmt: skip
NOT_YET = {4: _BOTH_NOT_YET | {"CLUSTERIP", "ECN", "ULOG"}, 6: _BOTH_NOT_YET | {"DNPT", "SNPT"}}
"""Targets the tool of a family has and fwtutor does not simulate yet."""
