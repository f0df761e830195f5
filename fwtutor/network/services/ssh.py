"""sshd: who comes in, by what, and what it writes of that to /var/log/auth.log. It obeys the host's own files, read anew for each visitor:
sshd_config (what of it ``ssh.config`` says; one that cannot be read leaves the last good one in force), authorized_keys, and, where it
is linked with libwrap, hosts.allow and hosts.deny. Left out: PAM's lines and its delay after a wrong password, forwarding.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.process import FOREVER, Process, Program, Wait
from fwtutor.network.services.ssh_session import serve_session
from fwtutor.network.sockets import Connection, Serving
from fwtutor.network.ssh import config, wire
from fwtutor.network.ssh.keys import Authorized, home_of, read_authorized_keys, read_key
from fwtutor.network.ssh.wire import BadMessage, Message, read_message, ssh_message
from fwtutor.network.surroundings import User
from fwtutor.network.tcpwrappers import ALLOW, DENY, Client, lets_in
from fwtutor.network.words import shown

if TYPE_CHECKING:
    from fwtutor.network.host import Host

STARTING = SECOND // 200
"""How long it takes to look into hosts.allow: by then a client has said who it is."""
MAX_KEY = 4096
TOO_MANY = "Too many authentication failures"


class Sshd:
    """The server of a host; ``serve`` makes what serves a connection."""

    def __init__(self, host: Host, user: User, libwrap: bool) -> None:
        self._host, self._user, self._libwrap = host, user, libwrap
        self._config = config.SshdConfig()
        self._visits: list[Visit] = []
        self._throttling: tuple[int, int] | None = None
        """Since when (ns) visitors are dropped, and how many were."""

    def serve(self) -> Serving:
        """A process for a connection."""
        return Serving(self._host, "sshd", self._visit, self._user)

    @property
    def config(self) -> config.SshdConfig:
        """As the file has it now."""
        with suppress(ValueError):
            self._config = config.read_config(self._host.files.read(config.PATH) or "")
        return self._config

    def _visit(self, process: Process, connection: Connection) -> Program:
        if self._too_many(process, connection):
            connection.send(b"Exceeded MaxStartups\r\n")
            return
        visit = Visit(process, connection, self.config)
        if self._config.keepalive and connection.endpoint is not None:
            connection.endpoint.keep_alive()
        self._visits.append(visit)
        try:
            if self._libwrap and not visit.wrapped():
                yield from visit.turn_away()
            else:
                yield from visit.run()
        except BadMessage as error:
            visit.log(f"{error}{'' if visit.inside else ' [preauth]'}")
        finally:
            self._visits.remove(visit)

    def _too_many(self, process: Process, connection: Connection) -> bool:
        """MaxStartups: a visitor too many while others have not logged in. The log has the first only, and how many they were."""
        host, ends = process.host, connection.ends
        startups = sum(not visit.inside for visit in self._visits)
        begin, rate, full = self.config.startups
        if self._throttling is not None and startups < begin:
            since, dropped = self._throttling
            minutes, seconds = divmod((host.now - since) // SECOND, 60)
            told = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
            host.log("sshd", process.pid, f"exited MaxStartups throttling after {told}, {dropped} connections dropped")
            self._throttling = None
        share = 100 if startups >= full else rate + (100 - rate) * (startups - begin) // max(full - begin, 1)
        if startups < begin or host.draw("MaxStartups", *ends, host.now) % 100 >= share:
            return False
        if self._throttling is None:
            host.log("sshd", process.pid, "error: beginning MaxStartups throttling")
            place = f"[{ends.peer}]:{ends.peer_port} on [{ends.address}]:{ends.port}"
            host.log("sshd", process.pid, f"drop connection #{startups} from {place} past MaxStartups")
            self._throttling = host.now, 0
        self._throttling = self._throttling[0], self._throttling[1] + 1
        return True


class Visit:
    """A connection, from the banner to its end."""

    def __init__(self, process: Process, connection: Connection, obeyed: config.SshdConfig) -> None:
        self._process, self._connection, self._config = process, connection, obeyed
        self._host = process.host
        self._address = connection.ends.peer
        self._from = f"{self._address} port {connection.ends.peer_port}"
        self._name: str | None = None
        self._user = ""
        self._valid = False
        self._failures = self._attempts = 0
        self.inside = False
        """The login is over."""
        until = self._host.now + obeyed.grace * SECOND
        self._wait = Wait(until, "sshd waited long enough for a login", busy=False) if obeyed.grace else FOREVER

    def log(self, text: str) -> None:
        """A line of the auth log."""
        self._host.log("sshd", self._process.pid, text)

    def _client_name(self) -> str:
        if self._name is None:
            self._name = self._host.name_of(self._address)
        return self._name

    def wrapped(self) -> bool:
        """What libwrap says."""
        read = self._host.files.read
        return lets_in(read(ALLOW) or "", read(DENY) or "", "sshd", Client(self._address, self._client_name))

    def turn_away(self) -> Program:
        """Ends it before a word: with a RST when the client has said something that nobody read."""
        until = self._host.now + STARTING
        while self._host.now < until and (yield Wait(until, "sshd has looked into hosts.allow and hosts.deny")):
            pass
        self.log(f"refused connect from {self._name or self._address} ({self._address})")

    def run(self) -> Program:
        """Banner, keys, login, session."""
        self._connection.send(wire.SERVER_BANNER)
        line = yield from self._connection.line(self._wait)
        if line is None:
            self._lost("kex_exchange_identification: ")
            return
        if not line.startswith(b"SSH-2.") and not line.startswith(b"SSH-1.99-"):
            self._not_ssh(line)
            return
        self._connection.send(ssh_message(wire.KEXINIT, raw=wire.KEX_BODY))
        entry = yield from self._login()
        if entry is not None:
            self.inside = True
            user = self._host.users[self._user]
            yield from serve_session(self._process, self._connection, user, *entry, log=self.log, config=self._config)

    def _not_ssh(self, line: bytes) -> None:
        if line.startswith(b"SSH-"):
            self.log(f"error: Protocol major versions differ: 2 vs. {shown(line[4:5])}")
            self._connection.send(b"Protocol major versions differ.\r\n")
            self.log(f"banner exchange: Connection from {self._from}: could not read protocol version")
        else:
            self.log(f'error: kex_exchange_identification: client sent invalid protocol identifier "{shown(line)}"')
            self._connection.send(b"Invalid SSH identification string.\r\n")
            self.log(f"banner exchange: Connection from {self._from}: invalid format")

    @property
    def _whom(self) -> str:
        if not self._user:
            return self._from
        return f"{'authenticating' if self._valid else 'invalid'} user {self._user} {self._from}"

    @property
    def _for(self) -> str:
        return f"{'' if self._valid else 'invalid user '}{self._user} from {self._from} ssh2"

    def _lost(self, doing: str = "") -> None:
        """The connection is over, or the time to log in; of the latter sshd can say nothing from where it finds out."""
        why = self._connection.why
        if why is None and not self._connection.finished:
            return
        mark = "" if doing else " [preauth]"
        if why:
            if doing:
                self.log(f"error: {doing}read: {why}")
            reset = f"Connection reset by {self._whom}"
            self.log((reset if why == "Connection reset by peer" else f"Connection from {self._whom}: {why}") + mark)
        else:
            if doing:
                self.log(f"error: {doing}Connection closed by remote host")
            self.log(f"Connection closed by {self._whom}{mark}")

    # --- logging in --------------------------------------------------------------------------------------------

    def _login(self) -> Generator[Wait, bool, tuple[str | None, bool] | None]:
        """(the command that the key stands for, whether there may be a terminal); None: nobody came in."""
        keyed = False
        while (message := (yield from read_message(self._connection, self._wait))) is not None:
            if message.kind == wire.KEX_ECDH_INIT:
                self._connection.send(ssh_message(wire.KEX_ECDH_REPLY, raw=wire.KEX_KEY) + ssh_message(wire.NEWKEYS))
            elif message.kind == wire.NEWKEYS:
                keyed = True
            elif message.kind == wire.DISCONNECT:
                reason, text = message.fields("us")
                self.log(f"Received disconnect from {self._from}:{int.from_bytes(reason, 'big')}: {shown(text)} [preauth]")
                self.log(f"Disconnected from {self._whom} [preauth]")
                return None
            elif message.kind == wire.SERVICE_REQUEST and keyed:
                self._connection.send(ssh_message(wire.SERVICE_ACCEPT, b"ssh-userauth"))
            elif message.kind == wire.USERAUTH_REQUEST and keyed:
                answer = self._attempt(message)
                if answer is None or isinstance(answer, tuple):
                    return answer
                self._connection.send(answer)
            elif message.kind != wire.KEXINIT:
                raise BadMessage(f"dispatch_protocol_error: type {message.kind} seq 0")
        self._lost()
        return None

    def _attempt(self, message: Message) -> bytes | tuple[str | None, bool] | None:
        """What is answered to a try; a tuple: he is in; None: it was one too many."""
        name, service, kind = message.fields("sss")
        user = shown(name)[:100]
        if not self._attempts:
            self._know(user)
        elif user != self._user:
            text = f"Change of username or service not allowed: ({self._user},ssh-connection) -> ({user},{shown(service)})"
            self._connection.send(ssh_message(wire.DISCONNECT, 2, text, ""))
            self.log(f"Disconnecting {self._whom}: {text} [preauth]")
            return None
        self._attempts += 1
        method = kind.decode("latin-1")
        if method == "password" and self._config.passwords:
            *_, password = message.fields("sssbs")
            if self._password_is(password):
                self.log(f"Accepted password for {self._for}")
                self._connection.send(ssh_message(wire.USERAUTH_SUCCESS))
                return None, True
            self.log(f"Failed password for {self._for}")
        elif method == "publickey" and self._config.keys:
            *_, signed, _, blob = message.fields("sssbss")
            entry = self._authorized(blob)
            if entry is not None and signed == b"\0":
                _, _, _, _, algorithm, _ = message.fields("sssbss")
                return ssh_message(wire.USERAUTH_PK_OK, algorithm, blob)
            if entry is not None and self._root_may_by_key():
                self.log(f"Accepted publickey for {self._for}: {entry.key.fingerprint}")
                self._connection.send(ssh_message(wire.USERAUTH_SUCCESS))
                return entry.option("command"), entry.pty
        if method != "none" or self._attempts > 1:
            self._failures += 1
        if self._failures >= self._config.tries:
            self.log(f"error: maximum authentication attempts exceeded for {self._for} [preauth]")
            self._connection.send(ssh_message(wire.DISCONNECT, 2, TOO_MANY, ""))
            self.log(f"Disconnecting {self._whom}: {TOO_MANY} [preauth]")
            return None
        return ssh_message(wire.USERAUTH_FAILURE, self._config.methods(), False)

    def _know(self, user: str) -> None:
        """Who wants to come in: once a connection."""
        self._user = user
        self._valid = user in self._host.users
        if not self._valid:
            self.log(f"Invalid user {user} from {self._from}")
            return
        why = self._config.keeps_out(user, self._address, self._client_name())
        if why:
            self._valid = False
            self.log(f"User {user} from {self._address} not allowed because {why}")

    def _password_is(self, password: bytes) -> bool:
        right = self._host.password_of(self._user)
        may = self._user != "root" or self._config.permit_root == "yes"
        return self._valid and may and bool(right) and password == right.encode()

    def _authorized(self, blob: bytes) -> Authorized | None:
        """The line of authorized_keys that lets a key in from here."""
        path = f"{home_of(self._user)}/.ssh/authorized_keys"
        found = read_authorized_keys(self._host.files.read(path) or "") if self._valid else []
        for entry in found:
            if entry.key.blob != blob:
                continue
            if entry.lets_in(self._address, self._client_name()):
                return entry
            where = f"host={self._client_name() or self._address}, ip={self._address}, required={entry.option('from')}"
            self.log(
                f"{path}:{entry.line}: Authentication tried for {self._user} with correct key but not from a permitted host ({where})."
            )
        if not self._valid or self._failures >= self._config.tries // 2:
            key = read_key(shown(blob, MAX_KEY))
            self.log(f"Failed publickey for {self._for}{f': {key.fingerprint}' if key else ''}")
        return None

    def _root_may_by_key(self) -> bool:
        if self._user != "root" or self._config.permit_root != "no":
            return True
        # Both of sshd's two processes say it.
        for mark in ("", " [preauth]"):
            self.log(f"ROOT LOGIN REFUSED FROM {self._from}{mark}")
        return False
