"""Where the jumps of a table lead: can a packet go round and round, how deep do chains nest, how many rules may it have to try.

Whether that is refused, and in which words, is for who asks: the two variants differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from fwtutor.netfilter.xtables.rule import Jump, Rule
from fwtutor.netfilter.xtables.sentences import refused

MAX_TRIED = 1_000_000
"""Rules of one table that a packet may have to try. Thirty chains that each jump twice to the next come to 1,000,000,000."""


Jumps = Mapping[str, list[Rule]]
"""Of each chain, the rules that lead to others."""


def goes_to(rule: Rule) -> str:
    """The chain a rule jumps or goes to."""
    assert isinstance(rule.target, Jump)
    return rule.target.chain


def check(
    starts: list[str],
    jumps: Jumps,
    rules: Callable[[str], int],
    looping: Callable[[list[str], list[Rule]], NoReturn],
    deep: Callable[[dict[str, int], str, Jumps], None],
) -> None:
    """Refuses loops that a built-in chain (one of ``starts``) leads to, and ways without end. Without recursion: chains may be nested deep.

    ``rules``: how many a chain has. ``looping`` refuses what leads round, ``deep`` is asked about each of ``starts``.
    """
    done: dict[str, int] = {}
    depths: dict[str, int] = {}
    for start in starts:
        path = [start]
        ways: list[Rule] = []
        on_path = {start}
        stack = [iter(jumps[start])]
        while stack:
            way = next(stack[-1], None)
            if way is None:
                stack.pop()
                left = path.pop()
                on_path.discard(left)
                del ways[-1:]
                further = [goes_to(rule) for rule in jumps[left]]
                done[left] = rules(left) + sum(done[chain] for chain in further)
                depths[left] = max((depths[chain] + 1 for chain in further), default=0)
                if done[left] > MAX_TRIED:
                    hint = f"each jump to a chain makes it try all of that chain's rules; this one comes to {done[left]}"
                    raise refused(f"a packet in {left} could have to try more than {MAX_TRIED} rules, and fwtutor lets none", hint)
                if not stack:
                    deep(depths, left, jumps)
                continue
            following = goes_to(way)
            if following in on_path:
                looping([*path[path.index(following) :], following], [*ways, way])
            elif following not in done:
                path.append(following)
                ways.append(way)
                on_path.add(following)
                stack.append(iter(jumps[following]))
