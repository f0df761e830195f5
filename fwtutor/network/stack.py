"""A host's own network stack: its sockets, and what it answers on its own behalf. Rules and routes are its Firewall's.

``closed_port_answers`` is the part without sockets, for a box of which one knows only the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, FIN, ICMP, RST, SYN, TCP, UDP, Packet, checksum
from fwtutor.network.answers import closed_port_answers, sound_udp
from fwtutor.network.application import Application
from fwtutor.network.resets import answer_reset, sound_tcp
from fwtutor.network.segments import add
from fwtutor.network.surroundings import Surroundings
from fwtutor.network.tcp import CLOSED, Endpoint, Ends
from fwtutor.network.words import ERRORS, UNREACHABLE, describe

__all__ = ["Datagrams", "Stack", "closed_port_answers"]

FIRST_EPHEMERAL, EPHEMERALS = 32768, 28232
"""net.ipv4.ip_local_port_range."""
TIME_EXCEEDED = 11
WATCHED = 10 * SECOND
"""How long an answer to a packet sent raw is waited for."""


class Datagrams:
    """Whoever uses a UDP port."""

    def received(self, stack: Stack, packet: Packet) -> None:
        """A datagram came to the port."""

    def unreachable(self, stack: Stack, why: str) -> None:
        """An ICMP error came about a datagram sent from the port."""


class Stack:
    """The sockets of one host."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.endpoints: dict[Ends, Endpoint] = {}
        """Open connections, in the order they were made."""
        self.listeners: dict[int, Callable[[], Application]] = {}
        """TCP ports that are listened on, and what serves a connection there."""
        self.datagrams: dict[int, Datagrams] = {}
        """UDP ports in use."""
        self._watched: dict[tuple[int, int, int, int, int], int] = {}
        """What may answer a packet sent raw, and until when (ns) it is told."""
        self._opened: dict[Ends, int] = {}
        self._ports_drawn: dict[tuple[object, ...], int] = {}

    # --- packets for this host ---------------------------------------------------------------------------------

    def receive(self, packet: Packet, broadcast: bool = False) -> None:
        """A packet the Firewall let through to the host itself."""
        if packet.fault or packet.family != 4 or packet.offset or packet.mf:
            return
        self._tell(packet)
        if packet.protocol == TCP:
            if not broadcast:
                self._receive_tcp(packet)
        elif packet.protocol == UDP and packet.dport in self.datagrams:
            if sound_udp(packet):
                self.datagrams[packet.dport].received(self, packet)
        elif packet.protocol == ICMP and packet.icmp_type in ERRORS:
            self._receive_error(packet)
        else:
            for answer in closed_port_answers(packet, self.around.now, broadcast):
                self.around.emit(answer, by_stack=True)

    def _receive_tcp(self, packet: Packet) -> None:
        if not sound_tcp(packet):
            return
        ends = (packet.dst, packet.dport, packet.src, packet.sport)
        endpoint = self.endpoints.get(ends)
        isn = None
        if endpoint is not None:
            if not endpoint.reopens(packet):
                endpoint.receive(packet)
                return
            # A new SYN to a connection in TIME_WAIT: Linux starts well behind the old sequence numbers.
            isn = add(endpoint.numbers[0], 65537)
            endpoint.abort()
        serve = self.listeners.get(packet.dport)
        flags = packet.flags & (SYN | ACK | RST | FIN)
        if serve is not None and flags == SYN:
            self._endpoint(ends, serve(), isn).accept(packet)
        elif serve is None or flags & ACK:
            reset = answer_reset(packet)
            if reset:
                self.around.emit(reset, by_stack=True)

    def _receive_error(self, packet: Packet) -> None:
        message = packet.raw[packet.l4 :]
        quoted = message[8:]
        if checksum(message) or len(quoted) < 28 or quoted[0] >> 4 != 4 or len(quoted) < (quoted[0] & 15) * 4 + 8:
            return
        header = (quoted[0] & 15) * 4
        protocol = quoted[9]
        src, dst = unpack_from("!II", quoted, 12)
        sport, dport, seq = unpack_from("!HHI", quoted, header)
        if packet.icmp_type == TIME_EXCEEDED:
            why = UNREACHABLE[1]
        elif packet.icmp_type == 3:
            why = UNREACHABLE.get(packet.icmp_code, "")
        else:
            why = ""
        if not why:
            return
        if protocol == TCP:
            endpoint = self.endpoints.get((src, sport, dst, dport))
            mtu = unpack_from("!H", message, 6)[0] if (packet.icmp_type, packet.icmp_code) == (3, 4) else 0
            if endpoint is not None and ((packet.icmp_type, packet.icmp_code) != (3, 4) or mtu):
                endpoint.unreachable(seq, why, mtu)
        elif protocol == UDP and sport in self.datagrams:
            self.datagrams[sport].unreachable(self, why)

    # --- sockets ---------------------------------------------------------------------------------------------

    def connect(self, ends: Ends, application: Application) -> Endpoint:
        """Opens a connection. Raises OSError in the words of connect(2) when the ends are in use."""
        if ends in self.endpoints:
            raise OSError("Cannot assign requested address")
        endpoint = self._endpoint(ends, application, None)
        endpoint.connect()
        return endpoint

    def free_port(self, *purpose: object) -> int:
        """An ephemeral port nobody here uses, by the seed and the purpose: another one every time."""
        times = self._ports_drawn[purpose] = self._ports_drawn.get(purpose, 0) + 1
        taken = {ends[1] for ends in self.endpoints} | self.listeners.keys() | self.datagrams.keys()
        start = self.around.draw("port", *purpose, *([times] if times > 1 else []))
        for step in range(EPHEMERALS):
            port = FIRST_EPHEMERAL + (start + step) % EPHEMERALS
            if port not in taken:
                return port
        raise OSError("Cannot assign requested address")

    def send_udp(self, src: int, dst: int, sport: int, dport: int, data: bytes) -> None:
        """Sends a datagram."""
        self.around.emit(craft.udp(src, dst, sport, dport, data), tell=True)

    def send_raw(self, packet: Packet) -> None:
        """Sends a packet as it is, past all sockets; what comes back to its ports is told on the console."""
        self._watched[_reply_key(packet)] = self.around.now + WATCHED
        self.around.emit(packet.raw, tell=True)

    def _endpoint(self, ends: Ends, application: Application, isn: int | None) -> Endpoint:
        times = self._opened[ends] = self._opened.get(ends, 0) + 1
        if isn is None:
            isn = self.around.draw("isn", *ends, times)
        endpoint = self.endpoints[ends] = Endpoint(self.around, ends, application, self._forget, isn)
        return endpoint

    def _forget(self, endpoint: Endpoint) -> None:
        if self.endpoints.get(endpoint.ends) is endpoint and endpoint.state == CLOSED:
            del self.endpoints[endpoint.ends]

    # --- what raw packets brought back -----------------------------------------------------------------------

    def _tell(self, packet: Packet) -> None:
        """Tells of a packet that answers one sent raw."""
        if not self._watched:
            return
        if self._watches(_key(packet)):
            self.around.say(f"received: {describe(packet)}")
        elif packet.protocol == ICMP and packet.icmp_type in ERRORS:
            quoted = packet.raw[packet.l4 + 8 :]
            about = Packet(quoted + bytes(max(0, int.from_bytes(quoted[2:4], "big") - len(quoted))))
            if not about.fault and self._watches(_reply_key(about)):
                self.around.say(f"received: {describe(packet)} about {describe(about)}")

    def _watches(self, key: tuple[int, int, int, int, int]) -> bool:
        return self._watched.get(key, -1) >= self.around.now


def _key(packet: Packet) -> tuple[int, int, int, int, int]:
    """What tells an answer from other packets: for ICMP the id stands for the ports."""
    if packet.protocol == ICMP:
        return packet.protocol, packet.src, packet.dst, packet.icmp_id, packet.icmp_id
    return packet.protocol, packet.src, packet.dst, packet.sport, packet.dport


def _reply_key(packet: Packet) -> tuple[int, int, int, int, int]:
    protocol, src, dst, sport, dport = _key(packet)
    return protocol, dst, src, dport, sport
