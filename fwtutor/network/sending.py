"""The sending half of a TCP endpoint: the bytes not acknowledged yet, what may be sent of them, and for how long to wait."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.segments import HEADERS, SYN_WINDOW, add, after, before, distance

FIRST_TIMEOUT = SECOND
FALLBACK_TIMEOUT = 3 * SECOND
"""When the handshake gave no sample of the round trip, because something of it was sent twice."""
LEAST_VARIANCE = SECOND // 5
"""TCP_RTO_MIN: a timeout is the round trip and at least this."""
MOST_TIMEOUT = 120 * SECOND
LEAST_MTU = {4: 552, 6: 1280}
"""A smaller one in an ICMP error is not believed: min_pmtu, and what every IPv6 link carries."""
FIRST_WINDOW = 10
"""Segments that may be on their way at first."""


class Sending:
    """Numbers, bytes and time-outs. It sends nothing itself."""

    __slots__ = (
        "_base", "_buffer", "_deviation", "_family", "_shift", "_smooth", "_timed",
        "congestion", "fin_sent", "lost", "mss", "next", "retries", "una", "window",
    )  # fmt: skip

    def __init__(self, isn: int, mss: int, family: int = 4) -> None:
        self.una = isn
        """The first sequence number not acknowledged."""
        self.next = isn
        """The next to be sent for the first time."""
        self.window = SYN_WINDOW
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

    def next_piece(self) -> tuple[int, bytes] | None:
        """(sequence number, bytes) of the next new segment, if one may go now; it counts as sent from here on."""
        room = min(self.window, self.congestion * self.mss) - self.in_flight
        length = min(self.unsent, self.mss, room)
        # A window that only takes a scrap waits, unless it is all there is.
        if length <= 0 or (length < min(self.unsent, self.mss) and self.in_flight):
            return None
        seq = self.next
        start = distance(self._base, seq)
        self.next = add(seq, length)
        return seq, bytes(self._buffer[start : start + length])

    def first_piece(self) -> tuple[int, bytes, bool] | None:
        """(sequence number, bytes, FIN) of the first segment not acknowledged; None when all is."""
        if not self.in_flight:
            return None
        self._timed = None  # what is sent twice is no measure of the round trip
        sent = self.in_flight - self.fin_sent
        data = bytes(self._buffer[: min(sent, self.mss)])
        return self.una, data, self.fin_sent and len(data) == sent

    def acknowledged(self, ack: int, now: int) -> bool:
        """Takes an acknowledgement number that is not beyond ``next``. True when it acknowledges something new."""
        if not after(ack, self.una):
            return False
        if after(ack, self._base):
            del self._buffer[: distance(self._base, ack)]
        self.una = ack
        if after(ack, self._base):
            self._base = ack
        if self._timed is not None and not before(ack, self._timed[0]):
            self._measure(now - self._timed[1])
            self._timed = None
        self.retries = self._shift = 0
        self.congestion += 1
        if self.lost is not None and not before(ack, self.lost):
            self.lost = None
        return True

    # --- time-outs ---------------------------------------------------------------------------------------------

    @property
    def timeout(self) -> int:
        """ns until what is sent now would be sent again."""
        first = self._smooth + max(4 * self._deviation, LEAST_VARIANCE) if self._smooth else self._deviation or FIRST_TIMEOUT
        return min(first << self._shift, MOST_TIMEOUT)

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

    def back_off(self) -> None:
        """A time-out: the next one is twice as long, and everything sent counts as lost."""
        self.retries += 1
        self._shift = min(self._shift + 1, 20)
        self._timed = None
        self.congestion = 1
        self.lost = self.next

    def shrink(self, mtu: int) -> bool:
        """Segments become smaller, as the path's MTU demands. False when they were small enough."""
        mss = max(mtu, LEAST_MTU[self._family]) - HEADERS[self._family]
        if mss >= self.mss:
            return False
        self.mss = mss
        self.lost = self.next
        return True

    def _measure(self, sample: int) -> None:
        sample = max(sample, 1)
        if not self._smooth:
            self._smooth, self._deviation = sample, sample // 2
        else:
            self._deviation += (abs(sample - self._smooth) - self._deviation) // 4
            self._smooth += (sample - self._smooth) // 8
