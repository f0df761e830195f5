"""Matches: one file each, with everything about it. ``MATCHES`` finds them by name."""

from __future__ import annotations

from fwtutor.netfilter.xtables.matches.comment import Comment
from fwtutor.netfilter.xtables.matches.conntrack import Conntrack
from fwtutor.netfilter.xtables.matches.helper import Helper
from fwtutor.netfilter.xtables.matches.icmp import Icmp
from fwtutor.netfilter.xtables.matches.limit import Limit
from fwtutor.netfilter.xtables.matches.mark import Mark
from fwtutor.netfilter.xtables.matches.multiport import Multiport
from fwtutor.netfilter.xtables.matches.state import State
from fwtutor.netfilter.xtables.matches.tcp import Tcp
from fwtutor.netfilter.xtables.matches.udp import Udp
from fwtutor.netfilter.xtables.options import OptionMatch

MATCHES: dict[str, type[OptionMatch]] = {
    match.name: match for match in (Comment, Conntrack, Helper, Icmp, Limit, Mark, Multiport, State, Tcp, Udp)
}

NOT_YET = frozenset({
    "addrtype", "ah", "bpf", "cgroup", "cluster", "connbytes", "connlabel", "connlimit", "connmark", "cpu", "dccp", "devgroup",
    "dscp", "ecn", "esp", "hashlimit", "ipcomp", "iprange", "ipvs", "length", "mac", "nfacct",
    "osf", "owner", "physdev", "pkttype", "policy", "quota", "rateest", "realm", "recent", "rpfilter", "sctp", "set", "socket",
    "statistic", "string", "tcpmss", "time", "tos", "ttl", "u32",
})  # fmt: skip
"""Matches iptables has and fwtutor does not simulate yet."""
