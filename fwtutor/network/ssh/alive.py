"""Signs of life: how ssh (ServerAliveInterval) and sshd (ClientAliveInterval) find out that the other side is gone."""

from __future__ import annotations

from collections.abc import Generator

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.process import FOREVER, Wait
from fwtutor.network.sockets import Connection
from fwtutor.network.ssh.wire import message_waits


class Alive:
    """Asks for a sign of life whenever the other side has been silent for ``interval`` seconds (0: never)."""

    def __init__(self, connection: Connection, interval: int, most: int, question: bytes, whose: str) -> None:
        """``most``: so many questions may be without an answer. ``whose`` program, for the record of the timer."""
        self._connection, self._interval, self._most = connection, interval * SECOND, most
        self._question, self._whose = question, whose
        self._unanswered = 0

    def listen(self) -> Generator[Wait, bool, bool]:
        """Waits until there is a message, or the connection over; False: too many questions are without an answer."""
        connection, host = self._connection, self._connection.process.host
        heard, had = host.now, len(connection.buffer)
        while not message_waits(connection) and not connection.finished and connection.why is None:
            wait = Wait(heard + self._interval, f"{self._whose} has heard nothing for a while", busy=False) if self._interval else FOREVER
            if (yield wait):
                if len(connection.buffer) > had:
                    heard, had = host.now, len(connection.buffer)
                continue
            self._unanswered += 1
            if self._unanswered > self._most:
                return False
            connection.send(self._question)
            heard = host.now
        # Whatever it is, it is a sign of life.
        self._unanswered = 0
        return True
