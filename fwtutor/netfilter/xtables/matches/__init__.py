"""Matches: one file each, with everything about it. ``MATCHES`` finds them by family and name (aliases too)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.registry import Registry

if TYPE_CHECKING:
    from fwtutor.netfilter.xtables.options import OptionMatch

_BOTH = {
    "addrtype": "addrtype.AddrType", "comment": "comment.Comment", "connbytes": "connbytes.Connbytes",
    "connlabel": "connlabel.Connlabel", "connmark": "connmark.Connmark", "cpu": "cpu.Cpu", "dccp": "dccp.Dccp",
    "devgroup": "devgroup.DevGroup", "dscp": "dscp.Dscp", "ecn": "ecn.Ecn", "esp": "esp.Esp", "helper": "helper.Helper",
    "ipcomp": "ipcomp.IpComp", "length": "length.Length", "limit": "limit.Limit", "mac": "mac.Mac", "mark": "mark.Mark",
    "multiport": "multiport.Multiport", "owner": "owner.Owner", "pkttype": "pkttype.PacketType", "physdev": "physdev.PhysDev",
    "quota": "quota.Quota", "rpfilter": "rpfilter.RpFilter", "sctp": "sctp.Sctp", "set": "set.SetMatch", "state": "state.State",
    "statistic": "statistic.Statistic", "string": "string.String", "tcp": "tcp.Tcp", "tcpmss": "tcpmss.TcpMss", "time": "time.Time",
    "tos": "tos.Tos", "u32": "u32.U32", "udp": "udp.Udp",
}  # fmt: skip
MATCHES: dict[int, Registry[type[OptionMatch]]] = {
    4: Registry(__name__, _BOTH | {
        "ah": "ah.Ah", "connlimit": "connlimit.Connlimit", "conntrack": "conntrack.Conntrack", "hashlimit": "hashlimit.Hashlimit",
        "icmp": "icmp.Icmp", "iprange": "iprange.IpRange", "policy": "policy.Policy", "recent": "recent.Recent", "ttl": "ttl.Ttl",
    }),
    6: Registry(__name__, _BOTH | {
        "ah": "ah.Ah6", "connlimit": "connlimit.Connlimit6", "conntrack": "conntrack.Conntrack6", "dst": "options6.Destination",
        "eui64": "eui64.Eui64", "frag": "frag.Frag", "hashlimit": "hashlimit.Hashlimit6", "hl": "hl.Hl", "hbh": "options6.HopByHop",
        "icmp6": "icmp6.Icmp6", "icmpv6": "icmp6.Icmp6", "ipv6-icmp": "icmp6.Icmp6", "iprange": "iprange.IpRange6",
        "ipv6header": "ipv6header.Ipv6Header", "mh": "mh.Mh", "policy": "policy.Policy6", "recent": "recent.Recent6", "rt": "rt.Rt",
    }),
}  # fmt: skip
"""By family and name."""

_BOTH_NOT_YET = frozenset({
    "bpf", "cgroup", "cluster", "ipvs", "nfacct", "osf", "rateest", "socket",
})  # fmt: skip
NOT_YET = {
    4: _BOTH_NOT_YET | {"realm"},
    6: _BOTH_NOT_YET | {"srh"},
}
"""Matches the tool of a family has and fwtutor does not simulate yet."""
