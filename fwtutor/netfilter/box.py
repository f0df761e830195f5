"""Box: what a packet meets in a box."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.conntrack.nat.choosing import Chooser
from fwtutor.netfilter.conntrack.settings import Settings
from fwtutor.netfilter.conntrack.tracking import Conntrack
from fwtutor.netfilter.conntrack.tuples import tuple_of
from fwtutor.netfilter.defrag import Key, Waiting
from fwtutor.netfilter.events import CHANGED, EXPECTATION
from fwtutor.netfilter.hooks import NAT, RAW, order
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import Routing
from fwtutor.netfilter.state import State
from fwtutor.netfilter.timers import Timers
from fwtutor.netfilter.wallclock import BEGAN
from fwtutor.netfilter.xtables.compiled import CompiledChain, CompiledTable
from fwtutor.netfilter.xtables.context import Lots


class Stop(NamedTuple):
    """A table at a hook; ``chain`` is None where it has none (of nft: has none yet), but must be thought of all the same (nat)."""

    name: str
    table: CompiledTable
    chain: CompiledChain | None


class Delivered(NamedTuple):
    """The last packet for the box: what its stack answers answers that one."""

    by: str
    """The interface by which it came in."""
    to: int
    """The address it was for."""
    tied: tuple[Entry, int] | None
    """The entry it was tied to, and in which direction; None: it had none."""


NOTHING_YET = Delivered("", 0, None)


class Box:
    """Routes, sysctls, compiled chains, and the state it changes."""

    __slots__ = (
        "began",
        "chains",
        "chooser",
        "conntrack",
        "delivered",
        "expected",
        "incomplete",
        "lots",
        "raw",
        "routing",
        "seed",
        "state",
        "sysctls",
        "timers",
        "tracking",
        "variant",
    )

    def __init__(self, routing: Routing, sysctls: dict[str, int], variant: str) -> None:
        self.routing, self.sysctls, self.variant = routing, sysctls, variant
        self.state = State()
        self.conntrack = Conntrack(self.state, Settings.of(sysctls))
        self.raw: dict[int, dict[str, list[Stop]]] = {4: {}, 6: {}}
        """By family and hook: what comes before connection tracking."""
        self.chains: dict[int, dict[str, list[Stop]]] = {4: {}, 6: {}}
        """By family and hook: what comes after it, in the order of the tables' priorities."""
        self.began = BEGAN
        """When time 0 was by the clock on the wall, in ns since 1970."""
        self.seed = 0
        """What the first lot is drawn from, where the kernel chooses at random."""
        self.chooser: Chooser | None = None
        """Who knows what the kernel chose, where it chose at random."""
        self.lots: Lots | None = None
        """The same of lots that rules draw."""
        self.expected: Callable[[Entry], Iterable[int]] | None = None
        """The same of the ports at which connections are expected on account of an entry."""
        self.tracking: dict[int, bool] = {4: False, 6: False}
        """By family: whether some rule needs connection tracking."""
        self.delivered = NOTHING_YET
        self.incomplete = Timers(self._until)
        """When the fragments are given up that wait in the state's memory."""
        self.timers: tuple[Timers[Any], ...] = (self.conntrack.entries.timers, self.incomplete, self.conntrack.expectations.timers)
        """All there are."""

    def set_sysctls(self, values: Mapping[str, int]) -> None:
        """Sets some of them."""
        self.sysctls.update(values)
        self.conntrack.settings = Settings.of(self.sysctls)

    def use(self, family: int, tables: Mapping[str, CompiledTable]) -> None:
        """Run these tables from now on."""

        def stops(hook: str, names: Iterable[str]) -> list[Stop]:
            found = [Stop(name, tables[name], tables[name].chains.get(hook)) for name in names if name in tables]
            there = [stop if stop.chain is None or stop.chain.chain.there else stop._replace(chain=None) for stop in found]
            return [stop for stop in there if stop.chain is not None or (stop.name == NAT and translates)]

        # One chain of nat that is there makes the kernel translate at every hook.
        chains = tables[NAT].chains.values() if NAT in tables else ()
        translates = any(compiled.chain.policy is not None and compiled.chain.there for compiled in chains)

        self.raw[family] = {hook: found for hook in order(self.variant) if (found := stops(hook, (RAW,)))}
        self.chains[family] = {hook: found for hook, names in order(self.variant).items() if (found := stops(hook, names))}

    def wait(self, key: Key, waiting: Waiting | None) -> None:
        """Keep the fragments that wait; None: there are none any more."""
        if waiting is not None:
            self.incomplete.watch(key, waiting.until)
        self.state.put_waiting(key, waiting)

    def _until(self, key: Key) -> int | None:
        waiting: Waiting | None = self.state.memory.get(key)
        return None if waiting is None else waiting.until

    def may_be_due(self, at: int) -> bool:
        """Whether something may have happened by itself by the time ``at`` (ns)."""
        return any(timers.may_be_due(at) for timers in self.timers)

    def expire(self, at: int) -> list[tuple[Any, ...]]:
        """Entries and expectations whose time is over by ``at`` (ns) are forgotten: as events of a Walk."""
        gone = [(CHANGED, entry, None) for entry in self.conntrack.entries.expire(at)]
        self.conntrack.expectations.expire(at)
        return [*gone, *((EXPECTATION, news) for news in self.conntrack.expectations.take_news())]

    def watch_all(self) -> None:
        """The state has changed without the box's doing: make sure that all timers are known."""
        self.conntrack.entries.watch_all()
        self.conntrack.expectations.watch_all()
        self.incomplete.watch_only((key, waiting.until) for key, waiting in self.state.memory.items() if isinstance(key, Key))

    def entry_of(self, packet: Packet, zone: int = 0) -> Entry | None:
        """The table's entry that has the packet's tuple in that zone, in either direction."""
        if not self.state.entries or packet.fault:
            return None
        key = tuple_of(packet)
        return self.state.find(key._replace(zone=zone) if zone and key is not None else key)
