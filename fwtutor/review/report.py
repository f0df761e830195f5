"""What a review found, in words: one sentence for each finding, in the order of the text the rules come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from fwtutor.netfilter.xtables.rule import Ruleset
from fwtutor.review.dead import UNUSED, Dead, dead


def findings(ruleset: Ruleset, lines: Mapping[int, int]) -> Iterator[str]:
    """``lines``: the line of each rule, by its id."""
    found = dead(ruleset)
    yield from _unused(found)
    for one in sorted((one for one in found if one.why != UNUSED), key=lambda one: 0 if one.rule is None else lines.get(one.rule.id, 0)):
        if one.rule is None:
            yield f"{one.table} {one.chain}: {one.why}"
        else:
            line = lines.get(one.rule.id)
            place = f"{one.table} {one.chain}, rule {one.number}"
            shown = f"-A {one.chain} {one.rule.save()}"
            yield f"{f'line {line} ({place})' if line else place}: it never matches: {one.why}\n    {shown}"


def _unused(found: Iterable[Dead]) -> Iterator[str]:
    """Chains no rule leads to: firewall programs make many for later, which are told of together."""
    for table, group in groupby((one for one in found if one.why == UNUSED), key=lambda one: one.table):
        chains = [one.chain for one in group]
        if len(chains) == 1:
            yield f"{table} {chains[0]}: {UNUSED}"
        else:
            yield f"{table}: no packet comes into {len(chains)} chains: no rule that is reached leads to them: {', '.join(chains)}"
