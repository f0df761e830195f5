"""What iptables-nft makes of a rule before the kernel sees it, and how it reads it back.

The rule that is kept is the one it would list. Where the kernel decides by something else, that stands beside it.
"""

from __future__ import annotations

from dataclasses import replace

from fwtutor.netfilter.xtables.matches.native import NativeTcp, NativeUdp, merged, native
from fwtutor.netfilter.xtables.rule import Header, Match, Rule

_PROTOCOL = 0xFF
"""The kernel has a byte for the protocol's number; ``-p mptcp`` (262) is then 6."""


def translated(rule: Rule) -> Rule:
    """The rule as iptables-nft lists it."""
    evaluated = [kept for match in rule.matches if (kept := native(match)) is not None]
    listed: list[Match] = []
    for match in evaluated:
        place = next((n for n, other in enumerate(listed) if type(other) is type(match)), -1) if _merges(match) else -1
        if place >= 0:
            listed[place] = merged(listed[place], match)
        else:
            listed.append(merged(type(match)(), match) if _merges(match) else match)
    return Rule(_header(rule.header), tuple(listed), rule.target, rule.id, None if listed == evaluated else tuple(evaluated))


def _merges(match: Match) -> bool:
    return isinstance(match, NativeTcp | NativeUdp)


def _header(header: Header) -> Header:
    # An interface "+" fits every name and is left out; with "!" it becomes a name that no interface has, and is listed.
    if header.in_interface == "+" and not header.in_not:
        header = replace(header, in_interface="")
    if header.out_interface == "+" and not header.out_not:
        header = replace(header, out_interface="")
    if header.in_interface == "+" or header.out_interface == "+":
        header = replace(header, plus_listed=True)
    return replace(header, protocol=header.protocol & _PROTOCOL) if header.protocol > _PROTOCOL else header
