"""What an FTP server transfers, listings and files, and over which data connection; and the log of it, as vsftpd writes it."""

from __future__ import annotations

from collections.abc import Callable, Generator

from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.datestamps import full_stamp
from fwtutor.network.ends import Address
from fwtutor.network.ftp.channel import Channel
from fwtutor.network.ftp.config import FtpConfig
from fwtutor.network.ftp.tree import LARGEST, Tree
from fwtutor.network.ftp.wire import read_extended, read_port, write_port
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.services.ftp_data import Offered, Opened

LOG = "/var/log/vsftpd.log"
DENIED = "550 Permission denied."
NO_FILE = "550 Failed to open file."
NO_PLACE = "553 Could not create file."


class Log:
    """Lines of a visit; who he is comes to be known."""

    def __init__(self, process: Process, peer: Address, wanted: bool) -> None:
        self._process, self._wanted = process, wanted
        self.client = f"::ffff:{peer}" if peer.family == 4 else str(peer)
        """As a socket for both families has it."""
        self.user = ""

    def write(self, what: str, more: str) -> None:
        """``CONNECT:``, ``OK LOGIN:``, ``FAIL DOWNLOAD:`` ..."""
        if self._wanted:
            host = self._process.host
            who = f" [{self.user}]" if self.user else ""
            host.append(LOG, f'{full_stamp(host.clock)} [pid {self._process.pid}]{who} {what} Client "{self.client}"{more}\n')

    def transfer(self, what: str, path: str, size: int, began: int) -> None:
        """A transfer that is over, and how fast it was."""
        seconds = (self._process.host.now - began) / SECOND
        rate = size / 1024 / seconds if seconds else 0.0
        self.write(f"{what}:", f', "{path}"' + (f", {size} bytes" if size else "") + f", {rate:.2f}Kbyte/sec")


class Transfers:
    """Of a visit, what has to do with data."""

    def __init__(self, process: Process, control: Channel, config: FtpConfig, log: Log) -> None:
        self.process, self.control, self.config, self.log = process, control, config, log
        self.tree = Tree(process.host, None, config.anon_root, "/")
        self.anonymous = True
        self.offer: Opened | Offered | None = None
        """Where the next transfer goes."""
        self.binary = self.private = False
        self.restart = 0
        self._only_extended = False

    def say(self, *lines: str) -> None:
        """Each line is a segment of its own."""
        for line in lines:
            self.control.send(f"{line}\r\n".encode())

    def forget_data(self) -> None:
        """What PORT or PASV agreed upon counts no more."""
        if self.offer is not None:
            self.offer.close()
            self.offer = None

    # --- where the data goes -----------------------------------------------------------------------------------

    def port(self, argument: str) -> None:
        """PORT"""
        if not self.config.port_enable or self._only_extended:
            self.say(DENIED)
            return
        self._name_place(read_port(argument), "PORT", "500 Illegal PORT command.", "PASV")

    def eprt(self, argument: str) -> None:
        """EPRT"""
        if not self.config.port_enable or self._only_extended:
            self.say(DENIED)
            return
        self._name_place(read_extended(argument), "EPRT", "500 Bad EPRT command.", "EPSV")

    def _name_place(self, place: tuple[Address, int] | None, verb: str, bad: str, better: str) -> None:
        self.forget_data()
        peer = self.control.connection.ends.peer
        if place is None:
            self.say(bad)
        elif not self.config.port_promiscuous and (place[0] != peer or place[1] < 1024):
            self.say(f"500 Illegal {verb} command.")
        else:
            self.offer = Opened(self.process, self.control.connection, self.config, *place)
            self.say(f"200 {verb} command successful. Consider using {better}.")

    def pasv(self, _: str) -> None:
        """PASV"""
        offer = None if self._only_extended else self._listen()
        if offer is None:
            self.say(DENIED)
            return
        address = self.control.connection.ends.address
        if self.config.pasv_address:
            address = Address(*parse_address(self.config.pasv_address))
        if address.family == 6:
            # PASV has no words for it.
            address = Address(4, 0)
        self.say(f"227 Entering Passive Mode ({write_port(address, offer.port)}).")

    def epsv(self, argument: str) -> None:
        """EPSV"""
        if argument.upper() == "ALL":
            self._only_extended = True
            self.say("200 EPSV ALL ok.")
        elif argument not in ("", "1", "2"):
            self.say("522 Bad network protocol.")
        else:
            offer = self._listen()
            self.say(DENIED if offer is None else f"229 Entering Extended Passive Mode (|||{offer.port}|)")

    def _listen(self) -> Offered | None:
        self.forget_data()
        if not self.config.pasv_enable:
            return None
        try:
            self.offer = offer = Offered(self.process, self.control.connection, self.config)
        except OSError:
            return None
        return offer

    # --- commands ----------------------------------------------------------------------------------------------

    def list_long(self, argument: str) -> Program:
        """LIST"""
        name, hidden = _without_options(argument)
        return self._list(lambda: [entry.line() for entry in self.tree.listing(name, hidden)])

    def list_names(self, argument: str) -> Program:
        """NLST"""
        name, hidden = _without_options(argument)
        before = f"{name.rstrip('/')}/" if name and self.tree.is_directory(name) else ""
        return self._list(lambda: [before + entry.name for entry in self.tree.listing(name, hidden)])

    def retrieve(self, name: str) -> Program:
        """RETR"""
        restart, self.restart = self.restart, 0
        if not self._ready():
            return
        data = self.tree.read(name) if self.config.download_enable else None
        began = self.process.host.now
        failed: str | None = DENIED if not self.config.download_enable else NO_FILE if data is None else None
        if failed is None and restart and not self.binary:
            failed = "550 No support for resume of ASCII transfer."
        size = 0
        if failed is not None or data is None:
            self.say(failed or NO_FILE)
        else:
            channel = yield from self._open(f"150 Opening BINARY mode data connection for {name} ({len(data)} bytes).")
            began = self.process.host.now
            if channel is not None and (yield from self._deliver(channel, data[restart:])):
                size = len(data) - restart
                self.log.transfer("OK DOWNLOAD", self.tree.seen(name), size, began)
                self.say("226 Transfer complete.")
                return
        self.log.transfer("FAIL DOWNLOAD", self.tree.seen(name), size, began)

    def store(self, name: str) -> Program:
        """STOR"""
        anonymous_may = self.config.anon_upload_enable
        if not self.config.write_enable or (self.anonymous and not anonymous_may):
            self.say(DENIED)
            return
        if not self._ready():
            return
        began = self.process.host.now
        if not self.tree.may_write(name, anonymous_may):
            self.say(NO_PLACE)
        else:
            channel = yield from self._open("150 Ok to send data.")
            began = self.process.host.now
            if channel is not None and (data := (yield from self._take(channel))) is not None:
                self.tree.write(name, data)
                self.log.transfer("OK UPLOAD", self.tree.seen(name), len(data), began)
                self.say("226 Transfer complete.")
                return
        self.log.transfer("FAIL UPLOAD", self.tree.seen(name), 0, began)

    # --- data --------------------------------------------------------------------------------------------------

    def _ready(self) -> bool:
        if self.offer is None:
            self.say("425 Use PORT or PASV first.")
            return False
        if self.control.secure and not self.private and not self.anonymous and self.config.force_local_data_ssl:
            self.say("522 Data connections must be encrypted.")
            return False
        return True

    def _list(self, lines: Callable[[], list[str]]) -> Program:
        if not self.config.dirlist_enable:
            self.say(DENIED)
            return
        if not self._ready():
            return
        channel = yield from self._open("150 Here comes the directory listing.")
        if channel is not None and (yield from self._deliver(channel, "".join(f"{line}\r\n" for line in lines()).encode())):
            self.say("226 Directory send OK.")

    def _open(self, opening: str) -> Generator[Wait, bool, Channel | None]:
        """The data connection, when there is one; else the client is told."""
        assert self.offer is not None
        connection = yield from self.offer.connection()
        self.offer = None
        if isinstance(connection, str):
            self.say(connection)
            return None
        self.say(opening)
        channel = Channel(connection)
        if self.private and not (yield from channel.greet_as_server(self._patience())):
            # The whole visit is over.
            channel.connection.close()
            self.control.end()
            return None
        return channel

    def _patience(self) -> Wait:
        until = self.process.host.now + self.config.data_connection_timeout * SECOND
        return Wait(until, "vsftpd has waited long enough for data")

    def _deliver(self, channel: Channel, data: bytes) -> Generator[Wait, bool, bool]:
        """Sends all and closes; True when it has arrived."""
        connection, wait = channel.connection, self._patience()
        if data:
            channel.send(data)
        channel.end()
        while not connection.delivered_all and connection.why is None:
            if not (yield wait):
                self._too_slow(channel)
                return False
        if connection.why:
            self.say("426 Failure writing network stream.")
        return not connection.why

    def _take(self, channel: Channel) -> Generator[Wait, bool, bytes | None]:
        """All that the client sends until he closes; None when it fails."""
        connection, wait = channel.connection, self._patience()
        data = yield from channel.rest(wait, LARGEST)
        if connection.why or channel.broken:
            self.say("426 Failure reading network stream.")
        elif len(data) > LARGEST:
            connection.abort()
            self.say("451 Failure writing to local file.")
        elif not channel.ended:
            self._too_slow(channel)
        else:
            channel.end()
            while not connection.delivered_all and connection.why is None and (yield wait):
                pass
            return data
        return None

    def _too_slow(self, channel: Channel) -> None:
        channel.connection.abort()
        self.say("421 Data timeout. Reconnect. Sorry.")
        self.control.end()


def _without_options(argument: str) -> tuple[str, bool]:
    """(the name behind options as ls has them, whether names with a dot are wanted)."""
    words = argument.split(" ")
    options = "".join(word for word in words if word.startswith("-"))
    return " ".join(word for word in words if not word.startswith("-")).strip(), "a" in options
