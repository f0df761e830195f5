"""The app on 1337, and echo (RFC 862)."""

from __future__ import annotations

from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import ends_of
from fwtutor.network.services.buffered import Buffered
from fwtutor.network.stack import Datagrams, Stack
from fwtutor.network.tcp import Endpoint


class EchoingApp(Buffered):
    """The app on 1337: greets, and says every line again."""

    def opened(self, endpoint: Endpoint) -> None:
        endpoint.send(f"hello from port {endpoint.ends.port}\n".encode())

    def heard(self, endpoint: Endpoint) -> None:
        while (line := self.line()) is not None:
            endpoint.send(line)


class Echo(Application):
    """RFC 862: every byte again."""

    def received(self, endpoint: Endpoint, data: bytes) -> None:
        endpoint.send(data)


class EchoDatagrams(Datagrams):
    """RFC 862 over UDP."""

    name = "echo"

    def received(self, stack: Stack, packet: Packet) -> None:
        stack.send_udp(ends_of(packet).turned, packet.payload)
