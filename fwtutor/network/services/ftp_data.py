"""The server's side of FTP's data connections: those it opens (PORT, EPRT), and those it offers (PASV, EPSV)."""

from __future__ import annotations

from collections.abc import Generator

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.ends import Address
from fwtutor.network.ftp.config import FtpConfig
from fwtutor.network.process import Process, Wait
from fwtutor.network.sockets import Connection
from fwtutor.network.stack import Listener

FAILED = "425 Failed to establish connection."
STRANGER = "425 Security: Bad IP connecting."


class Opened:
    """What a client has named with PORT or EPRT: it is connected to when there is something to transfer."""

    def __init__(self, process: Process, control: Connection, config: FtpConfig, address: Address, port: int) -> None:
        self._process, self._control, self._config = process, control, config
        self.address, self.port = address, port

    def connection(self) -> Generator[Wait, bool, Connection | str]:
        """The connection, or what is answered when there will be none."""
        host, source_port = self._process.host, self._config.ftp_data_port
        data = Connection(self._process)
        try:
            if not self._config.connect_from_port_20:
                source_port = host.stack.free_port("tcp", self.address, self.port)
            data.begin(self.address, self.port, source_port, self._control.ends.address)
        except OSError:
            return FAILED
        wait = Wait(host.now + self._config.connect_timeout * SECOND, "vsftpd has tried long enough to open a data connection")
        while not data.open and data.why is None:
            if not (yield wait):
                data.abort()
                return FAILED
        return FAILED if data.why else data

    def close(self) -> None:
        """Nothing is to be done."""


class Offered:
    """A port that is listened on for one data connection, after PASV or EPSV."""

    def __init__(self, process: Process, control: Connection, config: FtpConfig) -> None:
        """Raises OSError when there is no port to be had."""
        self._process, self._control, self._config = process, control, config
        self._came: list[Connection] = []
        self.port = self._free_port()
        self._place = control.ends.address, self.port
        self._listener = Listener(self._serve, process.user, "ftp")
        process.host.stack.listeners[self._place] = self._listener
        process.host.note_port("tcp", self.port, process, True)
        process.at_end(self.close)

    def _free_port(self) -> int:
        host, least, most = self._process.host, self._config.pasv_min_port, self._config.pasv_max_port
        if not least or most < least:
            return host.stack.free_port("ftp-data", *self._control.ends)
        taken = {port for _, port in host.stack.listeners}
        free = [port for port in range(least, most + 1) if port not in taken]
        if not free:
            raise OSError("Address already in use")
        return free[host.draw("pasv", *self._control.ends, len(self._process.host.ports)) % len(free)]

    def _serve(self) -> Connection:
        self._came.append(Connection(self._process))
        return self._came[-1]

    def connection(self) -> Generator[Wait, bool, Connection | str]:
        """The connection, or what is answered when there will be none."""
        wait = Wait(self._process.host.now + self._config.accept_timeout * SECOND, "vsftpd has waited long enough for a data connection")
        while (data := next((each for each in self._came if each.endpoint is not None and not each.why), None)) is None:
            if not (yield wait):
                self.close()
                return FAILED
        self._came.remove(data)
        self.close()
        if data.ends.peer != self._control.ends.peer and not self._config.pasv_promiscuous:
            data.close()
            return STRANGER
        return data

    def close(self) -> None:
        """Listens no more; who came and was not heard is reset."""
        listeners = self._process.host.stack.listeners
        if listeners.get(self._place) is self._listener:
            del listeners[self._place]
            self._process.host.note_port("tcp", self.port, self._process, False)
        for data in self._came:
            data.abort()
        self._came.clear()
