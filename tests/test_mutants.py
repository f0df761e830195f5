"""The mistakes put into the engine: each changes one place, and what is for people stays as it is."""

from __future__ import annotations

import ast
from random import Random

import pytest

from benchmarks.mutants import ENGINE, Mutation, mutated, mutations

ALL = mutations()


@pytest.mark.parametrize("mutation", Random(1).sample(ALL, 30), ids=str)
def test_a_mutation_changes_one_line(mutation: Mutation) -> None:
    before = ast.unparse(ast.parse((ENGINE / mutation.file).read_text())).splitlines()
    after = ast.unparse(mutated(mutation)).splitlines()
    assert [one == other for one, other in zip(before, after, strict=True)].count(False) == 1


def test_each_file_of_the_engine_has_some() -> None:
    files = {mutation.file for mutation in ALL}
    assert {
        "conntrack/tcp.py",
        "conntrack/tracking.py",
        "passage.py",
        "defrag.py",
        "xtables/matches/conntrack.py",
        "ipset/packets.py",
    } <= files


def test_words_for_people_are_left_alone() -> None:
    assert not [mutation for mutation in ALL if mutation.text.startswith(("raise", '"""'))]
