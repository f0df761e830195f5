"""What a review found, in words: one sentence for each finding, in the order of the text the rules come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fwtutor.netfilter.xtables.rule import Ruleset
from fwtutor.review.dead import dead


def findings(ruleset: Ruleset, lines: Mapping[int, int]) -> Iterator[str]:
    """``lines``: the line of each rule, by its id."""
    for one in sorted(dead(ruleset), key=lambda one: 0 if one.rule is None else lines.get(one.rule.id, 0)):
        if one.rule is None:
            yield f"{one.table} {one.chain}: {one.why}"
        else:
            line = lines.get(one.rule.id)
            place = f"{one.table} {one.chain}, rule {one.number}"
            shown = f"-A {one.chain} {one.rule.save()}"
            yield f"{f'line {line} ({place})' if line else place}: it never matches: {one.why}\n    {shown}"
