"""``python -m benchmarks.mutations``: would the agreement run notice a small mistake in the engine?

Cases are played on the kernel once. Then each of a hundred seeded mutations of the engine is held against what the kernel did.
One that no case tells from the engine as it is has survived: either it changes nothing that a case can show, which
``equivalents`` then says with the reason, or the cases lack something. Exit code 1 when a survivor is not accounted for.
"""

from __future__ import annotations

import argparse
import pickle
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random, SystemRandom
from tempfile import TemporaryDirectory
from typing import NoReturn

from benchmarks.agreement import FIRST, PACKETS
from benchmarks.equivalents import EQUIVALENT
from benchmarks.mutants import Mutation, mutations, put_in
from benchmarks.players import Seen, observed, told

CASES, COUNT = 2500, 100
PATIENCE = 30
"""Seconds for one case: a mutant that takes longer never ends."""

_seen: list[Seen] = []
"""What the kernel did, as this process holds mutants against it."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutations", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(100_000), help="which mutations, and which cases")
    parser.add_argument("--count", type=int, default=COUNT, help="mutations to draw")
    parser.add_argument("--cases", type=int, default=CASES, help="cases to hold them against")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kept", type=Path, help="file to keep what the kernel did in, or to read it from when it is there")
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    with TemporaryDirectory() as folder:
        stored = options.kept or Path(folder, "observations")
        observed(options.seed * FIRST, options.cases, PACKETS, options.processes, stored)
        return _run(stored, Random(options.seed).sample(mutations(), options.count), options.processes)


def _run(stored: Path, drawn: list[Mutation], processes: int) -> int:
    began = time.monotonic()
    with ProcessPoolExecutor(processes, get_context("spawn"), _load, (stored,)) as pool:
        caught = list(told(pool.map(catch, drawn), len(drawn)))
    survivors = [mutation for mutation, how in zip(drawn, caught, strict=True) if not how]
    known = [mutation for mutation in survivors if mutation.key in EQUIVALENT]
    unknown = [mutation for mutation in survivors if mutation.key not in EQUIVALENT]
    for title, found in (("accounted for", known), ("SURVIVED", unknown)):
        for mutation in found:
            sys.stdout.write(
                f"{title}: {mutation}\n" + (f"    {EQUIVALENT[mutation.key]}\n" if found is known else f"    {mutation.key!r}\n")
            )
    sys.stdout.write(
        f"{len(drawn)} mutations in {time.monotonic() - began:.0f} s: {len(drawn) - len(survivors)} caught, "
        f"{len(known)} accounted for, {len(unknown)} survived\n"
    )
    return 1 if unknown else 0


def _load(stored: Path) -> None:
    """In each process: read what the kernel did, without the cases in which the engine as it is differs."""
    from fwtutor.kernel.compare import hold

    for done in pickle.loads(stored.read_bytes()):
        seen: Seen = pickle.loads(done)
        if not hold(seen[1], seen[2]):
            _seen.append(seen)


def catch(mutation: Mutation) -> str:
    """How the mutation is noticed; "" when it is not."""
    signal.signal(signal.SIGALRM, _too_long)
    put_in(mutation)
    try:
        from fwtutor.kernel.compare import hold

        for number, setup, observation in _seen:
            signal.alarm(PATIENCE)
            if hold(setup, observation):
                return f"differs in case {number}"
    except Exception as problem:  # noqa: BLE001 - whatever a broken engine does, it is noticed
        return f"fails: {problem!r}"
    finally:
        signal.alarm(0)
        put_in(None)
    return ""


def _too_long(number: int, frame: object) -> NoReturn:
    raise TimeoutError("it never ends")


if __name__ == "__main__":
    sys.exit(main())
