"""A rule is one sentence, which leaves out nothing that the rule says."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

import pytest

from fwtutor.netfilter.xtables.explain import sentence
from fwtutor.netfilter.xtables.options import Extension
from fwtutor.netfilter.xtables.rule import Rule
from tests.netfilter.xtables.live import Ours
from tests.netfilter.xtables.mutate import Base, stock

LINES = (Path(__file__).parent / "sentences.txt").read_text().split("\n")[1:-1]
SENTENCES = list(zip(LINES[::2], map(str.strip, LINES[1::2]), strict=True))


@cache
def made(base: Base, family: int) -> Rule | None:
    """The rule a line makes, if it is a good one."""
    ours = Ours("legacy", family)
    assert ours.run(f"-t {base.table} -N uc")[0] == 0
    status, _ = ours.run(f"-t {base.table} -A {base.chain} {shlex.join(base.words)}")
    rules = [rule for chain in ours.ruleset.tables[base.table].chains.values() for rule in chain.rules]
    return rules[0] if status == 0 and rules else None


@pytest.mark.parametrize(("line", "said"), SENTENCES, ids=[line for line, _ in SENTENCES])
def test_a_rule_is_a_sentence(line: str, said: str) -> None:
    rule = made(Base("filter", "FORWARD", tuple(shlex.split(line))), 4)
    assert rule is not None
    assert sentence(rule) == said


@pytest.mark.parametrize("family", [4, 6])
def test_every_match_target_and_option_has_words(family: int) -> None:
    for kind, extension in stock(family).kinds.items():
        if extension.phrases is not Extension.phrases:
            continue  # it puts them together itself
        assert extension.options or extension.words, f"{kind} has no words"
        missing = {option.field for option in extension.options} - set(extension.words)
        missing -= {"set_mark", "and_mark", "or_mark", "xor_mark", "and", "or", "xor"} if kind in ("-j MARK", "-j TOS") else set()
        assert not missing, f"{kind} has no words for {', '.join(sorted(missing))}"


@pytest.mark.parametrize("family", [4, 6])
def test_the_help_of_every_match_and_target_has_all_its_options(family: int) -> None:
    for kind, extension in stock(family).kinds.items():
        status, said = Ours("legacy", family).run(f"{kind} -h")
        assert status == 0
        assert extension.meaning in said, kind
        for option in extension.options:
            assert all(f"--{name}" in said for name in option.names), (kind, option.names)
            assert option.meaning in said, (kind, option.names)


@pytest.mark.parametrize("family", [4, 6])
def test_every_option_changes_the_sentence(family: int) -> None:
    known = stock(family)
    for kind, extension in known.kinds.items():
        for option in extension.options:
            bases = [(base, _without(base, {f"--{name}" for name in option.names})) for base in known.of(kind, option)]
            rules = [(made(base, family), made(other, family)) for base, other in bases if other is not None]
            pairs = [(one, other) for one, other in rules if one is not None and other is not None and one.save() != other.save()]
            told = [(one, sentence(one), sentence(other)) for one, other in pairs]
            alike = [one for one, said, other_said in told if said == other_said]
            assert not told or len(alike) < len(told), (kind, option.names[0], alike[0].save())


def _without(base: Base, names: set[str]) -> Base | None:
    words = list(base.words)
    places = [place for place, word in enumerate(words) if word in names]
    if len(places) != 1:
        return None
    end = places[0] + 1
    while end < len(words) and words[end][:1] not in ("-", "!"):
        end += 1
    begin = places[0] - (words[places[0] - 1] == "!")
    return Base(base.table, base.chain, tuple(words[:begin] + words[end:]))
