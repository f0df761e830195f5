"""Alike: packets between which no rule in force can tell, so that of all those one is enough to try.

Drawn packets are flags times ports times addresses, and most rulesets know two or three ports. What asks for anything that a port may
decide (u32, string, hashlimit, sets with ports, NAT to one of several ports) is not taken apart here: where there is such a rule, no two
packets are alike.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable

from fwtutor.netfilter import Firewall
from fwtutor.netfilter.packet import TCP, UDP, Packet
from fwtutor.netfilter.xtables.matches.conntrack import Conntrack
from fwtutor.netfilter.xtables.matches.multiport import Multiport
from fwtutor.netfilter.xtables.matches.tcp import Tcp
from fwtutor.netfilter.xtables.matches.udp import Udp
from fwtutor.netfilter.xtables.rule import Continue, Jump, Match, Rule, Target
from fwtutor.netfilter.xtables.targets.dnat import Dnat
from fwtutor.netfilter.xtables.targets.redirect import Redirect

BLIND_MATCHES = frozenset(
    {
        "addrtype", "comment", "dscp", "icmp", "icmp6", "iprange", "length", "limit", "mac", "mark", "owner", "pkttype", "recent",
        "state", "time", "tos", "ttl", "hl",
    }
)  # fmt: skip
"""To them a port makes no difference."""
BLIND_TARGETS = frozenset(
    {"ACCEPT", "AUDIT", "CT", "DROP", "LOG", "MARK", "MASQUERADE", "NFLOG", "NOTRACK", "REJECT", "RETURN", "SNAT", "TRACE"}
)
Ranges = list[tuple[int, int]]


def told_apart(firewall: Firewall, family: int) -> Callable[[Packet], Hashable]:
    """The same of two packets of one destination and payload only if the firewall, as it is now, makes the same of both."""
    ranges = _ranges(firewall.ruleset(family).rules())
    if ranges is None or firewall.state.expectations:
        return lambda packet: packet.raw
    source, destination = map(_classes, ranges)
    both_ways = (each for entry in firewall.state.entries.values() for each in (entry.original, entry.reply))
    ends = {end for each in both_ways for end in ((each.src, each.sport), (each.dst, each.dport))}

    def key(packet: Packet) -> Hashable:
        known = (packet.src, packet.sport) in ends or (packet.dst, packet.dport) in ends
        if packet.protocol not in (TCP, UDP) or known:
            # Who shares an end with a connection there is may belong to it, or have to make way for it.
            return packet.raw
        return packet.protocol, packet.src, packet.flags, source(packet.sport), destination(packet.dport)

    return key


def _classes(ranges: Ranges) -> Callable[[int], int]:
    """By port: the same number for two that are in the same of these ranges."""
    changes: dict[int, int] = {}
    for number, (low, high) in enumerate(set(ranges)):
        changes[low] = changes.get(low, 0) ^ 1 << number
        changes[high + 1] = changes.get(high + 1, 0) ^ 1 << number
    edges = sorted(changes)
    within, numbers = [0], {0: 0}
    for edge in edges:
        within.append(within[-1] ^ changes[edge])
        numbers.setdefault(within[-1], len(numbers))
    found = [numbers[each] for each in within]
    return lambda port: found[bisect_right(edges, port)]


def _ranges(rules: Iterable[Rule]) -> tuple[Ranges, Ranges] | None:
    """The source and the destination ports that rules ask for; None: who knows."""
    sources: Ranges = []
    destinations: Ranges = []
    for rule in rules:
        asked = [_of_match(match) for match in rule.evaluated]
        if not _is_blind(rule.target) or None in asked:
            return None
        for each in filter(None, asked):
            sources += each[0]
            destinations += each[1]
    return sources, destinations


def _of_match(match: Match) -> tuple[Ranges, Ranges] | None:
    if isinstance(match, Tcp | Udp):
        return ([match.sport.value] if match.sport else []), ([match.dport.value] if match.dport else [])
    if isinstance(match, Multiport):
        either = list(match.ports.value.ranges) if match.ports else []
        named = ([*each.value.ranges] if each else [] for each in (match.sports, match.dports))
        sources, destinations = (ranges + either for ranges in named)
        return sources, destinations
    if isinstance(match, Conntrack):
        asks = match.ctorigsrcport or match.ctorigdstport or match.ctreplsrcport or match.ctrepldstport
        return None if asks else ([], [])
    return ([], []) if match.name in BLIND_MATCHES else None


def _is_blind(target: Target) -> bool:
    if isinstance(target, Dnat):
        to = target.to.value
        return not target.random and to.low == to.high and (to.ports is None or to.ports.low == to.ports.high)
    if isinstance(target, Redirect):
        return not target.random and (target.ports is None or target.ports.value.low == target.ports.value.high)
    return isinstance(target, Continue | Jump) or target.name in BLIND_TARGETS
