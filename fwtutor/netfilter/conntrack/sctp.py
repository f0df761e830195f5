"""The SCTP tracker: the state table as data, the verification tags, and the judgement of one packet with all its chunks.

``TABLE`` says where each chunk leads; what decides whether a packet belongs to the association at all are the tags (each
side tells the other, in its INIT or INIT ACK, which tag to put into every packet). The behaviour is that of the running
kernel, held against it by tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import ORIGINAL, REPLY
from fwtutor.netfilter.crc32c import sctp_checksum
from fwtutor.netfilter.packet import Packet


class State(IntEnum):
    """The tracker's states, named as conntrack prints them."""

    NONE = 0
    CLOSED = 1
    COOKIE_WAIT = 2
    COOKIE_ECHOED = 3
    ESTABLISHED = 4
    SHUTDOWN_SENT = 5
    SHUTDOWN_RECD = 6
    SHUTDOWN_ACK_SENT = 7
    HEARTBEAT_SENT = 8


class Kind(IntEnum):
    """The types of chunks the tracker knows. All others (DATA, SACK ...) change nothing."""

    INIT = 1
    INIT_ACK = 2
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    SHUTDOWN_COMPLETE = 14


DATA = 0
INVALID = "INVALID"

ABBREVIATIONS: dict[str, State | str] = {
    "NO": State.NONE, "CL": State.CLOSED, "CW": State.COOKIE_WAIT, "CE": State.COOKIE_ECHOED, "ES": State.ESTABLISHED,
    "SS": State.SHUTDOWN_SENT, "SR": State.SHUTDOWN_RECD, "SA": State.SHUTDOWN_ACK_SENT, "HS": State.HEARTBEAT_SENT, "--": INVALID,
}  # fmt: skip

_TABLE = """
from the side that began   NO  CL  CW  CE  ES  SS  SR  SA  HS
    INIT                   CL  CL  CW  CE  ES  CL  CL  SA  CW
    INIT_ACK               CL  CL  CW  CE  ES  SS  SR  SA  CL
    HEARTBEAT              HS  CL  CW  CE  ES  SS  SR  SA  HS
    HEARTBEAT_ACK          CL  CL  CW  CE  ES  SS  SR  SA  HS
    ABORT                  --  CL  CL  CL  CL  CL  CL  CL  CL
    SHUTDOWN               CL  CL  CW  CE  SS  SS  SR  SA  CL
    SHUTDOWN_ACK           SA  CL  CW  CE  ES  SA  SA  SA  SA
    ERROR                  CL  CL  CW  CE  ES  SS  SR  SA  CL
    COOKIE_ECHO            CL  CL  CE  CE  ES  SS  SR  SA  CL
    COOKIE_ACK             --  CL  CW  ES  ES  SS  SR  SA  CL
    SHUTDOWN_COMPLETE      --  CL  CW  CE  ES  SS  SR  CL  CL
from the other side        NO  CL  CW  CE  ES  SS  SR  SA  HS
    INIT                   --  CL  CW  CE  ES  SS  SR  SA  --
    INIT_ACK               --  CW  CW  CE  ES  SS  SR  SA  --
    HEARTBEAT              --  CL  CW  CE  ES  SS  SR  SA  HS
    HEARTBEAT_ACK          --  CL  CW  CE  ES  SS  SR  SA  ES
    ABORT                  --  CL  CL  CL  CL  CL  CL  CL  --
    SHUTDOWN               --  CL  CW  CE  SR  SS  SR  SA  --
    SHUTDOWN_ACK           --  CL  CW  CE  ES  SA  SA  SA  --
    ERROR                  --  CL  CW  CL  ES  SS  SR  SA  --
    COOKIE_ECHO            --  CL  CE  CE  ES  SS  SR  SA  --
    COOKIE_ACK             --  CL  CW  ES  ES  SS  SR  SA  --
    SHUTDOWN_COMPLETE      --  CL  CW  CE  ES  SS  SR  CL  --
"""
"""New state by direction, chunk (rows) and old state (columns). -- is INVALID. NO is before there is an entry."""


def _parse(text: str) -> tuple[dict[int, tuple[State | str, ...]], ...]:
    directions: list[dict[int, tuple[State | str, ...]]] = []
    for line in text.strip().splitlines():
        if line.startswith("from"):
            directions.append({})
        else:
            name, *cells = line.split()
            directions[-1][Kind[name]] = tuple(ABBREVIATIONS[cell] for cell in cells)
    return tuple(directions)


TABLE = _parse(_TABLE)
"""``TABLE[direction][Kind][State]`` is a State or INVALID."""


class SctpTrack(NamedTuple):
    """What the tracker keeps of an association."""

    state: State
    tags: tuple[int, int]
    """By direction: the verification tag its packets must have; 0 is not known yet."""
    began: tuple[bool, bool] = (False, False)
    """By direction: an INIT from there asked for another tag than was known (or was the first packet of all), and no COOKIE ACK
    has settled it since.

    Of two sides that both began, the one that does so again is the only one.
    """
    doubted: int | None = None
    """The direction a heartbeat with a wrong tag came from, while nothing has shown yet which tag is right."""

    @property
    def name(self) -> str:
        """The state as conntrack prints it."""
        return self.state.name


class Judgement(NamedTuple):
    """What the tracker says of one packet."""

    track: SctpTrack
    """The new value: chunks before the one that makes a packet INVALID count."""
    reason: str
    """Why it is INVALID; "" when it is not."""
    assured: bool
    """Whether one of its chunks has established the association, even when another makes the packet INVALID."""
    refresh: bool = True
    """Whether it is counted and restarts the timer, which the time of the new state is given."""


class Chunk(NamedTuple):
    """One chunk of a packet."""

    type: int
    flags: int
    length: int
    """That it says it has."""
    at: int
    """Where it begins in the packet's bytes."""


_TOO_SHORT = 12
_OWN_TAG = frozenset(Kind) - {Kind.INIT_ACK, Kind.SHUTDOWN, Kind.ERROR, Kind.COOKIE_ACK}
"""Chunks that bring their own rule about the tag; a packet with none of these must simply have the right one."""
_ALONE = frozenset({Kind.INIT, Kind.INIT_ACK, Kind.SHUTDOWN_COMPLETE})
_FIRST = frozenset({Kind.COOKIE_ECHO, Kind.COOKIE_ACK})
_NEVER_FIRST = frozenset({Kind.ABORT, Kind.SHUTDOWN_COMPLETE, Kind.COOKIE_ACK})
_REFLECTED = 1
"""The T bit of ABORT and SHUTDOWN COMPLETE: the sender knows no association and sends back the tag it was sent."""


def fault(packet: Packet, check: bool) -> str:
    """What makes the packet INVALID whatever is known of it, "" if nothing. ``check``: its checksum too."""
    if packet.length - packet.l4 < _TOO_SHORT:
        return "its SCTP header is cut short"
    segment = packet.raw[packet.l4 : packet.length]
    if check and segment[8:12] != sctp_checksum(segment):
        return "its checksum is wrong"
    only = False
    count = 0
    for count, chunk in enumerate(_chunks(packet), 1):
        only = only or chunk.type in _ALONE
        if count > 1 and only:
            return "an INIT, INIT ACK or SHUTDOWN COMPLETE must be its packet's only chunk"
        if count > 1 and chunk.type in _FIRST:
            return "a COOKIE ECHO or COOKIE ACK must be its packet's first chunk"
        if not chunk.length:
            return "one of its chunks is 0 bytes long"
    return "" if count else "it has no chunk"


def _chunks(packet: Packet) -> Iterator[Chunk]:
    """The chunks whose four first bytes are there, each where the length of the one before says."""
    raw, at = packet.raw, packet.l4 + 12
    while at + 4 <= packet.length:
        length = raw[at + 2] << 8 | raw[at + 3]
        yield Chunk(raw[at], raw[at + 1], length, at)
        at += max(length + 3 & ~3, 4)


def tag_of(packet: Packet) -> int:
    """The verification tag of a packet without ``fault``."""
    return int.from_bytes(packet.raw[packet.l4 + 4 : packet.l4 + 8], "big")


def _initiate_tag(packet: Packet, chunk: Chunk) -> int | None:
    """The tag an INIT or INIT ACK asks for; None when it is cut short (its parameters may be missing, the fixed part not)."""
    if chunk.at + 20 > packet.length:
        return None
    return int.from_bytes(packet.raw[chunk.at + 4 : chunk.at + 8], "big")


def _name(type: int) -> str:
    return {DATA: "DATA"}.get(type) or (Kind(type).name.replace("_", " ") if type in TABLE[0] else f"a chunk of type {type}")


def begin(packet: Packet) -> SctpTrack | str:
    """A track for the first packet of an association, or the reason why it cannot be one. It is then to be judged too."""
    chunks = list(_chunks(packet))
    for chunk in chunks:
        if chunk.type in _NEVER_FIRST:
            return f"no entry has its tuple, and {_name(chunk.type)} belongs to an association"
    tag = tag_of(packet)
    tags = [0, 0]
    for chunk in chunks:
        if chunk.type not in TABLE[ORIGINAL] or TABLE[ORIGINAL][chunk.type][State.NONE] is INVALID:
            return f"no entry has its tuple, and {_name(chunk.type)} cannot begin an association"
        if chunk.type == Kind.INIT:
            asked = _initiate_tag(packet, chunk)
            if tag:
                return "an INIT must have the verification tag 0"
            if asked is None:
                return "its INIT is cut short"
        elif chunk.type == Kind.HEARTBEAT:
            tags[ORIGINAL] = tag
        elif chunk.type == Kind.SHUTDOWN_ACK:
            tags[REPLY] = tag
    return SctpTrack(State.NONE, (tags[0], tags[1]))


def judge(track: SctpTrack, packet: Packet, direction: int, new: bool = False) -> Judgement:
    """What the tracker makes of a packet without ``fault``; for the very first (``new``), with ``begin``'s track."""
    tag = tag_of(packet)
    chunks = list(_chunks(packet))
    types = {chunk.type for chunk in chunks}
    if not types & _OWN_TAG and tag != track.tags[direction]:
        return Judgement(track, _wrong_tag(tag, track.tags[direction]), False)
    assured, refresh = False, True
    for chunk in chunks:
        type = chunk.type
        if type in (Kind.HEARTBEAT, Kind.HEARTBEAT_ACK):
            heard = _heartbeat(track, tag, direction, type, suspicious=DATA in types or not refresh)
            if isinstance(heard, str):
                return Judgement(track, heard, assured)
            track, believed = heard
            if not believed:
                refresh = False
                continue
        elif reason := _tag_fault(track, chunk, tag, direction):
            return Judgement(track, reason, assured)
        old = track.state
        cell = TABLE[direction][type][old] if type in TABLE[direction] else old
        if not isinstance(cell, State):
            whose = "the side that began" if direction == ORIGINAL else "the side that answers"
            return Judgement(track, f"{_name(type)} from {whose} makes no sense in {old.name}", assured)
        if type in (Kind.INIT, Kind.INIT_ACK):
            asked = _initiate_tag(packet, chunk)
            if asked is None:
                return Judgement(track, f"its {_name(type)} is cut short", assured)
            if type == Kind.INIT:
                track = _initiated(track, asked, direction, new)
                # An INIT sent again and again must not keep a closed association in the table.
                refresh = refresh and not (old is cell is State.CLOSED and not new)
            elif reason := _unbelievable(track, asked, direction):
                return Judgement(track, reason, assured)
            else:
                track = track._replace(tags=_with(track.tags, 1 - direction, asked))
        elif type == Kind.COOKIE_ACK:
            track = track._replace(began=(False, False))
        track = track._replace(state=cell)
        assured = assured or (cell is State.ESTABLISHED and old is not cell)
    return Judgement(track, "", assured, refresh)


def _with(tags: tuple[int, int], direction: int, tag: int) -> tuple[int, int]:
    return (tag, tags[1]) if direction == ORIGINAL else (tags[0], tag)


def _wrong_tag(tag: int, right: int) -> str:
    return f"its verification tag is {tag:#x}, not {right:#x}"


def _tag_fault(track: SctpTrack, chunk: Chunk, tag: int, direction: int) -> str:
    """Why the chunk cannot be in a packet with that tag, "" if it can."""
    type, right = chunk.type, track.tags[direction]
    if type == Kind.INIT:
        return "an INIT must have the verification tag 0" if tag else ""
    if type in (Kind.ABORT, Kind.SHUTDOWN_COMPLETE):
        right = track.tags[1 - direction] if chunk.flags & _REFLECTED else right
        return _wrong_tag(tag, right) if tag != right else ""
    return _wrong_tag(tag, right) if type == Kind.COOKIE_ECHO and tag != right else ""


def _initiated(track: SctpTrack, asked: int, direction: int, new: bool) -> SctpTrack:
    if track.tags[1 - direction] == asked and not new:
        return track
    began = list(track.began)
    if all(began):
        began[1 - direction] = False
    began[direction] = True
    return track._replace(tags=_with(track.tags, 1 - direction, asked), began=(began[0], began[1]))


def _unbelievable(track: SctpTrack, asked: int, direction: int) -> str:
    """Why an INIT ACK is not believed that asks for another tag than is known, "" if it is."""
    known = track.tags[1 - direction]
    here, there = track.began[direction], track.began[1 - direction]
    if known != asked and ((known and not there) or (here and there)):
        return f"its INIT ACK asks for the tag {asked:#x}, but {known:#x} is known"
    return ""


def _heartbeat(track: SctpTrack, tag: int, direction: int, type: int, *, suspicious: bool) -> tuple[SctpTrack, bool] | str:
    """After a HEARTBEAT or its ACK: (the track, whether it is believed), or why its tag makes the packet INVALID.

    Paths of which the tracker saw no INIT show their tags by heartbeats. One with another tag than is known passes without
    counting; the ACK to it, from the other side, shows that the association is another one than the entry's.
    """
    known = track.tags[direction]
    if not known:
        return track._replace(tags=_with(track.tags, direction, tag)), True
    if tag == known:
        return track._replace(doubted=None), True
    if suspicious:
        return _wrong_tag(tag, known)
    if type == Kind.HEARTBEAT:
        return track._replace(doubted=direction), False
    if track.doubted is None or track.doubted == direction:
        return _wrong_tag(tag, known)
    return track._replace(tags=(tag, 0) if direction == ORIGINAL else (0, tag), doubted=None), True
