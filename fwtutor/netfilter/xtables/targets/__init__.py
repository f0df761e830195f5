"""Targets: what happens to a packet that matches. ``TARGETS`` finds them by family and name; jumps to chains are ``rule.Jump``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.registry import Registry

if TYPE_CHECKING:
    from fwtutor.netfilter.xtables.options import OptionTarget

_BOTH = {
    "ACCEPT": "verdicts.Accept", "DROP": "verdicts.Drop", "RETURN": "verdicts.Return", "LOG": "log.Log", "AUDIT": "audit.Audit",
    "CHECKSUM": "checksum.Checksum", "CLASSIFY": "classify.Classify", "CONNMARK": "connmark.ConnmarkTarget", "CT": "ct.Ct",
    "DSCP": "dscp.DscpTarget", "MARK": "mark.MarkTarget", "MASQUERADE": "masquerade.Masquerade", "NFLOG": "nflog.Nflog",
    "NFQUEUE": "queue.Nfqueue", "NOTRACK": "notrack.NoTrack", "QUEUE": "queue.Queue", "REDIRECT": "redirect.Redirect",
    "SET": "set.SetTarget", "TCPOPTSTRIP": "tcpoptstrip.TcpOptStrip", "TOS": "tos.TosTarget", "TRACE": "trace.Trace",
}  # fmt: skip
TARGETS: dict[int, Registry[type[OptionTarget]]] = {
    4: Registry(__name__, _BOTH | {
        "DNAT": "dnat.Dnat", "NETMAP": "netmap.Netmap", "REJECT": "reject.Reject", "SNAT": "snat.Snat", "TCPMSS": "tcpmss.TcpMss",
        "TEE": "tee.Tee", "TTL": "ttl.Ttl",
    }),
    6: Registry(__name__, _BOTH | {
        "DNAT": "dnat.Dnat6", "HL": "ttl.Hl", "NETMAP": "netmap.Netmap6", "REJECT": "reject.Reject6", "SNAT": "snat.Snat6",
        "TCPMSS": "tcpmss.TcpMss6", "TEE": "tee.Tee6",
    }),
}  # fmt: skip
"""By family and name."""

_BOTH_NOT_YET = frozenset({
    "CONNSECMARK", "HMARK", "IDLETIMER", "LED", "RATEEST", "SECMARK",
    "SYNPROXY", "TPROXY",
})  # fmt: skip
NOT_YET = {4: _BOTH_NOT_YET | {"CLUSTERIP", "ECN", "ULOG"}, 6: _BOTH_NOT_YET | {"DNPT", "SNPT"}}
"""Targets the tool of a family has and fwtutor does not simulate yet."""
