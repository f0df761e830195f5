"""What a large ruleset costs: read, reviewed, changed, walked. Python's own ``shlex`` cuts the same lines into words beside it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from benchmarks.engine import Syns, firewall, ruleset, timed
from benchmarks.table import Result, in_turn, times
from fwtutor.netfilter import Firewall
from fwtutor.review.report import findings

RULES, ROUNDS = 60_000, 3
CUT = "`shlex.split` on each line"


def measure() -> Iterator[Result]:
    text = ruleset(RULES)
    lines = text.splitlines()
    box = firewall(RULES)

    def load() -> float:
        return timed(lambda: Firewall(interfaces={}).restore(text))

    def review() -> float:
        return timed(lambda: list(findings(box.ruleset(), {})))

    def cut() -> float:
        return timed(lambda: [shlex.split(line) for line in lines])

    loaded, reviewed, there = in_turn(ROUNDS, load, review, cut)
    yield times(f"{RULES:,} rules loaded", loaded, CUT, there, 4)
    yield times(f"{RULES:,} rules reviewed", reviewed, CUT, there, 4)
    few = Syns(firewall(10))
    many = Syns(box)
    many.cost()  # the index is made for the first packet
    walked, short = in_turn(ROUNDS, many.cost, few.cost)
    yield times(f"a packet walked past {RULES:,} rules", walked, "past 10", short, 2)
    changed, there = in_turn(ROUNDS, lambda: timed(lambda: box.iptables("-A INPUT -p tcp --dport 9 -j DROP")), cut)
    yield times(f"one more rule appended to {RULES:,}", changed, CUT, there, 0.1)
