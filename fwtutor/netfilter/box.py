"""Box: what a packet meets in a box."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.conntrack.settings import Settings
from fwtutor.netfilter.conntrack.tracking import Conntrack
from fwtutor.netfilter.conntrack.tuples import tuple_of
from fwtutor.netfilter.defrag import Key, Waiting
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import Routing
from fwtutor.netfilter.state import State
from fwtutor.netfilter.xtables.compiled import CompiledChain, CompiledTable


class Box:
    """Routes, sysctls, compiled chains, and the state it changes."""

    __slots__ = ("_incomplete", "chains", "conntrack", "delivered_by", "routing", "state", "sysctls", "tracking", "variant")

    def __init__(self, routing: Routing, sysctls: dict[str, int], variant: str) -> None:
        self.routing, self.sysctls, self.variant = routing, sysctls, variant
        self.state = State()
        self.conntrack = Conntrack(self.state, Settings.of(sysctls))
        self.chains: dict[str, list[tuple[CompiledTable, CompiledChain]]] = {}
        """By hook, in the order of the tables' priorities."""
        self.tracking = False
        self.delivered_by = ""
        """Interface by which the last packet for the box came in: what its stack answers answers that one."""
        self._incomplete: list[tuple[int, Key]] = []
        """Heap of (ns, what waits): of what is in the state's memory under that key until then, and of some that is no more."""

    def wait(self, key: Key, waiting: Waiting | None) -> None:
        """Keep the fragments that wait; None: there are none any more."""
        if waiting is None:
            self.state.memory.pop(key, None)
            return
        if key not in self.state.memory:
            heappush(self._incomplete, (waiting.until, key))
        self.state.memory[key] = waiting

    def is_due(self, at: int) -> bool:
        """Whether something may have happened by itself by the time ``at`` (ns)."""
        timers, incomplete = self.conntrack.timers, self._incomplete
        return bool((timers and timers[0][0] <= at) or (incomplete and incomplete[0][0] <= at))

    def next_incomplete(self) -> tuple[int, Key] | None:
        """What is given up next, and when (ns)."""
        while self._incomplete:
            until, key = self._incomplete[0]
            waiting = self.state.memory.get(key)
            if waiting is not None and waiting.until == until:
                return until, key
            heappop(self._incomplete)
        return None

    def watch_all(self) -> None:
        """The state has changed without the box's doing: make sure that all timers are known."""
        self.conntrack.watch_all()
        self._incomplete = [(waiting.until, key) for key, waiting in self.state.memory.items() if isinstance(key, Key)]
        heapify(self._incomplete)

    def entry_of(self, packet: Packet) -> Entry | None:
        """The table's entry that has the packet's tuple, in either direction."""
        return self.state.find(tuple_of(packet)) if self.state.index and not packet.fault else None
