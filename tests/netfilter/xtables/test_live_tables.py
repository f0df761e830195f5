"""The live tools are the judges of what stands where: targets that act and matches of what surrounds a packet, in all tables."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.xtables.savefile import save
from tests.netfilter.xtables.generate import command, ruleset_text
from tests.netfilter.xtables.live import Live, Ours, clean, differences, namespace, saved

HERE = Path(__file__).parent


def read_options(name: str) -> list[str]:
    return [line for line in (HERE / name).read_text().splitlines() if line and not line.startswith("#")]


OPTIONS = {4: read_options("options.txt"), 6: read_options("options6.txt")}


TOGETHER = 20
"""Rules that stand together in a table."""


@pytest.fixture(scope="module", params=[(variant, family) for family in (4, 6) for variant in ("legacy", "nft")], ids=str)
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    with namespace(*request.param, number=1) as one:
        yield one


@pytest.mark.parametrize("table", ["raw", "mangle", "filter"])
def test_options_are_taken_listed_deleted_and_refused_in_the_tools_words(live: Live, table: str) -> None:
    lines = [line.split(" ", 2)[1:] for line in OPTIONS[live.family] if line.startswith(f"{table} ")]
    # All of a session stand together when they are listed: that is half as many commands as each alone.
    sessions = [
        [*(f"-A {rule}" for rule in some), "-L", "-nL -v", "-S -v", *(f"-D {rule}" for rule in some)]
        for some in ([" ".join(line) for line in lines[at : at + TOGETHER]] for at in range(0, len(lines), TOGETHER))
    ]
    found = differences(live, sessions, table)
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])


@pytest.mark.parametrize("table", BUILTIN_CHAINS)
def test_generated_commands_are_taken_and_refused_in_the_tools_words(live: Live, table: str) -> None:
    draw = random.Random(20240602)
    sessions = [[command(draw, live.variant, live.family, table) for _ in range(12)] for _ in range(15)]
    found = differences(live, sessions, table)
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])


@pytest.mark.parametrize("table", BUILTIN_CHAINS)
def test_a_generated_table_is_saved_and_listed_byte_for_byte(live: Live, table: str) -> None:
    live.ask([clean(live, table)])
    text = ruleset_text(random.Random(7), 60, live.family, table)
    ours = Ours(live.variant, live.family)
    assert live.restore(text, "-c") == (0, ours.restore(text, counters=True))
    flags = [f"-t {table} {line}" for line in ("-L", "-nL", "-nvL", "-S -v")]
    for line, (status, said) in zip(flags, live.ask([f"{live.tool} {line}" for line in flags]), strict=True):
        assert ours.run(line) == (status, said), line
    assert save(ours.ruleset, ours.counters) == saved(live.ask([f"{live.tool}-save -c -t {table}"])[0][1])
