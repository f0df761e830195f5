"""What goes over a connection, plain or in what looks like TLS 1.3: the records have the right kinds and lengths, and bytes in them that
nobody on the way can read. It is no cryptography: who has heard the two greetings could work out all that follows.
"""

from __future__ import annotations

from collections.abc import Generator
from hashlib import blake2b
from struct import pack

from fwtutor.network.process import FOREVER, Wait
from fwtutor.network.sockets import Connection

CHANGE_CIPHER, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
RECORD, TAG, LARGEST = 5, 16, 16384
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, FINISHED = 512, 122, 1250, 69
"""Bytes of the messages; those of OpenSSL 3 with an RSA certificate of 2048 bits."""
BEFORE_RANDOM = 6
"""Bytes of a hello in front of its random number."""


class Channel:
    """Lines and bytes over a connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.secure = False
        self.broken = False
        """What came is no TLS."""
        self._closed = False
        self._text = bytearray()
        self._key = b""
        self._sent = self._received = 0
        self._client = False

    def send(self, data: bytes) -> bool:
        """Sends bytes; False when that is no longer possible."""
        if not self.secure:
            return self.connection.send(data)
        return all(self.connection.send(self._seal(data[at : at + LARGEST])) for at in range(0, len(data), LARGEST))

    @property
    def ended(self) -> bool:
        """The other side has said that nothing more comes."""
        return self._closed or self.connection.finished

    def line(self, until: Wait = FOREVER) -> Generator[Wait, bool, bytes | None]:
        """A line with its end; None when there will be none, or when ``until`` is over."""
        if not self.secure:
            return (yield from self.connection.line(until))
        while (end := self._text.find(b"\n") + 1) == 0:
            if not (yield from self._more(until)):
                return None
        line = bytes(self._text[:end])
        del self._text[:end]
        return line

    def rest(self, until: Wait, most: int) -> Generator[Wait, bool, bytes]:
        """All that comes until the peer ends (or resets, ``until`` is over, or there are ``most`` bytes)."""
        if self.secure:
            while len(self._text) <= most and (yield from self._more(until)):
                pass
            return bytes(self._text)
        got = bytearray()
        while len(got) <= most and (piece := (yield from self.connection.read(0, until))):
            got += piece
        return bytes(got)

    # --- TLS ---------------------------------------------------------------------------------------------------

    def greet_as_client(self, until: Wait = FOREVER) -> Generator[Wait, bool, bool]:
        """Makes it secure; False when the other side does not."""
        mine = self._random("client")
        self._client = True
        self.connection.send(_hello(1, mine, CLIENT_HELLO, b"\x03\x01"))
        hello = yield from self._record(until)
        if hello is None or hello[0] != HANDSHAKE:
            return False
        for _ in range(2):
            if (yield from self._record(until)) is None:
                return False
        self._agree(mine, hello[RECORD + BEFORE_RANDOM :][:32])
        self.connection.send(_CHANGE + _record(DATA, self._filler("client finished", FINISHED)))
        return True

    def greet_as_server(self, until: Wait = FOREVER) -> Generator[Wait, bool, bool]:
        """Likewise, of the side that is greeted."""
        hello = yield from self._record(until)
        if hello is None or hello[0] != HANDSHAKE:
            return False
        mine = self._random("server")
        self._agree(hello[RECORD + BEFORE_RANDOM :][:32], mine)
        self.connection.send(_hello(2, mine, SERVER_HELLO, b"\x03\x03") + _CHANGE + _record(DATA, self._filler("server", CERTIFICATE)))
        for _ in range(2):
            if (yield from self._record(until)) is None:
                return False
        return True

    def end(self) -> None:
        """Says that nothing more comes, where TLS has a word for it, and closes."""
        if self.secure:
            self.connection.send(self._seal(b"\1\0", ALERT))
        self.connection.close()

    def _random(self, side: str) -> bytes:
        host, ends = self.connection.process.host, self.connection.ends
        return b"".join(host.draw("tls", side, *ends, number).to_bytes(4, "big") for number in range(8))

    def _agree(self, client: bytes, server: bytes) -> None:
        self._key = blake2b(client + server, digest_size=32).digest()
        self.secure = True

    def _filler(self, what: str, length: int) -> bytes:
        blocks = (blake2b(f"{what} {number}".encode(), key=self._key).digest() for number in range(length // 64 + 1))
        return b"".join(blocks)[:length]

    def _mask(self, number: int, by_client: bool, data: bytes) -> bytes:
        stream = self._filler(f"{'client' if by_client else 'server'} {number}", len(data))
        return bytes(one ^ other for one, other in zip(data, stream, strict=True))

    def _seal(self, data: bytes, kind: int = DATA) -> bytes:
        body = self._mask(self._sent, self._client, data + bytes((kind,)) + bytes(TAG))
        self._sent += 1
        return _record(DATA, body)

    def _more(self, until: Wait) -> Generator[Wait, bool, bool]:
        """Takes in a record; False when there is none, or it says that nothing more comes."""
        record = yield from self._record(until)
        if record is None:
            return False
        body = self._mask(self._received, not self._client, record[RECORD:])
        self._received += 1
        if record[0] != DATA or len(body) <= TAG or body[-TAG:] != bytes(TAG):
            self.broken = True
            return False
        self._text += body[: -TAG - 1] if body[-TAG - 1] == DATA else b""
        self._closed = body[-TAG - 1] == ALERT
        return body[-TAG - 1] == DATA

    def _record(self, until: Wait) -> Generator[Wait, bool, bytes | None]:
        head = yield from self.connection.read(RECORD, until)
        if len(head) < RECORD:
            return None
        length = int.from_bytes(head[3:], "big")
        if not CHANGE_CIPHER <= head[0] <= DATA or head[1] != 3 or length > LARGEST + 256:
            self.broken = True
            return None
        body = (yield from self.connection.read(length, until)) if length else b""
        return head + body if len(body) == length else None


def _record(kind: int, body: bytes) -> bytes:
    return pack("!BHH", kind, 0x0303, len(body)) + body


_CHANGE = _record(CHANGE_CIPHER, b"\1")


def _hello(kind: int, random: bytes, length: int, version: bytes) -> bytes:
    body = bytes((kind,)) + (length - 4).to_bytes(3, "big") + b"\x03\x03" + random
    return pack("!B2sH", HANDSHAKE, version, length) + body + bytes(length - len(body))
