"""``curl ftp://``: one file or listing, asked for as curl asks."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from fwtutor.network.ends import Address
from fwtutor.network.ftp.client import COMPLETE, MORE, FtpClient
from fwtutor.network.ftp.wire import Reply
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.sockets import Connection
from fwtutor.network.tools.shell import Refused, Shell
from fwtutor.network.words import shown

PATIENCE = 300


class Wanted(NamedTuple):
    """What is asked for, and how."""

    address: Address
    port: int
    host: str
    """As it was typed."""
    path: str
    user: str = "anonymous"
    password: str = "ftp@example.com"
    active: bool = False
    extended: bool = True
    """EPSV and EPRT are tried first."""


class CurlFtp(FtpClient):
    """A run of curl."""

    def __init__(self, process: Process, wanted: Wanted) -> None:
        super().__init__(process, Connection(process), PATIENCE)
        self._wanted = wanted
        self.passive = not wanted.active
        self.extended = dict.fromkeys((4, 6), wanted.extended)
        self._trouble = ""

    def silent(self, why: str) -> None:
        self._trouble = f"(28) Operation timed out after {PATIENCE * 1000} milliseconds" if why else "(56) response reading failed"

    def not_connected(self, place: str, why: str) -> None:
        self._trouble = f"(7) Failed to connect to {place.rpartition(':')[0]} port {place.rpartition(':')[2]}: {why}"

    def run(self) -> Program:
        """All of it."""
        trouble = yield from self._get()
        if trouble:
            self.process.say(f"curl: {self._trouble or trouble}")
        if self.control.open:
            if (self._trouble or trouble)[:4] in ("(67)", "(7) "):
                self.control.close()
            else:
                yield from self.leave()

    def _get(self) -> Generator[Wait, bool, str]:
        wanted = self._wanted
        why = yield from self.open(wanted.address, wanted.port)
        if why:
            return f"(7) Failed to connect to {wanted.host} port {wanted.port}: {why}"
        if (yield from self.reply()).code // 100 != COMPLETE:
            return "(8) Got a strange answer to the greeting"
        reply = yield from self.command(f"USER {wanted.user}")
        if reply.code // 100 == MORE:
            reply = yield from self.command(f"PASS {wanted.password}")
        if reply.code // 100 != COMPLETE:
            return f"(67) Access denied: {reply.code}"
        yield from self.command("PWD")
        *directories, name = wanted.path.split("/")
        for directory in filter(None, directories):
            if (yield from self.command(f"CWD {directory}")).code // 100 != COMPLETE:
                return "(9) Server denied you to change to the given directory"
        return (yield from self._transfer(name))

    def _transfer(self, name: str) -> Generator[Wait, bool, str]:
        data = yield from self.agree()
        if data is None and self._trouble and self.extended[self.family] and self.control.open:
            # Then it asks for a port in the older way.
            self.extended[self.family] = False
            data = yield from self.agree()
        if data is None:
            return "(30) Failed to do PORT" if self._wanted.active else "(13) Weird server reply"
        self._trouble = ""
        # curl always says which.
        self.kind = ""
        yield from self.type("I" if name else "A")
        if name and (yield from self.command(f"SIZE {name}")).code == 550:
            data.close()
            return "(78) The file does not exist"
        begun = yield from self.begin(data, f"RETR {name}" if name else "LIST")
        if isinstance(begun, Reply):
            return f"({78 if begun.code == 550 else 19}) RETR response: {begun.code:03}"
        for line in (yield from self.take(begun)).splitlines():
            self.process.say(shown(line))
        reply = yield from self.reply()
        return "" if reply.code // 100 == COMPLETE else f"(18) server did not report OK, got {reply.code}"


def run_ftp(shell: Shell, wanted: Wanted) -> str:
    """Starts it. Raises Refused."""
    host = shell.host
    if host.source_for(wanted.address) is None:
        raise Refused(f"(7) Failed to connect to {wanted.host} port {wanted.port}: Network is unreachable")
    before = set(host.stack.endpoints)
    host.run(Process(host, "curl", lambda process: CurlFtp(process, wanted).run(), shell.user))
    return "".join(f"connecting {endpoint.name}" for ends, endpoint in host.stack.endpoints.items() if ends not in before)
