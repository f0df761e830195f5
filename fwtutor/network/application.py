"""Who uses a TCP endpoint: told of what happens on a connection, and free to say something. ``services`` and ``clients`` are such."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwtutor.network.tcp import Endpoint


class Application:
    """Whoever uses an endpoint. Each method is told of one thing that happened; none needs to do anything."""

    name = ""
    """Of the program, where it opened the connection itself."""
    largest = 0
    """Bytes of the longest segments that it wants; 0: whatever the link carries."""

    def opened(self, endpoint: Endpoint) -> None:
        """The handshake is complete."""

    def received(self, endpoint: Endpoint, data: bytes) -> None:
        """Bytes arrived, in order."""

    def typed(self, endpoint: Endpoint, data: bytes) -> bool:
        """Somebody at the prompt says something over it; False when that is no longer possible."""
        return endpoint.send(data)

    def ended(self, endpoint: Endpoint) -> None:
        """The peer will send no more. A program closes its socket then."""
        endpoint.leave()

    def delivered(self, endpoint: Endpoint) -> None:
        """This side has closed, and the peer has acknowledged everything; it may still send."""

    def gone(self, endpoint: Endpoint, why: str) -> None:
        """The connection is over: "" after a close on both sides, else the words of the error."""
