"""TFTP: its messages, how a file goes either way in blocks, and the server.

A request goes to the well-known port. The server answers it from a new port of its own, and the transfer is between that one and the
client's: connection tracking takes the answer for a connection of its own, unless the helper has read the request.
Whoever has sent something waits for the other side's word about it, and says it again when the time is up.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from struct import pack, unpack_from
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.ends import Ends
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.sockets import UdpSocket

FOLDER = "/srv/tftp"
"""Where the files are that the server hands out, and takes new text for."""
READ, WRITE, DATA, ACK, ERROR = range(1, 6)
BLOCK = 512
NETASCII, OCTET = "netascii", "octet"
NOT_FOUND = (1, "File not found")
BAD_MODE = (4, "Unknown mode")


class Message(NamedTuple):
    """A message, read. ``number``: of the block, or the error."""

    kind: int
    number: int
    data: bytes

    @property
    def words(self) -> str:
        """Of an error."""
        return self.data.partition(b"\0")[0].decode("utf-8", "replace")


class Patience(NamedTuple):
    """How long an answer is waited for: times in ns, one for each time it is said."""

    times: tuple[int, ...]
    anew: bool
    """Whatever comes from the other side begins the waiting anew, also when it is not what is waited for."""


SERVER = Patience(tuple(SECOND << number for number in range(6)), anew=False)
CLIENT = Patience((5 * SECOND,) * 5, anew=True)


def request(kind: int, name: str, mode: str) -> bytes:
    """Asks to read or to write a file."""
    return pack("!H", kind) + b"".join(word.encode("utf-8", "replace") + b"\0" for word in (name, mode))


def data_block(number: int, data: bytes) -> bytes:
    """A block of a file; one that is not full is the last."""
    return pack("!HH", DATA, number) + data


def acknowledge(number: int) -> bytes:
    """The block has come."""
    return pack("!HH", ACK, number)


def refuse(number: int, words: str) -> bytes:
    """It cannot be done."""
    return pack("!HH", ERROR, number) + words.encode() + b"\0"


def read_message(raw: bytes) -> Message | None:
    """A message; None if it is none, or a request."""
    if len(raw) < 4:
        return None
    kind, number = unpack_from("!HH", raw)
    return Message(kind, number, raw[4:]) if kind in (DATA, ACK, ERROR) else None


def read_request(raw: bytes) -> tuple[int, str, str] | None:
    """(what is asked, file, mode in small letters); None if it is no request. Options that come behind are not taken up."""
    words = raw[2:].split(b"\0")
    kind = int.from_bytes(raw[:2], "big")
    if kind not in (READ, WRITE) or len(words) < 3:
        return None
    return kind, words[0].decode("utf-8", "replace"), words[1].decode("latin-1").lower()


def encoded(text: str, mode: str) -> bytes:
    """A file's text as it goes over the wire."""
    data = text.encode("utf-8", "replace")
    return data if mode == OCTET else data.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def decoded(data: bytes, mode: str) -> str:
    """And back."""
    data = data if mode == OCTET else data.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")
    return data.decode("utf-8", "replace")


class Broken(Exception):
    """The transfer is over before its end; its text says why, and is empty when the other side has only fallen silent."""


class Transfer:
    """One side of a transfer. A client goes on with whatever port answers (``follows``)."""

    def __init__(self, process: Process, socket: UdpSocket, ends: Ends, patience: Patience, follows: bool) -> None:
        self._process, self._socket, self._ends = process, socket, ends
        self._patience, self._follows = patience, follows

    def say(self, message: bytes) -> None:
        """Sends a message."""
        with suppress(OSError):
            self._socket.send(message, self._ends.peer, self._ends.peer_port, self._ends.address)

    def send_file(self, data: bytes, first: bytes = b"") -> Generator[Wait, bool, None]:
        """Sends all of it; ``first`` is the request, which is acknowledged like a block. Raises Broken."""
        if first:
            yield from self._ask(first, (ACK, 0))
        for count in range(len(data) // BLOCK + 1):
            number = count + 1 & 0xFFFF
            block = data_block(number, data[count * BLOCK : (count + 1) * BLOCK])
            yield from self._ask(block, (ACK, number))

    def receive_file(self, first: bytes) -> Generator[Wait, bool, bytes]:
        """Gets all of it; ``first`` is what is said for the first block to come. Raises Broken."""
        got, number, said = bytearray(), 1, first
        while True:
            message = yield from self._ask(said, (DATA, number), said)
            got += message.data
            said = acknowledge(number)
            if len(message.data) < BLOCK:
                self.say(said)
                return bytes(got)
            number = number + 1 & 0xFFFF

    def linger(self, last: bytes) -> Generator[Wait, bool, None]:
        """Who has got the last block stays a while: his acknowledgement may have been lost."""
        came = yield from self._socket.receive(
            Wait(self._process.host.now + self._patience.times[0], "tftp: nothing more comes", busy=False)
        )
        if came is not None and came.data[:2] == pack("!H", DATA):
            self.say(last)

    def _ask(self, said: bytes, wanted: tuple[int, int], again: bytes = b"") -> Generator[Wait, bool, Message]:
        """Says something until the answer comes. ``again``: what is said at once to a block that had come before."""
        host = self._process.host
        for length in self._patience.times:
            self.say(said)
            until = host.now + length
            while (came := (yield from self._socket.receive(Wait(until, f"{self._process.name} says it again")))) is not None:
                if came.error and not self._follows:
                    raise Broken
                message = None if came.error or came.ends.peer != self._ends.peer else read_message(came.data)
                if message is None:
                    continue
                if self._follows:
                    self._ends = self._ends._replace(peer_port=came.ends.peer_port)
                if message[:2] == wanted:
                    return message
                if message.kind == ERROR:
                    raise Broken(f"Error code {message.number}: {message.words}")
                if again and message.kind == DATA:
                    self.say(again)
                if self._patience.anew:
                    until = host.now + length
        raise Broken


def serve(process: Process, port: int) -> Program:
    """The server: a process for each request, on a port of its own."""
    socket = UdpSocket(process, port)
    while (came := (yield from socket.receive())) is not None:
        asked = None if came.error else read_request(came.data)
        if asked is not None:
            _start(process, came.ends, *asked)


def _start(process: Process, ends: Ends, kind: int, name: str, mode: str) -> None:
    host = process.host
    with suppress(OSError):
        own = ends._replace(port=host.stack.free_port("udp", ends.peer, ends.peer_port))

        def answer(process: Process) -> Program:
            socket = UdpSocket(process, own.port)
            transfer = Transfer(process, socket, own, SERVER, follows=False)
            path = "/".join((FOLDER, *(part for part in name.split("/") if part not in ("", "."))))
            text = host.files.read(path)
            with suppress(Broken):
                if mode not in (NETASCII, OCTET):
                    transfer.say(refuse(*BAD_MODE))
                elif text is None:
                    transfer.say(refuse(*NOT_FOUND))
                elif kind == READ:
                    yield from transfer.send_file(encoded(text, mode))
                else:
                    host.write(path, "")
                    data = yield from transfer.receive_file(acknowledge(0))
                    host.write(path, decoded(data, mode))
                    yield from transfer.linger(acknowledge(len(data) // BLOCK + 1 & 0xFFFF))

        host.run(Process(host, "in.tftpd", answer, process.user))
