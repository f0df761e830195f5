"""What a TCP endpoint sends, and the timers by which it sends again: segments, retransmissions, probes, keepalive.

What becomes of what it gets, and what its application may ask for, is ``tcp``'s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, FIN, PSH, RST, SYN
from fwtutor.network.ends import Ends
from fwtutor.network.receiving import TICK, Receiving
from fwtutor.network.segments import HEADERS, LONGEST, add, sack_option, syn_options
from fwtutor.network.sending import Piece, Sending
from fwtutor.network.states import CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, SYN_RECV, SYN_SENT
from fwtutor.network.surroundings import Surroundings, Timer, User

SYN_RETRIES, DATA_RETRIES, CLOSING_RETRIES = 6, 15, 8
"""tcp_syn_retries, tcp_retries2, and what tcp_orphan_retries=0 means. (A SYN+ACK's are the listener's.)"""
SYN_LINEAR = 4
"""tcp_syn_linear_timeouts (since Linux 6.5): so many more SYNs come first, a second apart."""
KEEPALIVE_TIME, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES = 7200 * SECOND, 75 * SECOND, 9
"""tcp_keepalive_time, tcp_keepalive_intvl, tcp_keepalive_probes."""
TIMED_OUT = "Connection timed out"


class Speaking(ABC):
    """The side of an endpoint that the wire sees."""

    def __init__(self, around: Surroundings, ends: Ends, isn: int, user: User, largest: int = 0) -> None:
        self.around = around
        self.ends = ends
        self.user = user
        """Who runs the program that has it."""
        self._state = CLOSED
        self._isn = isn
        family = ends.peer.family
        room = min(around.path_mtu(ends.peer), LONGEST[family]) - HEADERS[family]
        self._mss = min(room, largest or room)
        self._sending = Sending(isn, self._mss, family)
        self._receiving = Receiving(self._mss)
        self._sack = self._scaled = False
        self._timer: Timer | None = None
        self._ack_timer: Timer | None = None
        self._keepalive: Timer | None = None
        self._keeping = (0, 0, 0)
        """How long a silence may last, how far apart the probes are then, and how many."""
        self._unanswered = 0
        """Keepalive probes that were not answered."""
        self._heard = 0
        """ns: when anything came last."""
        self._fin_asked = False
        self._ip_id = around.draw("ip id", *ends) & 0xFFFF

    @property
    def name(self) -> str:
        """``203.0.113.9:4000 > 203.0.113.1:22``: own side first."""
        return str(self.ends)

    @property
    def peer(self) -> str:
        """``203.0.113.1:22``."""
        return self.ends.there

    @property
    def state(self) -> str:
        """As the standard calls it."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self.around.note(self.ends, state)

    @property
    def numbers(self) -> tuple[int, int]:
        """(the sequence number it would send next, the acknowledgement number)."""
        return self._sending.next, self._receiving.next

    @abstractmethod
    def _end(self, why: str) -> None:
        """It is over, for that reason."""

    @abstractmethod
    def _synack_retries(self) -> int:
        """How often a SYN+ACK is sent again."""

    # --- sending -----------------------------------------------------------------------------------------------

    def _push(self) -> None:
        """Sends what may be sent now, and the FIN behind the last of it."""
        if self.state not in (ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, LAST_ACK, CLOSING):
            return
        sending = self._sending
        while piece := sending.next_piece(self._fin_asked):
            self._send_new(piece)
        if self._fin_asked and not sending.unsent and not sending.fin_sent:
            self._send_new(sending.fin())
        if (sending.in_flight or sending.unsent) and self._timer is None:
            self._arm()

    def _send_new(self, piece: Piece) -> None:
        self._sending.time(self.around.now)
        if piece[2]:
            self.state = LAST_ACK if self.state == CLOSE_WAIT else FIN_WAIT_1
        self._send_piece(piece)

    def _send_piece(self, piece: Piece) -> str:
        """Sends a segment of the stream, and says what it was."""
        seq, data, fin = piece
        if data:
            self._receiving.answered(self.around.now)
        last = data and not self._sending.unsent
        self._emit(ACK | (FIN if fin else 0) | (PSH if last else 0), seq, data)
        return "FIN" if fin and not data else "data"

    def _send_lost(self, most: int) -> str:
        """Sends again up to so many segments of those that count as lost; what the last was, "" if there was none."""
        what = ""
        while most and (piece := self._sending.lost_piece()):
            what = self._send_piece(piece)
            most -= 1
        return what

    def _send_syn(self, cookie: bool = False) -> None:
        window = self._receiving.buffer
        if self.state == SYN_SENT:
            self._emit_raw(SYN, self._isn, 0, window, options=syn_options(self._mss))
        else:
            options = syn_options(self._mss, self._scaled and not cookie, self._sack and not cookie)
            self._emit_raw(SYN | ACK, self._isn, self._receiving.next, window, options=options)

    def _acknowledge(self) -> None:
        self._emit(ACK, self._sending.next, options=sack_option(self._receiving.blocks()) if self._sack else b"")

    def _emit(self, flags: int, seq: int, data: bytes = b"", options: bytes = b"") -> None:
        receiving = self._receiving
        window = min(receiving.allowed >> receiving.scale, 0xFFFF)
        self._emit_raw(flags, seq, receiving.next, window, data, options)
        receiving.said()
        if self._ack_timer is not None:
            self.around.cancel(self._ack_timer)
            self._ack_timer = None

    def _emit_raw(self, flags: int, seq: int, ack: int, window: int, data: bytes = b"", options: bytes = b"") -> None:
        (family, address), port, (_, peer), peer_port = self.ends
        bare = flags & RST or flags & (SYN | ACK) == SYN | ACK
        if not bare:
            self._ip_id = self._ip_id + 1 & 0xFFFF
        identity = 0 if bare else self._ip_id
        raw = craft.tcp(address, peer, port, peer_port, flags, seq, ack, window, data, options, family=family, id=identity)
        self.around.emit(raw, user=self.user)

    # --- timers ------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Sets the timer for what is on its way: what is late, a probe whether the last of it was lost, all of it again."""
        self._disarm()
        sending = self._sending
        if sending.suspect:
            self._timer = self.around.arm(sending.reordering, self._too_late)
        elif self._may_probe():
            self._timer = self.around.arm(sending.probe_timeout, self._probe)
        else:
            # Who lost the answer to a SYN asks again a moment before this one does.
            late = TICK if self.state == SYN_RECV else 0
            self._timer = self.around.arm(sending.timeout + late, self._timed_out)

    def _may_probe(self) -> bool:
        sending = self._sending
        usual = self._sack and self.state not in (SYN_SENT, SYN_RECV) and sending.in_flight > 0
        return usual and sending.lost is None and not (sending.probed or sending.retries)

    def _disarm(self) -> None:
        if self._timer is not None:
            self.around.cancel(self._timer)
            self._timer = None

    def _waited_for_an_answer(self) -> str:
        self._ack_timer = None
        self._receiving.waited()
        self._acknowledge()
        return f"{self.name} acknowledges what it has nothing to answer to"

    def _too_late(self) -> str:
        self._timer = None
        self._sending.recover()
        what = self._send_lost(1)
        self._arm()
        return f"{self.name} sends {what} again that was overtaken"

    def _probe(self) -> str:
        self._timer = None
        sending = self._sending
        piece = sending.next_piece(self._fin_asked) or sending.last_piece()
        sending.probed = True
        what = self._send_piece(piece) if piece is not None else ""
        self._arm()
        return f"{self.name} sends its {what} again, to see whether it was lost"

    def _timed_out(self) -> str:
        self._timer = None
        closing = self._fin_asked and self.state != CLOSE_WAIT
        linear = SYN_LINEAR if self.state == SYN_SENT else 0
        if self.state == SYN_RECV:
            tries = self._synack_retries()
        else:
            tries = (SYN_RETRIES if self.state == SYN_SENT else CLOSING_RETRIES if closing else DATA_RETRIES) + linear
        sending = self._sending
        if sending.retries >= tries:
            before_end = self.state
            self._end(TIMED_OUT)
            return f"{self.name} gives up in {before_end} after {sending.retries} retransmissions"
        sending.back_off(linear)
        what = self._retransmit()
        if not what:
            return f"{self.name}: its segment still waits for a neighbour ({sending.retries} of {tries})"
        return f"{self.name} sends its {what} again ({sending.retries} of {tries})"

    def _retransmit(self) -> str:
        """Sends the first thing not acknowledged again, and says what it was; "": it is still here, and nothing was sent."""
        if self.state != SYN_RECV and self.around.is_held(self.ends):
            self._arm()
            return ""
        if self.state in (SYN_SENT, SYN_RECV):
            self._send_syn()
            what = "SYN" if self.state == SYN_SENT else "SYN+ACK"
        else:
            what = self._send_lost(1)
        if not what:
            # Nothing is on its way: the peer's window is shut, and this asks whether it still is.
            self._emit(ACK, add(self._sending.una, -1))
            what = "window probe"
        self._arm()
        return what

    def _watch(self, delay: int) -> None:
        if self._keepalive is not None:
            self.around.cancel(self._keepalive)
        self._keepalive = self.around.arm(max(delay, 0), self._silence, busy=False)

    def _silence(self) -> str:
        """The time after which a silence is broken may have come."""
        self._keepalive = None
        idle, interval, probes = self._keeping
        left = self._heard + idle - self.around.now
        if self.state not in (ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, FIN_WAIT_2) or left > 0 or self._sending.in_flight:
            self._watch(left if left > 0 else idle)
            return f"{self.name} is not silent"
        if self._unanswered >= probes:
            self._emit(RST | ACK, self._sending.next)
            self._end(TIMED_OUT)
            return f"{self.name} gives up after {probes} keepalive probes"
        self._unanswered += 1
        self._emit(ACK, add(self._sending.una, -1))
        self._watch(interval)
        return f"{self.name} asks whether anybody is there ({self._unanswered} of {probes})"
