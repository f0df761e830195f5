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
    words, user, active, extended = split_words(rest), "", False, True
    places: list[str] = []
    while words:
        word = words.pop(0)
        if word in ("-u", "-P") and words:
            value = words.pop(0)
            user, active = (value, active) if word == "-u" else (user, True)
        elif word in ("--disable-epsv", "--disable-eprt"):
            extended = False
        elif not (word[:1] == "-" and word[1:].strip("sSvi") == ""):
            places.append(word)
    if len(places) != 1:
        raise Refused(USAGE)
    scheme, found, place = places[0].rpartition("://")
    if found and scheme not in ("http", "https", "ftp"):
        raise Refused(f"(1) Protocol {scheme!r} not supported")
    where, _, path = place.partition("/")
    tls = scheme == "https" or (not found and where.endswith(":443"))
    ftp = scheme == "ftp"
    if ftp and "@" in where:
        user, _, where = where.rpartition("@")
    try:
        destination = find_place(shell.host, where, 21 if ftp else 443 if tls else 80)
    except Refused:
        raise Refused(f"(6) Could not resolve host: {where.partition(':')[0]}") from None
    name = where.removesuffix(f":{destination[1]}")
    if ftp:
        from fwtutor.network.tools import curl_ftp

        wanted = curl_ftp.Wanted(*destination, name, path, active=active, extended=extended)
        if user:
            wanted = wanted._replace(user=user.partition(":")[0], password=user.partition(":")[2])
        return curl_ftp.run_ftp(shell, wanted)
    endpoint = open_connection(shell, destination, Curl(shell.host, name, f"/{path}", tls))
    return f"connecting {endpoint.name}"


USAGE = "write curl [http://|https://|ftp://]HOST[:PORT][/PATH]"
MORE_HELP = """\
    ftp://[USER:PASSWORD@]HOST/PATH gets a file, or with / at the end a listing; -u USER:PASSWORD says who asks
    -P - : the data connection comes from the server (active) · --disable-epsv, --disable-eprt: PASV and PORT"""
TOOL = Tool(
    "curl", "curl [SCHEME://]HOST[:PORT][/PATH]", "gets a page, or a file by FTP", _curl,
    ("http://", "https://", "ftp://", "-u", "-P", "--disable-epsv", "--disable-eprt"), more=MORE_HELP,
)  # fmt: skip
