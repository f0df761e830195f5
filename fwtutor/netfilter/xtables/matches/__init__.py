"""Matches: one file each, with everything about it. ``MATCHES`` finds them by name."""

from __future__ import annotations

from fwtutor.netfilter.xtables.matches.addrtype import AddrType
from fwtutor.netfilter.xtables.matches.comment import Comment
from fwtutor.netfilter.xtables.matches.connmark import Connmark
from fwtutor.netfilter.xtables.matches.conntrack import Conntrack
from fwtutor.netfilter.xtables.matches.dscp import Dscp
from fwtutor.netfilter.xtables.matches.icmp import Icmp
from fwtutor.netfilter.xtables.matches.iprange import IpRange
from fwtutor.netfilter.xtables.matches.length import Length
from fwtutor.netfilter.xtables.matches.limit import Limit
from fwtutor.netfilter.xtables.matches.mac import Mac
from fwtutor.netfilter.xtables.matches.mark import Mark
from fwtutor.netfilter.xtables.matches.multiport import Multiport
from fwtutor.netfilter.xtables.matches.owner import Owner
from fwtutor.netfilter.xtables.matches.pkttype import PacketType
from fwtutor.netfilter.xtables.matches.state import State
from fwtutor.netfilter.xtables.matches.tcp import Tcp
from fwtutor.netfilter.xtables.matches.tos import Tos
from fwtutor.netfilter.xtables.matches.udp import Udp
from fwtutor.netfilter.xtables.options import OptionMatch

MATCHES: dict[str, type[OptionMatch]] = {
    match.name: match
    for match in (
        AddrType, Comment, Connmark, Conntrack, Dscp, Icmp, IpRange, Length, Limit, Mac, Mark, Multiport, Owner, PacketType, State, Tcp,
        Tos, Udp,
    )
}  # fmt: skip

NOT_YET = frozenset({
    "ah", "bpf", "cgroup", "cluster", "connbytes", "connlabel", "connlimit", "cpu", "dccp", "devgroup",
    "ecn", "esp", "hashlimit", "helper", "ipcomp", "ipvs", "nfacct",
    "osf", "physdev", "policy", "quota", "rateest", "realm", "recent", "rpfilter", "sctp", "set", "socket",
    "statistic", "string", "tcpmss", "time", "ttl", "u32",
})  # fmt: skip
"""Matches iptables has and fwtutor does not simulate yet."""
