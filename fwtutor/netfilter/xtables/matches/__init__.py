"""Matches: one file each, with everything about it. ``MATCHES`` finds them by family and name."""

from __future__ import annotations

from fwtutor.netfilter.xtables.matches.addrtype import AddrType
from fwtutor.netfilter.xtables.matches.comment import Comment
from fwtutor.netfilter.xtables.matches.connbytes import Connbytes
from fwtutor.netfilter.xtables.matches.connlimit import Connlimit, Connlimit6
from fwtutor.netfilter.xtables.matches.connmark import Connmark
from fwtutor.netfilter.xtables.matches.conntrack import Conntrack, Conntrack6
from fwtutor.netfilter.xtables.matches.dscp import Dscp
from fwtutor.netfilter.xtables.matches.hashlimit import Hashlimit, Hashlimit6
from fwtutor.netfilter.xtables.matches.helper import Helper
from fwtutor.netfilter.xtables.matches.hl import Hl
from fwtutor.netfilter.xtables.matches.icmp import Icmp
from fwtutor.netfilter.xtables.matches.icmp6 import Icmp6
from fwtutor.netfilter.xtables.matches.iprange import IpRange, IpRange6
from fwtutor.netfilter.xtables.matches.length import Length
from fwtutor.netfilter.xtables.matches.limit import Limit
from fwtutor.netfilter.xtables.matches.mac import Mac
from fwtutor.netfilter.xtables.matches.mark import Mark
from fwtutor.netfilter.xtables.matches.multiport import Multiport
from fwtutor.netfilter.xtables.matches.owner import Owner
from fwtutor.netfilter.xtables.matches.pkttype import PacketType
from fwtutor.netfilter.xtables.matches.quota import Quota
from fwtutor.netfilter.xtables.matches.recent import Recent, Recent6
from fwtutor.netfilter.xtables.matches.state import State
from fwtutor.netfilter.xtables.matches.statistic import Statistic
from fwtutor.netfilter.xtables.matches.tcp import Tcp
from fwtutor.netfilter.xtables.matches.tos import Tos
from fwtutor.netfilter.xtables.matches.ttl import Ttl
from fwtutor.netfilter.xtables.matches.udp import Udp
from fwtutor.netfilter.xtables.options import OptionMatch

_BOTH: tuple[type[OptionMatch], ...] = (
    AddrType, Comment, Connbytes, Connmark, Dscp, Helper, Length, Limit, Mac, Mark, Multiport, Owner, PacketType, Quota, State,
    Statistic, Tcp, Tos, Udp,
)  # fmt: skip


def _named(*matches: type[OptionMatch]) -> dict[str, type[OptionMatch]]:
    return {name: match for match in matches for name in (match.name, *match.aliases)}


MATCHES = {
    4: _named(*_BOTH, Connlimit, Conntrack, Hashlimit, Icmp, IpRange, Recent, Ttl),
    6: _named(*_BOTH, Connlimit6, Conntrack6, Hashlimit6, Hl, Icmp6, IpRange6, Recent6),
}

_BOTH_NOT_YET = frozenset({
    "ah", "bpf", "cgroup", "cluster", "connlabel", "cpu", "dccp", "devgroup", "ecn", "esp",
    "ipcomp", "ipvs", "nfacct", "osf", "physdev", "policy", "rateest", "rpfilter", "sctp", "set", "socket",
    "string", "tcpmss", "time", "u32",
})  # fmt: skip
NOT_YET = {
    4: _BOTH_NOT_YET | {"realm"},
    6: _BOTH_NOT_YET | {"dst", "eui64", "frag", "hbh", "ipv6header", "mh", "rt", "srh"},
}
"""Matches the tool of a family has and fwtutor does not simulate yet."""
