"""The receiving half of a TCP endpoint: what came, what is missing, how much more may come, and when to say so."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.segments import add, after, before, distance

MOST_BUFFERED = 65535
"""Bytes that may wait for a program to read them; in whole segments."""
QUICK = 16
"""How many of the first segments are acknowledged at once."""
PATIENCE = SECOND // 25
"""How long an answer is waited for that could carry the acknowledgement."""
TICK = SECOND // 250
MOST_EARLY = 64

Block = tuple[int, int]
"""(first sequence number, the one after the last)."""


class Receiving:
    """Numbers and bytes, and the manners of acknowledging. It sends nothing itself."""

    __slots__ = (
        "_early", "_edge", "_largest", "_latest", "_patience", "_quick", "_seen", "_short", "_twice", "_unsaid",
        "buffer", "due", "interactive", "next", "reading", "scale", "unread",
    )  # fmt: skip

    def __init__(self, mss: int) -> None:
        self.buffer = MOST_BUFFERED // mss * mss
        """Bytes that may wait to be read: the window of a SYN, and rounded up to what can be told, of later segments."""
        self.next = 0
        """What is waited for."""
        self.unread = bytearray()
        """What a program that does not read has left."""
        self.reading = True
        self.scale = 0
        """Windows are told in so many times doubled bytes."""
        self.due = False
        """Something has come that is to be acknowledged, at the latest after ``patience``."""
        self.interactive = False
        """One side speaks, then the other: what comes is acknowledged by the answer."""
        self._early: list[tuple[int, bytes, bool]] = []
        """(sequence number, data, FIN) of segments that came before what precedes them, in order."""
        self._latest = 0
        """Where the last of those begins that came."""
        self._twice: Block | None = None
        """What came a second time, and is to be told of once."""
        self._edge = 0
        """The number up to which the other side was allowed to send."""
        self._quick = self._patience = 0
        self._seen = 0
        """ns: when data came last."""
        self._unsaid = self._short = 0
        """Bytes not acknowledged, and how many short segments they came in."""
        self._largest = 536

    def begin(self, seq: int) -> None:
        """The other side's SYN has this number."""
        self.next = self._edge = add(seq, 1)

    # --- what comes --------------------------------------------------------------------------------------------

    def keep(self, seq: int, data: bytes, fin: bool) -> None:
        """A segment that came too early."""
        self._latest = seq
        if all(kept[0] != seq for kept in self._early) and len(self._early) < MOST_EARLY:
            self._early = sorted([*self._early, (seq, data, fin)], key=lambda kept: distance(self.next, kept[0]))

    def take(self, seq: int, data: bytes, fin: bool, now: int) -> tuple[bytes, bool]:
        """A segment in its place, with what came early and follows: (new bytes, whether the other side has ended)."""
        got = bytearray()
        ended = False
        waiting = [(seq, data, fin), *self._early]
        filled = len(waiting) > 1
        self._early = []
        for start, piece, last in waiting:
            if after(start, self.next):
                if not ended:
                    self._early.append((start, piece, last))
                continue
            if before(start, self.next):
                self.again(start, add(start, len(piece) + last))
            fresh = piece[distance(start, self.next) :]
            ended = ended or (last and distance(start, self.next) <= len(piece))
            got += fresh
            self.next = add(self.next, len(fresh) + (last and ended))
        if got:
            self._note(len(got), now)
        if filled:
            self._quick = max(self._quick, 1)
            self.interactive = False
        self.due = self.due or bool(got) or ended
        return bytes(got), ended

    def again(self, seq: int, end: int) -> None:
        """Some of this was here before: the next acknowledgement says so, and for a while all are sent at once."""
        if seq == end or not before(seq, self.next):
            return
        self._twice = (seq, self.next if after(end, self.next) else end)
        self._quick, self._patience, self.interactive = QUICK, PATIENCE, False

    def _note(self, length: int, now: int) -> None:
        if not self._patience:
            self._quick, self._patience = QUICK, PATIENCE
        self._seen = now
        self._unsaid += length
        self._short += length < self._largest
        self._largest = max(self._largest, length)

    # --- when to acknowledge -----------------------------------------------------------------------------------

    @property
    def at_once(self) -> bool:
        """The moment something came: it is acknowledged without waiting for anything."""
        return self.due and (self._unsaid > self._largest or (self._quick > 0 and not self.interactive))

    @property
    def when_read(self) -> bool:
        """The moment the program has read: it is acknowledged before the program says anything."""
        return self.due and (self._short > 1 or (self._short == 1 and not self.interactive))

    @property
    def patience(self) -> int:
        """ns."""
        return self._patience or TICK

    def answered(self, now: int) -> None:
        """Data was sent: soon after some came, it counts as an answer."""
        if now - self._seen < self._patience:
            self.interactive = True

    def said(self) -> None:
        """A segment was sent, and with it the acknowledgement."""
        if self.due and self._quick:
            self._quick -= 1
        self.due = False
        self._unsaid = self._short = 0

    def waited(self) -> None:
        """No answer came in time to carry the acknowledgement."""
        self.interactive, self._patience = False, PATIENCE

    def blocks(self) -> list[Block]:
        """What a SACK option tells: what came twice, then what came early, the newest first."""
        found: list[Block] = []
        for seq, data, fin in self._early:
            end = add(seq, len(data) + fin)
            if found and not after(seq, found[-1][1]):
                found[-1] = (found[-1][0], end if after(end, found[-1][1]) else found[-1][1])
            else:
                found.append((seq, end))
        found.sort(key=lambda block: before(self._latest, block[0]) or not before(self._latest, block[1]))
        twice, self._twice = self._twice, None
        return [twice, *found] if twice is not None else found

    # --- how much may come -------------------------------------------------------------------------------------

    @property
    def allowed(self) -> int:
        """Bytes the other side may send from here on; what was once allowed is not taken back."""
        room = self.buffer - len(self.unread)
        if room < self._largest or room < self.buffer >> 4:
            room = 0
        told = distance(self.next, self._edge) if after(self._edge, self.next) else 0
        room = -(-max(room, told) >> self.scale) << self.scale
        edge = add(self.next, room)
        if after(edge, self._edge):
            self._edge = edge
        return distance(self.next, self._edge) if after(self._edge, self.next) else 0
