"""A TCP port that is listened on: the connections that are half open, and those that wait until the program accepts them.

What becomes of a SYN when there are too many of either, and for how long a half-open connection is kept, is decided here; which packet
is for which port, ``stack`` knows, and what an endpoint sends, ``tcp``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.firewall import MAX_SYN_BACKLOG, SYNCOOKIES
from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import Ends
from fwtutor.network.segments import add, read_options
from fwtutor.network.surroundings import ROOT_USER, User

if TYPE_CHECKING:
    from fwtutor.network.surroundings import Surroundings
    from fwtutor.network.tcp import Endpoint

SOMAXCONN = 4096
"""The backlog of programs that want as much as there is."""
FEW = 8
"""Half-open connections a listener never takes for too many."""
SYNACK_RETRIES, LEAST_RETRIES = 5, 2
"""tcp_synack_retries, and what is left of it when too much is half open."""
COOKIE_MSS = {4: (1460, 1440, 1300, 536), 6: (1440, 1420, 1220)}
"""What a cookie can remember of the other side's MSS, by family: the largest that is not larger."""
COOKIE_PERIOD = 60 * SECOND
"""How often the numbers change from which cookies are made; one of the period before is still taken."""


class Unaccepted(Application):
    """In place of a program, until it accepts: the kernel answers, and keeps what comes."""

    def ended(self, endpoint: Endpoint) -> None:
        """Who is to close has not heard of it yet."""


class Listener:
    """A listening socket. ``serve`` makes what serves a connection."""

    def __init__(
        self, serve: Callable[[], Application], user: User = ROOT_USER, name: str = "", backlog: int = SOMAXCONN, at_once: int | None = None
    ) -> None:
        self.serve, self.user = serve, user
        self.name = name
        """What program it is."""
        self.backlog = backlog
        """What listen(2) was told: one more may wait to be accepted, and one more be half open."""
        self.at_once = at_once
        """How many connections the program serves at a time, before it accepts another; None: all."""
        self.dual = False
        """It is one socket for both versions of IP."""
        self.waiting: deque[Endpoint] = deque()
        """Connections that are open, and not accepted."""
        self.told: Callable[[], None] = lambda: None
        """Called when more or fewer wait than before."""
        self._half_open: dict[Endpoint, bool] = {}
        """And whether their SYN+ACK was sent only once."""
        self._served: set[Endpoint] = set()
        self._overflowed: int | None = None

    # --- SYNs ------------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """No more may wait to be accepted: SYNs are ignored, and so are ACKs that would open a connection."""
        return len(self.waiting) > self.backlog

    def answer_to_syn(self, sysctls: Mapping[str, int], now: int) -> str:
        """``keep`` it half open, send a ``cookie``, or "" for nothing at all."""
        cookies, most, count = sysctls[SYNCOOKIES], sysctls[MAX_SYN_BACKLOG], len(self._half_open)
        crowded = count > self.backlog
        if self.full or (crowded and not cookies):
            return ""
        if crowded or cookies == 2:
            self._overflowed = now
            return "cookie"
        # The last quarter is for those the host has talked to before: nobody, here.
        return "" if not cookies and most - count < most >> 2 else "keep"

    def takes_cookies(self, sysctls: Mapping[str, int], now: int) -> bool:
        """An ACK out of the blue may be the answer to a cookie that was sent not long ago."""
        return bool(sysctls[SYNCOOKIES]) and self._overflowed is not None and now - self._overflowed <= 2 * COOKIE_PERIOD

    # --- connections on their way to the program -------------------------------------------------------------------

    def begin(self, endpoint: Endpoint) -> None:
        """A connection is half open now."""
        self._half_open[endpoint] = True

    def retries(self, endpoint: Endpoint) -> int:
        """How often a SYN+ACK is sent again, by how things are when it is time to do so.

        When more than half of what may be is half open, the old make way for the young: the fewer young there are, the sooner.
        """
        count, young = len(self._half_open), sum(self._half_open.values())
        self._half_open[endpoint] = False
        if 2 * count <= max(FEW, self.backlog):
            return SYNACK_RETRIES
        fewer = (count // young).bit_length() - 1 if young else SYNACK_RETRIES
        return max(SYNACK_RETRIES - fewer, LEAST_RETRIES)

    def complete(self, endpoint: Endpoint) -> None:
        """The handshake is over: the connection waits for the program, which mostly is there at once."""
        self._half_open.pop(endpoint, None)
        self.waiting.append(endpoint)
        if self.at_once is None or len(self._served) < self.at_once:
            self.accept()
        else:
            endpoint.hold()
            self.told()

    def accept(self) -> None:
        """The program accepts the one that has waited longest."""
        endpoint = self.waiting.popleft()
        self._served.add(endpoint)
        endpoint.accepted(self.serve())

    def free(self, endpoint: Endpoint) -> None:
        """The connection is over, or the program done with it."""
        self._half_open.pop(endpoint, None)
        if endpoint in self._served:
            self._served.remove(endpoint)
            if self.waiting:
                self.accept()
                self.told()

    def close(self) -> None:
        """Nobody listens any more: who waits gets a reset. Of the half-open connections nothing is left."""
        for endpoint in (*self._half_open, *self.waiting):
            endpoint.abandon()


def make_cookie(around: Surroundings, ends: Ends, syn: Packet) -> int:
    """The sequence number of a SYN+ACK from which its answer can be told, though nothing is kept."""
    mss = read_options(syn).mss
    known = COOKIE_MSS[ends.peer.family]
    index = next((number for number, each in enumerate(known) if each <= mss), len(known) - 1)
    return _cookie(around, ends, syn.seq, around.now // COOKIE_PERIOD, index)


def read_cookie(around: Surroundings, ends: Ends, ack: Packet) -> int:
    """The MSS a cookie remembers that ``ack`` acknowledges; 0: it is none of ours, or too old."""
    period = around.now // COOKIE_PERIOD
    for index, mss in enumerate(COOKIE_MSS[ends.peer.family]):
        if add(ack.ack, -1) in [_cookie(around, ends, add(ack.seq, -1), each, index) for each in (period, period - 1)]:
            return mss
    return 0


def _cookie(around: Surroundings, ends: Ends, seq: int, period: int, index: int) -> int:
    return around.draw("cookie", *ends, seq, period, index)
