"""A name server, and the messages one asks it with.

By UDP it says no more than fits: 512 bytes, or what the question allows (EDNS), up to 1232. The records for which there is no room it
leaves out, and says so (TC, truncated); who wants them asks again by TCP.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import error as StructError, pack, unpack_from
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.packet import Packet
from fwtutor.network.arguments import BadArgument
from fwtutor.network.ends import ANY, Address, ends_of
from fwtutor.network.services.buffered import Buffered
from fwtutor.network.services.records import PATH, Records, read_records
from fwtutor.network.stack import Datagrams, Stack
from fwtutor.network.tcp import Endpoint

if TYPE_CHECKING:
    from fwtutor.network.host import Host

Names = Mapping[str, tuple[Address, ...]]
"""Whose addresses are which, by name in small letters."""
A, TXT, AAAA, OPT = 1, 16, 28, 41
KINDS = {"A": A, "AAAA": AAAA, "TXT": TXT}
_RECORD_OF = {4: A, 6: AAAA}
SHORTEST, USUAL = 512, 1232
"""Bytes of an answer by UDP: what everybody takes, and what is safe on most ways."""
LONGEST = 65535
TRUNCATED, NO_SUCH_NAME = 0x0200, 3


class Zone:
    """What a name server knows: the hosts of the topology, each as NAME and as NAME.example, and what its host's file says besides."""

    def __init__(self, host: Host, names: Names) -> None:
        self._host, self._names = host, names

    def answer(self, message: bytes, tcp: bool = False) -> bytes:
        """The answer to a question; b"" to what is none. The file is read anew each time; one that cannot be read says nothing."""
        try:
            records = read_records(self._host.files.read(PATH) or "")
        except ValueError:
            records = {}
        return answer_query(message, self._names, records, tcp)


class Named(Datagrams):
    """It is asked by UDP."""

    name = "dns"
    addresses = (ANY[4], ANY[6])

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def received(self, stack: Stack, packet: Packet) -> None:
        reply = self._zone.answer(packet.payload)
        if reply:
            stack.send_udp(ends_of(packet).turned, reply, self.user)


class NamedStream(Buffered):
    """And by TCP, where each message has its length before it. Who asked closes."""

    def __init__(self, zone: Zone) -> None:
        super().__init__()
        self._zone = zone

    def heard(self, endpoint: Endpoint) -> None:
        while (message := take_message(self.buffer)) is not None:
            reply = self._zone.answer(message, tcp=True)
            if not reply:
                endpoint.close()
                return
            endpoint.send(framed(reply))


def framed(message: bytes) -> bytes:
    """A message as TCP carries it."""
    return pack("!H", len(message)) + message


def take_message(buffer: bytearray) -> bytes | None:
    """Takes a whole message from what has come by TCP; None: there is none yet."""
    if len(buffer) < 2 or len(buffer) < 2 + int.from_bytes(buffer[:2], "big"):
        return None
    end = 2 + int.from_bytes(buffer[:2], "big")
    message = bytes(buffer[2:end])
    del buffer[:end]
    return message


def dns_query(identity: int, name: str, kind: int = A, room: int = USUAL) -> bytes:
    """A question about ``name``; ``room``: bytes of an answer that are taken by UDP, 0: nothing is said of that.

    Raises BadArgument for what is no name.
    """
    labels = name.rstrip(".").encode("utf-8", "replace").split(b".")
    if not name.isascii() or not all(0 < len(label) < 64 for label in labels) or len(name) > 253:
        raise BadArgument(f"{name!r} is not a legal name")
    question = b"".join(bytes((len(label),)) + label for label in labels) + pack("!BHH", 0, kind, 1)
    return pack("!HHHHHH", identity, 0x0120, 1, 0, 0, 1 if room else 0) + question + (_option(room) if room else b"")


def _option(room: int) -> bytes:
    return pack("!BHHIH", 0, OPT, room, 0, 0)


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


def _room_said(message: bytes, end: int) -> int:
    """What a question says of the room for its answer; 0: nothing."""
    if message[10:12] == b"\0\0" or len(message) < end + 11:
        return 0
    root, kind, room = unpack_from("!BHH", message, end)
    return max(int(room), SHORTEST) if not root and kind == OPT else 0


def answer_query(message: bytes, names: Names, records: Records = {}, tcp: bool = False) -> bytes:  # noqa: B006 - it is not changed
    """The answer to a DNS query: what there is, NXDOMAIN, or nothing at all (b"") to what is no query."""
    if len(message) >= 12 and message[2] & 0xF8 == 0x10:
        return message[:2] + pack("!HHHHH", 0x9004, 0, 0, 0, 0)  # a request for its status, which no server implements
    if len(message) < 17 or message[2] & 0x80:
        return b""
    try:
        name, kind, end = _read_question(message)
    except (ValueError, StructError):
        return message[:2] + pack("!HHHHH", 0x8181, 0, 0, 0, 0)
    known = records.get(name)
    addresses = (*names.get(name, ()), *(known.addresses if known else ()))
    values = [each.value.to_bytes(4 if each.family == 4 else 16, "big") for each in addresses if _RECORD_OF[each.family] == kind]
    values += known.texts if known and kind == TXT else []
    room = _room_said(message, end)
    question, option = message[12:end], _option(USUAL) if room else b""
    flags = 0x8180 if name in names or known else 0x8180 | NO_SUCH_NAME
    left = (LONGEST if tcp else min(room or SHORTEST, USUAL)) - 12 - len(question) - len(option)
    body, count = b"", 0
    for value in values:
        record = pack("!HHHIH", 0xC00C, kind, 1, 300, len(value)) + value
        if len(body) + len(record) > left:
            flags |= TRUNCATED
            break
        body, count = body + record, count + 1
    return message[:2] + pack("!HHHHH", flags, 1, count, 0, 1 if option else 0) + question + body + option


class Answer(NamedTuple):
    """An answer, read."""

    identity: int
    name: str
    truncated: bool
    unknown: bool
    """There is no such name."""
    values: tuple[tuple[int, bytes], ...]
    """Type and data of each record."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Those among it."""
        families = {(A, 4): 4, (AAAA, 16): 6}
        known = ((families.get((kind, len(value))), value) for kind, value in self.values)
        return tuple(Address(family, int.from_bytes(value, "big")) for family, value in known if family)

    @property
    def texts(self) -> tuple[bytes, ...]:
        """Those among it, each put together from its pieces."""
        return tuple(_joined(value) for kind, value in self.values if kind == TXT)


def _joined(value: bytes) -> bytes:
    at, text = 0, b""
    while at < len(value):
        text += value[at + 1 : at + 1 + value[at]]
        at += 1 + value[at]
    return text


def read_answer(message: bytes) -> Answer:
    """A DNS answer. Raises ValueError on a broken one."""
    try:
        identity, flags, _, count = unpack_from("!HHHH", message)
        name, _, at = _read_question(message)
        values = []
        for _ in range(count):
            (kind,), (length,) = unpack_from("!H", message, at + 2), unpack_from("!H", message, at + 10)
            if len(message) < at + 12 + length:
                raise ValueError("a record is cut short")
            values.append((kind, message[at + 12 : at + 12 + length]))
            at += 12 + length
    except StructError as error:
        raise ValueError("a broken DNS message") from error
    return Answer(identity, name, bool(flags & TRUNCATED), flags & 15 == NO_SUCH_NAME, tuple(values))
