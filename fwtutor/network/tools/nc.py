"""``nc``: opens a connection, sends a datagram, listens, or only looks whether a port is open."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.xtables.names import service_name
from fwtutor.network.arguments import BadArgument, read_port
from fwtutor.network.ends import ANY, Address, write_place
from fwtutor.network.host import Host
from fwtutor.network.process import FOREVER, Process, Program, Wait
from fwtutor.network.sockets import Connection, UdpSocket
from fwtutor.network.stack import Listener
from fwtutor.network.talk import Talk
from fwtutor.network.tcp import Endpoint
from fwtutor.network.tools.opening import open_connection
from fwtutor.network.tools.options import Options, find_host, read_options
from fwtutor.network.tools.shell import Refused, Shell, Tool
from fwtutor.network.words import shown

USAGE = "write nc [-u] [-z] [-p PORT] [-w SECONDS] HOST PORT, or nc -l [-u] PORT"
MORE = """\
    nc HOST PORT opens a connection: say, close and reset are for it · -z only looks whether the port is open
    echo TEXT | nc [-u] HOST PORT sends TEXT; -u in a datagram, and shows what comes back
    nc -l [-u] PORT listens, and shows what comes; of TCP one connection · -p PORT from that port · -w SECONDS of patience
    What waits goes on until kill ends it (ps shows its number)"""


class Heard(Talk):
    """The one connection of a listening nc."""

    name = "nc"

    def __init__(self, process: Process) -> None:
        super().__init__(process.host)
        self._process = process
        self.endpoint: Endpoint | None = None
        self.over = False

    def opened(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._process.say(f"Connection received from {endpoint.peer}")
        self._process.wake()

    def gone(self, endpoint: Endpoint, why: str) -> None:
        self.over = True
        super().gone(endpoint, why)
        self._process.wake()


def _listen(process: Process, port: int, address: Address) -> Program:
    stack = process.host.stack
    heard: list[Heard] = []

    def serve() -> Heard:
        heard.append(Heard(process))
        return heard[-1]

    def stop() -> None:
        if stack.listeners.get((address, port)) is listener:
            process.host.note_port("tcp", port, process, False, address, listener.backlog)
            stack.stop_listening(address, port)

    listener = Listener(serve, process.user, "nc", backlog=1)
    stack.listen(address, port, listener)
    process.host.note_port("tcp", port, process, True, address, listener.backlog)
    process.at_end(stop)
    while (one := next((each for each in heard if each.endpoint is not None), None)) is None:
        yield FOREVER
    stop()
    endpoint = one.endpoint
    assert endpoint is not None
    process.at_end(lambda: None if one.over else endpoint.leave())
    while not one.over:
        yield FOREVER


def _listen_udp(process: Process, socket: UdpSocket) -> Program:
    while (came := (yield from socket.receive())) is not None:
        for line in came.data.splitlines() or [b""]:
            process.say(f"from {came.ends.there}: {shown(line)}")


class Sending(NamedTuple):
    """Where to, and what."""

    target: Address
    port: int
    data: bytes
    patience: int
    """ns; 0: for ever."""

    def told(self) -> str:
        """``10.0.0.2 port 22``."""
        return f"{self.target} port {self.port}"


def _send_udp(process: Process, socket: UdpSocket, to: Sending) -> Program:
    socket.send(to.data, to.target, to.port)
    until = process.host.now + to.patience
    wait = Wait(until, "nc has waited long enough") if to.patience else FOREVER
    while (came := (yield from socket.receive(wait))) is not None:
        if came.error:
            process.say(f"nc: {to.told()}: {came.error}")
            return
        for line in came.data.splitlines() or [b""]:
            process.say(f"from {came.ends.there}: {shown(line)}")


def _look(process: Process, to: Sending, source_port: int | None) -> Program:
    """-z: is it open?"""
    connection = Connection(process)
    connection.begin(to.target, to.port, source_port)
    until = process.host.now + to.patience
    while not connection.open and connection.why is None:
        if not (yield Wait(until, "nc has waited long enough") if to.patience else FOREVER):
            connection.abort()
            connection.why = "Operation now in progress"
    if connection.why is None:
        process.say(f"Connection to {to.target} {to.port} port [tcp/{_service(to.port, 'tcp')}] succeeded!")
    else:
        process.say(f"nc: connect to {to.told()} (tcp) failed: {connection.why}")


def _service(port: int, protocol: str) -> str:
    name = service_name(port, protocol)
    return "*" if name == str(port) else name


class Saying(Talk):
    """A connection over which something is said at once."""

    name = "nc"

    def __init__(self, host: Host, data: bytes) -> None:
        super().__init__(host)
        self._data = data

    def opened(self, endpoint: Endpoint) -> None:
        super().opened(endpoint)
        if self._data:
            endpoint.send(self._data)


def run_nc(shell: Shell, rest: str, data: bytes = b"") -> str:
    """Carries out ``nc REST`` with ``data`` at its standard input. Raises Refused or BadArgument."""
    options = read_options(rest, "ulzvn46", "pw", USAGE)
    host = shell.host
    source_port = read_port(options.given["p"]) if "p" in options.given else None
    if "l" in options.given:
        return _run_listening(shell, options, source_port)
    if len(options.words) != 2:
        raise Refused(USAGE)
    family = 6 if "6" in options.given else 4 if "4" in options.given else 0
    target, port = find_host(host, options.words[0], family), read_port(options.words[1])
    to = Sending(target, port, data, round(options.seconds("w", 0, 0, 3600) * SECOND))
    if host.source_for(target) is None:
        raise Refused(f"connect to {to.told()} failed: Network is unreachable")
    if "z" in options.given:
        if "u" in options.given:
            raise Refused("of a UDP port nc -z learns nothing; nmap -sU asks it")
        host.run(Process(host, "nc", lambda process: _look(process, to, source_port), shell.user))
        return ""
    if "u" in options.given:
        if not data:
            raise Refused("what is to be sent? write echo TEXT | nc -u HOST PORT")
        number = source_port or host.stack.free_port("udp", target, port)
        if number in host.stack.datagrams:
            raise Refused("Address already in use")
        host.run(Process(host, "nc", lambda process: _send_udp(process, UdpSocket(process, number, target.family), to), shell.user))
        return f"{len(data)} bytes from port {number} to {write_place(target, port)}"
    endpoint = open_connection(shell, (target, port), Saying(host, data), source_port)
    return f"connecting {endpoint.name}"


def _run_listening(shell: Shell, options: Options, port: int | None) -> str:
    host, stack = shell.host, shell.host.stack
    if port is None and len(options.words) == 1:
        port = read_port(options.words[0])
    elif port is None or options.words:
        raise Refused(USAGE)
    if port < 1024 and shell.user.uid:
        raise Refused("Permission denied")
    number, family = port, 6 if "6" in options.given else 4
    if "u" in options.given:
        if number in stack.datagrams:
            raise Refused("Address already in use")
        host.run(Process(host, "nc", lambda process: _listen_udp(process, UdpSocket(process, number, family)), shell.user))
        return f"listening on udp port {port}"
    if any(number == taken for _, taken in stack.listeners):
        raise Refused("Address already in use")
    host.run(Process(host, "nc", lambda process: _listen(process, number, ANY[family]), shell.user))
    return f"listening on tcp port {port}"


def _nc(shell: Shell, rest: str) -> str:
    try:
        return run_nc(shell, rest)
    except OSError as error:
        raise BadArgument(str(error)) from None


TOOL = Tool(
    "nc", "nc [-u] [-l] [-z] HOST PORT", "opens a connection, sends a datagram, listens", _nc,
    ("-u", "-l", "-z", "-p", "-w", "-4", "-6"), more=MORE,
)  # fmt: skip
