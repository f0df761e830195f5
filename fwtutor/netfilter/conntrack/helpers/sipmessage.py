"""One SIP message of a packet, which can be changed while it is read; and what the helper keeps of a connection."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.helpers.helper import Job


class Memory(NamedTuple):
    """From message to message."""

    invited: int = 0
    """The number (CSeq) of the last INVITE."""
    registered: int = 0
    """That of the last REGISTER."""
    via: int = 0
    """The port at which a client wants answers, in its Via, though it asks from another; 0: from that one."""


class Message:
    """A message. ``at``: where it begins in the packet."""

    __slots__ = ("at", "job", "size")

    def __init__(self, job: Job, at: int, size: int) -> None:
        self.job, self.at, self.size = job, at, size

    @property
    def text(self) -> bytes:
        return self.job.packet.raw[self.at : self.at + self.size]

    @property
    def family(self) -> int:
        return self.job.packet.family

    @property
    def memory(self) -> Memory:
        memory = self.job.memory
        return memory if isinstance(memory, Memory) else Memory()

    def remember(self, **what: int) -> None:
        self.job.memory = self.memory._replace(**what)

    def put(self, start: int, end: int, text: bytes) -> str:
        """Something else in the place of some bytes; why that cannot be."""
        fault = self.job.exchange(self.at + start, self.at + end, text)
        if not fault:
            self.size += len(text) - (end - start)
        return fault
