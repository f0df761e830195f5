"""Where a rule may stand: in which tables, and from which hooks a packet may come to it.

The kernel looks at a table as a whole when it is written: a rule that may be met only at some hooks may stand in any user chain,
but no chain of jumps may lead to it from a built-in chain of another hook.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import NamedTuple

from fwtutor.netfilter.xtables.rule import Jump, Match, Rule, Target


def wrong_table(part: Match | Target, table: str) -> str:
    """Why a match or target may not stand in a table, whatever its chain; "" if it may."""
    tables = part.tables or (part.tables_by_options if isinstance(part, Target) else ())
    if tables and table not in tables:
        return f"-{'j' if isinstance(part, Target) else 'm'} {part.name} works only in the table {' and '.join(tables)}"
    return ""


def wrong_hook(rule: Rule, hook: str, directly: bool = True) -> str:
    """Why a rule may not be reached from a hook; "" if it may."""
    allowed = rule.hooks(directly)
    if allowed is None or hook in allowed:
        return ""
    parts: tuple[Match | Target, ...] = (*rule.evaluated, rule.target)
    part = next(
        part for part in parts
        if any(hooks and hook not in hooks for hooks in (part.hooks, part.hooks_by_options if directly else ()))
    )  # fmt: skip
    named = f"-j {part.name}" if isinstance(part, Target) else f"-m {part.name}"
    ways = ", ".join(part.hooks or part.hooks_by_options)
    return f"{named}, as it is here, may be reached only from {ways}, and here it is from {hook}"


class Chains(NamedTuple):
    """What of each chain matters here."""

    limited: Mapping[str, list[Rule]]
    """Rules that may not be reached from everywhere."""
    jumps: Mapping[str, list[Rule]]


def chains_of(rules: Mapping[str, list[Rule]], directly: Callable[[str], bool]) -> Chains:
    """Of chains by name; ``directly``: whether options count in that chain."""
    limited, jumps = {}, {}
    for name, own in rules.items():
        whole = directly(name)
        limited[name] = [rule for rule in own if rule.hooks(whole) is not None]
        jumps[name] = [rule for rule in own if isinstance(rule.target, Jump)]
    return Chains(limited, jumps)


class Fault(NamedTuple):
    """A rule reached from where it may not be."""

    rule: Rule
    hook: str
    newest: Rule
    """Of the rule and those that lead to it, the one that came last."""


def first_fault(chains: Chains, hooks: list[str], directly: Callable[[str], bool]) -> Fault | None:
    """What is the first to be wrong when rules come in the order of their ids; None if nothing is."""
    first: Fault | None = None
    for hook in hooks:
        # For each chain the way to it that was complete first: its newest rule is the oldest there is.
        reached: dict[str, Rule | None] = {}
        waiting: list[tuple[int, str, Rule | None]] = [(0, hook, None)]
        while waiting:
            _, chain, newest = heapq.heappop(waiting)
            if chain in reached:
                continue
            reached[chain] = newest
            for rule in chains.jumps[chain]:
                assert isinstance(rule.target, Jump)
                last = rule if newest is None or rule.id > newest.id else newest
                if rule.target.chain not in reached:
                    heapq.heappush(waiting, (last.id, rule.target.chain, last))
        for chain, newest in reached.items():
            for rule in chains.limited[chain]:
                if wrong_hook(rule, hook, directly(chain)):
                    last = rule if newest is None or rule.id > newest.id else newest
                    if first is None or last.id < first.newest.id:
                        first = Fault(rule, hook, last)
    return first
