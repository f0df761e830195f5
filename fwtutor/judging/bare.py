"""Rules that the kernel's trace calls a policy: where a verdict has no conditions, it cannot tell it from the end of the chain."""

from __future__ import annotations

from collections.abc import Mapping

from fwtutor.kernel.compare import Comparison, engine_for, obey
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.rule import Ruleset

Lengths = Mapping[str, int]
"""``"filter:INPUT"`` -> how many rules it has."""


def chain_lengths(found: Comparison) -> tuple[Lengths, ...]:
    """How long the chains are that each packet met: a policy's number is one more, and a rule's is not."""
    firewall = engine_for(found.setup)
    orders = list(found.observation.orders)
    lengths = {family: _lengths(firewall.ruleset(family)) for family in (4, 6)}
    told: list[Lengths] = []
    for number, observed in enumerate(found.observation.packets):
        while orders and orders[0].before <= number:
            obey(firewall, orders.pop(0))
            lengths = {family: _lengths(firewall.ruleset(family)) for family in (4, 6)}
        told.append(lengths[Packet(observed.raw).family])
    return tuple(told)


def _lengths(rules: Ruleset) -> Lengths:
    return {f"{table}:{name}": len(chain.rules) for table, each in rules.tables.items() for name, chain in each.chains.items()}
