"""The engine beside the kernel that it is held against: the same new connections, refused by the last of ever more rules.

The kernel runs them with TRACE, whose lines are read over netlink: that is what it costs there to be told why.
Left out, with a word, where the kernel cannot be asked.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection

from benchmarks.engine import PACKETS, ROUNDS, RULES, Syns, firewall, ruleset, syns
from benchmarks.table import Result, in_turn, times
from fwtutor.kernel import namespace
from fwtutor.kernel.errors import RulesetRefused
from fwtutor.kernel.observation import Setup
from fwtutor.kernel.tracelog import TraceLog

PORT = 1338
"""Nothing lets it in."""
TRACING = "*raw\n-A PREROUTING -j TRACE\nCOMMIT\n"


def measure() -> Iterator[Result]:
    missing = namespace.missing()
    if missing is not None:
        sys.stderr.write(f"the kernel's speed is left out: {missing}\n")
        return
    for rules in RULES:
        engine, kernel = Syns(firewall(rules), PORT), _Kernel(rules)
        ours, theirs = in_turn(ROUNDS, engine.cost, kernel.cost)
        kernel.close()
        budget = 0.33 if rules == RULES[0] else None
        yield times(f"a packet walked with its whole record, {rules:,} rules", ours, "the kernel with TRACE read", theirs, budget)


class _Kernel:
    """A process in a network namespace of its own."""

    def __init__(self, rules: int) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            self._process = Process(target=_serve, args=(theirs, rules), daemon=True)
            self._process.start()
        self._connection.recv()

    def cost(self) -> float:
        """Seconds a packet."""
        self._connection.send(None)
        spent: float = self._connection.recv()
        return spent

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()


def _serve(connection: Connection, rules: int) -> None:
    namespace.enter()
    tun = namespace.furnish(Setup({"wan": ("203.0.113.1/24",)}, "", {"default": "wan"}))["wan"]
    namespace.own_lock()
    namespace.run(["iptables-legacy-restore"], ruleset(rules) + TRACING, RulesetRefused)
    log = TraceLog(namespace.interface_names())
    made = 0
    connection.send(None)
    while True:
        connection.recv()
        packets = syns(made, PACKETS, PORT)
        made += PACKETS
        begin = time.perf_counter()
        for raw in packets:
            os.write(tun, raw)
            log.read()
        connection.send((time.perf_counter() - begin) / PACKETS)
