"""A plain conversation over TCP, told on the console."""

from __future__ import annotations

from fwtutor.network.application import Application
from fwtutor.network.surroundings import Surroundings
from fwtutor.network.tcp import Endpoint
from fwtutor.network.words import shown


class Talk(Application):
    """``connect``: opens, shows what comes, says what it is told to."""

    name = "connect"

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def opened(self, endpoint: Endpoint) -> None:
        self._around.say(f"connected to {endpoint.peer} from port {endpoint.ends.port}")

    def received(self, endpoint: Endpoint, data: bytes) -> None:
        for line in data.splitlines():
            self._around.say(f"from {endpoint.peer}: {shown(line)}")

    def ended(self, endpoint: Endpoint) -> None:
        self._around.say(f"{endpoint.peer} closed its side")
        endpoint.leave()

    def gone(self, endpoint: Endpoint, why: str) -> None:
        self._around.say(f"{endpoint.peer}: {why}" if why else f"connection to {endpoint.peer} closed")
