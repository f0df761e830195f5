"""The sockets of programs: a TCP connection, what serves one, a UDP port, and a socket that hears and sends packets as they are.

Each belongs to a process, wakes it when there is news, and is closed when it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import ANY, Address, Ends, ends_of
from fwtutor.network.process import FOREVER, Process, Program, Wait
from fwtutor.network.stack import Datagrams
from fwtutor.network.surroundings import User
from fwtutor.network.tcp import Endpoint

if TYPE_CHECKING:
    from fwtutor.network.host import Host
    from fwtutor.network.stack import Stack

MAX_BUFFER = 262_144
"""Bytes that wait to be read; who sends more without being read is cut off."""


class Connection(Application):
    """A TCP socket of a process. ``open`` while both may speak; what the peer said waits in ``buffer``."""

    def __init__(self, process: Process) -> None:
        self.process, self.name = process, process.name
        self.endpoint: Endpoint | None = None
        self.buffer = bytearray()
        self._unseen = False
        """Something came that the program has not looked at since."""
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
        while (end := self.look().find(b"\n") + 1) == 0:
            if self.finished or self.why is not None or not (yield until):
                return None
        return self.take(end)

    def read(self, length: int = 0, until: Wait = FOREVER) -> Generator[Wait, bool, bytes]:
        """So many bytes (0: whatever is there, at least one); fewer when the peer ends before, or ``until`` is over."""
        while len(self.look()) < max(length, 1):
            if self.finished or self.why is not None or not (yield until):
                break
        return self.take(length or len(self.buffer))

    def take(self, length: int) -> bytes:
        """The first bytes of what waits."""
        piece = bytes(self.look()[:length])
        del self.buffer[:length]
        return piece

    def look(self) -> bytearray:
        """What waits, which the program has read by that: what it has not taken yet, it keeps."""
        self._unseen = False
        return self.buffer

    def send(self, data: bytes) -> bool:
        """Sends bytes; False when that is no longer possible."""
        return self.endpoint is not None and self.endpoint.send(data)

    def close(self) -> None:
        """close(2): a FIN behind everything, or a RST if anything came that was not read; and a RST for whatever still comes."""
        if self.endpoint is not None and self.why is None:
            if self._unseen:
                self.endpoint.abort()
            else:
                self.endpoint.leave()

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
        self._unseen = True
        if len(self.buffer) > MAX_BUFFER:
            endpoint.abort()
        self.process.wake()

    def ended(self, endpoint: Endpoint) -> None:
        self.finished = True
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

    def __init__(self, process: Process, port: int, family: int = 0) -> None:
        """Of one version of IP, or (0) both. Raises OSError when the port is in use."""
        stack = process.host.stack
        if port in stack.datagrams:
            raise OSError("Address already in use")
        self.process, self.port = process, port
        self._came: deque[Datagram] = deque(maxlen=256)
        stack.datagrams[port] = self
        self.name, self.user = process.name, process.user
        self._address = ANY[family] if family else None
        self.addresses = (self._address,)
        process.host.note_port("udp", port, process, True, self._address)
        process.at_end(self.close)

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

    def close(self) -> None:
        """Gives the port back."""
        datagrams = self.process.host.stack.datagrams
        if datagrams.get(self.port) is self:
            del datagrams[self.port]
            self.process.host.note_port("udp", self.port, self.process, False, self._address)

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
