"""What ``ftp`` does and says: the words are those of tnftp, which is Debian's ``ftp``. What is typed for it is ``ftp_commands``'."""

from __future__ import annotations

from collections.abc import Generator

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.ftp.channel import Channel
from fwtutor.network.ftp.client import COMPLETE, MORE, FtpClient
from fwtutor.network.ftp.wire import Reply
from fwtutor.network.process import FOREVER, Process, Wait
from fwtutor.network.sockets import Connection
from fwtutor.network.tcp import Endpoint
from fwtutor.network.tools.files import read_file, write_file
from fwtutor.network.tools.shell import Refused, Shell
from fwtutor.network.words import shown

Answer = Generator[Wait, bool, None]


class Terminal(Connection):
    """The control connection; what is typed over it at the host's prompt (``say``) are lines for the program."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.lines: list[str] = []

    def typed(self, endpoint: Endpoint, data: bytes) -> bool:
        self.lines.append(data.decode("utf-8", "replace").rstrip("\n"))
        self.process.wake()
        return self.open


class Session(FtpClient):
    """A session: lines in, commands and transfers out."""

    def __init__(self, process: Process, shell: Shell, name: str, patience: int) -> None:
        self.terminal = Terminal(process)
        super().__init__(process, self.terminal, patience)
        self._shell, self._name = shell, name
        self._file_type = "I"
        """For files; listings come as text."""
        self._may_fall_back = False
        self.debug = False

    # --- what the client says ------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """A line."""
        self.process.say(text)

    def heard(self, line: str) -> None:
        self.say(shown(line.encode()))

    def silent(self, why: str) -> None:
        self.say(
            f"421 Service not available, {'remote server timed out. Connection closed' if why else 'remote server has closed connection'}."
        )

    def not_connected(self, place: str, why: str) -> None:
        self.say(f"ftp: Can't connect to `{place}': {why}")

    def send(self, text: str) -> None:
        if self.debug:
            self.say(f"---> {'PASS XXXX' if text.startswith('PASS ') else text}")
        super().send(text)

    # --- lines ---------------------------------------------------------------------------------------------------

    def typed_line(self) -> Generator[Wait, bool, str | None]:
        """The next line typed; None when the connection is over before."""
        while not self.terminal.lines:
            if not self.control.open or self.control.finished:
                return None
            yield FOREVER
        return self.terminal.lines.pop(0)

    # --- coming in -----------------------------------------------------------------------------------------------

    def start_tls(self) -> Generator[Wait, bool, bool]:
        """Before anybody logs in."""
        if (yield from self.secure()):
            self.say("[TLS negotiated]")
            return True
        self.say("ftp: the server does not negotiate TLS")
        return False

    def log_in(self, user: str, password: str | None) -> Generator[Wait, bool, bool]:
        """As a user; without a password it is asked for."""
        reply = yield from self.command(f"USER {user}")
        if reply.code // 100 == MORE:
            if password is None:
                self.say("Password:")
                password = yield from self.typed_line()
            if password is None:
                return False
            reply = yield from self.command(f"PASS {password}")
        if reply.code // 100 != COMPLETE:
            return False
        if (yield from self.command("SYST", quiet=True)).text.startswith("215 UNIX"):
            self.say("Remote system type is UNIX.")
            self.say("Using binary mode to transfer files.")
        yield from self.command("FEAT", quiet=True)
        if self.channel.secure:
            yield from self.command("PBSZ 0", quiet=True)
            self.private = (yield from self.command("PROT P")).code // 100 == COMPLETE
        return True

    def fall_back(self) -> None:
        """Passive at first, then active: as without -p and -A."""
        self.fallback = self._may_fall_back = True

    # --- commands ------------------------------------------------------------------------------------------------

    def user(self, words: list[str]) -> Answer:
        if not (yield from self.log_in(words[0], words[1] if len(words) > 1 else None)) and self.control.open:
            self.say("Login failed.")

    def toggle_passive(self, words: list[str]) -> Answer:
        self.passive = not self.passive
        self.fallback = self.passive and self._may_fall_back
        self.say(f"Passive mode: {_on(self.passive)}; fallback to active mode: {_on(self.fallback)}.")
        yield from ()

    def toggle_extended(self, words: list[str]) -> Answer:
        self.extended[4] = not self.extended[4]
        self.say(f"EPSV/EPRT on IPv4 {_on(self.extended[4])}.")
        yield from ()

    def list_files(self, words: list[str], verb: str = "LIST") -> Answer:
        """A directory."""
        yield from self.type("A")
        channel = yield from self._transfer(" ".join([verb, *words]))
        if channel is not None:
            for line in (yield from self.take(channel)).splitlines():
                self.say(shown(line))
            yield from self.reply()

    def get(self, words: list[str]) -> Answer:
        remote, local = words[0], words[-1]
        self.say(f"remote: {remote}" if local == "-" else f"local: {local} remote: {remote}")
        yield from self.type(self._file_type)
        yield from self.command(f"SIZE {remote}", quiet=True)
        channel = yield from self._transfer(f"RETR {remote}")
        if channel is None:
            return
        began = self.process.host.now
        data = yield from self.take(channel)
        for line in data.splitlines() if local == "-" else ():
            self.say(shown(line))
        reply = yield from self.reply()
        if local != "-":
            try:
                write_file(self._shell, local, data.decode("utf-8", "replace"), True)
            except Refused as error:
                self.say(f"ftp: {error}")
                return
        self._tell_rate(len(data), "received", began)
        if reply.code // 100 == COMPLETE and local != "-":
            yield from self.command(f"MDTM {remote}", quiet=True)

    def put(self, words: list[str]) -> Answer:
        local, remote = words[0], words[-1]
        self.say(f"local: {local} remote: {remote}")
        try:
            data = read_file(self._shell, local).encode()
        except Refused as error:
            self.say(f"ftp: Can't open `{local}': {str(error).rpartition(': ')[2]}")
            return
        yield from self.type(self._file_type)
        channel = yield from self._transfer(f"STOR {remote}")
        if channel is None:
            return
        began = self.process.host.now
        if data:
            channel.send(data)
        channel.end()
        yield from self.reply()
        self._tell_rate(len(data), "sent", began)

    def _transfer(self, text: str) -> Generator[Wait, bool, Channel | None]:
        data = yield from self.agree()
        if data is None:
            if not self.passive and self.control.open:
                # It would listen on the port of its control connection now, if that were free.
                self.say("ftp: Can't bind for data connection: Address already in use")
            return None
        begun = yield from self.begin(data, text)
        return None if isinstance(begun, Reply) else begun

    def _tell_rate(self, size: int, how: str, began: int) -> None:
        if not size:
            return
        seconds = (self.process.host.now - began) / SECOND
        rate = size / 1024 / seconds if seconds else 0.0
        whole = int(seconds)
        self.say(f"{size} bytes {how} in {whole // 60:02}:{whole % 60:02} ({rate:.2f} KiB/s)")

    def working_directory(self, words: list[str]) -> Answer:
        reply = yield from self.command("PWD", quiet=True)
        self.say(f"Remote directory: {reply.text.split(chr(34))[1]}" if reply.code == 257 and '"' in reply.text else reply.text)

    def set_type(self, words: list[str], kind: str) -> Answer:
        """ascii, binary"""
        reply = yield from self.command(f"TYPE {kind}")
        if reply.code // 100 == COMPLETE:
            self.kind = self._file_type = kind

    def size(self, words: list[str]) -> Answer:
        yield from self.type(self._file_type)
        reply = yield from self.command(f"SIZE {words[0]}", quiet=True)
        self.say(f"{words[0]}\t{reply.text[4:]}" if reply.code == 213 else reply.text)

    def rename(self, words: list[str]) -> Answer:
        if (yield from self.command(f"RNFR {words[0]}")).code // 100 == MORE:
            yield from self.command(f"RNTO {words[1]}")

    def quote(self, words: list[str]) -> Answer:
        """Exactly this; whatever comes of it."""
        reply = yield from self.command(" ".join(words))
        while reply.code // 100 == 1:
            reply = yield from self.reply()

    def toggle_debug(self, words: list[str]) -> Answer:
        self.debug = not self.debug
        self.say(f"Debugging {_on(self.debug)} (debug={int(self.debug)}).")
        yield from ()

    def status(self, words: list[str]) -> Answer:
        self.say(f"Connected and logged into {self._name}.")
        self.say(f"Passive mode: {_on(self.passive)}; fallback to active mode: {_on(self.fallback)}.")
        self.say(f"Mode: stream; Type: {'binary' if self._file_type == 'I' else 'ascii'}; Form: non-print; Structure: file.")
        self.say(f"Use of EPSV/EPRT cmds for IPv4: {_on(self.extended[4])}.")
        self.say(f"Use of EPSV/EPRT cmds for IPv6: {_on(self.extended[6])}.")
        yield from ()


def _on(value: bool) -> str:
    return "on" if value else "off"
