"""Every option of every match and target at its limits and beyond: the live tools, each of its variant, take, print and refuse alike.

By hand, with other seeds and more rules of each option: ``python -m tests.netfilter.xtables.test_mutated SEED ROUNDS [PATTERN]``.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from random import Random

import pytest

from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.xtables.errors import version
from tests.netfilter.xtables.asking import Asker, asker
from tests.netfilter.xtables.live import Live, Ours, namespace, words
from tests.netfilter.xtables.mutate import rule, stock

VARIANTS = [(variant, family) for family in (4, 6) for variant in ("legacy", "nft")]
LISTINGS = ("-S -v", "-nL")
BATCH = 30
"""Rules that stand together in a table."""


def rules(seed: int, family: int, rounds: int, pattern: str = "") -> dict[str, list[str]]:
    """So many rules of every option, by table."""
    made = defaultdict(list)
    known = stock(family)
    draw = Random(seed)
    for kind, extension in known.kinds.items():
        if pattern in kind:
            for option in (None, *extension.options):
                for _ in range(rounds):
                    table, line = rule(draw, known, kind, option)
                    made[table].append(line)
    return made


def differences(live: Live, ask: Asker, table: str, lines: list[str]) -> list[str]:
    """Each difference as text."""
    found = []
    for at in range(0, len(lines), BATCH):
        begin = f"*{table}\n:uc - [0:0]\nCOMMIT\n"
        live.restore(begin)
        ours = Ours(live.variant, live.family)
        ours.restore(begin)
        told = {line: ours.run(line) for line in dict.fromkeys(f"-t {table} {line}" for line in lines[at : at + BATCH])}
        # What fwtutor says that it does not do is not asked about.
        told = {line: answer for line, answer in told.items() if "fwtutor does not simulate" not in answer[1]}
        told.update({line: ours.run(line) for line in (f"-t {table} {shown}" for shown in LISTINGS)})
        for (line, (own_status, own)), (status, said) in zip(told.items(), ask.ask(list(told)), strict=True):
            if own_status == status and (words(own) == words(said) or own.startswith(f"{version(live.family, live.variant)}, as far")):
                continue
            if status < 0 or (own_status == status and said.startswith("Try `")):
                continue  # the tool broke down, or gives no reason
            if line.endswith(LISTINGS):
                one, other = (set(text.split("\n")) for text in (said, own))
                said, own = ("\n".join(sorted(lines)) for lines in (one - other, other - one))
                kinds = set(re.findall(r"-[mj] \S+", said + own))
                line += "".join(f"\n  {one}" for one in told if any(kind in one for kind in kinds) and told[one][0] == 0)
            found.append(f"{live.tool} {line}\n  live {status}: {words(said)}\n  ours {own_status}: {words(own)}")
    return found


@pytest.mark.parametrize(("variant", "family"), VARIANTS)
def test_every_option_is_taken_printed_and_refused_as_the_tool_does(variant: str, family: int) -> None:
    made = rules(20240603, family, 3)
    with namespace(variant, family, number=2) as live, asker(live) as ask:
        found = [one for table, lines in made.items() for one in differences(live, ask, table, lines)]
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])


@pytest.mark.parametrize("family", [4, 6])
def test_every_match_target_and_option_is_tried(family: int) -> None:
    known = stock(family)
    for kind, extension in known.kinds.items():
        assert known.of(kind), f"bases.txt has no rule with {kind}"
        for option in extension.options:
            assert option.meaning == "not simulated" or known.of(kind, option), f"bases.txt has no rule with {kind} --{option.names[0]}"


def _gist(difference: str) -> str:
    """What is alike in differences that have one reason, most likely."""
    return re.sub(r"[`'\"][^`'\"]*[`'\"]|[0-9a-f.:]+|ip6?tables|legacy|nf_tables", "", difference.partition("\n")[2])


def main() -> None:
    seed, rounds, pattern = int(sys.argv[1]), int(sys.argv[2]), (sys.argv[3:] or [""])[0]
    seen = set[str]()
    for variant, family in VARIANTS:
        made = rules(seed, family, rounds, pattern)
        assert set(made) <= set(BUILTIN_CHAINS)
        with namespace(variant, family, number=seed) as live, asker(live) as ask:
            found = [one for table, lines in made.items() for one in differences(live, ask, table, lines)]
        for one in found:
            if _gist(one) not in seen:
                print(one)
            seen.add(_gist(one))
        print(f"# {live.tool}, seed {seed}: {sum(map(len, made.values()))} rules, {len(found)} differences")


if __name__ == "__main__":
    main()
