"""The TCP window check: is a segment within what either side has announced it can take?

Sequence numbers are modulo 2^32 and compared as signed differences. A ``Side`` is worked on in place here, but only ever
a copy made for the segment in hand: what an entry holds never changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.netfilter.conntrack.entry import REPLY
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN, Packet

WINDOW_SCALE, SACK_PERM, CLOSE_INIT, BE_LIBERAL, UNACKNOWLEDGED, MAXACK_SET = 1, 2, 4, 8, 16, 32
"""Flags of a Side. CLOSE_INIT: it sent the FIN that led to FIN_WAIT. UNACKNOWLEDGED: it sent data not acknowledged yet."""

ACCEPT, IGNORE, INVALID = "accept", "ignored", "INVALID"

MINIMAL_ACK_WINDOW = 66000
"""However small the window, an acknowledgement may lag this many bytes behind."""

END_OF_OPTIONS, NO_OPERATION, SCALE, SACK_PERMITTED, SACK = 0, 1, 3, 4, 5
HIGHEST_SCALE = 14

MASK = 0xFFFFFFFF


class Side:
    """One direction of a connection as the tracker knows it."""

    __slots__ = ("end", "flags", "maxack", "maxend", "maxwin", "scale")

    end: int
    """Highest sequence number sent, plus one."""
    maxend: int
    """Highest sequence number this side may send: what the other side acknowledged plus its window."""
    maxwin: int
    """Largest window it announced, scaled; 0 while nothing was seen of it."""
    maxack: int
    """Highest acknowledgement it sent."""
    scale: int
    flags: int

    def __init__(self, end: int = 0, maxend: int = 0, maxwin: int = 0, maxack: int = 0, scale: int = 0, flags: int = 0) -> None:
        self.end, self.maxend, self.maxwin, self.maxack, self.scale, self.flags = end, maxend, maxwin, maxack, scale, flags

    def copy(self) -> Side:
        return Side(self.end, self.maxend, self.maxwin, self.maxack, self.scale, self.flags)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Side) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self) -> str:
        return "Side(" + ", ".join(f"{name}={getattr(self, name)}" for name in self.__slots__) + ")"


def before(a: int, b: int) -> bool:
    """True when sequence number ``a`` comes before ``b``, around the corner of 2^32 too."""
    return (a - b) & 0x80000000 != 0


def segment_end(packet: Packet) -> int:
    """The sequence number after the segment: SYN and FIN count one each."""
    flags = packet.flags
    size = packet.length - packet.l4 - packet.doff
    return (packet.seq + size + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)) & MASK


def _options(packet: Packet) -> Iterator[tuple[int, bytes]]:
    """(kind, value) of the segment's options, up to the first that makes no sense."""
    data = packet.raw[packet.l4 + 20 : packet.l4 + packet.doff]
    at = 0
    while at < len(data):
        kind = data[at]
        if kind == END_OF_OPTIONS:
            return
        if kind == NO_OPERATION:
            at += 1
            continue
        size = data[at + 1] if at + 1 < len(data) else 0
        if size < 2 or at + size > len(data):
            return
        yield kind, data[at + 2 : at + size]
        at += size


def read_options(packet: Packet, side: Side) -> None:
    """Window scale and SACK-permitted of a SYN, into ``side``; what an earlier SYN said is forgotten, unless this one has no options."""
    if packet.doff <= 20:
        return
    side.scale = 0
    side.flags &= BE_LIBERAL
    for kind, value in _options(packet):
        if kind == SACK_PERMITTED and not value:
            side.flags |= SACK_PERM
        elif kind == SCALE and len(value) == 1:
            side.scale = min(value[0], HIGHEST_SCALE)
            side.flags |= WINDOW_SCALE


def highest_sack(packet: Packet, ack: int) -> int:
    """The highest right edge among the segment's SACK blocks, or ``ack`` if that is higher."""
    for kind, value in _options(packet):
        if kind == SACK and value and len(value) % 8 == 0:
            for block in range(4, len(value), 8):
                edge = int.from_bytes(value[block : block + 4], "big")
                if before(ack, edge):
                    ack = edge
    return ack


def start_side(sender: Side, receiver: Side, packet: Packet, end: int, direction: int) -> None:
    """What a SYN or SYN+ACK says of its sender. Scaling holds only when both sides asked for it."""
    sender.end = sender.maxend = end
    sender.maxwin = packet.window or 1
    read_options(packet, sender)
    if direction == REPLY and not (sender.flags & WINDOW_SCALE and receiver.flags & WINDOW_SCALE):
        sender.scale = receiver.scale = 0


class Numbers:
    """A segment's numbers as the window check left them, for what is remembered of the last segment."""

    __slots__ = ("ack", "end", "seq")

    def __init__(self, seq: int, ack: int, end: int) -> None:
        self.seq, self.ack, self.end = seq, ack, end


def check_window(
    packet: Packet, sender: Side, receiver: Side, direction: int, opening: bool, answering_syn: bool, liberal: bool, offset: int = 0
) -> tuple[str, str, Numbers | None]:
    """Hold a segment against both sides, which it updates: (ACCEPT | IGNORE | INVALID, reason, its numbers).

    ``opening``: the connection is in SYN_SENT or SYN_RECV; ``answering_syn``: it is in SYN_SENT. ``offset``: by so much what it
    acknowledges is larger here than its sender was told. The numbers are None when the
    check ended before the point where the last segment is compared with this one.
    """
    seq, flags = packet.seq, packet.flags
    ack = sack = packet.ack
    window = packet.window
    end = segment_end(packet)
    if receiver.flags & SACK_PERM and packet.doff > 20:
        sack = highest_sack(packet, sack)
    if offset:
        ack, sack = (ack - offset) & MASK, (sack - offset) & MASK
    if sender.maxwin == 0:
        if flags & SYN:
            start_side(sender, receiver, packet, end, direction)
            if not flags & ACK:
                return ACCEPT, "", None
        else:
            # The middle of a connection whose beginning was not seen: believe the packet.
            sender.end = end
            sender.maxwin = (window << sender.scale) or 1
            sender.maxend = (end + sender.maxwin) & MASK
            if receiver.maxwin == 0:
                receiver.end = receiver.maxend = sack
            elif sack == (receiver.end + 1) & MASK:
                receiver.end = sack
    elif flags & SYN and opening and before(sender.end, end):
        start_side(sender, receiver, packet, end, direction)
        if direction == REPLY and not flags & ACK:
            return ACCEPT, "", None
    if not flags & ACK or (flags & RST and ack == 0):
        ack = sack = receiver.end
    if flags & RST and seq == 0 and answering_syn:
        seq = end = sender.end
    if sender.flags & BE_LIBERAL:
        liberal = True
    lag = max(MINIMAL_ACK_WINDOW, sender.maxwin)
    in_window = not receiver.maxwin or before((sender.end - receiver.maxwin - 1) & MASK, end)
    acks_unseen = not before(sack, (receiver.end + 1) & MASK)
    ack_recent = before((receiver.end - lag - 1) & MASK, sack)
    if not before(seq, (sender.maxend + 1) & MASK):
        overshot = (end - sender.maxend + 1) & MASK
        if receiver.maxwin and in_window and ack_recent and not acks_unseen and overshot <= receiver.maxwin:
            sender.end = end
            sender.flags |= UNACKNOWLEDGED
            return (ACCEPT if liberal else IGNORE), f"{overshot} bytes beyond the window, which senders get wrong", None
        over = (seq - sender.maxend) & MASK
        return (ACCEPT if liberal else INVALID), f"its sequence number is {over} beyond what the other side's window allows", None
    if acks_unseen:
        over = (sack - receiver.end) & MASK
        return (ACCEPT if liberal else INVALID), f"it acknowledges {over} bytes that the other side never sent", None
    if not in_window:
        return (ACCEPT if liberal else IGNORE), "it repeats data acknowledged long ago", None
    if not ack_recent:
        return (ACCEPT if liberal else IGNORE), "its acknowledgement is very old", None
    if not flags & SYN:
        window <<= sender.scale
    announced = (window + sack - ack) & MASK
    if sender.maxwin < announced:
        sender.maxwin = announced
    if before(sender.end, end):
        sender.end = end
        sender.flags |= UNACKNOWLEDGED
    if flags & ACK and (not sender.flags & MAXACK_SET or before(sender.maxack, ack)):
        sender.maxack = ack
        sender.flags |= MAXACK_SET
    if receiver.maxwin and before(sender.maxend, end):
        receiver.maxwin += (end - sender.maxend) & MASK
    if before((receiver.maxend - 1) & MASK, (sack + window) & MASK):
        receiver.maxend = (sack + window + (0 if window else 1)) & MASK
    if ack == receiver.end:
        receiver.flags &= ~UNACKNOWLEDGED
    return ACCEPT, "", Numbers(seq, ack, end)
