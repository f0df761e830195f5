"""Rulesets that people really have, as programs made them: kernel and engine print and do the same, with packets aimed at every rule.

A share of what ``python -m benchmarks.rulesets`` plays.
"""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.rulesets import FOLDER, VARIANTS, Made, counted, review, rulesets
from fwtutor.kernel.aimed import Aimer, Progress
from fwtutor.kernel.compare import compare, happens_again
from fwtutor.kernel.kernel import Kernel

ALL = {variant: list(rulesets(variant)) for variant in VARIANTS}
PACKETS = 70


def named(made: Made) -> str:
    return f"{made.name} {made.variant}"


@pytest.mark.parametrize("made", [made for each in ALL.values() for made in each], ids=named)
def test_the_tool_and_the_engine_print_it_alike(kernel: Kernel, made: Made) -> None:
    found = compare(kernel, made.asked or made.setup, list(made.orders))
    assert not found.differences, str(found)


@pytest.mark.parametrize("made", [ALL[VARIANTS[place % 2]][place] for place in range(len(ALL["legacy"]))], ids=named)
def test_packets_aimed_at_its_rules_go_the_same_ways(kernel: Kernel, made: Made) -> None:
    """And none comes to a rule that is said to be dead."""
    shots = Aimer(made.setup, made.family, Random(f"{made.name} test"), Progress()).shots(PACKETS)
    found = compare(kernel, made.asked or made.setup, [*made.orders, *shots])
    if found.differences and happens_again(kernel, found):
        pytest.fail(str(found))
    hit = counted(found.observation.rules6 if made.family == 6 else found.observation.rules)
    assert hit
    assert not hit & review(made).keys()


def test_there_are_enough_of_both_families_and_each_is_described() -> None:
    assert len(ALL["legacy"]) >= 16
    assert sum(made.family == 6 for made in ALL["legacy"]) >= 5
    described = (FOLDER / "README.md").read_text()
    assert [made.name for made in ALL["legacy"] if f"`{made.name.partition(' ')[0]}`" not in described] == []
