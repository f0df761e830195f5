"""IPv4 options as the stack treats them: read after PREROUTING, filled in on the way, sent back with an ICMP error.

Offsets are those in the IP header. What a router alert asks for, and what CIPSO, the security options and unknown ones say, is
nobody's business here: they pass, but for CIPSO, which a box without a domain of interpretation refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import pack_into
from typing import NamedTuple

from fwtutor.netfilter.packet import checksum

FIXED = 20
"""Bytes of a header without options."""
_END, _NOTHING, _RECORD, TIMESTAMP, _CIPSO, _ALERT = 0, 1, 7, 68, 134, 148
_SOURCE_ROUTES = (131, 137)
ONLY_TIME, _TIME_AND_ADDRESS, _WHERE_ASKED = 0, 1, 3
"""What a timestamp option collects: the low half of its fourth byte. The high half counts who found no room."""
_COPIED = 128
"""Kinds with this bit stand in every fragment."""

Ours = Callable[[int], bool]
"""Whether an address is the box's, or one it also answers to: everything but somebody else's."""


class Reading(NamedTuple):
    """What the stack makes of a header when it comes in."""

    header: bytes
    """With the box recorded in it; its checksum is still what it was."""
    changed: bool
    fault: int | None
    """The byte that makes no sense; None when all do."""
    good: int
    """Where the options end that were read; those before a fault count."""
    source_route: bool
    places: tuple[int, ...]
    """Where the address it leaves from is to stand: in a record of the route, not beside a timestamp."""


class _Fault(Exception):
    """The first argument is the byte."""


class _Reader:
    def __init__(self, header: bytes, here: int, ours: Ours, clock: bytes) -> None:
        self.header, self.here, self.ours, self.clock = bytearray(header), here.to_bytes(4, "big"), ours, clock
        self.changed = False
        self.seen: set[int] = set()
        self.places: list[int] = []

    def write(self, at: int, what: bytes) -> None:
        self.header[at : at + len(what)] = what
        self.changed = True

    def once(self, kind: int, at: int) -> None:
        if kind in self.seen:
            raise _Fault(at)

    def one(self, at: int, kind: int, size: int) -> None:
        """The option of that kind."""
        if kind in _SOURCE_ROUTES:
            self.least(at, size, 3, 4)
            self.once(_SOURCE_ROUTES[0], at)
            kind = _SOURCE_ROUTES[0]
        elif kind == _RECORD:
            self.once(kind, at)
            self.least(at, size, 3, 4)
            self.record(at, size)
        elif kind == TIMESTAMP:
            self.once(kind, at)
            self.least(at, size, 4, 5)
            self.stamp(at, size)
        elif kind == _ALERT and size < 4:
            raise _Fault(at + 1)
        elif kind == _CIPSO:
            raise _Fault(at + (1 if size < 8 else 2))
        self.seen.add(kind)

    def least(self, at: int, size: int, shortest: int, first: int) -> None:
        """Long enough, and its pointer behind what every such option begins with."""
        if size < shortest:
            raise _Fault(at + 1)
        if self.header[at + 2] < first:
            raise _Fault(at + 2)

    def record(self, at: int, size: int) -> None:
        free = self.room(at, size, 4)
        if free:
            self.write(free, self.here)
            self.header[at + 2] += 4
            self.places.append(free)

    def stamp(self, at: int, size: int) -> None:
        asked = self.header[at + 3] & 15
        free = self.room(at, size, 4)
        if not free:
            if asked != _WHERE_ASKED:
                if self.header[at + 3] >> 4 == 15:
                    raise _Fault(at + 3)
                self.write(at + 3, bytes([self.header[at + 3] + 16]))
        elif asked == ONLY_TIME:
            self.write(free, self.clock)
            self.header[at + 2] += 4
        elif asked in (_TIME_AND_ADDRESS, _WHERE_ASKED):
            self.room(at, size, 8)
            if asked == _TIME_AND_ADDRESS:
                self.write(free, self.here)
            elif not self.ours(int.from_bytes(self.header[free : free + 4], "big")):
                return
            self.write(free + 4, self.clock)
            self.header[at + 2] += 8

    def room(self, at: int, size: int, needed: int) -> int:
        """Where an entry of that size can be written, 0 when the option is full. Raises when there is half a place."""
        pointer = self.header[at + 2]
        if pointer > size:
            return 0
        if pointer - 1 + needed > size:
            raise _Fault(at + 2)
        return at + pointer - 1


def read(header: bytes, here: int, ours: Ours, clock: bytes) -> Reading:
    """``here``: the address by which the box records itself; ``clock``: milliseconds since midnight UT, as four bytes."""
    reader, at, fault = _Reader(header, here, ours, clock), FIXED, None
    try:
        while at < len(header) and header[at] != _END:
            if header[at] == _NOTHING:
                at += 1
                continue
            size = header[at + 1] if at + 1 < len(header) else 0
            if size < 2 or at + size > len(header):
                raise _Fault(at)
            reader.one(at, header[at], size)
            at += size
        if any(header[at:]):
            # Nothing follows an end of options but more of them.
            reader.write(at, bytes(len(header) - at))
    except _Fault as found:
        fault = found.args[0]
        if header[at] == _CIPSO and fault > at:
            at += header[at + 1]  # that one is sent back, fault and all
    route = _SOURCE_ROUTES[0] in reader.seen
    return Reading(bytes(reader.header), reader.changed, fault, at, route, tuple(reader.places))


def leaving(header: bytes, places: tuple[int, ...], source: int) -> bytes:
    """A header that was filled in, as it leaves the box by an interface with the address ``source``."""
    out = bytearray(header)
    for at in places:
        out[at : at + 4] = source.to_bytes(4, "big")
    return summed(out)


def summed(header: bytearray) -> bytes:
    """With the checksum it should have."""
    header[10:12] = b"\0\0"
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    return bytes(header)


def way_back(header: bytes, good: int, sender: int) -> tuple[bytes, int]:
    """The source route of an ICMP error about a packet that brought one, and the first station of it; b"" and the sender if none did.

    It is the stations passed so far, backwards, and then the sender.
    """
    at = next((at for at in places(header, good) if header[at] in _SOURCE_ROUTES), None)
    if at is None:
        return b"", sender
    option = header[at : at + header[at + 1]]
    # A packet that goes to the box has passed all of them.
    passed = [option[end - 4 : end] for end in range(min(option[2], len(option) + 1) - 1, 6, -4)]
    last = sender.to_bytes(4, "big")
    if passed and passed[-1] == last:
        # It stood there once too often.
        stations = [*passed[1:-1], last] if len(passed) > 1 else []
    else:
        stations = [*passed[1:], last] if passed else []
    if not stations:
        return b"", sender
    return bytes([option[0], 3 + 4 * len(stations), 4]) + b"".join(stations), int.from_bytes(passed[0], "big")


def sent_back(header: bytes, good: int, source: int, route: bytes, ours: Ours, clock: bytes) -> bytes | None:
    """The options of an ICMP error about a packet with that header: its records, continued. None: they cannot be.

    Only what was read before ``good`` counts. ``route`` is ``way_back``'s.
    """
    found = {header[at]: bytearray(header[at : at + header[at + 1]]) for at in places(header, good)}
    options = b""
    own = source.to_bytes(4, "big")
    for kind in (_RECORD, TIMESTAMP, _CIPSO):
        options += route if kind == _CIPSO else b""
        option = found.get(kind)
        if option is None:
            continue
        pointer = option[2] if kind != _CIPSO else 255
        if pointer <= len(option):
            what = -1 if kind == _RECORD else option[3] & 15
            entry = {-1: own, ONLY_TIME: clock, _TIME_AND_ADDRESS: own + clock}.get(what, b"")
            if pointer - 1 + max(len(entry), 4 if what == _WHERE_ASKED else 0) > len(option):
                return None
            if what == _WHERE_ASKED and pointer + 7 <= len(option) and ours(int.from_bytes(option[pointer - 1 : pointer + 3], "big")):
                entry = bytes(option[pointer - 1 : pointer + 3]) + clock
            option[pointer - 1 : pointer - 1 + len(entry)] = entry
            option[2] = pointer + len(entry)
        options += option
    return options + bytes(-len(options) % 4)


def places(header: bytes, end: int) -> list[int]:
    """Where the options with a length begin, as far as ``end`` or as they make sense."""
    at, found = FIXED, []
    while at < end and header[at] != _END:
        if header[at] == _NOTHING:
            at += 1
            continue
        size = header[at + 1] if at + 1 < len(header) else 0
        if size < 2 or at + size > len(header):
            break
        found.append(at)
        at += size
    return found


def in_later_fragments(header: bytes) -> bytes:
    """The header as the fragments after the first have it: as long, but without the options that are not copied."""
    out = bytearray(header)
    for at in places(header, len(header)):
        if not header[at] & _COPIED:
            out[at : at + header[at + 1]] = bytes([_NOTHING]) * header[at + 1]
    return bytes(out)


def with_options(raw: bytes, options: bytes) -> bytes:
    """A packet without options, and these (a multiple of four bytes) put into it."""
    header = bytearray(raw[:FIXED] + options)
    header[0] = 0x40 | len(header) // 4
    pack_into("!H", header, 2, len(raw) + len(options))
    return summed(header) + raw[FIXED:]
