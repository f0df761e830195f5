"""A ruleset with what each of its rules does, in a sentence: for who learns to read one."""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.netfilter.xtables.explain import at_the_end, sentence
from fwtutor.netfilter.xtables.rule import Ruleset
from fwtutor.netfilter.xtables.savefile import in_order


def explained(ruleset: Ruleset) -> Iterator[str]:
    """Each rule as it is saved, and under it what it does; behind the last of a chain, what becomes of the packets that get there.

    Built-in chains that let everything pass are left out.
    """
    for name in in_order(ruleset):
        yield f"*{name}"
        for chain in ruleset.tables[name].chains.values():
            if not chain.rules and chain.policy == "ACCEPT":
                continue
            for rule in chain.rules:
                yield f"-A {chain.name} {rule.save()}".rstrip()
                yield f"    {sentence(rule)}"
            yield f":{chain.name} {chain.policy or '-'}"
            yield f"    {at_the_end(chain)}"
