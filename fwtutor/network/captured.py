"""Packets of a capture, played into a host at their times: each walks through its firewall, and that is all.

What the host answered, and what others sent, is in the capture itself: so nobody else gets to see these packets, and no program
of the host's does.
"""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.walk import Walk
from fwtutor.network.clock import Event


class Captured(NamedTuple):
    """One packet of a capture, and where it meets the box."""

    at: int
    """ns since the first of them."""
    interface: str | None
    """Where it comes in; None: the box sends it."""
    raw: bytes
    link: str = "host"
    """To whom its frame was addressed: "host", "broadcast" or "multicast"."""
    mac: str | None = None
    """The sender's, of a packet that comes in."""
    uid: int = 0
    gid: int = 0
    mark: int = 0
    """What a packet that the box sends has of its socket."""

    def walk(self, firewall: Firewall, at: int) -> Walk:
        """Sends it through a firewall."""
        packet = Packet(self.raw)
        if self.interface is None:
            return firewall.send_ns(packet, at, uid=self.uid, gid=self.gid, mark=self.mark)
        return firewall.receive_ns(packet, self.interface, at, mac=self.mac, link=self.link)


class Replay(Event):
    """A packet of a capture is due."""

    __slots__ = ("packet",)

    def __init__(self, at: int, host: str, ordinal: int, packet: Captured) -> None:
        super().__init__(at, host, -1, ordinal)
        self.packet = packet
