"""Scenario: everything a run is computed from: the network, the script, whom one watches, the seed."""

from __future__ import annotations

from dataclasses import dataclass

from fwtutor.netfilter.routing import LOOPBACK
from fwtutor.network.captured import Captured
from fwtutor.network.topology import Topology


@dataclass(slots=True, frozen=True)
class Scripted:
    """One line the lesson enters: ``at`` seconds after its stage began."""

    stage: int
    host: str
    line: str
    at: float = 0.0


@dataclass(slots=True, frozen=True)
class Input:
    """One line a person entered, and where in the run: after that many records, in that stage, at that time."""

    stage: int
    after: int
    """How many records stood before it; its own record has this index."""
    at: int
    """ns."""
    host: str
    line: str


@dataclass(slots=True, frozen=True)
class Again:
    """A line a person entered in another run, to be entered in this one at the same time after its stage began."""

    stage: int
    since: int
    """ns after the stage's beginning."""
    following: int
    """So many records of the very same time it comes after."""
    host: str
    line: str


@dataclass(slots=True, frozen=True)
class Scenario:
    """The start of every run of it. A stage begins one second after the one before fell quiet."""

    topology: Topology
    script: tuple[Scripted, ...] = ()
    watch: str = ""
    """The host whose firewall one looks at; the first host when empty."""
    seed: int | None = None
    """Replaces the topology's when given."""
    stages: int = 0
    """How many stages there are, when the last ones have no traffic of their own."""
    captured: tuple[Captured, ...] = ()
    """Packets of a capture, which meet the watched host from the beginning on."""
    began: int | None = None
    """When time 0 is by the clocks on the hosts' walls, in ns since 1970; None: as ever."""

    def __post_init__(self) -> None:
        names = [host.name for host in self.topology.hosts]
        if not names:
            raise ValueError("hosts: there is none")
        if not self.watch:
            object.__setattr__(self, "watch", names[0])
        if self.watch not in names:
            raise ValueError(f"watch: there is no host {self.watch!r}")
        for number, line in enumerate(self.script):
            if line.host not in names:
                raise ValueError(f"script[{number}].host: there is no host {line.host!r}")
            if not 0 <= line.at <= 1e6:
                raise ValueError(f"script[{number}].at: {line.at!r} is not between 0 and 1000000 seconds")
            if not 0 <= line.stage < 1000:
                raise ValueError(f"script[{number}].stage: {line.stage!r} is not between 0 and 999")

        own = next(host for host in self.topology.hosts if host.name == self.watch).interfaces
        for number, packet in enumerate(self.captured):
            if packet.interface is not None and packet.interface not in (*own, LOOPBACK):
                raise ValueError(f"captured[{number}].interface: {self.watch} has no interface {packet.interface!r}")

    @property
    def stage_count(self) -> int:
        """At least 1."""
        return max([self.stages, 1, *(line.stage + 1 for line in self.script)])
