"""``python -m benchmarks``: measures everything and prints the README's table. Exit code 1 when a budget is missed."""

from __future__ import annotations

import platform
import sys
import time

from benchmarks import engine, judge, loading, screens, world
from benchmarks.table import Result, table


def main() -> int:
    begin = time.perf_counter()
    results: list[Result] = []
    for part in (engine, world, loading, judge, screens):
        for result in part.measure():
            results.append(result)
            sys.stderr.write(f"{time.perf_counter() - begin:5.1f} s  {result.what}\n")
    sys.stdout.write(table(results) + "\n")
    sys.stdout.write(f"\nPython {platform.python_version()}, {platform.system()}; medians, but for p95\n")
    return 0 if all(result.kept for result in results) else 1


sys.exit(main())
