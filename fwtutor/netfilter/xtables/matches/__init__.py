"""Matches: one file each, with everything about it. ``MATCHES`` finds them by family and name."""

from __future__ import annotations

from fwtutor.netfilter.xtables.matches.addrtype import AddrType
from fwtutor.netfilter.xtables.matches.ah import Ah, Ah6
from fwtutor.netfilter.xtables.matches.comment import Comment
from fwtutor.netfilter.xtables.matches.connbytes import Connbytes
from fwtutor.netfilter.xtables.matches.connlabel import Connlabel
from fwtutor.netfilter.xtables.matches.connlimit import Connlimit, Connlimit6
from fwtutor.netfilter.xtables.matches.connmark import Connmark
from fwtutor.netfilter.xtables.matches.conntrack import Conntrack, Conntrack6
from fwtutor.netfilter.xtables.matches.cpu import Cpu
from fwtutor.netfilter.xtables.matches.dccp import Dccp
from fwtutor.netfilter.xtables.matches.devgroup import DevGroup
from fwtutor.netfilter.xtables.matches.dscp import Dscp
from fwtutor.netfilter.xtables.matches.ecn import Ecn
from fwtutor.netfilter.xtables.matches.esp import Esp
from fwtutor.netfilter.xtables.matches.eui64 import Eui64
from fwtutor.netfilter.xtables.matches.frag import Frag
from fwtutor.netfilter.xtables.matches.hashlimit import Hashlimit, Hashlimit6
from fwtutor.netfilter.xtables.matches.helper import Helper
from fwtutor.netfilter.xtables.matches.hl import Hl
from fwtutor.netfilter.xtables.matches.icmp import Icmp
from fwtutor.netfilter.xtables.matches.icmp6 import Icmp6
from fwtutor.netfilter.xtables.matches.ipcomp import IpComp
from fwtutor.netfilter.xtables.matches.iprange import IpRange, IpRange6
from fwtutor.netfilter.xtables.matches.ipv6header import Ipv6Header
from fwtutor.netfilter.xtables.matches.length import Length
from fwtutor.netfilter.xtables.matches.limit import Limit
from fwtutor.netfilter.xtables.matches.mac import Mac
from fwtutor.netfilter.xtables.matches.mark import Mark
from fwtutor.netfilter.xtables.matches.mh import Mh
from fwtutor.netfilter.xtables.matches.multiport import Multiport
from fwtutor.netfilter.xtables.matches.options6 import Destination, HopByHop
from fwtutor.netfilter.xtables.matches.owner import Owner
from fwtutor.netfilter.xtables.matches.physdev import PhysDev
from fwtutor.netfilter.xtables.matches.pkttype import PacketType
from fwtutor.netfilter.xtables.matches.policy import Policy, Policy6
from fwtutor.netfilter.xtables.matches.quota import Quota
from fwtutor.netfilter.xtables.matches.recent import Recent, Recent6
from fwtutor.netfilter.xtables.matches.rpfilter import RpFilter
from fwtutor.netfilter.xtables.matches.rt import Rt
from fwtutor.netfilter.xtables.matches.sctp import Sctp
from fwtutor.netfilter.xtables.matches.set import SetMatch
from fwtutor.netfilter.xtables.matches.state import State
from fwtutor.netfilter.xtables.matches.statistic import Statistic
from fwtutor.netfilter.xtables.matches.string import String
from fwtutor.netfilter.xtables.matches.tcp import Tcp
from fwtutor.netfilter.xtables.matches.tcpmss import TcpMss
from fwtutor.netfilter.xtables.matches.time import Time
from fwtutor.netfilter.xtables.matches.tos import Tos
from fwtutor.netfilter.xtables.matches.ttl import Ttl
from fwtutor.netfilter.xtables.matches.u32 import U32
from fwtutor.netfilter.xtables.matches.udp import Udp
from fwtutor.netfilter.xtables.options import OptionMatch

_BOTH: tuple[type[OptionMatch], ...] = (
    AddrType, Comment, Connbytes, Connlabel, Connmark, Cpu, Dccp, DevGroup, Dscp, Ecn, Esp, Helper, IpComp, Length, Limit,
    Mac, Mark, Multiport, Owner, PacketType, PhysDev, Quota, RpFilter, Sctp, SetMatch, State, Statistic, String, Tcp, TcpMss, Time,
    Tos, U32, Udp,
)  # fmt: skip


def _named(*matches: type[OptionMatch]) -> dict[str, type[OptionMatch]]:
    return {name: match for match in matches for name in (match.name, *match.aliases)}


MATCHES = {
    4: _named(*_BOTH, Ah, Connlimit, Conntrack, Hashlimit, Icmp, IpRange, Policy, Recent, Ttl),
    6: _named(
        *_BOTH, Ah6, Connlimit6, Conntrack6, Destination, Eui64, Frag, Hashlimit6, Hl, HopByHop, Icmp6, IpRange6, Ipv6Header, Mh, Policy6,
        Recent6, Rt,
    ),
}  # fmt: skip

_BOTH_NOT_YET = frozenset({
    "bpf", "cgroup", "cluster", "ipvs", "nfacct", "osf", "rateest", "socket",
})  # fmt: skip
NOT_YET = {
    4: _BOTH_NOT_YET | {"realm"},
    6: _BOTH_NOT_YET | {"srh"},
}
"""Matches the tool of a family has and fwtutor does not simulate yet."""
