"""A host: one Firewall, one stack, one prompt, one console. The world moves its packets and its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.lots import lot_of
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.routing import DEFAULT_MTU, Route
from fwtutor.network.clock import Event
from fwtutor.network.datestamps import stamp
from fwtutor.network.ends import Address, Ends
from fwtutor.network.journal import Files
from fwtutor.network.neighbours import Neighbours
from fwtutor.network.process import Process
from fwtutor.network.records import CommandRun, Record, Said, kernel_log
from fwtutor.network.services.dns import Names
from fwtutor.network.services.registry import install
from fwtutor.network.stack import Stack
from fwtutor.network.surroundings import ROOT_USER, Timer, User
from fwtutor.network.topology import HostSpec

if TYPE_CHECKING:
    from fwtutor.network.world import World

HOSTS_FILE = "/etc/hosts"
AUTH_LOG = "/var/log/auth.log"
FIRST_PID = 1001
MAX_CONSOLE = 10_000
"""Lines kept; a flood keeps the first ones."""


@dataclass(slots=True)
class Ran:
    """A program that runs, or did."""

    pid: int
    name: str
    user: User
    since: int
    """The record during which it was started."""
    until: int | None = None
    """And the one during which it ended."""


class PortNoted(NamedTuple):
    """A program took a port to listen on, or gave it back, during a record."""

    record: int
    protocol: str
    port: int
    name: str
    user: User
    taken: bool
    address: Address | None
    backlog: int


class QueueNoted(NamedTuple):
    """So many connections to a port waited to be accepted, since a record."""

    record: int
    address: Address | None
    port: int
    length: int


class Host:
    """One live host of a world."""

    def __init__(self, world: World, spec: HostSpec, seed: int, names: Names, resolver: Address | None) -> None:
        self.name = spec.name
        self.spec = spec
        self.resolver = resolver
        """The name server it asks; None when the topology has none."""
        self.console: list[Said] = []
        """What its sockets had to say, in order of time."""
        self.lines = 0
        """How many lines were entered at its prompt."""
        self._world = world
        self._seed = seed
        try:
            self.firewall = Firewall(interfaces=spec.interfaces, routes=spec.routes, sysctls=spec.sysctls, mtus=spec.mtus)
        except ValueError as error:
            raise ValueError(f"hosts.{spec.name}: {error}") from None
        if spec.rules:
            self.firewall.load(spec.rules)
        if spec.rules6:
            self.firewall.load(spec.rules6, family=6)
        self.stack = Stack(self)
        self.neighbours = Neighbours(self)
        self.users = {"root": ROOT_USER, **{user.name: User(user.name, user.uid) for user in spec.users}}
        self.files = Files({HOSTS_FILE: _hosts_file(names), **spec.files})
        self.processes: list[Process] = []
        """Programs that run, in the order they were started."""
        self.ran: list[Ran] = []
        """All that ever did."""
        self.ports: list[PortNoted] = []
        """What became of ports that programs took and gave back."""
        self._followers: dict[str, list[Process]] = {}
        self.sockets: list[tuple[int, Ends, str]] = []
        """What became of connections: (record during which it did, ends, state)."""
        self.queues: list[QueueNoted] = []
        """How many connections waited to be accepted."""
        for service in spec.running:
            install(self, service, self.users[service.user], names)

    # --- what the stack asks for (surroundings.Surroundings) ---------------------------------------------------

    @property
    def now(self) -> int:
        return self._world.now

    @property
    def sysctls(self) -> Mapping[str, int]:
        return self.firewall.sysctls

    def emit(
        self, raw: bytes, *, tell: bool | Callable[[], None] = False, by_stack: bool = False, user: User = ROOT_USER, by: str = ""
    ) -> None:  # fmt: skip
        """``by``: the interface for a destination that says nothing without one."""
        self._world.emit(self, raw, tell, by_stack, user, by)

    def arm(self, delay: int, fire: Callable[[], str], busy: bool = True) -> Timer:
        return self._world.arm(self, delay, fire, busy)

    def cancel(self, timer: Event) -> None:
        self._world.clock.cancel(timer)

    def miss(self, delay: int, interface: str, address: Address) -> Event:
        """Queues the moment when a neighbour is given up."""
        return self._world.miss(self, delay, interface, address)

    def put_on_link(self, interface: str, packet: Packet) -> None:
        """The last step of a packet out of the host."""
        self._world.put_on_link(self, interface, packet)

    def confirm(self, address: Address) -> None:
        route = self.firewall.route(address.value, address.family)
        if route is not None:
            self.neighbours.confirm(route.interface, Address(address.family, route.gateway) if route.gateway else address)

    @property
    def kernel_log(self) -> list[str]:
        """The kernel's log: what LOG rules wrote."""
        return kernel_log(self.records)

    @property
    def records(self) -> Iterator[Record]:
        """What has happened here, in order."""
        return (record for record in self._world.records if record.host == self.name)

    def say(self, text: str) -> None:
        if len(self.console) < MAX_CONSOLE:
            self.console.append(Said(self._world.now, self._world.current, text))

    def note(self, ends: Ends, state: str) -> None:
        self.sockets.append((self._world.current, ends, state))

    def note_queue(self, address: Address | None, port: int, length: int) -> None:
        self.queues.append(QueueNoted(self._world.current, address, port, length))

    def draw(self, *key: object) -> int:
        return lot_of(repr((self._seed, self.name, *key)))

    def is_local(self, address: Address) -> bool:
        return self.firewall.is_local(address.value, address.family)

    def source_for(self, address: Address) -> Address | None:
        if self.is_local(address):
            return address
        value, family = address.value, address.family
        source = self.firewall.source_for(value, family) if self.firewall.route(value, family) is not None else 0
        return Address(family, source) if source else None

    def is_held(self, ends: Ends) -> bool:
        return self.neighbours.is_held(ends)

    def mtu_to(self, address: Address) -> int:
        return self.firewall.routing.mtu_to(address.family, address.value) or DEFAULT_MTU

    def path_mtu(self, address: Address) -> int:
        return self.stack.path_mtu(address)

    def source_of_answer(self, packet: Packet) -> tuple[int, int] | None:
        return self.firewall.source_of_answer(packet)

    def last_on_the_wire(self, protocol: int, ends: Ends) -> Packet | None:
        """The last packet from these ends that was sent on any link; None if there was none."""
        return self._world.last_on_the_wire(protocol, ends)

    # --- what programs ask for ---------------------------------------------------------------------------------

    def run(self, process: Process) -> Process:
        """Starts a program."""
        process.pid = FIRST_PID + len(self.ran)
        self.ran.append(Ran(process.pid, process.name, process.user, self._world.current))
        self.processes.append(process)
        return process.start()

    def ended(self, process: Process) -> None:
        """A program is over."""
        if process in self.processes:
            self.processes.remove(process)
            self.ran[process.pid - FIRST_PID].until = self._world.current

    def note_port(self, protocol: str, port: int, process: Process, taken: bool, address: Address | None = None, backlog: int = 0) -> None:
        """A program listens on a port now, or no longer."""
        self.ports.append(PortNoted(self._world.current, protocol, port, process.name, process.user, taken, address, backlog))

    def time_at(self, upto: int | None) -> int:
        """ns: when the record ``upto`` was made; None: now."""
        if upto is None:
            return self.now
        return self._world.records[upto].at if 0 <= upto < len(self._world.records) else 0

    def write(self, path: str, text: str) -> None:
        """Replaces a file's text."""
        self.files.write(path, text, self._world.current)

    def append(self, path: str, text: str) -> None:
        """Adds to a file's end, and wakes whoever follows it."""
        self.files.append(path, text, self._world.current)
        for process in tuple(self._followers.get(path, ())):
            process.wake()

    def follow(self, path: str, process: Process) -> None:
        """From now on, until it is over, the process is woken when something is added to the file."""
        there = self._followers.setdefault(path, [])
        there.append(process)
        process.at_end(lambda: there.remove(process))

    def execute(self, line: str, done: Callable[[CommandRun], None]) -> None:
        """Runs a line at the prompt, as the next event; ``done`` is told what became of it."""
        self._world.execute(self, line, done)

    def log(self, name: str, pid: int, text: str) -> None:
        """A line in /var/log/auth.log, as syslog writes it."""
        self.append(AUTH_LOG, f"{stamp(self.clock)} {self.name} {name}[{pid}]: {text}\n")

    @property
    def record(self) -> int:
        """Index of the record that is being made."""
        return self._world.current

    @property
    def clock(self) -> int:
        """ns since 1970, by the clock on its wall."""
        return self.firewall.box.began + self._world.now

    def password_of(self, name: str) -> str:
        """What lets a user in; empty: no password does."""
        return next((user.password for user in self.spec.users if user.name == name), "")

    def resolve(self, name: str, family: int = 0) -> Address | None:
        """The address that a name has in /etc/hosts, of a family if one is wanted; None: it is not there."""
        for line in (self.files.read(HOSTS_FILE) or "").splitlines():
            words = line.partition("#")[0].split()
            if name.lower() in (word.lower() for word in words[1:]):
                try:
                    address = Address(*parse_address(words[0]))
                except ValueError:
                    continue
                if family in (0, address.family):
                    return address
        return None

    def name_of(self, address: Address) -> str:
        """The first name that an address has in /etc/hosts; "": it is not there."""
        for line in (self.files.read(HOSTS_FILE) or "").splitlines():
            words = line.partition("#")[0].split()
            if len(words) > 1 and words[0] == str(address):
                return words[1]
        return ""

    def neighbour(self, address: Address) -> bool | None:
        """Whether somebody on a link of its own answers to that address; None: it does not lie on one."""
        return None if self.is_local(address) else self._world.answers_on_link(self, address)

    # --- what the world asks for -------------------------------------------------------------------------------

    def route_to(self, address: Address) -> Route | bool | None:
        """How a packet to ``address`` would leave: a route, True for the host itself, None: not at all."""
        return True if self.is_local(address) else self.firewall.route(address.value, address.family)


def _hosts_file(names: Names) -> str:
    """The names of all hosts of the topology, as every one of them knows them."""
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    lines += [f"{address} {name}" for name, addresses in names.items() if "." not in name for address in addresses]
    return "".join(f"{line}\n" for line in lines)
