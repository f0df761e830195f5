"""Sequence numbers of a connection in which a helper has rewritten text: what one side says has another length on the other side.

Of each direction it is kept where the text last changed, and by how much numbers differ before and after that place.
"""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.changing import adjusted_l4

WORD = 0xFFFFFFFF
ACK = 16
END, NOTHING, SACK = 0, 1, 5
"""Kinds of TCP options."""
HEADER = 20


class Way(NamedTuple):
    """How the numbers of one direction differ."""

    place: int = 0
    """The sequence number of the segment that was rewritten last."""
    before: int = 0
    """By how much they are larger up to there."""
    after: int = 0
    """By how much they are larger behind it."""

    def at(self, seq: int) -> int:
        """By how much this number is larger on the other side."""
        return self.after if _after(seq, self.place) else self.before

    def back(self, seq: int) -> int:
        """The number of the other side as it was on this one."""
        return (seq - (self.after if _after((seq - self.before) & WORD, self.place) else self.before)) & WORD

    def longer(self, seq: int, by: int) -> Way:
        """The segment with that number has become so much longer."""
        if self.before == self.after or _after(seq, self.place):
            return Way(seq, self.after, self.after + by)
        return self


class Shift(NamedTuple):
    """Of a connection."""

    original: Way = Way()
    reply: Way = Way()

    def with_way(self, direction: int, way: Way) -> Shift:
        return Shift(self.original, way) if direction else Shift(way, self.reply)


def _after(one: int, other: int) -> bool:
    return (other - one) & 0x80000000 != 0


def shifted(raw: bytes, l4: int, here: Way, there: Way) -> bytes | None:
    """A segment with the numbers the other side knows, its checksum adjusted; None when its options make no sense.

    ``here``: its direction. Whatever follows the IP header is taken for TCP.
    """
    if len(raw) < l4 + HEADER:
        return None
    out = bytearray(raw)
    seq = _word(out, l4 + 4)
    _put(out, l4, l4 + 4, (seq + here.at(seq)) & WORD)
    if not out[l4 + 13] & ACK:
        return bytes(out)
    _put(out, l4, l4 + 8, there.back(_word(out, l4 + 8)))
    return bytes(out) if _shift_sacks(out, l4, there) else None


def _shift_sacks(raw: bytearray, l4: int, there: Way) -> bool:
    at, end = l4 + HEADER, l4 + (raw[l4 + 12] >> 4) * 4
    if end > len(raw):
        return False
    while at < end and raw[at] != END:
        if raw[at] == NOTHING:
            at += 1
            continue
        size = raw[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            return False
        if raw[at] == SACK and size >= 10 and size % 8 == 2:
            for edge in range(at + 2, at + size, 4):
                _put(raw, l4, edge, there.back(_word(raw, edge)))
        at += size
    return True


def _word(raw: bytes | bytearray, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "big")


def _put(raw: bytearray, l4: int, at: int, value: int) -> None:
    check = int.from_bytes(raw[l4 + 16 : l4 + 18], "big")
    raw[l4 + 16 : l4 + 18] = adjusted_l4(check, _word(raw, at), value).to_bytes(2, "big")
    raw[at : at + 4] = value.to_bytes(4, "big")
