"""SSH's messages (RFC 4251 to 4254): the right ones, with the right numbers and fields, in the right places. Nothing is encrypted."""

from __future__ import annotations

from collections.abc import Generator
from struct import error as StructError, pack, unpack_from
from typing import NamedTuple

from fwtutor.network.process import FOREVER, Wait
from fwtutor.network.sockets import Connection

SERVER_BANNER, CLIENT_BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n"
DISCONNECT, SERVICE_REQUEST, SERVICE_ACCEPT = 1, 5, 6
KEXINIT, NEWKEYS, KEX_ECDH_INIT, KEX_ECDH_REPLY = 20, 21, 30, 31
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS, USERAUTH_PK_OK = 50, 51, 52, 60
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
CHANNEL_OPEN, CHANNEL_OPEN_CONFIRMATION, CHANNEL_OPEN_FAILURE = 90, 91, 92
CHANNEL_DATA, CHANNEL_EOF, CHANNEL_CLOSE, CHANNEL_REQUEST, CHANNEL_SUCCESS, CHANNEL_FAILURE = 94, 96, 97, 98, 99, 100
LONGEST = 35_000
"""Bytes of a packet; more is taken for nonsense."""
KEX_BODY = b"\0" * 16 + b"curve25519-sha256,ssh-ed25519,aes128-gcm@openssh.com"
KEX_KEY = b"\0\0\0 " + b"k" * 32
WINDOW = 2**21
KEEPALIVE = "keepalive@openssh.com"
"""A request that nobody knows, and that so is refused: whoever refuses it is alive."""


class BadMessage(ValueError):
    """What came is no SSH; its text is sshd's."""


class Message(NamedTuple):
    """A message: its number, and what is behind it."""

    kind: int
    body: bytes = b""

    def fields(self, layout: str) -> list[bytes]:
        """What the body begins with: ``s`` a string, ``b`` a byte, ``u`` four bytes. Raises BadMessage."""
        found, at = [], 0
        try:
            for kind in layout:
                length = {"b": 1, "u": 4}.get(kind, 0)
                if kind == "s":
                    (length,) = unpack_from("!I", self.body, at)
                    at += 4
                if at + length > len(self.body):
                    raise BadMessage("incomplete message")
                found.append(self.body[at : at + length])
                at += length
        except StructError:
            raise BadMessage("incomplete message") from None
        return found


def ssh_message(kind: int, *fields: bytes | str | int, raw: bytes = b"") -> bytes:
    """An SSH packet as it looks before encryption; fields are strings, numbers of four bytes, or (True, False) bytes."""
    body = raw + b"".join(map(_field, fields))
    padding = 4 + (-(len(body) + 10)) % 8
    return pack("!IBB", 2 + len(body) + padding, padding, kind) + body + bytes(padding)


def _field(value: bytes | str | int) -> bytes:
    if isinstance(value, bool):
        return bytes((value,))
    if isinstance(value, int):
        return pack("!I", value)
    data = value if isinstance(value, bytes) else value.encode()
    return pack("!I", len(data)) + data


def message_waits(connection: Connection) -> bool:
    """A whole message has come, or what cannot be one."""
    if len(connection.buffer) < 6:
        return False
    length = int.from_bytes(connection.buffer[:4], "big")
    return length > LONGEST or len(connection.buffer) >= 4 + length


def read_message(connection: Connection, until: Wait = FOREVER) -> Generator[Wait, bool, Message | None]:
    """The next message; None when there will be none, or ``until`` is over. Raises BadMessage."""
    head = yield from connection.read(6, until)
    if len(head) < 6:
        return None
    length, padding, kind = unpack_from("!IBB", head)
    if not 6 <= length <= LONGEST or padding + 2 > length:
        raise BadMessage(f"Bad packet length {length}.")
    rest = yield from connection.read(length - 2, until)
    return Message(kind, rest[: length - 2 - padding]) if len(rest) == length - 2 else None
