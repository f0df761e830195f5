"""``bruteforce``: guesses passwords at an sshd, as many in each connection as it allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.arguments import split_words
from fwtutor.network.ends import Address, write_place
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.sockets import Connection
from fwtutor.network.ssh.client import NO_ANSWER, SshClient
from fwtutor.network.tools.options import find_place
from fwtutor.network.tools.shell import Refused, Shell, Tool

PATIENCE = 30 * SECOND
"""How long an answer is waited for."""
STRIKES = 3
"""So many connections in a row that came to nothing, and it gives up."""
MOST = 2_000
USAGE = "bruteforce -l USER|-L FILE -p WORD|-P FILE ssh://HOST[:PORT]"


class Target(NamedTuple):
    """Whom it attacks, with what."""

    address: Address
    port: int
    pairs: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """``ssh://10.0.0.2:22``."""
        return f"ssh://{write_place(self.address, self.port)}"


class BruteForce:
    """A run of the program."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._left = deque(target.pairs)
        self._tried = self._found = self._connections = self._strikes = 0
        self._stopped = False

    def program(self, process: Process) -> Program:
        """Until there is nothing left to try, or no sense in it."""
        target = self._target
        process.say(f"[DATA] {len(self._left)} login tries, attacking {target.name}")
        while self._left and self._strikes < STRIKES and not self._stopped:
            client = yield from self._open(process)
            if client is not None:
                yield from self._guess(process, client)
        if self._strikes >= STRIKES:
            process.say(f"[ERROR] {STRIKES} connections in a row came to nothing: gives up, {len(self._left)} tries left")
        found = f"{self._found} valid {'password' if self._found == 1 else 'passwords'} found"
        process.say(f"{found}; {self._tried} of {len(target.pairs)} tried, in {self._connections} connections")

    def _open(self, process: Process) -> Generator[Wait, bool, SshClient | None]:
        target, connection = self._target, Connection(process)
        try:
            why = yield from connection.connect(target.address, target.port)
        except OSError as error:
            why = str(error)
        if why:
            self._strikes += 1
            process.say(f"[ERROR] could not connect to {target.name} - {why}")
            return None
        self._connections += 1
        client = SshClient(connection)
        wait = Wait(process.host.now + PATIENCE, "bruteforce is tired of waiting")
        if (yield from client.greet(wait)) and not (yield from client.try_none(self._left[0][0], wait)) and not client.trouble:
            if "password" in client.methods:
                return client
            process.say(f"[ERROR] {target.name} does not support password authentication (it takes {','.join(client.methods)})")
            self._stopped = True
        else:
            self._failed(process, client)
        connection.close()
        return None

    def _failed(self, process: Process, client: SshClient) -> None:
        self._strikes += 1
        why = client.trouble[0] if client.trouble else "no login is needed"
        process.say(f"[ERROR] {self._target.name}: {f'no answer for {PATIENCE // SECOND} seconds' if why == NO_ANSWER else why}")

    def _guess(self, process: Process, client: SshClient) -> Program:
        """Tries of one user, until the connection is over."""
        user = self._left[0][0]
        while self._left and self._left[0][0] == user:
            password = self._left[0][1]
            wait = Wait(process.host.now + PATIENCE, "bruteforce is tired of waiting")
            right = yield from client.try_password(user, password, wait)
            if not right and client.trouble and not client.trouble[0].startswith("Received disconnect"):
                self._failed(process, client)
                break
            # Whoever is told that these were too many knows that this one was wrong, too.
            self._strikes = 0
            self._tried += 1
            self._left.popleft()
            if right:
                self._found += 1
                process.say(f"[{self._target.port}][ssh] host: {self._target.address}   login: {user}   password: {password}")
                self._left = deque(pair for pair in self._left if pair[0] != user)
            if client.trouble:
                break
        if client.trouble:
            client.connection.close()
        else:
            client.leave("Bye Bye")


def _read(shell: Shell, rest: str) -> Target:
    words = split_words(rest)
    options = dict(zip(words[:-1:2], words[1:-1:2], strict=False))
    if len(words) != 5 or set(options) - {"-l", "-L", "-p", "-P"} or not words[-1].startswith("ssh://"):
        raise Refused(f"write {USAGE}")
    users = _list(shell, options, "-l", "-L")
    passwords = _list(shell, options, "-p", "-P")
    address, port = find_place(shell.host, words[4].removeprefix("ssh://").rstrip("/"), 22)
    pairs = tuple((user, password) for user in users for password in passwords)
    if not 0 < len(pairs) <= MOST:
        raise Refused(f"{len(pairs)} tries are not between 1 and {MOST}")
    if shell.host.source_for(address) is None:
        raise Refused(f"{address}: Network is unreachable")
    return Target(address, port, pairs)


def _list(shell: Shell, options: dict[str, str], one: str, many: str) -> list[str]:
    if (one in options) == (many in options):
        raise Refused(f"write {USAGE}")
    if one in options:
        return [options[one]]
    path = options[many]
    text = shell.host.files.read(path if path.startswith("/") else f"/{path}")
    if text is None:
        raise Refused(f"{path}: No such file or directory; there is {', '.join(shell.host.files.paths())}")
    return list(dict.fromkeys(line for line in text.splitlines() if line))


def _bruteforce(shell: Shell, rest: str) -> str:
    run = BruteForce(_read(shell, rest))
    shell.host.run(Process(shell.host, "bruteforce", run.program, shell.user))
    return ""


TOOL = Tool("bruteforce", "bruteforce -l USER -P FILE ssh://HOST", "guesses passwords", _bruteforce, ("-l", "-L", "-p", "-P"), more=USAGE)
