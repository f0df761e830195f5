"""The FTP helper: it reads the control connection, and expects the data connections agreed upon there.

The client says where it listens with PORT or EPRT, the server with its answers 227 (to PASV) and 229 (to EPSV). Either is read only at the
beginning of a segment, and only when that follows right after a line end seen before in the same direction, of which the last two are
remembered: so the very first line of either side is never read. When a segment ends in the middle of such a word, or what
follows the word is not what it should be, the packet is dropped, so that it will come again, whole. Who names an address that is not his
own is let pass, but nobody is expected there.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.helpers.helper import Helper, Job, Kind, segment
from fwtutor.netfilter.conntrack.helpers.ipv6text import read_ipv6
from fwtutor.netfilter.conntrack.helpers.numbers import HALF, WORD, ZERO, is_digit, read_number
from fwtutor.netfilter.packet import TCP

REMEMBERED = 2
"""Line ends a direction."""
COMMANDS = ((b"PORT", b"EPRT"), (b"227 ", b"229 "))
"""By direction."""


class LineEnds(NamedTuple):
    """Sequence numbers right after a line end, by direction, in the order in which they were seen."""

    original: tuple[int, ...] = ()
    reply: tuple[int, ...] = ()

    def has(self, direction: int, seq: int) -> bool:
        return seq in self[direction]

    def with_end(self, direction: int, seq: int) -> LineEnds:
        """One more; of two that are remembered the older one goes, unless it is the new one that is older."""
        known = self[direction]
        if seq in known:
            return self
        if len(known) < REMEMBERED:
            known = (*known, seq)
        else:
            oldest = 0 if _before(known[0], known[1]) else 1
            if not _before(known[oldest], seq):
                return self
            known = (seq, known[1]) if oldest == 0 else (known[0], seq)
        return LineEnds(self.original, known) if direction else LineEnds(known, self.reply)


class Named(NamedTuple):
    """Where somebody says he listens."""

    address: int | None
    """None: he does not name one, and means his own."""
    port: int
    start: int
    """Of the words that say so, in the segment's data."""
    end: int
    whole: bool = True
    """Whether the address is one of the packet's own family; four numbers are not, of IPv6."""


def _before(one: int, other: int) -> bool:
    return (one - other) & WORD > 0x7FFFFFFF


def read(job: Job) -> str:
    data = segment(job.packet) if job.established else b""
    if not data:
        return ""
    ends: LineEnds = job.memory or LineEnds()
    direction = job.direction
    if ends.has(direction, job.packet.seq):
        for command in COMMANDS[direction]:
            named = find(command, data, job.packet.family)
            if named is None:
                # No line end is remembered of what is dropped: it comes again.
                return f"it ends, or goes wrong, in the middle of {command.decode().strip()}"
            if named:
                fault = _expect(job, named, command)
                if fault:
                    job.memory = _remember(ends, job, data)
                    return fault
                break
    job.memory = _remember(ends, job, data)
    return ""


def _remember(ends: LineEnds, job: Job, data: bytes) -> LineEnds:
    return ends.with_end(job.direction, job.packet.seq + len(data) & WORD) if data.endswith(b"\n") else ends


def _expect(job: Job, named: Named, command: bytes) -> str:
    own = address = job.here.src
    if named.address is not None:
        address = named.address
        if job.packet.family == 6 and not named.whole:
            # Four numbers are written over the beginning of the address.
            address = address << 96 | own & (1 << 96) - 1
    if address != own:
        return ""
    one = job.draft(TCP, job.back.src, job.back.dst, named.port)
    if not job.translated:
        return job.propose(one)

    def words(port: int) -> bytes:
        return _said(command, job.packet.family, job.back.dst, port)

    return job.announce_translated(one, 1 - job.direction, named.start, named.end, words)


def _said(command: bytes, family: int, address: int, port: int) -> bytes:
    """An address and a port as the command says them; of IPv6 with all its zeros, or only its beginning where no more fits."""
    if command == b"229 ":
        return f"|||{port}|".encode()
    if command == b"EPRT":
        return f"|{1 if family == 4 else 2}|{_full(family, address)}|{port}|".encode()
    first = address if family == 4 else address >> 96
    return ",".join(str(part) for part in [*first.to_bytes(4, "big"), port >> 8, port & 0xFF]).encode()


def _full(family: int, address: int) -> str:
    return format_address(4, address) if family == 4 else address.to_bytes(16, "big").hex(":", 2)


def find(command: bytes, data: bytes, family: int) -> Named | Literal[False] | None:
    """What the command says; False when there is none; None when it cannot be told."""
    beginning = data[: len(command)].upper()
    if len(data) <= len(command):
        return None if command.startswith(beginning) else False
    if beginning != command:
        return False
    at = len(command)
    if command == b"227 ":
        while at < len(data) and not is_digit(data[at]):
            at += 1
        return _six(data, at, None)
    at = data.find(b"(" if command == b"229 " else b" ", at) + 1
    if not at:
        return None
    if command == b"PORT":
        return _six(data, at, ord("\r"))
    return _extended(data, at, family) if command == b"EPRT" else _port_only(data, at)


def _numbers(data: bytes, at: int, count: int, between: int, behind: int | None) -> tuple[list[int], int] | None:
    """So many numbers, and where they end: there must be something, and ``behind`` (None: anything else) must be it."""
    values = [0]
    while at < len(data):
        byte = data[at]
        if is_digit(byte):
            values[-1] = (values[-1] * 10 + byte - ZERO) & WORD
        elif byte == between:
            if len(values) == count:
                return None
            values.append(0)
        else:
            return (values, at) if len(values) == count and behind in (None, byte) else None
        at += 1
    return None


def _address(parts: list[int]) -> int:
    """Numbers that are too large run over into their neighbours."""
    return (parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]) & WORD


def _six(data: bytes, at: int, behind: int | None) -> Named | None:
    found = _numbers(data, at, 6, ord(","), behind)
    if found is None:
        return None
    values, end = found
    return Named(_address(values), (values[4] << 8 | values[5]) & HALF, at, end, whole=False)


def _delimiter(data: bytes, at: int) -> int | None:
    byte = data[at]
    return byte if 33 <= byte <= 126 and not is_digit(byte) else None


def _extended(data: bytes, at: int, family: int) -> Named | None:
    """``|1|address|port|``, or with a 2 of IPv6."""
    if len(data) - at <= 3:
        return None
    mark = _delimiter(data, at)
    if mark is None or data[at + 2] != mark or data[at + 1] != ord("1" if family == 4 else "2"):
        return None
    if family == 4:
        numbers = _numbers(data, at + 3, 4, ord("."), mark)
        found = None if numbers is None else (_address(numbers[0]), numbers[1])
    else:
        found = read_ipv6(data, at + 3, mark)
    if found is None:
        return None
    address, behind = found
    return _port(data, at, behind + 1, mark, address)


def _port_only(data: bytes, at: int) -> Named | None:
    """``|||port|``."""
    mark = _delimiter(data, at) if len(data) - at > 3 else None
    if mark is None or data[at + 1 : at + 3] != bytes([mark, mark]):
        return None
    return _port(data, at, at + 3, mark, None)


def _port(data: bytes, start: int, at: int, mark: int, address: int | None) -> Named | None:
    port, end = read_number(data, at, HALF)
    return Named(address, port, start, end + 1) if port and end < len(data) and data[end] == mark else None


FTP = Helper("ftp", frozenset({(4, TCP), (6, TCP)}), (Kind("data", 1, 300),), read, flattens=True)
