"""``ssh``: logs in by key or password, and runs a command or holds a session. ``sshpass -p`` gives the password beforehand."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from fwtutor.network.arguments import read_port, split_words
from fwtutor.network.ends import Address
from fwtutor.network.process import FOREVER, Process, Program, Wait
from fwtutor.network.sockets import Connection
from fwtutor.network.ssh import wire
from fwtutor.network.ssh.alive import Alive
from fwtutor.network.ssh.client import SshClient
from fwtutor.network.ssh.client_config import GLOBAL, ClientConfig, path_of, read_client_config
from fwtutor.network.ssh.keys import own_keys
from fwtutor.network.ssh.wire import ssh_message
from fwtutor.network.tcp import Endpoint
from fwtutor.network.tools.options import find_host
from fwtutor.network.tools.shell import Refused, Shell, Tool
from fwtutor.network.words import shown

ASKED = 3
"""NumberOfPasswordPrompts."""
USAGE = "ssh [-v] [-p PORT] [-i KEY] [-l USER] [-o KEYWORD=VALUE] [USER@]HOST [COMMAND]"
HELP = """\
HOST is an address or a name. The keys in ~/.ssh (files NAME.pub) are offered first; then it asks for a password, three times at most.
say "PASSWORD" to 22            answers; in the session that follows  say "whoami" to 22  is a command
sshpass -p PASSWORD ssh ...     answers in advance
ssh alice@server whoami         runs one command there, and is over
-o ServerAliveInterval=30       asks the server for a sign of life after 30 seconds without one; ~/.ssh/config can say that, too"""


class Wanted(NamedTuple):
    """What a line asks for."""

    address: Address
    host: str
    """As it was typed."""
    port: int
    user: str
    command: str
    key: str
    """The file it is in; empty: those in ~/.ssh."""
    password: str | None
    talkative: bool
    config: ClientConfig


class Terminal(Connection):
    """What is typed answers a question for a password, or goes into the session."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.lines: list[str] = []
        self.in_session = False

    def typed(self, endpoint: Endpoint, data: bytes) -> bool:
        if self.in_session:
            return self.send(ssh_message(wire.CHANNEL_DATA, 0, data))
        self.lines.append(data.decode("utf-8", "replace").rstrip("\n"))
        self.process.wake()
        return self.open


class Ssh:
    """A run of the program."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def program(self, process: Process) -> Program:
        """From the SYN to the last word."""
        wanted = self._wanted
        terminal = Terminal(process)
        self._debug(process, f"Connecting to {wanted.host} [{wanted.address}] port {wanted.port}.")
        try:
            why = yield from terminal.connect(wanted.address, wanted.port)
        except OSError as error:
            why = str(error)
        if why:
            process.say(f"ssh: connect to host {wanted.host} port {wanted.port}: {why}")
            return
        self._debug(process, "Connection established.")
        if wanted.config.keepalive and terminal.endpoint is not None:
            terminal.endpoint.keep_alive()
        client = SshClient(terminal)
        if (yield from client.greet()):
            self._debug(process, f"Remote protocol version 2.0, remote software version {client.server.removeprefix('SSH-2.0-')}")
            self._debug(process, f"Authenticating to {wanted.host}:{wanted.port} as '{wanted.user}'")
            method = yield from self._login(process, client, terminal)
            if method:
                place = f"([{wanted.address}]:{wanted.port})"
                self._debug(process, f'Authenticated to {wanted.host} {place} using "{method}".')
                yield from self._session(process, client, terminal)
                return
        for line in client.trouble:
            process.say(line)

    def _debug(self, process: Process, text: str) -> None:
        if self._wanted.talkative:
            process.say(f"debug1: {text}")

    def _login(self, process: Process, client: SshClient, terminal: Terminal) -> Generator[Wait, bool, str]:
        """The method that let in; "" when none did."""
        wanted = self._wanted
        if (yield from client.try_none(wanted.user)):
            return "none"
        if not client.trouble:
            self._debug(process, f"Authentications that can continue: {','.join(client.methods)}")
        for key in own_keys(process.host.files.read, process.user.name, wanted.key):
            if client.trouble or "publickey" not in client.methods:
                break
            self._debug(process, f"Offering public key: {key.comment} {key.fingerprint}")
            if (yield from client.try_key(wanted.user, key)):
                return "publickey"
        for number in range(ASKED if wanted.password is None else 1):
            if client.trouble or "password" not in client.methods:
                break
            if number:
                process.say("Permission denied, please try again.")
            password = wanted.password
            if password is None:
                process.say(f"{wanted.user}@{wanted.host}'s password:")
                while not terminal.lines and terminal.open and not terminal.finished:
                    yield FOREVER
                password = terminal.lines.pop(0) if terminal.lines else ""
            if (yield from client.try_password(wanted.user, password)):
                return "password"
        if not client.trouble:
            if wanted.password is not None and "password" in client.methods:
                # Asked for another, sshpass has none, and ends it.
                process.say("Permission denied, please try again.")
            else:
                process.say(f"{wanted.user}@{wanted.host}: Permission denied ({','.join(client.methods)}).")
        return ""

    def _session(self, process: Process, client: SshClient, terminal: Terminal) -> Program:
        wanted = self._wanted
        send = terminal.send
        send(ssh_message(wire.CHANNEL_OPEN, "session", 0, wire.WINDOW, 32768))
        over = terminal_there = False
        question = ssh_message(wire.GLOBAL_REQUEST, wire.KEEPALIVE, True)
        alive = Alive(terminal, wanted.config.interval, wanted.config.most, question, "ssh")
        while not over:
            if not (yield from alive.listen()):
                process.say(f"Timeout, server {wanted.host} not responding.")
                return
            message = yield from client.read()
            if message is None:
                break
            if message.kind == wire.CHANNEL_OPEN_CONFIRMATION and wanted.command:
                send(ssh_message(wire.CHANNEL_REQUEST, 0, "exec", True, wanted.command))
            elif message.kind == wire.CHANNEL_OPEN_CONFIRMATION:
                send(ssh_message(wire.CHANNEL_REQUEST, 0, "pty-req", True, "xterm", 80, 24, 0, 0, ""))
            elif message.kind in (wire.CHANNEL_SUCCESS, wire.CHANNEL_FAILURE) and not wanted.command and not terminal.in_session:
                terminal_there = message.kind == wire.CHANNEL_SUCCESS
                if not terminal_there:
                    process.say("PTY allocation request failed on channel 0")
                send(ssh_message(wire.CHANNEL_REQUEST, 0, "shell", True))
                terminal.in_session = True
            elif message.kind == wire.CHANNEL_REQUEST:
                _, kind, wants = message.fields("usb")
                if kind == wire.KEEPALIVE.encode() and wants != b"\0":
                    send(ssh_message(wire.CHANNEL_FAILURE, 0))
            elif message.kind == wire.CHANNEL_DATA:
                for line in message.fields("us")[1].splitlines():
                    process.say(shown(line))
            elif message.kind == wire.CHANNEL_CLOSE:
                client.leave()
                over = True
        if terminal.why:
            process.say(f"Read from remote host {wanted.host}: {terminal.why}")
        elif not over and terminal.finished:
            process.say(f"Connection to {wanted.host} closed by remote host.")
        if terminal_there or not over:
            process.say(f"Connection to {wanted.host} closed.")


def _read(shell: Shell, rest: str, password: str | None) -> Wanted:
    words = split_words(rest)
    options = {"-p": "", "-i": "", "-l": ""}
    settings: list[str] = []
    talkative = False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "-v":
            talkative = True
        elif option == "-o" and words:
            settings.append(words.pop(0))
        elif option not in options or not words:
            raise Refused(f"unknown option or missing argument -- {option}; usage: {USAGE}")
        else:
            options[option] = words.pop(0)
    if not words:
        raise Refused(f"usage: {USAGE}")
    user, at, name = words[0].rpartition("@")
    if at and not user:
        raise Refused(f"usage: {USAGE}")
    read = shell.host.files.read
    files = [(path, read(path) or "") for path in (path_of(shell.user.name), GLOBAL)]
    try:
        config = read_client_config(settings, files, name)
    except ValueError as error:
        raise Refused(str(error)) from None
    user = user or options["-l"] or config.user or shell.user.name
    try:
        address = find_host(shell.host, config.host or name)
    except Refused as error:
        raise Refused(f"Could not resolve hostname {error}") from None
    port = read_port(options["-p"] or config.port or "22")
    key = options["-i"] or config.key
    if options["-i"] and not own_keys(read, shell.user.name, key):
        raise Refused(f"Warning: Identity file {key} not accessible: No such file or directory.")
    if shell.host.source_for(address) is None:
        raise Refused(f"connect to host {name} port {port}: Network is unreachable")
    return Wanted(address, name, port, user, " ".join(words[1:]), key, password, talkative, config)


def _ssh(shell: Shell, rest: str, password: str | None = None) -> str:
    wanted = _read(shell, rest, password)
    before = set(shell.host.stack.endpoints)
    shell.host.run(Process(shell.host, "ssh", Ssh(wanted).program, shell.user))
    return "".join(f"connecting {endpoint.name}" for ends, endpoint in shell.host.stack.endpoints.items() if ends not in before)


def _sshpass(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if words[:1] != ["-p"] or words[2:3] != ["ssh"]:
        raise Refused("write sshpass -p PASSWORD ssh ...")
    # What stands behind ssh goes to it as it was typed.
    return _ssh(shell, rest.partition(" ssh")[2].strip(), words[1])


TOOLS = (
    Tool("ssh", "ssh [-p PORT] [-i KEY] [USER@]HOST [COMMAND]", "logs in at another host", _ssh, ("-p", "-i", "-l", "-v", "-o"), more=HELP),
    Tool("sshpass", "sshpass -p PASSWORD ssh ...", "ssh, with the password given in advance", _sshpass, ("-p", "ssh")),
)
