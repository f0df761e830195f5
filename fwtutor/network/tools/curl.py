"""``curl``: gets a page."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.arguments import split_words
from fwtutor.network.services.buffered import Buffered
from fwtutor.network.services.http import TLS_DATA, TLS_HANDSHAKE, tls_record
from fwtutor.network.surroundings import Surroundings
from fwtutor.network.tcp import Endpoint
from fwtutor.network.tools.opening import open_connection
from fwtutor.network.tools.options import find_place
from fwtutor.network.tools.shell import Refused, Shell, Tool
from fwtutor.network.words import shown

MOMENT = SECOND // 10_000


class Curl(Buffered):
    """``curl``: asks for a page, shows it, closes."""

    name = "curl"

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
        self._around.arm(MOMENT, lambda: self._done(endpoint))

    def _done(self, endpoint: Endpoint) -> str:
        """It takes a program a moment to see that it has everything; what was sent along with that has come by then."""
        endpoint.leave()
        return "curl has the page, and closes its socket"

    def gone(self, endpoint: Endpoint, why: str) -> None:
        if why and not self._asked:
            self._around.say(f"curl: (7) Failed to connect to {self._host} port {endpoint.ends.peer_port}: {why}")
        elif why and not self._answered:
            self._around.say(f"curl: (56) Recv failure: {why}")
        elif not self._answered and self.buffer:
            self._around.say("curl: (1) Received HTTP/0.9 when not allowed")
        elif self._asked and not self._answered:
            self._around.say("curl: (52) Empty reply from server")


def _curl(shell: Shell, rest: str) -> str:
    words = [word for word in split_words(rest) if word not in ("-s", "-v", "-i")]
    if len(words) != 1:
        raise Refused("write curl [https://]HOST[:PORT][/PATH]")
    scheme, found, place = words[0].rpartition("://")
    if found and scheme not in ("http", "https"):
        raise Refused(f"(1) Protocol {scheme!r} not supported")
    where, _, path = place.partition("/")
    tls = scheme == "https" or (not found and where.endswith(":443"))
    try:
        destination = find_place(shell.host, where, 443 if tls else 80)
    except Refused:
        raise Refused(f"(6) Could not resolve host: {where.partition(':')[0]}") from None
    endpoint = open_connection(shell, destination, Curl(shell.host, where.removesuffix(f":{destination[1]}"), f"/{path}", tls))
    return f"connecting {endpoint.name}"


TOOL = Tool("curl", "curl [https://]HOST[:PORT][/PATH]", "gets a page", _curl)
