"""The TCP tracker: the state table as data, the rules around it, and the judgement of one segment.

``TABLE`` is what the engine runs and what the state diagram on the screen is drawn from. The window check is
``tcp_window``'s. Source of the behaviour: the kernel's nf_conntrack_proto_tcp, held against a running kernel by tests.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import ASSURED, ORIGINAL, REPLY, SEEN_REPLY
from fwtutor.netfilter.conntrack.tcp_window import (
    ACCEPT,
    BE_LIBERAL,
    CLOSE_INIT,
    IGNORE,
    MASK,
    MAXACK_SET,
    SACK_PERM,
    UNACKNOWLEDGED,
    WINDOW_SCALE,
    Side,
    before,
    check_window,
    read_options,
    segment_end,
)
from fwtutor.netfilter.packet import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, Packet


class State(IntEnum):
    """The tracker's states, named as conntrack prints them."""

    NONE = 0
    SYN_SENT = 1
    SYN_RECV = 2
    ESTABLISHED = 3
    FIN_WAIT = 4
    CLOSE_WAIT = 5
    LAST_ACK = 6
    TIME_WAIT = 7
    CLOSE = 8
    SYN_SENT2 = 9


class Kind(IntEnum):
    """What a segment is to the tracker: the first that fits of RST, SYN+ACK, SYN, FIN, ACK (data too), none."""

    SYN = 0
    SYNACK = 1
    FIN = 2
    ACK = 3
    RST = 4
    NONE = 5


IGNORED = "ignored"
"""The segment passes, and nothing of the entry changes but what is remembered of the last segment."""
INVALID = "INVALID"

ABBREVIATIONS: dict[str, State | str] = {
    "NO": State.NONE, "SS": State.SYN_SENT, "SR": State.SYN_RECV, "ES": State.ESTABLISHED, "FW": State.FIN_WAIT, "CW": State.CLOSE_WAIT,
    "LA": State.LAST_ACK, "TW": State.TIME_WAIT, "CL": State.CLOSE, "S2": State.SYN_SENT2, "--": INVALID, "ig": IGNORED,
}  # fmt: skip

_TABLE = """
from the side that began   NO  SS  SR  ES  FW  CW  LA  TW  CL  S2
    SYN                    SS  SS  ig  ig  ig  ig  ig  SS  SS  S2
    SYNACK                 --  --  SR  --  --  --  --  --  --  SR
    FIN                    --  --  FW  FW  LA  LA  LA  TW  CL  --
    ACK                    ES  --  ES  ES  CW  CW  TW  TW  CL  --
    RST                    --  CL  CL  CL  CL  CL  CL  CL  CL  CL
    NONE                   --  --  --  --  --  --  --  --  --  --
from the other side        NO  SS  SR  ES  FW  CW  LA  TW  CL  S2
    SYN                    --  S2  --  --  --  --  --  SS  --  S2
    SYNACK                 --  SR  ig  ig  ig  ig  ig  ig  ig  SR
    FIN                    --  --  FW  FW  LA  LA  LA  TW  CL  --
    ACK                    --  ig  SR  ES  CW  CW  TW  TW  CL  ig
    RST                    --  CL  CL  CL  CL  CL  CL  CL  CL  CL
    NONE                   --  --  --  --  --  --  --  --  --  --
"""
"""New state by direction, kind of segment (rows) and old state (columns). -- is INVALID, ig is ignored.

A SYN in TIME_WAIT or CLOSE (SS there) begins a new connection only under conditions; else it is ignored: see ``judge``.
"""


def _parse(text: str) -> tuple[tuple[tuple[State | str, ...], ...], ...]:
    directions: list[list[tuple[State | str, ...]]] = []
    for line in text.strip().splitlines():
        if line.startswith("from"):
            directions.append([])
        else:
            directions[-1].append(tuple(ABBREVIATIONS[cell] for cell in line.split()[1:]))
    return tuple(tuple(rows) for rows in directions)


TABLE = _parse(_TABLE)
"""``TABLE[direction][Kind][State]`` is a State, IGNORED or INVALID."""

EXPECT_CHALLENGE_ACK, SIMULTANEOUS_OPEN = 0x40, 0x80
"""Marks in ``TcpTrack.last_flags``, beside the WINDOW_SCALE and SACK_PERM of an ignored SYN."""


class TcpTrack:
    """What the tracker keeps of a connection: its state, both sides' windows, and the last segment it recorded.

    Immutable in use: ``judge`` works on a copy.
    """

    __slots__ = (
        "last_ack", "last_direction", "last_end", "last_flags", "last_kind", "last_scale", "last_seq", "last_window",
        "original", "reply", "retransmissions", "state",
    )  # fmt: skip

    state: State
    original: Side
    reply: Side
    last_direction: int
    last_kind: Kind
    last_seq: int
    last_ack: int
    last_end: int
    last_window: int
    last_scale: int
    last_flags: int
    retransmissions: int

    def __init__(self, original: Side, reply: Side) -> None:
        self.state = State.NONE
        self.original, self.reply = original, reply
        self.last_direction = ORIGINAL
        self.last_kind = Kind.NONE
        self.last_seq = self.last_ack = self.last_end = self.last_window = self.last_scale = self.last_flags = self.retransmissions = 0

    def copy(self) -> TcpTrack:
        new = TcpTrack.__new__(TcpTrack)
        new.state, new.original, new.reply = self.state, self.original.copy(), self.reply.copy()
        new.last_direction, new.last_kind, new.last_seq, new.last_ack = self.last_direction, self.last_kind, self.last_seq, self.last_ack
        new.last_end, new.last_window, new.last_scale = self.last_end, self.last_window, self.last_scale
        new.last_flags, new.retransmissions = self.last_flags, self.retransmissions
        return new

    @property
    def name(self) -> str:
        """The state as conntrack prints it."""
        return self.state.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TcpTrack) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self) -> str:
        return f"<TcpTrack {self.name} {self.original!r} {self.reply!r}>"


class Settings(NamedTuple):
    """The sysctls the tracker reads; times in seconds."""

    timeouts: tuple[int, ...]
    """By State: nf_conntrack_tcp_timeout_*."""
    retransmitted: int = 300
    unacknowledged: int = 300
    max_retransmissions: int = 3
    loose: bool = True
    liberal: bool = False
    ignore_invalid_rst: bool = False


class Judgement(NamedTuple):
    """What the tracker says of one segment."""

    verdict: str
    """"accept", "ignored", "INVALID", "delete" (passes, but its entry is gone) or "reopen" (delete the entry and look up again)."""
    track: TcpTrack
    """The new value: also an ignored or INVALID segment can leave something to remember."""
    timeout: int = -1
    """Seconds the timer is set to; -1 leaves it."""
    assured: bool = False
    shorten: bool = False
    """Out-of-window FINs or RSTs of both sides: a long remaining time shrinks to ``unacknowledged``."""
    reason: str = ""


_VALID_FLAGS = frozenset({SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG})
_CLOSING = frozenset({State.FIN_WAIT, State.CLOSE_WAIT, State.LAST_ACK, State.TIME_WAIT, State.CLOSE})
_KIND_WORDS = {
    Kind.SYN: "a SYN", Kind.SYNACK: "a SYN+ACK", Kind.FIN: "a FIN", Kind.ACK: "an ACK", Kind.RST: "a RST",
    Kind.NONE: "a segment without flags",
}  # fmt: skip


def header_fault(packet: Packet) -> str:
    """Why the header makes the segment INVALID, "" if it does not. The checksum is judged elsewhere."""
    if not packet.has_l4 or packet.doff < 20 or packet.l4 + packet.doff > packet.length:
        return "its TCP header is cut short"
    if packet.flags & ~(PSH | ECE | CWR) not in _VALID_FLAGS:
        return "no real TCP sends this combination of flags"
    return ""


def kind_of(flags: int) -> Kind:
    """The class of a segment by its flags."""
    if flags & RST:
        return Kind.RST
    if flags & SYN:
        return Kind.SYNACK if flags & ACK else Kind.SYN
    if flags & FIN:
        return Kind.FIN
    return Kind.ACK if flags & ACK else Kind.NONE


def begin(packet: Packet, loose: bool) -> TcpTrack | str:
    """A track for the first segment of a connection, or the reason why it cannot be one."""
    kind = kind_of(packet.flags)
    state = TABLE[ORIGINAL][kind][State.NONE]
    if not isinstance(state, State):
        return f"no entry has its tuple, and {_KIND_WORDS[kind]} cannot begin a connection"
    end = segment_end(packet)
    window = packet.window or 1
    if state is State.SYN_SENT:
        side = Side(end, end, window)
        read_options(packet, side)
        return TcpTrack(side, Side())
    if not loose:
        return f"no entry has its tuple, and with nf_conntrack_tcp_loose=0 {_KIND_WORDS[kind]} cannot begin a connection"
    liberal = SACK_PERM | BE_LIBERAL
    return TcpTrack(Side(end, (end + window) & MASK, window, flags=liberal), Side(flags=liberal))


def judge(before_packet: TcpTrack, status: int, packet: Packet, direction: int, settings: Settings, offset: int = 0) -> Judgement:
    """What the tracker makes of a segment of a connection; for its very first, with ``begin``'s track.

    ``status`` holds the entry's bits before this packet. Nothing given is changed.
    """
    kind = kind_of(packet.flags)
    old = before_packet.state
    new = TABLE[direction][kind][old]
    if new is INVALID:
        whose = "the side that began" if direction == ORIGINAL else "the side that answers"
        return Judgement("INVALID", before_packet, reason=f"{_KIND_WORDS[kind]} from {whose} makes no sense in {old.name}")
    track = before_packet.copy()
    sender, receiver = (track.original, track.reply) if direction == ORIGINAL else (track.reply, track.original)
    if new is State.SYN_SENT and old in (State.TIME_WAIT, State.CLOSE):
        if (sender.flags | receiver.flags) & CLOSE_INIT or (track.last_direction == direction and track.last_kind is Kind.RST):
            return Judgement("reopen", track)
        new = IGNORED
    if new is IGNORED:
        answers_ignored_syn = kind is Kind.SYNACK and track.last_kind is Kind.SYN and track.last_direction != direction
        if not (answers_ignored_syn and packet.ack == track.last_end):
            _remember_ignored(track, packet, kind, direction)
            return Judgement("ignored", track, reason=f"{_KIND_WORDS[kind]} in {old.name} is let through and not believed")
        # The peer answers a SYN that had been let through unbelieved, so that SYN was right and the entry is out of date.
        old, new = State.SYN_SENT, State.SYN_RECV
        track.last_flags &= ~EXPECT_CHALLENGE_ACK
        receiver.end = receiver.maxend = track.last_end
        receiver.maxwin = track.last_window or 1
        receiver.scale = track.last_scale
        receiver.flags = track.last_flags
        sender.end = sender.maxend = sender.maxwin = sender.maxack = sender.scale = 0
        sender.flags &= BE_LIBERAL
    assert isinstance(new, State)
    in_window = False
    if new is State.TIME_WAIT:
        provoked = track.last_kind is Kind.SYN and track.last_direction != direction and track.last_flags & EXPECT_CHALLENGE_ACK
        if old is State.LAST_ACK and kind is Kind.ACK and provoked:
            track.last_flags &= ~EXPECT_CHALLENGE_ACK
            return Judgement("ignored", track, reason="a challenge ACK, provoked by a SYN, acknowledges no FIN")
    elif new is State.SYN_SENT2:
        track.last_flags |= SIMULTANEOUS_OPEN
    elif new is State.SYN_RECV:
        if direction == REPLY and kind is Kind.ACK and track.last_flags & SIMULTANEOUS_OPEN:
            new = State.ESTABLISHED
    elif new is State.CLOSE and kind is Kind.RST:
        in_window, new, reason = _judge_reset(track, status, packet, direction, old, receiver, settings)
        if reason:
            return Judgement("INVALID", before_packet, reason=reason)
    if not in_window:
        state = track.state
        result, reason, numbers = check_window(
            packet, sender, receiver, direction, state in (State.SYN_SENT, State.SYN_RECV), state is State.SYN_SENT, settings.liberal,
            offset,
        )  # fmt: skip
        if result is IGNORE:
            return Judgement("ignored", track, reason=reason)
        if result is not ACCEPT:
            return _remember_invalid(track, status, kind, direction, reason)
        if numbers is not None and kind is Kind.ACK:
            same = track.last_direction == direction and track.last_seq == numbers.seq and track.last_ack == numbers.ack
            if same and track.last_end == numbers.end and track.last_window == packet.window:
                track.retransmissions += 1
            else:
                track.last_seq, track.last_ack, track.last_end = numbers.seq, numbers.ack, numbers.end
                track.last_direction, track.last_window, track.retransmissions = direction, packet.window, 0
    track.last_kind, track.last_direction, track.state = kind, direction, new
    if new is State.FIN_WAIT and old is not new:
        sender.flags |= CLOSE_INIT
    timeout = _timeout(track, kind, settings)
    assured = False
    if not status & SEEN_REPLY:
        if kind is Kind.RST:
            return Judgement("delete", track)
        if kind is Kind.SYN and old is State.SYN_SENT:
            return Judgement("accept", track)
        if new is State.ESTABLISHED:
            timeout = min(timeout, settings.unacknowledged)
    elif not status & ASSURED and new is State.ESTABLISHED and old in (State.SYN_RECV, State.ESTABLISHED):
        assured = True
    return Judgement("accept", track, timeout, assured)


def begins_anew(before: TcpTrack, after: TcpTrack) -> bool:
    """Whether what came between was the answer to an ignored SYN: that the state is SYN_RECV is news then, even if it was before."""
    answered = before.last_kind is Kind.SYN and after.last_kind is Kind.SYNACK and before.last_direction != after.last_direction
    return answered and after.state is State.SYN_RECV and before.last_end == after.last_end


def _timeout(track: TcpTrack, kind: Kind, settings: Settings) -> int:
    timeout = settings.timeouts[track.state]
    if track.retransmissions >= settings.max_retransmissions and timeout > settings.retransmitted:
        return settings.retransmitted
    if kind is Kind.RST:
        return settings.timeouts[State.CLOSE]
    if (track.original.flags | track.reply.flags) & UNACKNOWLEDGED and timeout > settings.unacknowledged:
        return settings.unacknowledged
    if track.last_window == 0 and timeout > settings.retransmitted:
        return settings.retransmitted
    return timeout


def _remember_ignored(track: TcpTrack, packet: Packet, kind: Kind, direction: int) -> None:
    """An ignored segment changes nothing but what is known of the last one, in case the answer proves it right."""
    track.last_kind, track.last_direction = kind, direction
    track.last_seq, track.last_end, track.last_window = packet.seq, segment_end(packet), packet.window
    if kind is Kind.SYN and direction == ORIGINAL:
        said = Side()
        read_options(packet, said)
        track.last_flags = said.flags & (WINDOW_SCALE | SACK_PERM)
        track.last_scale = said.scale if said.flags & WINDOW_SCALE else 0
        if track.state is State.LAST_ACK:
            track.last_flags |= EXPECT_CHALLENGE_ACK
    if track.state is State.SYN_SENT and kind is Kind.ACK and direction == REPLY:
        track.last_ack = packet.ack


def _remember_invalid(track: TcpTrack, status: int, kind: Kind, direction: int, reason: str) -> Judgement:
    """Out-of-window FINs and RSTs of an assured connection: one from each side, and it will not live long."""
    shorten = False
    if status & ASSURED and kind in (Kind.RST, Kind.FIN):
        if track.last_direction != direction and track.last_kind in (Kind.FIN, Kind.RST):
            shorten = True
        else:
            track.last_kind, track.last_direction = kind, direction
    return Judgement("INVALID", track, shorten=shorten, reason=reason)


def _judge_reset(
    track: TcpTrack, status: int, packet: Packet, direction: int, old: State, receiver: Side, settings: Settings
) -> tuple[bool, State, str]:
    """A RST: (accept without a window check, the new state, why it is INVALID or "")."""
    if track.state in _CLOSING:
        return True, State.CLOSE, ""
    new = State.CLOSE
    if receiver.flags & MAXACK_SET and track.last_kind is not Kind.SYN:
        established = track.state is State.ESTABLISHED and bool(status & ASSURED)
        if packet.seq == 0 and not established:
            return False, new, ""
        if before(packet.seq, receiver.maxack) and not settings.ignore_invalid_rst:
            return False, new, "a RST below what its receiver has already acknowledged"
        if not established or packet.seq == receiver.maxack:
            return False, new, ""
        if track.last_kind is Kind.ACK and track.last_direction == direction and packet.seq == track.last_end:
            return False, new, ""
        # Not exactly the expected number: the receiver may answer with a challenge ACK and go on.
        new = old
    let_through = (status & SEEN_REPLY and track.last_kind is Kind.SYN and track.last_direction != direction) or (
        not status & ASSURED and track.last_kind is Kind.ACK
    )
    if let_through and packet.ack == track.last_end:
        return True, new, ""
    answered = track.last_kind is Kind.ACK and track.last_direction == REPLY and packet.seq == track.last_ack
    return old is State.SYN_SENT and direction == ORIGINAL and answered, new, ""
