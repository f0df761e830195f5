"""What follows a login: a session, which runs commands as the user and sends back what they print."""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.network.process import Process, Program
from fwtutor.network.sockets import Connection
from fwtutor.network.ssh import wire
from fwtutor.network.ssh.alive import Alive
from fwtutor.network.ssh.config import SshdConfig
from fwtutor.network.ssh.wire import Message, read_message, ssh_message
from fwtutor.network.surroundings import User
from fwtutor.network.words import shown

MAX_TYPED = 4096
NEVER = 10**9


def serve_session(
    process: Process, connection: Connection, user: User, forced: str | None, pty: bool, log: Callable[[str], None], config: SshdConfig
) -> Program:
    """Serves a user's requests until he leaves. ``forced`` is run instead of whatever he wants to."""
    session = Session(process, connection, user, forced, pty)
    ends = connection.ends
    question = ssh_message(wire.CHANNEL_REQUEST, 0, wire.KEEPALIVE, True)
    # OpenSSH 9.2 looks each interval whether more than one is over, and so asks after two.
    alive = Alive(connection, 2 * config.alive_interval, config.alive_most or NEVER, question, "sshd")
    while True:
        if not (yield from alive.listen()):
            log(f"Timeout, client not responding from user {user.name} {ends.peer} port {ends.peer_port}")
            return
        message = yield from read_message(connection)
        if message is None:
            break
        if message.kind == wire.DISCONNECT:
            reason, text = message.fields("us")
            log(f"Received disconnect from {ends.peer} port {ends.peer_port}:{int.from_bytes(reason, 'big')}: {shown(text)}")
            log(f"Disconnected from user {user.name} {ends.peer} port {ends.peer_port}")
            return
        yield from session.take(message)
    if connection.why:
        log(f"Read error from remote host user {user.name} {ends.peer} port {ends.peer_port}: {connection.why}")


class Session:
    """A channel of a connection, and what runs in it."""

    def __init__(self, process: Process, connection: Connection, user: User, forced: str | None, pty: bool) -> None:
        self._process, self._connection, self._user, self._forced = process, connection, user, forced
        self._may_pty, self._has_pty = pty, False
        self._shell = self._over = False
        self._typed = b""

    def take(self, message: Message) -> Program:
        """Does what a message asks for."""
        if message.kind == wire.CHANNEL_OPEN:
            kind, channel = message.fields("su")
            number = int.from_bytes(channel, "big")
            if kind == b"session":
                self._connection.send(ssh_message(wire.CHANNEL_OPEN_CONFIRMATION, number, 0, wire.WINDOW, 32768))
            else:
                self._connection.send(ssh_message(wire.CHANNEL_OPEN_FAILURE, number, 1, "open failed", ""))
        elif message.kind == wire.GLOBAL_REQUEST:
            if message.fields("sb")[1] != b"\0":
                self._connection.send(ssh_message(wire.REQUEST_FAILURE))
        elif message.kind == wire.CHANNEL_REQUEST:
            yield from self._request(message)
        elif message.kind == wire.CHANNEL_DATA and self._shell:
            _, data = message.fields("us")
            self._typed = (self._typed + data)[-MAX_TYPED:]
            while b"\n" in self._typed and not self._over:
                line, _, self._typed = self._typed.partition(b"\n")
                yield from self._line(shown(line, MAX_TYPED))
        elif message.kind in (wire.CHANNEL_EOF, wire.CHANNEL_CLOSE) and not self._over:
            self._end(0)

    def _request(self, message: Message) -> Program:
        _, kind, wants = message.fields("usb")
        granted = kind in (b"shell", b"exec", b"env") or (kind == b"pty-req" and self._may_pty)
        if wants != b"\0":
            self._connection.send(ssh_message(wire.CHANNEL_SUCCESS if granted else wire.CHANNEL_FAILURE, 0))
        if kind == b"pty-req":
            self._has_pty = granted
        elif kind == b"exec" or (kind == b"shell" and self._forced is not None):
            asked = shown(message.fields("usbs")[3], MAX_TYPED) if kind == b"exec" else ""
            yield from self._run(asked if self._forced is None else self._forced)
        elif kind == b"shell":
            self._shell = True
            self._prompt()

    def _run(self, command: str) -> Program:
        record = yield from self._process.execute(command, self._user)
        self._say(record.output)
        self._end(int(record.refused))

    def _line(self, line: str) -> Program:
        if line.strip() in ("exit", "logout"):
            self._end(0)
            return
        if line.strip():
            record = yield from self._process.execute(line, self._user)
            self._say(record.output)
        self._prompt()

    def _prompt(self) -> None:
        if self._has_pty:
            self._say(f"{self._user.name}@{self._process.host.name}:~{'$' if self._user.uid else '#'} ", end="")

    def _say(self, text: str, end: str = "\n") -> None:
        if text:
            self._connection.send(ssh_message(wire.CHANNEL_DATA, 0, text if text.endswith("\n") else f"{text}{end}"))

    def _end(self, status: int) -> None:
        self._over, self._shell = True, False
        self._connection.send(ssh_message(wire.CHANNEL_REQUEST, 0, "exit-status", False, status) + ssh_message(wire.CHANNEL_EOF, 0))
        self._connection.send(ssh_message(wire.CHANNEL_CLOSE, 0))
