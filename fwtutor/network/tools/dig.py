"""``dig``: asks a name server, by UDP, and by TCP what was too long for that."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.arguments import split_words
from fwtutor.network.ends import Address
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.services.dns import KINDS, USUAL, Answer, dns_query, framed, read_answer, take_message
from fwtutor.network.sockets import Connection, UdpSocket
from fwtutor.network.tools.options import find_host
from fwtutor.network.tools.shell import Refused, Shell, Tool
from fwtutor.network.words import shown

DIG_TRIES, MOST_TRIES = 3, 10
DIG_TIMEOUT, TCP_TIMEOUT = 5 * SECOND, 10 * SECOND
NOBODY = "no servers could be reached"
SEGMENT = 1220
"""Bytes of TCP's segments, of which it wants no longer ones."""
USAGE = "write dig [@SERVER] NAME [A|AAAA|TXT] [+tcp] [+bufsize=BYTES|+noedns] [+ignore] [+tries=N]"
MORE = f"""\
    asks {DIG_TRIES} times, 5 seconds apart (+tries=N), by UDP; an answer that comes truncated it asks for again by TCP (not with +ignore)
    +tcp asks by TCP at once · +bufsize=BYTES of an answer that may come by UDP ({USUAL}; no server here sends more) · +noedns says nothing
    of that, and 512 is the most"""


class Request(NamedTuple):
    """What is asked for."""

    server: Address
    name: str
    kind: str
    tries: int
    tcp: bool
    room: int
    ignore: bool


def _read(shell: Shell, rest: str) -> Request:
    host = shell.host
    kind, tries, tcp, room, ignore = "A", DIG_TRIES, False, USUAL, False
    servers, names = [], []
    for word in split_words(rest):
        option, _, value = word.partition("=")
        if word.startswith("@"):
            servers.append(word[1:])
        elif word.upper() in KINDS:
            kind = word.upper()
        elif option in ("+tcp", "+vc", "+notcp", "+novc") and option == word:
            tcp = "no" not in option
        elif option == "+noedns" and option == word:
            room = 0
        elif word == "+ignore":
            ignore = True
        elif word == "+nocookie":
            pass  # it has none
        elif option == "+bufsize":
            room = _number(value, 0, 65535, "buffer size") or USUAL
        elif option == "+tries":
            tries = max(1, _number(value, 0, MOST_TRIES, "tries"))
        elif word[:1] in ("+", "-"):
            raise Refused(f"Invalid option: {word[:40]}\n{USAGE}")
        else:
            names.append(word)
    if len(names) != 1 or len(servers) > 1:
        raise Refused(USAGE)
    if servers:
        server = find_host(host, servers[0])
    elif host.resolver is not None:
        server = host.resolver
    else:
        raise Refused("there is no name server here; write dig @SERVER NAME")
    if host.source_for(server) is None:
        raise Refused(f"{server}#53: Network is unreachable")
    dns_query(0, names[0])
    return Request(server, names[0], kind, tries, tcp, room, ignore)


def _number(text: str, least: int, most: int, what: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Refused(f"invalid {what} '{text[:40]}': not a valid number")
    if not least <= int(text) <= most:
        raise Refused(f"invalid {what} '{text}': out of range")
    return int(text)


class Digging:
    """A running dig."""

    def __init__(self, process: Process, request: Request) -> None:
        self._process, self._request = process, request
        self._tries = 0
        self._identity = process.host.draw("dns id", request.name, process.host.lines) & 0xFFFF
        """The same, however often it asks."""
        self._query = dns_query(self._identity, request.name, KINDS[request.kind], request.room)

    def run(self) -> Program:
        """Until it is answered, or has asked often enough."""
        request, tcp = self._request, self._request.tcp
        while self._tries < request.tries:
            self._tries += 1
            answer = yield from self._by_tcp() if tcp else self._by_udp()
            if answer is not None and answer.truncated and not tcp and not request.ignore:
                self._say("Truncated, retrying in TCP mode.")
                tcp, self._tries = True, 1
                answer = yield from self._by_tcp()
            if answer is not None:
                self._tell(answer)
                return
        if not tcp:
            self._say(NOBODY)

    def _wait(self, length: int) -> Wait:
        """For the answer to what is sent now."""
        server, tries = self._request.server, self._request.tries
        again = f"dig asks {server} again ({self._tries + 1} of {tries})"
        what = again if self._tries < tries else f"dig gives up on {server} after {tries} tries"
        return Wait(self._process.host.now + length, what)

    def _failed(self, why: str) -> None:
        """A connection that did not come about."""
        server = self._request.server
        self._say(f"Connection to {server}#53({server}) for {self._request.name} failed: {why.lower()}.")
        self._say(NOBODY)

    def _by_udp(self) -> Generator[Wait, bool, Answer | None]:
        server, host = self._request.server, self._process.host
        try:
            socket = UdpSocket(self._process, host.stack.free_port("udp", server))
        except OSError as error:
            self._say(f"UDP setup with {server}#53 failed: {str(error).lower()}.")
            return None
        socket.send(self._query, server, 53)
        wait = self._wait(DIG_TIMEOUT)
        try:
            while (came := (yield from socket.receive(wait))) is not None:
                if came.error:
                    self._say(f"communications error to {server}#53: {came.error.lower()}")
                    return None
                answer = self._read(came.data)
                if answer is not None and (came.ends.peer, came.ends.peer_port) == (server, 53):
                    return answer
        finally:
            socket.close()
        self._say(f"communications error to {server}#53: timed out")
        return None

    def _by_tcp(self) -> Generator[Wait, bool, Answer | None]:
        request, process = self._request, self._process
        connection = Connection(process)
        connection.largest = SEGMENT
        wait = self._wait(TCP_TIMEOUT)
        try:
            connection.begin(request.server, 53)
        except OSError as error:
            self._failed(str(error))
            return None
        while not connection.open and connection.why is None:
            if not (yield wait):
                break
        if not connection.open:
            why = connection.why or "timed out"
            connection.abort()
            self._failed(why)
            return None
        connection.send(framed(self._query))
        while (message := take_message(connection.look())) is None and not connection.finished and connection.why is None:
            if not (yield wait):
                break
        answer = None if message is None else self._read(message)
        connection.close()
        if answer is None:
            why = connection.why or ("end of file" if connection.finished or message is not None else "timed out")
            self._say(f"communications error to {request.server}#53: {why.lower()}")
            return None
        if message is not None and request.kind == "TXT":
            self._say(f"{len(message)} bytes by TCP")
        return answer

    def _read(self, message: bytes) -> Answer | None:
        """The answer, if it is one to what was asked."""
        try:
            answer = read_answer(message)
        except ValueError:
            return None
        return answer if answer.identity == self._identity else None

    def _tell(self, answer: Answer) -> None:
        request = self._request
        if answer.addresses or answer.texts:
            values = [str(address) for address in answer.addresses] + [f'"{shown(text)}"' for text in answer.texts]
            self._say(f"{request.name} is {', '.join(values)}{' ... (truncated)' if answer.truncated else ''}")
        elif answer.truncated:
            self._say(f"{request.name}: truncated")
        else:
            self._say(f"{request.name}: NXDOMAIN" if answer.unknown else f"{request.name}: no {request.kind} record")

    def _say(self, text: str) -> None:
        self._process.say(f"dig: {text}")


def _dig(shell: Shell, rest: str) -> str:
    request, host = _read(shell, rest), shell.host
    host.run(Process(host, "dig", lambda process: Digging(process, request).run(), shell.user))
    return f"asking {request.server} for {request.name}"


TOOL = Tool(
    "dig", "dig [@SERVER] NAME [AAAA|TXT] [+tcp]", "asks a name server", _dig,
    ("AAAA", "TXT", "+tcp", "+bufsize=", "+noedns", "+ignore", "+tries="), more=MORE,
)  # fmt: skip
