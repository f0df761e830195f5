"""The sending half of a TCP endpoint: the bytes not acknowledged yet, what may be sent of them (again), and for how long to wait."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.segments import HEADERS, add, after, before, distance

FIRST_TIMEOUT = SECOND
FALLBACK_TIMEOUT = 3 * SECOND
"""When the handshake gave no sample of the round trip, because something of it was sent twice."""
LEAST_VARIANCE = SECOND // 5
"""TCP_RTO_MIN: a timeout is the round trip and at least this."""
MOST_TIMEOUT = 120 * SECOND
SHORTEST = SECOND // 125
"""What is added to short waits: two ticks."""
LEAST_MTU = {4: 552, 6: 1280}
"""A smaller one in an ICMP error is not believed: min_pmtu, and what every IPv6 link carries."""
FIRST_WINDOW = 10
"""Segments that may be on their way at first."""
REORDERED = 3
"""So many segments that came behind a missing one, and it is not late but lost."""

Piece = tuple[int, bytes, bool]
"""(sequence number, bytes, FIN)."""


class Sending:
    """Numbers, bytes and time-outs. It sends nothing itself."""

    __slots__ = (
        "_again", "_base", "_buffer", "_deviation", "_family", "_sacked", "_shift", "_smooth", "_tail", "_timed",
        "congestion", "fin_sent", "lost", "mss", "next", "probed", "retries", "una", "window",
    )  # fmt: skip

    def __init__(self, isn: int, mss: int, family: int = 4) -> None:
        self.una = isn
        """The first sequence number not acknowledged."""
        self.next = isn
        """The next to be sent for the first time."""
        self.window = 0
        """Bytes the peer takes in, from ``una`` on."""
        self.mss = mss
        self._family = family
        self.congestion = FIRST_WINDOW
        """Segments that may be on their way."""
        self.fin_sent = False
        self.retries = 0
        """Retransmissions since something was last acknowledged."""
        self.lost: int | None = None
        """Everything before this number counts as lost until it is acknowledged; None: nothing does."""
        self.probed = False
        """A loss probe was sent, and nothing has been acknowledged since."""
        self._again = isn
        """Where what counts as lost was not sent again yet."""
        self._sacked: list[tuple[int, int]] = []
        """What the peer has beyond ``una``, in order."""
        self._tail = isn
        """Where the last new segment began."""
        self._buffer = bytearray()
        self._base = add(isn, 1)
        self._timed: tuple[int, int] | None = None
        self._smooth = self._deviation = 0
        self._shift = 0

    def put(self, data: bytes) -> None:
        """More bytes to send."""
        self._buffer += data

    @property
    def in_flight(self) -> int:
        """Sequence numbers sent and not acknowledged."""
        return distance(self.una, self.next)

    @property
    def unsent(self) -> int:
        """Bytes that were never sent."""
        if self.fin_sent or before(self.next, self._base):
            return 0
        return len(self._buffer) - distance(self._base, self.next)

    def in_flight_at(self, seq: int) -> bool:
        """True when ``seq`` was sent and is not acknowledged."""
        return self.in_flight > 0 and not before(seq, self.una) and before(seq, self.next)

    def next_piece(self, fin: bool = False) -> Piece | None:
        """The next new segment, if one may go now; it counts as sent from here on. ``fin``: with a FIN, if it is the last."""
        room = min(self.window, self.congestion * self.mss) - self.in_flight
        length = min(self.unsent, self.mss, room)
        # A window that only takes a scrap waits, unless it is all there is.
        if length <= 0 or (length < min(self.unsent, self.mss) and self.in_flight):
            return None
        self.fin_sent = fin and length == self.unsent
        return self._new(length)

    def fin(self) -> Piece:
        """The FIN alone; it counts as sent from here on."""
        self.fin_sent = True
        return self._new(0)

    def _new(self, length: int) -> Piece:
        seq = self._tail = self.next
        start = distance(self._base, seq)
        self.next = add(seq, length + self.fin_sent)
        return seq, bytes(self._buffer[start : start + length]), self.fin_sent

    # --- sent again --------------------------------------------------------------------------------------------

    def last_piece(self) -> Piece | None:
        """The last segment on its way; None when none is."""
        return self._old(self._tail if after(self._tail, self.una) else self.una)

    def lost_piece(self) -> Piece | None:
        """The next segment that counts as lost; it counts as sent again from here on. None when there is none."""
        if self.lost is None:
            return None
        start = self._again if after(self._again, self.una) else self.una
        for first, end in self._sacked:
            if not before(start, first) and before(start, end):
                start = end
        if not before(start, self.lost):
            return None
        piece = self._old(start)
        if piece is not None:
            self._again = add(start, len(piece[1]) + piece[2])
        return piece

    def _old(self, seq: int) -> Piece | None:
        if not self.in_flight_at(seq):
            return None
        self._timed = None  # what is sent twice is no measure of the round trip
        until = next((first for first, _ in self._sacked if after(first, seq)), self.next)
        length = distance(seq, until)
        fin = self.fin_sent and until == self.next and length - 1 <= self.mss
        start = distance(self._base, seq)
        return seq, bytes(self._buffer[start : start + min(length - fin, self.mss)]), fin

    @property
    def suspect(self) -> bool:
        """Something is missing that was sent before what has arrived."""
        return self.lost is None and bool(self._sacked)

    @property
    def convicted(self) -> bool:
        """What is missing is not just late: too much has arrived that was sent after it, or what arrived was sent much later."""
        return self.suspect and (self.probed or sum(-(-distance(*block) // self.mss) for block in self._sacked) >= REORDERED)

    def recover(self) -> None:
        """What is missing before what has arrived counts as lost."""
        self.lost, self._again = self._sacked[-1][0], self.una
        self.congestion = max(self.congestion // 2, 2)

    # --- acknowledgements --------------------------------------------------------------------------------------

    def sack(self, blocks: list[tuple[int, int]]) -> int:
        """Takes note of what the peer has; how many segments of it are news."""
        before_that = self._bytes_sacked
        for first, end in blocks:
            if before(first, self.una) or not after(end, first) or after(end, self.next):
                continue  # what came twice, or nonsense
            apart = [each for each in self._sacked if after(each[0], end) or before(each[1], first)]
            for one, other in self._sacked:
                if (one, other) not in apart:
                    first, end = (one if before(one, first) else first), (other if after(other, end) else end)
            self._sacked = sorted([*apart, (first, end)], key=lambda each: distance(self.una, each[0]))
        return -(-(self._bytes_sacked - before_that) // self.mss)

    @property
    def _bytes_sacked(self) -> int:
        return sum(distance(*block) for block in self._sacked)

    def acknowledged(self, ack: int, now: int) -> int:
        """Takes an acknowledgement number that is not beyond ``next``: how many segments it acknowledges for the first time."""
        if not after(ack, self.una):
            return 0
        length = distance(self.una, ack)
        if after(ack, self._base):
            del self._buffer[: distance(self._base, ack)]
            self._base = ack
        self.una = ack
        self._sacked = [(first if after(first, ack) else ack, end) for first, end in self._sacked if after(end, ack)]
        if self._timed is not None and not before(ack, self._timed[0]):
            self._measure(now - self._timed[1])
            self._timed = None
        self.retries = self._shift = 0
        self.probed = False
        self.congestion += 1
        if self.lost is not None and not before(ack, self.lost):
            self.lost = None
        return -(-length // self.mss)

    def still_shut(self) -> None:
        """The peer has answered a window probe: it is there, but the probes become no more frequent."""
        self.retries = 0

    # --- time-outs ---------------------------------------------------------------------------------------------

    @property
    def timeout(self) -> int:
        """ns until what is sent now would be sent again."""
        first = self._smooth + max(4 * self._deviation, LEAST_VARIANCE) if self._smooth else self._deviation or FIRST_TIMEOUT
        return min(first << self._shift, MOST_TIMEOUT)

    @property
    def probe_timeout(self) -> int:
        """ns until the last segment is sent again, to find out whether it was lost."""
        alone = not after(self._tail, self.una)
        first = 2 * self._smooth + (LEAST_VARIANCE if alone else SHORTEST) if self._smooth else FIRST_TIMEOUT
        return min(first, self.timeout)

    @property
    def reordering(self) -> int:
        """ns for which what is missing may be late."""
        return self._smooth // 4 + SHORTEST

    def time(self, now: int) -> None:
        """What was just sent is timed, if nothing else is being timed."""
        if self._timed is None and not self.retries:
            self._timed = (self.next, now)

    def settle(self) -> None:
        """The handshake is over: without a sample from it, time-outs begin at FALLBACK_TIMEOUT."""
        self._shift = self.retries = 0
        self.lost = None
        self.congestion = FIRST_WINDOW
        if not self._smooth:
            self._deviation = FALLBACK_TIMEOUT

    def back_off(self, linear: int = 0) -> None:
        """A time-out: everything sent counts as lost, and after the first ``linear`` ones the next is twice as long."""
        self.retries += 1
        if self.retries > linear:
            self._shift = min(self._shift + 1, 20)
        self._timed = None
        self.congestion = 1
        self.lost, self._again = self.next, self.una

    def shrink(self, mtu: int) -> bool:
        """Segments become smaller, as the path's MTU demands. False when they were small enough."""
        mss = max(mtu, LEAST_MTU[self._family]) - HEADERS[self._family]
        if mss >= self.mss:
            return False
        self.mss = mss
        self.lost, self._again = self.next, self.una
        return True

    def _measure(self, sample: int) -> None:
        sample = max(sample, 1)
        if not self._smooth:
            self._smooth, self._deviation = sample, sample // 2
        else:
            self._deviation += (abs(sample - self._smooth) - self._deviation) // 4
            self._smooth += (sample - self._smooth) // 8
