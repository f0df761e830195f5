"""``python -m benchmarks.agreement``: generated firewalls and packets on the kernel, and the engine held against it.

Prints what was compared, and every difference as a test one can paste. Exit code 1 when there is one, or when what was played is
not what the run promises. ``--coverage`` shows instead whether such a run reaches every branch of the tracker.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

PACKETS = 40
"""Items of a case."""
RULESETS, ALL_PACKETS = 5000, 200_000
ESTABLISHED = 0.30
"""The share of packets that must belong to established connections."""
RARE = 0.001
"""The share of packets that exceptions may concern."""
SHRUNK = 5
"""Differences made small; of the others only the case is told."""
FIRST = 1_000_000
"""Seed N plays the cases from N million on."""


@dataclass(slots=True)
class Tally:
    """What was compared, of one case or of many."""

    packets: int = 0
    established: int = 0
    timed: int = 0
    families: Counter[str] = field(default_factory=Counter)
    protocols: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    variants: Counter[str] = field(default_factory=Counter)
    exceptions: list[str] = field(default_factory=list)
    differences: dict[int, str] = field(default_factory=dict)
    """By the numbers of the cases that differ: how."""

    def add(self, other: Tally) -> None:
        self.packets += other.packets
        self.established += other.established
        self.timed += other.timed
        self.families += other.families
        self.protocols += other.protocols
        self.verdicts += other.verdicts
        self.states += other.states
        self.variants += other.variants
        self.exceptions += other.exceptions
        self.differences |= other.differences


def held(number: int, packets: int) -> Tally:
    """A job for ``players.each``: one case compared."""
    from benchmarks.players import kernel
    from fwtutor.kernel.compare import compare, happens_again
    from fwtutor.kernel.generate import case, is_timed
    from fwtutor.netfilter.conntrack.listing import NAMES
    from fwtutor.netfilter.packet import Packet

    setup, items = case(number, packets)
    found = compare(kernel(), setup, items)
    tally = Tally(timed=int(is_timed(number)), variants=Counter([setup.variant]))
    for packet in found.observation.packets:
        states = {state for _, state in packet.states}
        tally.packets += 1
        tally.established += "ESTABLISHED" in states
        tally.states.update(states or ["none"])
        tally.verdicts[packet.verdict] += 1
        read = Packet(packet.raw)
        tally.families[f"ip{read.family}"] += 1
        tally.protocols[NAMES.get(read.protocol, "other") if len(packet.raw) >= (20 if read.family == 4 else 40) else "too short"] += 1
    if found.differences:
        if happens_again(kernel(), found):
            tally.differences[number] = str(found)
        else:
            tally.exceptions.append(f"did not happen again in case {number}: {found}")
    return tally


def plan(first: int, rulesets: int, packets: int) -> tuple[list[int], int]:
    """The cases to play, from ``first`` on, and how many different random rulesets are among them."""
    from fwtutor.kernel import rules_in_ipv6
    from fwtutor.kernel.generate import case
    from fwtutor.kernel.random_rules import is_fixed

    numbers: list[int] = []
    distinct: set[str] = set()
    while len(distinct) < rulesets or len(numbers) * PACKETS < packets:
        setup = case(first + len(numbers), PACKETS)[0]
        if not (rules_in_ipv6.is_fixed(setup.rules6) if setup.rules6 else is_fixed(setup.rules)):
            distinct.add(setup.rules or setup.rules6)
        numbers.append(first + len(numbers))
    return numbers, len(distinct)


def table(tally: Tally, rulesets: int, cases: int, took: float) -> str:
    """What was compared, for a person."""

    def parts(counter: Counter[str]) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in counter.most_common())

    rows = {
        "packets compared": f"{tally.packets:,}",
        "of established connections": f"{tally.established:,} ({tally.established / max(tally.packets, 1):.1%})",
        "random rulesets": f"{rulesets:,} different ones",
        "cases": f"{cases:,}, in {tally.timed:,} of which time passed",
        "variants": parts(tally.variants),
        "by family": parts(tally.families),
        "by protocol": parts(tally.protocols),
        "by verdict": parts(tally.verdicts),
        "with ctstate": parts(tally.states),
        "exceptions": f"{len(tally.exceptions):,}",
        "differences": f"{len(tally.differences):,}",
        "took": f"{took / 60:.1f} minutes",
    }
    return "".join(f"{what:28}{value}\n" for what, value in rows.items())


def show(differing: dict[int, str]) -> None:
    """Differences, small enough to understand, each as a test."""
    from fwtutor.kernel.compare import compare
    from fwtutor.kernel.generate import case
    from fwtutor.kernel.kernel import Kernel
    from fwtutor.kernel.shrink import reproduction, shrink

    with Kernel() as kernel:
        for number in sorted(differing)[:SHRUNK]:
            found = compare(kernel, *case(number, PACKETS))
            if not found.differences:
                sys.stdout.write(f"\n# case {number} agreed this time; before: {differing[number]}\n")
                continue
            small = shrink(kernel, found)
            sys.stdout.write(f"\n# case {number}: {small}\n\n{reproduction(small)}")
    for number in sorted(differing)[SHRUNK:]:
        sys.stdout.write(f"# and case {number}\n")


def run(seed: int, rulesets: int, packets: int, processes: int) -> int:
    from benchmarks.players import each, told

    began = time.monotonic()
    numbers, distinct = plan(seed * FIRST, rulesets, packets)
    total = Tally()
    for tally in told(each(numbers, held, PACKETS, processes), len(numbers)):
        total.add(tally)
        for number in tally.differences:
            sys.stderr.write(f"difference in case {number}\n")
    sys.stdout.write(table(total, distinct, len(numbers), time.monotonic() - began))
    for text in total.exceptions:
        sys.stdout.write(f"\nexception: {text}\n")
    show(total.differences)
    kept = total.established >= ESTABLISHED * total.packets and len(total.exceptions) < RARE * total.packets
    if not kept:
        sys.stdout.write("too few packets of established connections, or too many exceptions\n")
    return 0 if kept and not total.differences else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(100_000), help="decides what is played (default: drawn)")
    parser.add_argument("--rulesets", type=int, default=RULESETS, help="random rulesets to play at least")
    parser.add_argument("--packets", type=int, default=ALL_PACKETS, help="packets to play at least")
    parser.add_argument("--processes", type=int, default=2, help="how many play at once, besides those asleep")
    parser.add_argument("--coverage", action="store_true", help="say which branches and cells of the tracker are not reached")
    parser.add_argument("--kept", type=Path, help="with --coverage: file to keep what the kernel did in, or to read it from")
    options = parser.parse_args()
    from fwtutor.kernel.errors import KernelUnavailable

    sys.stdout.write(f"seed {options.seed}\n")
    sys.stdout.flush()
    try:
        if options.coverage:
            from benchmarks.reach import run as reach

            return reach(options.seed * FIRST, PACKETS, options.processes, options.kept)
        return run(options.seed, options.rulesets, options.packets, options.processes)
    except KernelUnavailable as problem:
        sys.stderr.write("\n".join([str(problem), *getattr(problem, "__notes__", ())]) + "\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
