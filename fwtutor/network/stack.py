"""A host's own network stack: its sockets, and what it answers on its own behalf. Rules and routes are its Firewall's.

``closed_port_answers`` is the part without sockets, for a box of which one knows only the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.firewall import SOMAXCONN
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN, TCP, UDP, Packet
from fwtutor.network.answers import closed_port_answers, sound_udp
from fwtutor.network.application import Application
from fwtutor.network.ends import ANY, Address, Ends, ends_of
from fwtutor.network.errors import Error, is_icmp, read_error
from fwtutor.network.listener import Listener, Unaccepted, make_cookie, read_cookie
from fwtutor.network.resets import answer_reset, sound_tcp
from fwtutor.network.segments import add
from fwtutor.network.sending import LEAST_MTU
from fwtutor.network.surroundings import ROOT_USER, Surroundings, User
from fwtutor.network.tcp import CLOSED, Endpoint
from fwtutor.network.words import describe

__all__ = ["Datagrams", "Listener", "Stack", "closed_port_answers"]

FIRST_EPHEMERAL, EPHEMERALS = 32768, 28232
"""net.ipv4.ip_local_port_range."""
PATH_MTU_KEPT = 600 * SECOND
"""net.ipv4.route.mtu_expires."""
WATCHED = 10 * SECOND
"""How long an answer to a packet sent raw is waited for."""


Key = tuple[int, Ends]
"""A packet's protocol and ends."""


class Owner(NamedTuple):
    """Whose a connection is."""

    name: str
    """What program it is."""
    user: User
    dual: bool = False
    """Its socket is one for both versions of IP."""


class Datagrams:
    """Whoever uses a UDP port."""

    name = ""
    """What program it is."""
    user = ROOT_USER
    addresses: tuple[Address | None, ...] = (None,)
    """Where its sockets listen: at all addresses of a family (``ANY``), or (None) of both."""

    def received(self, stack: Stack, packet: Packet) -> None:
        """A datagram came to the port."""

    def unreachable(self, stack: Stack, why: str, ends: Ends) -> None:
        """An ICMP error came about a datagram sent from the port, with these ends: one that will not pass."""


class Stack:
    """The sockets of one host."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.endpoints: dict[Ends, Endpoint] = {}
        """Open connections, in the order they were made."""
        self.listeners: dict[tuple[Address | None, int], Listener] = {}
        """TCP ports that are listened on; at one address, at all of a family (``ANY``), or (None) at all."""
        self.datagrams: dict[int, Datagrams] = {}
        """UDP ports in use."""
        self.hearing: list[Callable[[Packet], None]] = []
        """Who hears every packet that comes to the host: raw sockets."""
        self._path_mtus: dict[Address, tuple[int, int]] = {}
        """What errors said of the way to an address: (bytes, until when it is believed)."""
        self._watched: dict[Key, int] = {}
        """What may answer a packet sent raw, and until when (ns) it is told."""
        self.owners: dict[Ends, Owner] = {}
        """Whose a connection is, or was when there last was one with these ends."""
        self._opened: dict[Ends, int] = {}
        self._ports_drawn: dict[tuple[object, ...], int] = {}

    # --- packets for this host ---------------------------------------------------------------------------------

    def receive(self, packet: Packet, broadcast: bool = False) -> None:
        """A packet the Firewall let through to the host itself."""
        if packet.fault or packet.offset or packet.mf:
            return
        self._tell(packet)
        self._take(packet, broadcast)
        # Programs get to run when the kernel has done its part.
        for hear in tuple(self.hearing):
            hear(packet)

    def _take(self, packet: Packet, broadcast: bool) -> None:
        if packet.protocol == TCP:
            if not broadcast:
                self._receive_tcp(packet)
        elif packet.protocol == UDP and packet.dport in self.datagrams:
            if sound_udp(packet):
                self.datagrams[packet.dport].received(self, packet)
        elif (error := read_error(packet)) is not None:
            self._receive_error(error)
        else:
            for answer in closed_port_answers(packet, self.around.now, broadcast, source=self.around.source_of_answer(packet)):
                self.around.emit(answer, by_stack=True)

    def _receive_tcp(self, packet: Packet) -> None:
        if not sound_tcp(packet):
            return
        ends = ends_of(packet).turned
        endpoint = self.endpoints.get(ends)
        if endpoint is not None and not endpoint.reopens(packet):
            endpoint.receive(packet)
            return
        listener = self.listener_at(ends.address, ends.port)
        flags = packet.flags & (SYN | ACK | RST | FIN)
        if listener is not None and flags == SYN:
            self._receive_syn(packet, ends, listener)
        elif listener is not None and flags & (SYN | ACK | RST) == ACK and self._receive_cookie(packet, ends, listener):
            return
        elif listener is None or flags & ACK:
            reset = answer_reset(packet)
            if reset:
                self.around.emit(reset, by_stack=True)

    def _receive_syn(self, packet: Packet, ends: Ends, listener: Listener) -> None:
        answer = listener.answer_to_syn(self.around.sysctls, self.around.now)
        if answer == "cookie":
            isn = make_cookie(self.around, ends, packet)
            Endpoint(self.around, ends, Unaccepted(), self._forget, isn, listener.user).answer_with_cookie(packet)
        elif answer:
            isn = None
            before = self.endpoints.get(ends)
            if before is not None:
                # A new SYN to a connection in TIME_WAIT: Linux starts well behind the old sequence numbers.
                isn = add(before.numbers[0], 65537)
                before.abort()
            self.owners[ends] = Owner(listener.name, listener.user, listener.dual)
            self._endpoint(ends, Unaccepted(), isn, listener.user).answer(packet, listener)

    def _receive_cookie(self, packet: Packet, ends: Ends, listener: Listener) -> bool:
        """Opens the connection whose cookie is acknowledged; False when none is."""
        if not listener.takes_cookies(self.around.sysctls, self.around.now):
            return False
        mss = read_cookie(self.around, ends, packet)
        if mss and not listener.full:
            self.owners[ends] = Owner(listener.name, listener.user, listener.dual)
            self._endpoint(ends, Unaccepted(), add(packet.ack, -1), listener.user).recall(packet, mss, listener)
        return bool(mss)

    def _receive_error(self, error: Error) -> None:
        if not error.why:
            return
        about = error.about
        ends = ends_of(about)
        if error.mtu:
            self._path_mtus[ends.peer] = max(error.mtu, LEAST_MTU[about.family]), self.around.now + PATH_MTU_KEPT
        if about.protocol == TCP:
            endpoint = self.endpoints.get(ends)
            if endpoint is not None and (error.mtu or not error.too_big):
                endpoint.unreachable(about.seq, error)
        elif about.protocol == UDP and error.hard and ends.port in self.datagrams:
            self.datagrams[ends.port].unreachable(self, error.why, ends)

    def path_mtu(self, address: Address) -> int:
        """Bytes a packet to an address may have, as far as is known: the link's MTU, or what an error said of the path."""
        mtu, until = self._path_mtus.get(address, (0, 0))
        own = self.around.mtu_to(address)
        return min(mtu, own) if until > self.around.now else own

    # --- sockets ---------------------------------------------------------------------------------------------

    def listen(self, address: Address | None, port: int, listener: Listener) -> None:
        """From now on a program listens. Raises OSError when the port is in use."""
        if any(port == used and (None in (address, at) or at == address) for at, used in self.listeners):
            raise OSError("Address already in use")
        listener.backlog = min(listener.backlog, self.around.sysctls[SOMAXCONN])
        listener.dual = address is None
        listener.told = lambda: self.around.note_queue(address, port, len(listener.waiting))
        self.listeners[address, port] = listener

    def stop_listening(self, address: Address | None, port: int) -> None:
        """Nobody does any more; closing it twice does no harm."""
        listener = self.listeners.pop((address, port), None)
        if listener is not None:
            listener.close()

    def listener_at(self, address: Address, port: int) -> Listener | None:
        """Who listens there."""
        for at in (address, ANY[address.family], None):
            if (at, port) in self.listeners:
                return self.listeners[at, port]
        return None

    def connect(self, ends: Ends, application: Application, user: User = ROOT_USER) -> Endpoint:
        """Opens a connection. Raises OSError in the words of connect(2) when the ends are in use."""
        if ends in self.endpoints:
            raise OSError("Cannot assign requested address")
        self.owners[ends] = Owner(application.name, user)
        endpoint = self._endpoint(ends, application, None, user)
        endpoint.connect()
        return endpoint

    def free_port(self, *purpose: object) -> int:
        """An ephemeral port nobody here uses, by the seed and the purpose: another one every time."""
        times = self._ports_drawn[purpose] = self._ports_drawn.get(purpose, 0) + 1
        taken = {ends[1] for ends in self.endpoints} | {port for _, port in self.listeners} | self.datagrams.keys()
        start = self.around.draw("port", *purpose, *([times] if times > 1 else []))
        for step in range(EPHEMERALS):
            port = FIRST_EPHEMERAL + (start + step) % EPHEMERALS
            if port not in taken:
                return port
        raise OSError("Cannot assign requested address")

    def send_udp(self, ends: Ends, data: bytes, user: User = ROOT_USER) -> None:
        """Sends a datagram."""
        (family, src), sport, (_, dst), dport = ends
        self.around.emit(craft.udp(src, dst, sport, dport, data, family=family), tell=True, user=user)

    def send_raw(self, packet: Packet) -> None:
        """Sends a packet as it is, past all sockets; what comes back to its ports is told on the console."""
        self._watched[_reply_key(packet)] = self.around.now + WATCHED
        self.around.emit(packet.raw, tell=True)

    def _endpoint(self, ends: Ends, application: Application, isn: int | None, user: User) -> Endpoint:
        times = self._opened[ends] = self._opened.get(ends, 0) + 1
        if isn is None:
            isn = self.around.draw("isn", *ends, times)
        endpoint = self.endpoints[ends] = Endpoint(self.around, ends, application, self._forget, isn, user)
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
        elif (error := read_error(packet)) is not None and self._watches(_reply_key(error.about)):
            self.around.say(f"received: {describe(packet)} about {describe(error.about)}")

    def _watches(self, key: Key) -> bool:
        return self._watched.get(key, -1) >= self.around.now


def _key(packet: Packet) -> Key:
    """What tells an answer from other packets: for ICMP the id stands for the ports."""
    ends = ends_of(packet)
    if is_icmp(packet):
        ends = ends._replace(port=packet.icmp_id, peer_port=packet.icmp_id)
    return packet.protocol, ends


def _reply_key(packet: Packet) -> Key:
    protocol, ends = _key(packet)
    return protocol, ends.turned
