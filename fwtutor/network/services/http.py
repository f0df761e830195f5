"""A web server with one page, plain or in what looks like TLS: what should be encrypted in it is not."""

from __future__ import annotations

from struct import pack, unpack_from

from fwtutor.network.services.buffered import Buffered
from fwtutor.network.tcp import Endpoint

TLS_HANDSHAKE, TLS_DATA = 22, 23
PAGE = b"hello from the web\n"
RESPONSE = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(PAGE)}\r\nConnection: close\r\n\r\n".encode() + PAGE


class Httpd(Buffered):
    """One page a connection."""

    def heard(self, endpoint: Endpoint) -> None:
        if b"\r\n\r\n" in self.buffer:
            self.buffer.clear()
            endpoint.send(RESPONSE)
            endpoint.leave()


def tls_record(kind: int, body: bytes) -> bytes:
    """A TLS record; what should be encrypted in it is not."""
    return pack("!BHH", kind, 0x0303, len(body)) + body


class Httpsd(Buffered):
    """The same within records that look like TLS."""

    def heard(self, endpoint: Endpoint) -> None:
        while len(self.buffer) >= 5:
            kind, _, length = unpack_from("!BHH", self.buffer)
            if len(self.buffer) < 5 + length:
                return
            body = self.take(5 + length)[5:]
            if kind == TLS_HANDSHAKE and body[:1] == b"\1":
                endpoint.send(tls_record(TLS_HANDSHAKE, b"\2\0\0\4srv!"))
            elif kind == TLS_DATA and b"\r\n\r\n" in body:
                endpoint.send(tls_record(TLS_DATA, RESPONSE))
                endpoint.leave()
            else:
                endpoint.abort()
                return
