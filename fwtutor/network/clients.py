"""What clients do: a plain conversation, ssh, curl, dig. They tell on the console what they did and got, as they get it."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import Ends, ends_of
from fwtutor.network.services import (
    KEX_BODY,
    KEX_ECDH_INIT,
    KEX_ECDH_REPLY,
    KEX_KEY,
    KEXINIT,
    NEWKEYS,
    TLS_DATA,
    TLS_HANDSHAKE,
    Buffered,
    dns_query,
    read_answer,
    ssh_message,
    take_ssh_message,
    tls_record,
)
from fwtutor.network.stack import Datagrams, Stack
from fwtutor.network.surroundings import Surroundings, Timer
from fwtutor.network.tcp import Endpoint

DIG_TRIES = 3
DIG_TIMEOUT = 5 * SECOND
MAX_SHOWN = 200


def shown(data: bytes) -> str:
    """Bytes as one line of a console; control characters become escapes."""
    text = data[:MAX_SHOWN].decode("utf-8", "backslashreplace").rstrip("\r\n")
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return text + (" ..." if len(data) > MAX_SHOWN else "")


class Talk(Application):
    """``connect``: opens, shows what comes, says what it is told to."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def opened(self, endpoint: Endpoint) -> None:
        self._around.say(f"connected to {endpoint.peer} from port {endpoint.ends.port}")

    def received(self, endpoint: Endpoint, data: bytes) -> None:
        for line in data.splitlines():
            self._around.say(f"from {endpoint.peer}: {shown(line)}")

    def ended(self, endpoint: Endpoint) -> None:
        self._around.say(f"{endpoint.peer} closed its side")
        endpoint.close()

    def gone(self, endpoint: Endpoint, why: str) -> None:
        self._around.say(f"{endpoint.peer}: {why}" if why else f"connection to {endpoint.peer} closed")


class Ssh(Buffered):
    """``ssh``: banner and key exchange. Having got the server's keys it has reached it."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__()
        self._around = around
        self._banner = b""
        self._reached = False

    def opened(self, endpoint: Endpoint) -> None:
        self._around.say(f"ssh: connected to {endpoint.peer} from port {endpoint.ends.port}")
        endpoint.send(b"SSH-2.0-OpenSSH_9.2\r\n")

    def heard(self, endpoint: Endpoint) -> None:
        if not self._banner:
            line = self.line()
            if line is None:
                return
            self._banner = line
            self._around.say(f"ssh: {endpoint.peer} is {shown(line)}")
            endpoint.send(ssh_message(KEXINIT, KEX_BODY))
        while (message := take_ssh_message(self)) is not None:
            if message == KEXINIT:
                endpoint.send(ssh_message(KEX_ECDH_INIT, KEX_KEY))
            elif message == KEX_ECDH_REPLY:
                endpoint.send(ssh_message(NEWKEYS))
            elif message == NEWKEYS:
                self._reached = True
                self._around.say(f"ssh: reached {endpoint.peer}: keys exchanged, it asks for a password")

    def gone(self, endpoint: Endpoint, why: str) -> None:
        address, port = endpoint.ends.peer, endpoint.ends.peer_port
        if why and not self._banner:
            self._around.say(f"ssh: connect to host {address} port {port}: {why}")
        else:
            self._around.say(f"ssh: connection to {address} {'lost: ' + why if why else 'closed'}")


class Curl(Buffered):
    """``curl``: asks for a page, shows it, closes."""

    def __init__(self, around: Surroundings, host: str, path: str, tls: bool) -> None:
        super().__init__()
        self._around = around
        self._host = host
        self._request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n".encode()
        self._tls = tls
        self._asked = self._answered = False

    def opened(self, endpoint: Endpoint) -> None:
        self._asked = True
        endpoint.send(tls_record(TLS_HANDSHAKE, b"\1\0\0\4cli!") if self._tls else self._request)

    def heard(self, endpoint: Endpoint) -> None:
        if not self._tls:
            self._show(endpoint, bytes(self.buffer))
            return
        while len(self.buffer) >= 5:
            length = int.from_bytes(self.buffer[3:5], "big")
            if len(self.buffer) < 5 + length:
                return
            record = self.take(5 + length)
            if record[0] == TLS_HANDSHAKE:
                endpoint.send(tls_record(TLS_DATA, self._request))
            else:
                self._show(endpoint, record[5:])

    def _show(self, endpoint: Endpoint, page: bytes) -> None:
        head, found, body = page.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if not found or self._answered or (lengths and lengths[0].isdigit() and len(body) < int(lengths[0])):
            return
        self._answered = True
        self._around.say(f"curl: {shown(head.splitlines()[0])}")
        for line in body.splitlines():
            self._around.say(shown(line))
        endpoint.close()

    def gone(self, endpoint: Endpoint, why: str) -> None:
        if why and not self._asked:
            self._around.say(f"curl: (7) Failed to connect to {self._host} port {endpoint.ends.peer_port}: {why}")
        elif why and not self._answered:
            self._around.say(f"curl: (56) Recv failure: {why}")
        elif not self._answered and self.buffer:
            self._around.say("curl: (1) Received HTTP/0.9 when not allowed")
        elif self._asked and not self._answered:
            self._around.say("curl: (52) Empty reply from server")


class Dig(Datagrams):
    """``dig``: asks up to three times, five seconds apart."""

    def __init__(self, around: Surroundings, name: str, ends: Ends, family: int) -> None:
        self._around = around
        self._ends = ends
        self._identity = around.draw("dns id", name, ends.port) & 0xFFFF
        self._query = dns_query(self._identity, name, family)
        self._name = name
        self._tries = 0
        self._timer: Timer | None = None

    def ask(self, stack: Stack) -> None:
        """Sends the question (again)."""
        self._tries += 1
        stack.datagrams[self._ends.port] = self
        stack.send_udp(self._ends, self._query)
        self._timer = self._around.arm(DIG_TIMEOUT, lambda: self._timed_out(stack))

    def received(self, stack: Stack, packet: Packet) -> None:
        try:
            identity, _, address = read_answer(packet.payload)
        except ValueError:
            return
        if identity != self._identity or ends_of(packet).turned != self._ends:
            return
        self._around.say(f"dig: {self._name} is {address}" if address else f"dig: {self._name}: NXDOMAIN")
        self._done(stack)

    def unreachable(self, stack: Stack, why: str, ends: Ends) -> None:
        self._around.say(f"dig: communications error to {self._ends.peer}#53: {why.lower()}")
        self._done(stack)

    def _timed_out(self, stack: Stack) -> str:
        self._timer = None
        server = self._ends.peer
        self._around.say(f"dig: communications error to {server}#53: timed out")
        if self._tries < DIG_TRIES:
            self.ask(stack)
            return f"dig asks {server} again ({self._tries} of {DIG_TRIES})"
        self._around.say("dig: no servers could be reached")
        self._done(stack)
        return f"dig gives up on {server} after {DIG_TRIES} tries"

    def _done(self, stack: Stack) -> None:
        if self._timer is not None:
            self._around.cancel(self._timer)
        stack.datagrams.pop(self._ends.port, None)
