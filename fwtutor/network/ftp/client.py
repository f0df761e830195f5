"""A client's side of FTP: commands and their answers, and data connections both ways. What is asked, and what is said of it to whoever
sits there, is the program's that derives from this.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.ends import Address, write_place
from fwtutor.network.ftp.channel import Channel
from fwtutor.network.ftp.wire import Reply, read_extended_passive, read_passive, write_extended, write_port
from fwtutor.network.process import Process, Wait
from fwtutor.network.sockets import Connection
from fwtutor.network.stack import Listener

MOMENT = SECOND // 10_000
TIMED_OUT = "Connection timed out"
PRELIMINARY, COMPLETE, MORE = 1, 2, 3
"""First digits of answers."""
LARGEST = 262_144


class Data:
    """A data connection: made (passive), or waited for on ``port`` (active)."""

    def __init__(self, process: Process, control: Connection) -> None:
        self._process, self._control = process, control
        self._came: list[Connection] = []
        self.port = 0
        self._stop: Callable[[], None] = lambda: None
        """Listens no more."""

    def connect(self, address: Address, port: int, until: Wait) -> Generator[Wait, bool, str]:
        """Opens it; "" when it is open, else the words of the error."""
        data = Connection(self._process)
        try:
            data.begin(address, port, None, self._control.ends.address)
        except OSError as error:
            return str(error)
        while not data.open and data.why is None:
            if not (yield until):
                data.abort()
                return TIMED_OUT
        self._came = [data]
        return data.why or ""

    def listen(self, port: int = 0) -> None:
        """Waits for one. Raises OSError when there is no port to be had."""
        host = self._process.host
        self.port = port or host.stack.free_port("ftp-data", *self._control.ends)
        place = self._control.ends.address, self.port
        if place in host.stack.listeners:
            raise OSError("Address already in use")
        listener = Listener(self._serve, self._process.user, self._process.name)
        host.stack.listeners[place] = listener
        host.note_port("tcp", self.port, self._process, True)

        def close() -> None:
            if host.stack.listeners.get(place) is listener:
                del host.stack.listeners[place]
                host.note_port("tcp", self.port, self._process, False)

        self._stop = close
        self._process.at_end(close)

    def _serve(self) -> Connection:
        self._came.append(Connection(self._process))
        return self._came[-1]

    def connection(self, until: Wait) -> Generator[Wait, bool, Connection | None]:
        """The connection; None when nobody has come by then."""
        while (data := next((each for each in self._came if each.endpoint is not None), None)) is None:
            if not (yield until):
                break
        self._stop()
        return data

    def close(self) -> None:
        """Whatever there is of it."""
        self._stop()
        for data in self._came:
            data.close()


class FtpClient:
    """A control connection, and what was agreed upon."""

    def __init__(self, process: Process, control: Connection, patience: int) -> None:
        self.process, self.control = process, control
        self.channel = Channel(control)
        self.patience = patience
        """Seconds that an answer, or a connection, may take."""
        self.passive, self.fallback = True, False
        """``fallback``: try it the other way when the passive one fails, and from then on."""
        self.extended = {4: True, 6: True}
        """EPSV and EPRT, by family."""
        self.private = False
        self.kind = "A"
        """What TYPE has said."""
        self.data_port = 0
        """Where to listen; 0: anywhere."""

    # --- for the program to say ----------------------------------------------------------------------------------

    def heard(self, line: str) -> None:
        """A line of an answer that is not quiet."""

    def silent(self, why: str) -> None:
        """The server does not answer any more: "" he has closed the connection."""

    def not_connected(self, place: str, why: str) -> None:
        """A data connection could not be opened."""

    # --- control -------------------------------------------------------------------------------------------------

    def wait(self) -> Wait:
        """From now on, as long as the patience lasts."""
        return Wait(self.process.host.now + self.patience * SECOND, f"{self.process.name} has waited long enough")

    @property
    def family(self) -> int:
        """Of IP."""
        return self.control.ends.address.family

    def open(self, address: Address, port: int) -> Generator[Wait, bool, str]:
        """Opens the control connection; "" when it is open, else the words of the error."""
        try:
            self.control.begin(address, port)
        except OSError as error:
            return str(error)
        until = self.wait()
        while not self.control.open and self.control.why is None:
            if not (yield until):
                self.control.abort()
                return TIMED_OUT
        return self.control.why or ""

    def reply(self, quiet: bool = False) -> Generator[Wait, bool, Reply]:
        """The next answer."""
        until, lines = self.wait(), list[str]()
        while True:
            raw = yield from self.channel.line(until)
            if raw is None:
                over = self.control.finished or self.control.why is not None
                self.silent("" if over else TIMED_OUT)
                self.control.close()
                return Reply(0)
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            lines.append(line)
            if not quiet:
                self.heard(line)
            if line[:3].isdecimal() and line[3:4] != "-" and (len(lines) == 1 or line[:3] == lines[0][:3]):
                if line[:3] == "421":
                    self.control.close()
                return Reply(int(line[:3]), tuple(lines))

    def command(self, text: str, quiet: bool = False) -> Generator[Wait, bool, Reply]:
        """Sends a command; its answer."""
        self.send(text)
        return (yield from self.reply(quiet))

    def send(self, text: str) -> None:
        """Sends a command."""
        self.channel.send(f"{text}\r\n".encode())

    def leave(self) -> Generator[Wait, bool, None]:
        """QUIT, and what belongs to it. It takes a program a moment to see the answer; that the server has closed is known by then."""
        yield from self.command("QUIT")
        until = self.process.host.now + MOMENT
        while self.process.host.now < until and (yield Wait(until, f"{self.process.name} has read the server's farewell")):
            pass
        self.control.close()

    def secure(self) -> Generator[Wait, bool, bool]:
        """AUTH TLS, and what follows; False when the server will not."""
        reply = yield from self.command("AUTH TLS")
        if reply.code != 234:
            return False
        return (yield from self.channel.greet_as_client(self.wait()))

    def type(self, kind: str) -> Generator[Wait, bool, None]:
        """TYPE, where it is another one than before."""
        if kind != self.kind:
            reply = yield from self.command(f"TYPE {kind}", quiet=True)
            if reply.code // 100 == COMPLETE:
                self.kind = kind

    # --- data ----------------------------------------------------------------------------------------------------

    def agree(self) -> Generator[Wait, bool, Data | None]:
        """Agrees upon a data connection; of a passive one, opens it. None: there will be none."""
        if self.passive:
            data = yield from self._agree_passive()
            if data is not None or not self.fallback or not self.control.open:
                return data
            self.passive = self.fallback = False
        return (yield from self._agree_active())

    def _agree_passive(self) -> Generator[Wait, bool, Data | None]:
        address, port = self.control.ends.peer, None
        if self.extended[self.family]:
            reply = yield from self.command("EPSV")
            port = read_extended_passive(reply.text) if reply.code == 229 else None
            if port is None and self.control.open:
                self.extended[self.family] = False
        if port is None and self.control.open:
            reply = yield from self.command("PASV")
            place = read_passive(reply.text) if reply.code == 227 else None
            if place is not None:
                address, port = place
        if port is None:
            return None
        data = Data(self.process, self.control)
        why = yield from data.connect(address, port, self.wait())
        if why:
            self.not_connected(write_place(address, port) if address.family == 4 else f"{address}:{port}", why)
            return None
        return data

    def _agree_active(self) -> Generator[Wait, bool, Data | None]:
        data, own = Data(self.process, self.control), self.control.ends.address
        try:
            data.listen(self.data_port)
        except OSError:
            return None
        if self.extended[self.family]:
            if (yield from self.command(f"EPRT {write_extended(own, data.port)}")).code // 100 == COMPLETE:
                return data
            self.extended[self.family] = False
        may = own.family == 4 and self.control.open
        if may and (yield from self.command(f"PORT {write_port(own, data.port)}")).code // 100 == COMPLETE:
            return data
        data.close()
        return None

    def begin(self, data: Data, text: str) -> Generator[Wait, bool, Channel | Reply]:
        """Sends a command that transfers; what goes over the data connection then, or the answer because of which nothing does."""
        reply = yield from self.command(text)
        if reply.code // 100 != PRELIMINARY:
            data.close()
            return reply
        connection = yield from data.connection(self.wait())
        if connection is None:
            return Reply(0)
        channel = Channel(connection)
        if self.private and not (yield from channel.greet_as_client(self.wait())):
            connection.close()
            return Reply(0)
        return channel

    def take(self, channel: Channel) -> Generator[Wait, bool, bytes]:
        """All that comes; then the connection is closed."""
        data = yield from channel.rest(self.wait(), LARGEST)
        channel.end()
        return data
