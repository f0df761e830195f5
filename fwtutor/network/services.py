"""What servers say: sshd, the app on 1337, a name server, a web server, echo. Just enough for an exchange to be complete.

None of it is encrypted or safe; a packet inspector finds the right words in the right places, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import error as StructError, pack, unpack_from

from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.arguments import BadArgument
from fwtutor.network.ends import Address, ends_of
from fwtutor.network.stack import Datagrams, Listener, Stack
from fwtutor.network.surroundings import User
from fwtutor.network.tcp import Endpoint
from fwtutor.network.topology import ServiceSpec

SSH_BANNER = b"SSH-2.0-OpenSSH_9.2p1\r\n"
KEXINIT, KEX_ECDH_INIT, KEX_ECDH_REPLY, NEWKEYS = 20, 30, 31, 21
"""SSH message numbers."""
TLS_HANDSHAKE, TLS_DATA = 22, 23
MAX_LINE = 65536


class Buffered(Application):
    """Keeps what arrived until it is taken in pieces."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def received(self, endpoint: Endpoint, data: bytes) -> None:
        self.buffer += data
        self.heard(endpoint)
        if len(self.buffer) > MAX_LINE:
            endpoint.abort()

    def heard(self, endpoint: Endpoint) -> None:
        """There is more in ``buffer``."""

    def line(self) -> bytes | None:
        """Takes one line, with its end; None until there is one."""
        end = self.buffer.find(b"\n") + 1
        return self.take(end) if end else None

    def take(self, length: int) -> bytes:
        """Takes the first bytes."""
        piece = bytes(self.buffer[:length])
        del self.buffer[:length]
        return piece


def ssh_message(kind: int, body: bytes = b"") -> bytes:
    """An SSH packet as it looks before encryption: length, padding length, message, padding."""
    padding = 4 + (-(len(body) + 10)) % 8
    return pack("!IBB", 2 + len(body) + padding, padding, kind) + body + bytes(padding)


def take_ssh_message(peer: Buffered) -> int | None:
    """Takes one SSH packet, and says which message it was; None until there is a whole one."""
    if len(peer.buffer) < 6:
        return None
    (length,) = unpack_from("!I", peer.buffer)
    if len(peer.buffer) < 4 + length:
        return None
    return peer.take(4 + length)[5]


KEX_BODY = b"\0" * 16 + b"curve25519-sha256,ssh-ed25519,aes128-gcm@openssh.com"
KEX_KEY = b"\0\0\0 " + b"k" * 32


class Sshd(Buffered):
    """Banner, key exchange; then it waits for a password that nobody has."""

    greeted = False

    def opened(self, endpoint: Endpoint) -> None:
        endpoint.send(SSH_BANNER)

    def heard(self, endpoint: Endpoint) -> None:
        if not self.greeted:
            line = self.line()
            if line is None:
                return
            if not line.startswith(b"SSH-2."):
                endpoint.send(b"Invalid SSH identification string.\r\n")
                endpoint.close()
                return
            self.greeted = True
            endpoint.send(ssh_message(KEXINIT, KEX_BODY))
        while (message := take_ssh_message(self)) is not None:
            if message == KEX_ECDH_INIT:
                endpoint.send(ssh_message(KEX_ECDH_REPLY, KEX_KEY) + ssh_message(NEWKEYS))


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


PAGE = b"hello from the web\n"
RESPONSE = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(PAGE)}\r\nConnection: close\r\n\r\n".encode() + PAGE


class Httpd(Buffered):
    """One page a connection."""

    def heard(self, endpoint: Endpoint) -> None:
        if b"\r\n\r\n" in self.buffer:
            self.buffer.clear()
            endpoint.send(RESPONSE)
            endpoint.close()


def tls_record(kind: int, body: bytes) -> bytes:
    """A TLS record; what should be encrypted in it is not."""
    return pack("!BHH", kind, 0x0303, len(body)) + body


class Httpsd(Buffered):
    """The same within records that look like TLS."""

    def heard(self, endpoint: Endpoint) -> None:
        while len(self.buffer) >= 5:
            kind, _, length = unpack_from("!BHH", self.buffer)
            if len(self.buffer) < 5 + length:
                return
            body = self.take(5 + length)[5:]
            if kind == TLS_HANDSHAKE and body[:1] == b"\1":
                endpoint.send(tls_record(TLS_HANDSHAKE, b"\2\0\0\4srv!"))
            elif kind == TLS_DATA and b"\r\n\r\n" in body:
                endpoint.send(tls_record(TLS_DATA, RESPONSE))
                endpoint.close()
            else:
                endpoint.abort()
                return


Names = Mapping[str, tuple[Address, ...]]
"""Whose addresses are which, by name in small letters."""
A, AAAA = 1, 28
_RECORD_OF = {4: A, 6: AAAA}


class Named(Datagrams):
    """A name server that knows the hosts of the topology, each as NAME and as NAME.example."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def received(self, stack: Stack, packet: Packet) -> None:
        reply = answer_query(packet.payload, self._names)
        if reply:
            stack.send_udp(ends_of(packet).turned, reply)


class EchoDatagrams(Datagrams):
    """RFC 862 over UDP."""

    def received(self, stack: Stack, packet: Packet) -> None:
        stack.send_udp(ends_of(packet).turned, packet.payload)


def dns_query(identity: int, name: str, family: int = 4) -> bytes:
    """A question for the address of ``name``, of a family. Raises BadArgument for what is no name."""
    labels = name.rstrip(".").encode("utf-8", "replace").split(b".")
    if not name.isascii() or not all(0 < len(label) < 64 for label in labels) or len(name) > 253:
        raise BadArgument(f"{name!r} is not a legal name")
    question = b"".join(bytes((len(label),)) + label for label in labels) + pack("!BHH", 0, _RECORD_OF[family], 1)
    return pack("!HHHHHH", identity, 0x0100, 1, 0, 0, 0) + question


def _read_question(message: bytes) -> tuple[str, int, int]:
    """(name, type, where the question ends). Raises ValueError or StructError on a broken message."""
    labels, at = [], 12
    while message[at : at + 1] not in (b"", b"\0"):
        length = message[at]
        if length > 63:
            raise ValueError("a pointer in a question")
        labels.append(message[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    (kind,) = unpack_from("!H", message, at + 1)
    unpack_from("!H", message, at + 3)
    return ".".join(labels).lower(), kind, at + 5


def answer_query(message: bytes, names: Names) -> bytes:
    """The answer to a DNS query: an address, NXDOMAIN, or nothing at all (b"") to what is no query."""
    if len(message) < 17 or message[2] & 0x80:
        return b""
    try:
        name, kind, end = _read_question(message)
    except (ValueError, StructError):
        return message[:2] + pack("!HHHHH", 0x8181, 0, 0, 0, 0)
    addresses = names.get(name)
    found = [address for address in addresses or () if _RECORD_OF[address.family] == kind]
    head = message[:2] + pack("!HHHHH", 0x8183 if addresses is None else 0x8180, 1, len(found), 0, 0)
    values = [address.value.to_bytes(4 if address.family == 4 else 16, "big") for address in found]
    return head + message[12:end] + b"".join(pack("!HHHIH", 0xC00C, kind, 1, 300, len(value)) + value for value in values)


def read_answer(message: bytes) -> tuple[int, str, Address | None]:
    """(id, name, first address) of a DNS answer; None: it has no address. Raises ValueError on a broken one."""
    try:
        identity, _, _, answers = unpack_from("!HHHH", message)
        name, _, end = _read_question(message)
        if not answers:
            return identity, name, None
        kind, length = unpack_from("!H", message, end + 2)[0], unpack_from("!H", message, end + 10)[0]
        value = message[end + 12 : end + 12 + length]
    except StructError as error:
        raise ValueError("a broken DNS message") from error
    family = {(A, 4): 4, (AAAA, 16): 6}.get((kind, len(value)))
    return identity, name, Address(family, int.from_bytes(value, "big")) if family and length == len(value) else None


TCP_SERVICES: dict[str, Callable[[], Application]] = {
    "ssh": Sshd,
    "app": EchoingApp,
    "http": Httpd,
    "https": Httpsd,
    "echo": Echo,
}


def install(stack: Stack, service: ServiceSpec, user: User, names: Names) -> None:
    """Starts a service of ``topology.SERVICES`` on a stack."""
    if service.name in TCP_SERVICES:
        address = Address(*parse_address(service.address)) if service.address else None
        stack.listeners[address, service.port] = Listener(TCP_SERVICES[service.name], user, service.name)
    if service.name == "echo":
        stack.datagrams[service.port] = EchoDatagrams()
    elif service.name == "dns":
        stack.datagrams[service.port] = Named(names)
