"""Where an answer is judged: a fresh world with the answer in force, and what is drawn for one history from the seed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from random import Random

from fwtutor.course.answers import bare_firewall
from fwtutor.course.happened import by_whom, walk_told
from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.captured import Captured
from fwtutor.network.ends import Address, destination_of, source_of
from fwtutor.network.prompt import family_of
from fwtutor.network.records import CommandRun, Record, Walked
from fwtutor.network.topology import Topology
from fwtutor.network.world import World

MAX_EVENTS = 20_000
"""A history that is not over by then is judged as it stands."""
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
USUAL_DRAWS = {"port": "10000-30000"}
"""What may stand in braces in every history; a check may name more."""


class CommandRefused(ValueError):
    """A command of the answer itself was refused; the text is the tool's."""


@dataclass(slots=True, frozen=True)
class Ground:
    """Where a trial takes place: the lesson's network, with the answer in force."""

    topology: Topology
    watch: str
    rules: str = ""
    """iptables-save text for the watched host; "": the topology's, with ``before``."""
    commands: tuple[tuple[str, str], ...] = ()
    """(host, line) pairs of the answer, entered before the trial."""
    before: tuple[tuple[str, str], ...] = ()
    """(host, line) pairs that made the hosts what the learner finds; what is refused of them is left out."""
    rules6: str = ""
    """ip6tables-save text; "": the topology's, with ``before``."""

    @property
    def answered(self) -> Topology:
        """The network with the answer's rules in it from the beginning."""
        here = self.topology.host(self.watch)
        answered = replace(here, rules=self.rules or here.rules, rules6=self.rules6 or here.rules6)
        return replace(self.topology, hosts=tuple(answered if host is here else host for host in self.topology.hosts))

    def world(self, already: tuple[tuple[str, str], ...] = ()) -> World:
        """A fresh one. ``already``: (host, line) pairs entered at the very start, before the answer comes into force.

        Raises CommandRefused, and RuleRefused if the rules themselves are wrong.
        """
        world = World(self.topology if already else self.answered)
        for host, line in already:
            enter(world, host, line)
        if already:
            self._put_in_force(world)
        for host, line in self.before:
            # The answer's rules stand in the place of all that was done to the rules before.
            if not (host == self.watch and _is_about_rules(line) and (self.rules, self.rules6)[family_of(line) == 6]):
                world.enter(host, line)
        for host, line in self.commands:
            record = world.enter(host, line)
            if record.refused:
                raise CommandRefused(f"{host}# {line}: {record.output.strip()}")
            settle(world)
        return world

    def _put_in_force(self, world: World) -> None:
        """The answer's rules in the place of all there are, whatever tables they name."""
        firewall = world.hosts[self.watch].firewall
        for family, rules in ((4, self.rules), (6, self.rules6)):
            if rules:
                answer = bare_firewall(self.topology.host(self.watch))
                answer.load(rules, family=family)
                empty = "".join(f"*{name}\nCOMMIT\n" for name in firewall.ruleset(family).tables)
                firewall.restore(empty + answer.save(family=family), family=family)

    @property
    def addresses(self) -> set[tuple[int, int]]:
        """Of all the lesson's hosts, as (family, address): of them the lesson says itself what they may."""
        places = (text for host in self.topology.hosts for texts in host.interfaces.values() for text in texts)
        return {parse_address(text.partition("/")[0]) for text in places}

    def owner(self, address: str) -> str:
        """The host that has the address; "" if none has."""
        for host in self.topology.hosts:
            if any(text.partition("/")[0] == address for texts in host.interfaces.values() for text in texts):
                return host.name
        return ""


def _is_about_rules(line: str) -> bool:
    name, _, rest = line.removeprefix("sudo ").lstrip().partition(" ")
    if name == "netfilter-persistent":
        return rest.strip() != "save"
    return name in ("y", *(f"{tables}{does}" for tables in ("iptables", "ip6tables") for does in ("", "-restore", "-apply")))


def settle(world: World) -> None:
    """Runs until nothing is in flight."""
    for _ in range(MAX_EVENTS):
        if world.quiet:
            return
        world.step()


@dataclass(slots=True)
class Played:
    """A world's history, as conditions read it: what went before the answer came into force is its first stage."""

    world: World
    records: list[Record]
    start: int
    """Index of the first record after that."""

    def stage_of(self, index: int) -> int:
        return int(index >= self.start)


def enter(world: World, host: str, line: str) -> str:
    """Enters a line and lets what follows come to its end; what is said if it is refused, or ""."""
    record: CommandRun = world.enter(host, line)
    if record.refused:
        return f"{record.line}: {record.output.strip()}"
    settle(world)
    return ""


@dataclass(slots=True, frozen=True)
class Story:
    """A history that failed."""

    text: str
    """In words."""
    world: World
    """As it was when it had happened."""
    decided: int | None = None
    """Index of the record that decided; None if no record did."""
    packets: tuple[Captured, ...] = ()
    """What was shown to the watched firewall alone, after all that: then it is the last of these that decided."""


def lost(world: World, watch: str, about: tuple[Address, int] | None = None) -> int | None:
    """Index of the first packet that the watched firewall stopped; None if none. ``about``: only if it came from there, or went there."""
    for record in world.records:
        if isinstance(record, Walked) and record.host == watch and record.walk.verdict in ("DROP", "REJECT"):
            packet = record.walk.packet
            if about in (None, (source_of(packet), packet.sport), (destination_of(packet), packet.dport)):
                return record.index
    return None


def loss_words(world: World, index: int | None) -> str:
    """That such a packet was stopped, to be added to a sentence; "" if none was."""
    record = world.records[index] if index is not None else None
    if not isinstance(record, Walked):
        return ""
    return f"; the firewall stopped {walk_told(world.records, record)}{by_whom(record.walk)}"


# --- what is drawn ------------------------------------------------------------------------------------------


def draw(spec: str, random: Random) -> str:
    """A number out of ``10000-30000``, a host's address out of ``203.0.113.0/24``. Raises ValueError."""
    if "/" in spec:
        return str(draw_address(spec, random))
    least, dash, most = spec.partition("-")
    if not dash or not (least.isascii() and least.isdigit() and most.isascii() and most.isdigit()) or int(least) > int(most):
        raise ValueError(f'"{spec[:40]}" is none of 1000-2000, ADDRESS/LENGTH, a|b|c')
    return str(random.randint(int(least), int(most)))


def draw_address(place: str, random: Random) -> object:
    """An address of a network that a host may have, or the one address there is. Raises ValueError."""
    network = ip_network(place)
    if network.num_addresses <= 2:
        return network.network_address
    return network[random.randint(1, min(network.num_addresses - 2, 2**32))]


def draw_all(specs: Mapping[str, str], random: Random) -> dict[str, str]:
    """Each of them, drawn in the order of their names."""
    return next(draw_in_turn(specs, random))


def draw_in_turn(specs: Mapping[str, str], random: Random) -> Iterator[dict[str, str]]:
    """One drawing after another. Of ``a|b|c`` each word has its turn before one comes again: so many drawings as words miss none."""
    left: dict[str, list[str]] = {}
    while True:
        drawn: dict[str, str] = {}
        for name in sorted(specs):
            if "|" in specs[name]:
                left[name] = left.get(name) or random.sample(words := specs[name].split("|"), len(words))
                drawn[name] = left[name].pop()
            else:
                drawn[name] = draw(specs[name], random)
        yield drawn


def fill(text: str, drawn: Mapping[str, str]) -> str:
    """A text with what was drawn in the place of ``{names}``."""
    return PLACEHOLDER.sub(lambda found: drawn.get(found[1], found[0]), text)
