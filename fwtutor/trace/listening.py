"""What ``conntrack -E``, and ``conntrack -E expect``, would have printed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.netfilter.conntrack.command import parse
from fwtutor.netfilter.messages import Listener
from fwtutor.trace.run import Traced


class Events:
    """Listens from the first packet on."""

    def __init__(self, *, timestamps: bool) -> None:
        formats = ["-o", "timestamp"] if timestamps else []
        self._commands = [parse([*words, *formats]) for words in (["-E"], ["-E", "expect"])]
        self._listener = Listener()

    def lines(self, traced: Traced) -> Iterator[str]:
        """What was told on account of one packet, and of what the box's own stack answered to it."""
        for walk in traced.walks:
            for message in self._listener.walk(walk):
                yield from filter(None, (command.heard(message) for command in self._commands))
