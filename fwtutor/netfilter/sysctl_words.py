"""What each sysctl that is simulated means, in a sentence; which values it has and what it is at first are ``firewall``'s."""

from __future__ import annotations

_TRACKING = "net.netfilter.nf_conntrack_"

FIRST = (f"{_TRACKING}tcp_loose", f"{_TRACKING}tcp_be_liberal", "net.ipv4.conf.all.rp_filter")
"""Those that change what a firewall lets through most of all; they are listed before the others."""

_MEANINGS = {
    f"{_TRACKING}tcp_loose": "1: an ACK that no entry knows is NEW, the middle of a conversation. 0: only a SYN begins one.",
    f"{_TRACKING}tcp_be_liberal": "0: segments outside the window are INVALID. 1: the window is not looked at (but for RSTs).",
    f"{_TRACKING}tcp_ignore_invalid_rst": "0: a RST whose number cannot be right is INVALID. 1: it is not.",
    f"{_TRACKING}tcp_max_retrans": "After so many retransmissions that nobody acknowledges the entry's timeout is tcp_timeout_max_retrans.",
    f"{_TRACKING}checksum": "1: packets whose checksum is wrong are INVALID. 0: nobody looks.",
    f"{_TRACKING}acct": "1: entries count their packets and bytes.",
    f"{_TRACKING}max": "So many entries the table holds at most; 0: as many as come.",
    f"{_TRACKING}udp_timeout": "Seconds until a UDP entry is forgotten that was not answered, or only just.",
    f"{_TRACKING}udp_timeout_stream": "Seconds until a UDP entry is forgotten whose two sides have talked for a while.",
    f"{_TRACKING}icmp_timeout": "Seconds until a ping's entry is forgotten.",
    f"{_TRACKING}icmpv6_timeout": "Seconds until a ping's entry is forgotten, in IPv6.",
    f"{_TRACKING}gre_timeout": "Seconds until a GRE entry is forgotten that was not answered.",
    f"{_TRACKING}gre_timeout_stream": "Seconds until a GRE entry is forgotten that was answered.",
    f"{_TRACKING}generic_timeout": "Seconds until an entry of any other protocol is forgotten.",
    f"{_TRACKING}tcp_timeout_max_retrans": "Seconds, when nobody acknowledges what is sent again and again.",
    f"{_TRACKING}tcp_timeout_unacknowledged": "Seconds, when data of an open connection is not acknowledged yet.",
    "net.ipv4.ip_forward": "1: the box lets packets through to other links. 0: it only has its own.",
    "net.ipv4.conf.all.send_redirects": "1: who sends a packet that goes back out the way it came is told of the shorter way.",
    "net.ipv4.icmp_ratelimit": "Milliseconds a destination waits for its next ICMP error; 0: no limit.",
    "net.ipv4.icmp_ratemask": "Which ICMP types icmp_ratelimit is about: bit 3 is type 3, and so on.",
    "net.ipv4.ipfrag_time": "Seconds fragments wait for the rest of their datagram.",
    "net.ipv6.conf.all.forwarding": "1: the box lets IPv6 through to other links. 0: it only has its own.",
    "net.ipv6.icmp.ratelimit": "Milliseconds a destination waits for its next ICMPv6 error; 0: no limit.",
    "net.ipv6.ip6frag_time": "Seconds IPv6 fragments wait for the rest of their datagram.",
    "net.netfilter.nf_conntrack_frag6_timeout": "The same, where connections are tracked.",
    "net.ipv4.icmp_msgs_per_sec": "ICMP errors a second, to all destinations together.",
    "net.ipv4.icmp_msgs_burst": "So many of them at once.",
}


def meaning(name: str) -> str:
    """What a sysctl is for; "" for one that is not simulated."""
    if name.endswith(".rp_filter"):
        which = "all interfaces" if ".all." in name else f"the interface {name.split('.')[-2]}"
        ways = "0: any source will do. 1: the answer must go out where the packet came in. 2: there must be a way back at all."
        return f"For {which} (the greater of all's and the interface's counts). {ways}"
    if name in _MEANINGS:
        return _MEANINGS[name]
    for protocol in ("tcp", "sctp"):
        state = name.removeprefix(f"{_TRACKING}{protocol}_timeout_")
        if state != name:
            return f"Seconds until an entry in {state.upper()} is forgotten, if no packet comes."
    return ""


def in_order(names: list[str]) -> list[str]:
    """The names as one likes to see them: what matters most first, then the interfaces', then the rest by name."""
    rank = {name: place for place, name in enumerate(FIRST)}
    return sorted(names, key=lambda name: (rank.get(name, len(FIRST) + (not name.endswith(".rp_filter"))), name))
