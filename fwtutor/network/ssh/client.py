"""The client's side of SSH: what ssh and those who guess passwords do alike. What went wrong is in ``trouble``, in ssh's words."""

from __future__ import annotations

from collections.abc import Generator

from fwtutor.network.process import FOREVER, Wait
from fwtutor.network.sockets import Connection
from fwtutor.network.ssh import wire
from fwtutor.network.ssh.keys import Key
from fwtutor.network.ssh.wire import BadMessage, Message, read_message, ssh_message
from fwtutor.network.words import shown

NO_ANSWER = "no answer"


class SshClient:
    """One connection, which is open."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.trouble: list[str] = []
        """Lines that say why it is over; empty while it is not."""
        self.methods: list[str] = []
        """The ways in that the server has named last."""
        self.server = ""
        """What it says it is."""

    @property
    def _peer(self) -> str:
        return f"{self.connection.ends.peer} port {self.connection.ends.peer_port}"

    def greet(self, wait: Wait = FOREVER) -> Generator[Wait, bool, bool]:
        """Banner and keys; True when it may go on."""
        self.connection.send(wire.CLIENT_BANNER)
        while not self.server:
            line = yield from self.connection.line(wait)
            if line is None:
                self._broken_off("kex_exchange_identification: ")
                return False
            # Lines before the banner are allowed.
            self.server = shown(line) if line.startswith(b"SSH-") else ""
        self.connection.send(ssh_message(wire.KEXINIT, raw=wire.KEX_BODY))
        while (message := (yield from self.read(wait))) is not None:
            if message.kind == wire.KEXINIT:
                self.connection.send(ssh_message(wire.KEX_ECDH_INIT, raw=wire.KEX_KEY))
            elif message.kind == wire.NEWKEYS:
                self.connection.send(ssh_message(wire.NEWKEYS) + ssh_message(wire.SERVICE_REQUEST, b"ssh-userauth"))
            elif message.kind == wire.SERVICE_ACCEPT:
                return True
        return False

    def try_none(self, user: str, wait: Wait = FOREVER) -> Generator[Wait, bool, bool]:
        """Asks which ways in there are; True when there is no need of any."""
        return (yield from self._try(ssh_message(wire.USERAUTH_REQUEST, user, "ssh-connection", "none"), wait))

    def try_password(self, user: str, password: str, wait: Wait = FOREVER) -> Generator[Wait, bool, bool]:
        """True: it is right."""
        return (yield from self._try(ssh_message(wire.USERAUTH_REQUEST, user, "ssh-connection", "password", False, password), wait))

    def try_key(self, user: str, key: Key, wait: Wait = FOREVER) -> Generator[Wait, bool, bool]:
        """Offers a key, and if it is wanted proves that it is there; True: it lets in."""
        offer = (user, "ssh-connection", "publickey")
        if not (yield from self._try(ssh_message(wire.USERAUTH_REQUEST, *offer, False, key.kind, key.blob), wait)):
            return False
        return (yield from self._try(ssh_message(wire.USERAUTH_REQUEST, *offer, True, key.kind, key.blob, b"signature"), wait))

    def _try(self, request: bytes, wait: Wait) -> Generator[Wait, bool, bool]:
        self.connection.send(request)
        while (message := (yield from self.read(wait))) is not None:
            if message.kind in (wire.USERAUTH_SUCCESS, wire.USERAUTH_PK_OK):
                return True
            if message.kind == wire.USERAUTH_FAILURE:
                self.methods = shown(message.fields("s")[0]).split(",")
                return False
        return False

    def read(self, wait: Wait = FOREVER) -> Generator[Wait, bool, Message | None]:
        """The next message; None when there will be none: then ``trouble`` says why."""
        try:
            message = yield from read_message(self.connection, wait)
            if message is None:
                self._broken_off()
            elif message.kind == wire.DISCONNECT:
                reason, text = message.fields("us")
                self.trouble.append(f"Received disconnect from {self._peer}:{int.from_bytes(reason, 'big')}: {shown(text)}")
                self.trouble.append(f"Disconnected from {self._peer}")
                return None
        except BadMessage as error:
            self.trouble.append(str(error))
            return None
        return message

    def leave(self, words: str = "disconnected by user") -> None:
        """Says goodbye and closes."""
        self.connection.send(ssh_message(wire.DISCONNECT, 11, words, ""))
        self.connection.close()

    def _broken_off(self, doing: str = "") -> None:
        why = self.connection.why
        if why is None and not self.connection.finished:
            self.trouble.append(NO_ANSWER)
        elif not why and not self.connection.finished:
            # Somebody at the prompt closed it.
            self.trouble.append(f"Connection to {self._peer} closed.")
        elif not why:
            self.trouble += [f"{doing}Connection closed by remote host"] if doing else []
            self.trouble.append(f"Connection closed by {self._peer}")
        else:
            self.trouble += [f"{doing}read: {why}"] if doing else []
            reset = why == "Connection reset by peer"
            self.trouble.append(f"Connection reset by {self._peer}" if reset else f"Connection to {self._peer}: {why}")
