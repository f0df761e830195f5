"""Keeping what arrived until there is enough of it."""

from __future__ import annotations

from fwtutor.network.application import Application
from fwtutor.network.tcp import Endpoint

MAX_LINE = 65536


class Buffered(Application):
    """Keeps what arrived until it is taken in pieces."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def received(self, endpoint: Endpoint, data: bytes) -> None:
        self.buffer += data
        self.heard(endpoint)
        if len(self.buffer) > MAX_LINE:
            endpoint.abort()

    def heard(self, endpoint: Endpoint) -> None:
        """There is more in ``buffer``."""

    def line(self) -> bytes | None:
        """Takes one line, with its end; None until there is one."""
        end = self.buffer.find(b"\n") + 1
        return self.take(end) if end else None

    def take(self, length: int) -> bytes:
        """Takes the first bytes."""
        piece = bytes(self.buffer[:length])
        del self.buffer[:length]
        return piece
