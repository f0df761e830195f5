"""Every option of every match there is decides true and false at least so often, in each family and variant, as the kernel also says.

A rule that matched had all of its options true. Of one that did not, the condition that failed says which option it was, and options
without an argument, which mostly change what others mean, count with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed
from fwtutor.netfilter.steps import RuleTried
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why import why
from fwtutor.netfilter.xtables.matches import MATCHES
from fwtutor.netfilter.xtables.options import Option, OptionMatch
from tests.kernel import six, talk
from tests.kernel.boards import BOARDS, WORLDS, Board, World

LEAST, PLAYS = 20, 20
Counts = dict[tuple[str, str], list[int]]
"""By match and option: how often true, and how often false."""
_NO_IPSEC = "there is no IPsec in the box, so that no packet went through a transformation"
ONE_WAY = {
    ("comment", "comment"): (0, "a comment always holds"),
    **{("policy", option): (1, _NO_IPSEC)
       for option in ("strict", "reqid", "spi", "proto", "mode", "tunnel-src", "tunnel-dst", "next")},
}  # fmt: skip
"""Options that can decide one way only, with the way (0 true, 1 false) and why."""


@pytest.mark.parametrize("family", [4, 6])
def test_every_option_stands_on_a_board(family: int) -> None:
    standing = {pair for group in BOARDS for board in group(WORLDS[family]) for pair in named(board)}
    assert {*registry(family)} <= standing


@pytest.mark.parametrize("group", BOARDS, ids=lambda group: group.__name__)
@pytest.mark.parametrize("variant", ["legacy", "nft"])
@pytest.mark.parametrize("family", [4, 6])
def test_every_option_decides_both_ways(kernel: Kernel, family: int, variant: str, group: Callable[[World], Iterator[Board]]) -> None:
    counts: Counts = {}
    for board in group(WORLDS[family]):
        counts |= {pair: [0, 0] for pair in named(board) if pair not in counts}
        count(kernel, board, family, variant, counts)
    missing = []
    for (name, option), found in counts.items():
        way, _ = ONE_WAY.get((name, option), (None, ""))
        if (min(found) if way is None else found[way]) < LEAST:
            missing.append(f"-m {name} --{option}: {found[0]} times true, {found[1]} times false")
        # What decides the other way too has no reason to be there.
        assert way is None or not found[1 - way], (name, option)
    assert not missing, "\n".join(missing)


def named(board: Board) -> set[tuple[str, str]]:
    """The matches and options that a board's rules are about, as ``registry`` has them."""
    return {pair for rule in board.rules for pair in deciding(rule, "")}


def registry(family: int) -> Iterator[tuple[str, str]]:
    """All matches with all their options, by the first of an option's names; "" for a match without any."""
    for match in {id(match): match for match in MATCHES[family].values()}.values():
        yield from ((match.name, option.names[0]) for option in match.options)
        if not match.options:
            yield match.name, ""


def count(kernel: Kernel, board: Board, family: int, variant: str, counts: Counts) -> None:
    rules = [f"-A {board.chain} {each}" for each in (*board.first, *board.rules)]
    text = board.before + "\n".join(["*mangle", *rules, "COMMIT", ""])
    setup = replace(talk.box(text) if family == 4 else six.box(text), variant=variant, sets=board.sets)
    # A tick may pass between two rules: a rule the kernel follows makes them differ each time.
    walks: list[Walk] = []
    for _ in range(PLAYS):
        comparison = compare(kernel, setup, board.shots, walks)
        if not comparison.differences:
            break
    assert not comparison.differences, f"{comparison}"
    for observed, walk in zip(comparison.observation.packets, walks, strict=True):
        if observed.shot >= 0:
            _decided(board, observed, walk, counts)


def _decided(board: Board, observed: Observed, walk: Walk, counts: Counts) -> None:
    for step in walk.steps:
        number = step.number - len(board.first) if isinstance(step, RuleTried) and step.chain == board.chain else 0
        if number < 1 or not isinstance(step, RuleTried) or step.table != "mangle":
            continue
        held = f"mangle:{board.chain}:rule:{step.number}" in observed.path
        for decided in deciding(board.rules[number - 1], "" if held else why(walk, step).conditions[-1].text):
            counts.setdefault(decided, [0, 0])[not held] += 1


@cache
def deciding(rule: str, failed: str) -> list[tuple[str, str]]:
    """The (match, option) pairs of a rule that decided: all, or if a condition ``failed`` those it is of."""
    found = []
    for name, options in written(rule):
        decided = _failed(name, options, failed) if failed else [option.names[0] for option in options] or [""]
        found += [(name, option) for option in decided]
    return found


def _failed(name: str, options: list[Option], said: str) -> list[str]:
    """Which of the options a condition that failed is of (none, if it is of no such match), and those that only change what others mean."""
    words, fields = said.split(), {option.field for kind in _kinds(name) for option in kind.options if _named(option, said.split())}
    if not fields:
        return [""] if words[:2] == ["-m", name] and not options else []
    # One that is saved under the name of another is meant by that.
    meant = [option for option in options if option.field in fields] or options
    return [option.names[0] for option in options if option in meant or option.arguments == 0]


def _named(option: Option, words: list[str]) -> bool:
    return any(f"--{known}" in words for known in (*option.names, option.saved))


def _kinds(name: str) -> list[type[OptionMatch]]:
    return [matches[name] for matches in MATCHES.values() if name in matches]


def written(rule: str) -> Iterator[tuple[str, list[Option]]]:
    """The matches of a rule by their names, each with the options written."""
    for part in re.split(r"(?:^| )-m ", rule)[1:]:
        name, *words = part.split()
        kind = _kinds(name)[-1]
        known = {each: option for option in kind.options for each in option.names}
        yield kind.name, [known[word[2:]] for word in words if word.startswith("--")]
