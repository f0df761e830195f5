"""Echo (RFC 862), over TCP and UDP."""

from __future__ import annotations

from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import ends_of
from fwtutor.network.stack import Datagrams, Stack
from fwtutor.network.tcp import Endpoint


class Echo(Application):
    """RFC 862: every byte again."""

    def received(self, endpoint: Endpoint, data: bytes) -> None:
        endpoint.send(data)


class EchoDatagrams(Datagrams):
    """RFC 862 over UDP."""

    name = "echo"

    def received(self, stack: Stack, packet: Packet) -> None:
        stack.send_udp(ends_of(packet).turned, packet.payload)
