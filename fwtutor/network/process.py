"""A program that runs on a host: a generator that does what it can at once, and yields what it waits for.

What a program reads is written from top to bottom: ``line = yield from connection.line()``. Nothing polls: a process goes on when one
of its sockets has news, or when its time is up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import Address, Ends, ends_of
from fwtutor.network.stack import Datagrams
from fwtutor.network.surroundings import ROOT_USER, Timer, User
from fwtutor.network.tcp import Endpoint

if TYPE_CHECKING:
    from fwtutor.network.host import Host
    from fwtutor.network.records import CommandRun
    from fwtutor.network.stack import Stack

MAX_BUFFER = 262_144
"""Bytes that wait to be read; who sends more without being read is cut off."""


class Wait(NamedTuple):
    """What a program yields: wake me when a socket of mine has news, or at the time ``until`` (ns; None: only then)."""

    until: int | None = None
    what: str = ""
    """What the timer is for, in words; the record of its going off says them."""
    busy: bool = True
    """The world is not quiet before the time is up."""


Program = Generator[Wait, bool, None]
"""It is sent True when there is news, False when the time is up."""
FOREVER = Wait()


class Process:
    """A running program: of a user, with sockets that are closed when it ends."""

    def __init__(self, host: Host, name: str, program: Callable[[Process], Program], user: User = ROOT_USER) -> None:
        self.host = host
        self.name = name
        self.user = user
        self.pid = 0
        """Its number; the host gives it one."""
        self.over = False
        self._closing: list[Callable[[], None]] = []
        self._news = self._running = False
        self._timer: Timer | None = None
        self._program = program(self)

    def start(self) -> Process:
        """Runs it up to where it first waits."""
        self._go_on(None)
        return self

    def wake(self) -> None:
        """One of its sockets has news."""
        self._news = True
        if not self._running and not self.over:
            self._go_on(True)

    def kill(self) -> None:
        """Ends it where it is."""
        if not self.over:
            self._program.close()
            self._end()

    def at_end(self, close: Callable[[], None]) -> None:
        """What is to be closed when it ends."""
        self._closing.append(close)

    def execute(self, line: str, user: User | None = None) -> Generator[Wait, bool, CommandRun]:
        """Runs a line as at the host's prompt, by the process's user or another; it is a record of its own."""
        ran: list[CommandRun] = []

        def done(record: CommandRun) -> None:
            ran.append(record)
            self.wake()

        whose = user or self.user
        self.host.execute(f"sudo -u {whose.name} {line}" if whose.uid else line, done)
        while not ran:
            yield FOREVER
        return ran[0]

    def say(self, text: str) -> None:
        """A line on the host's console."""
        self.host.say(text)

    def _go_on(self, news: bool | None) -> None:
        self._disarm()
        self._running = True
        try:
            while True:
                self._news = False
                wait = next(self._program) if news is None else self._program.send(news)
                if not self._news:
                    break
                news = True
        except StopIteration:
            self._end()
            return
        finally:
            self._running = False
        if wait.until is not None:
            delay = max(wait.until - self.host.now, 0)
            self._timer = self.host.arm(delay, lambda: self._time_is_up(wait.what), wait.busy)

    def _time_is_up(self, what: str) -> str:
        self._timer = None
        self._go_on(False)
        return what or f"{self.name} has waited long enough"

    def _disarm(self) -> None:
        if self._timer is not None:
            self.host.cancel(self._timer)
            self._timer = None

    def _end(self) -> None:
        self.over = True
        self._disarm()
        for close in self._closing:
            close()
        self.host.ended(self)


class Connection(Application):
    """A TCP socket of a process. ``open`` while both may speak; what the peer said waits in ``buffer``."""

    def __init__(self, process: Process) -> None:
        self.process, self.name = process, process.name
        self.endpoint: Endpoint | None = None
        self.buffer = bytearray()
        self.open = False
        """The handshake is complete, and the connection not over."""
        self.finished = False
        """The peer will send no more."""
        self.delivered_all = False
        """This side has closed, and the peer has everything."""
        self.why: str | None = None
        """Set when the connection is over: "" after a close on both sides, else the words of the error."""
        process.at_end(self.close)

    # --- what a program does ---------------------------------------------------------------------------------

    def connect(self, address: Address, port: int, source_port: int | None = None) -> Generator[Wait, bool, str]:
        """Opens it; "" when it is open, else the words of the error. Raises OSError in connect(2)'s words."""
        self.begin(address, port, source_port)
        while not self.open and self.why is None:
            yield FOREVER
        return self.why or ""

    def begin(self, address: Address, port: int, source_port: int | None = None, source: Address | None = None) -> None:
        """Begins to open it, and does not wait for it. Raises OSError in connect(2)'s words."""
        host = self.process.host
        source = source or host.source_for(address)
        if source is None:
            raise OSError("Network is unreachable")
        if source_port is None:
            source_port = host.stack.free_port("tcp", address, port)
        self.endpoint = host.stack.connect(Ends(source, source_port, address, port), self, self.process.user)

    def line(self, until: Wait = FOREVER) -> Generator[Wait, bool, bytes | None]:
        """A line with its end; None when there will be none, or when ``until`` is over."""
        while (end := self.buffer.find(b"\n") + 1) == 0:
            if self.finished or self.why is not None or not (yield until):
                return None
        return self.take(end)

    def read(self, length: int = 0, until: Wait = FOREVER) -> Generator[Wait, bool, bytes]:
        """So many bytes (0: whatever is there, at least one); fewer when the peer ends before, or ``until`` is over."""
        while len(self.buffer) < max(length, 1):
            if self.finished or self.why is not None or not (yield until):
                break
        return self.take(length or len(self.buffer))

    def take(self, length: int) -> bytes:
        """The first bytes of what waits."""
        piece = bytes(self.buffer[:length])
        del self.buffer[:length]
        return piece

    def send(self, data: bytes) -> bool:
        """Sends bytes; False when that is no longer possible."""
        return self.endpoint is not None and self.endpoint.send(data)

    def close(self) -> None:
        """Sends a FIN behind everything."""
        if self.endpoint is not None and self.why is None:
            self.endpoint.close()

    def abort(self) -> None:
        """Sends a RST."""
        if self.endpoint is not None and self.why is None:
            self.endpoint.abort()

    @property
    def ends(self) -> Ends:
        """Of the endpoint; there must be one."""
        assert self.endpoint is not None
        return self.endpoint.ends

    # --- what the endpoint tells -----------------------------------------------------------------------------

    def opened(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.open = True
        self.process.wake()

    def received(self, endpoint: Endpoint, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > MAX_BUFFER:
            endpoint.abort()
        self.process.wake()

    def ended(self, endpoint: Endpoint) -> None:
        self.finished = True
        if self.process.over:
            endpoint.close()
        self.process.wake()

    def delivered(self, endpoint: Endpoint) -> None:
        self.delivered_all = True
        self.process.wake()

    def gone(self, endpoint: Endpoint, why: str) -> None:
        self.open, self.why = False, why
        self.process.wake()


class Serving(Application):
    """The server's side of a connection before it is open: then a process of the service takes it over."""

    def __init__(self, host: Host, name: str, program: Callable[[Process, Connection], Program], user: User) -> None:
        self._host, self._name, self._program, self._user = host, name, program, user

    def opened(self, endpoint: Endpoint) -> None:
        made: list[Connection] = []

        def run(process: Process) -> Program:
            made.append(Connection(process))
            endpoint.application = made[0]
            made[0].opened(endpoint)
            yield from self._program(process, made[0])

        self._host.run(Process(self._host, self._name, run, self._user))


class Datagram(NamedTuple):
    """What came to a UDP socket: bytes, and its ends as this side has them; or, instead, the words of an error."""

    data: bytes
    ends: Ends
    error: str = ""


class UdpSocket(Datagrams):
    """A UDP port of a process."""

    def __init__(self, process: Process, port: int) -> None:
        """Raises OSError when the port is in use."""
        stack = process.host.stack
        if port in stack.datagrams:
            raise OSError("Address already in use")
        self.process, self.port = process, port
        self._came: deque[Datagram] = deque(maxlen=256)
        stack.datagrams[port] = self
        self.name, self.user = process.name, process.user
        process.host.note_port("udp", port, process, True)
        process.at_end(self._close)

    def send(self, data: bytes, address: Address, port: int, source: Address | None = None) -> None:
        """Sends a datagram. Raises OSError when no way leads there."""
        host = self.process.host
        source = source or host.source_for(address)
        if source is None:
            raise OSError("Network is unreachable")
        host.stack.send_udp(Ends(source, self.port, address, port), data, self.process.user)

    def receive(self, until: Wait = FOREVER) -> Generator[Wait, bool, Datagram | None]:
        """The next that came; None when ``until`` is over."""
        while not self._came:
            if not (yield until):
                return None
        return self._came.popleft()

    def _close(self) -> None:
        self.process.host.stack.datagrams.pop(self.port, None)
        self.process.host.note_port("udp", self.port, self.process, False)

    def received(self, stack: Stack, packet: Packet) -> None:
        self._came.append(Datagram(packet.payload, ends_of(packet).turned))
        self.process.wake()

    def unreachable(self, stack: Stack, why: str, ends: Ends) -> None:
        self._came.append(Datagram(b"", ends, why))
        self.process.wake()


class RawSocket:
    """Hears every packet the firewall lets through to the host that ``wants`` says True to, and sends any."""

    def __init__(self, process: Process, wants: Callable[[Packet], bool]) -> None:
        self.process = process
        self._wants = wants
        self._came: deque[tuple[int, Packet]] = deque(maxlen=4096)
        hearing = process.host.stack.hearing
        hearing.append(self._hear)
        process.at_end(lambda: hearing.remove(self._hear))

    def send(self, raw: bytes, tell: bool | Callable[[], None] = False) -> None:
        """Sends a packet as it is. ``tell``: say on the console when the rules drop it, or do that then."""
        self.process.host.emit(raw, tell=tell, user=self.process.user)

    def receive(self, until: Wait = FOREVER) -> Generator[Wait, bool, tuple[int, Packet] | None]:
        """(when it came in ns, the packet); None when ``until`` is over."""
        while not self._came:
            if not (yield until):
                return None
        return self._came.popleft()

    def taken(self) -> list[tuple[int, Packet]]:
        """All that came and was not received yet; it does not wait."""
        came = list(self._came)
        self._came.clear()
        return came

    def _hear(self, packet: Packet) -> None:
        if self._wants(packet):
            self._came.append((self.process.host.now, packet))
            self.process.wake()
