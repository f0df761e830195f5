"""A TCP endpoint as Linux has it: it reacts to the packets it gets, its timers, and what its application asks for.

Which packet belongs to which endpoint is ``stack``'s to know; what is said over it, the application's; how it is opened, ``opening``'s;
what waits to be acknowledged, ``sending``'s; what has come and when that is acknowledged, ``receiving``'s; what is sent, and again,
``speaking``'s.
Left out, on purpose: timestamps.
"""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN, Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import Ends
from fwtutor.network.errors import Error
from fwtutor.network.opening import RESET, Opening
from fwtutor.network.segments import add, after, before, sack_blocks
from fwtutor.network.speaking import KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, KEEPALIVE_TIME
from fwtutor.network.states import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_RECV,
    SYN_SENT,
    TIME_WAIT,
)
from fwtutor.network.surroundings import Surroundings, User

__all__ = ["CLOSED", "TIME_WAIT", "Endpoint"]

TIME_WAIT_LENGTH = FIN_TIMEOUT = 60 * SECOND


class Endpoint(Opening):
    """One side of one TCP connection."""

    def __init__(
        self, around: Surroundings, ends: Ends, application: Application, forget: Callable[[Endpoint], None], isn: int, user: User
    ) -> None:
        super().__init__(around, ends, application, isn, user)
        self._forget = forget
        self._left = False
        """Nobody reads any more."""

    @property
    def _whole(self) -> Endpoint:
        return self

    # --- what the application asks for -----------------------------------------------------------------------

    def send(self, data: bytes) -> bool:
        """Sends bytes; False when this side is closed already (or not open)."""
        if self._fin_asked or self.state not in (SYN_SENT, SYN_RECV, ESTABLISHED, CLOSE_WAIT):
            return False
        self._sending.put(data)
        self._push()
        return True

    def close(self) -> None:
        """Sends a FIN after everything there is to send; what the peer still sends is received."""
        if self.state == SYN_SENT:
            self._end("")
        elif not self._fin_asked and self.state != CLOSED:
            self._fin_asked = True
            self._push()

    def leave(self) -> None:
        """As close(2) does: nothing is read any more, so a FIN, or a RST if anything is left unread."""
        if self._receiving.unread:
            self.abort()
        else:
            self._left = True
            self.close()
            self._let_go()

    def abort(self) -> None:
        """Sends a RST and forgets the connection."""
        if self.state not in (CLOSED, SYN_SENT, TIME_WAIT):
            self._emit(RST | ACK, self._sending.next)
        self._end("")

    def hold(self) -> None:
        """The program reads no more for now: what comes fills the window."""
        self._receiving.reading = False

    def read(self) -> None:
        """The program reads again, and gets what has come meanwhile."""
        receiving = self._receiving
        receiving.reading = True
        narrow = 2 * receiving.allowed
        data, receiving.unread = bytes(receiving.unread), bytearray()
        if data:
            if receiving.allowed >= narrow:
                self._acknowledge()  # the window is open again
            self.application.received(self, data)

    def keep_alive(self, idle: int = KEEPALIVE_TIME, interval: int = KEEPALIVE_INTERVAL, probes: int = KEEPALIVE_PROBES) -> None:
        """From now on a silence of ``idle`` ns is broken by probes, ``interval`` apart; when so many are not answered, it is over."""
        self._keeping = (idle, interval, probes)
        self._watch(self._heard + idle - self.around.now)

    # --- packets -----------------------------------------------------------------------------------------------

    def receive(self, packet: Packet) -> None:
        """A segment for this connection, its checksum good."""
        if self.state == SYN_SENT:
            self._receive_in_syn_sent(packet)
            return
        if self.state == TIME_WAIT:
            self._receive_in_time_wait(packet)
            return
        flags, seq, receiving = packet.flags, packet.seq, self._receiving
        closing = self.state == FIN_WAIT_1
        self._heard, self._unanswered = self.around.now, 0
        if self.state == SYN_RECV and flags & (SYN | ACK | RST) == SYN and add(seq, 1) == receiving.next:
            self._send_syn()
            self._arm()
            return
        data = packet.payload
        end = add(seq, len(data) + bool(flags & SYN) + bool(flags & FIN))
        room = receiving.allowed
        if before(end, receiving.next) or after(seq, add(receiving.next, room)) or (data and not room):
            if not flags & RST:
                if not flags & SYN:
                    receiving.again(seq, end)
                self._acknowledge()
            return
        if flags & RST:
            if seq == receiving.next:
                self._end("" if self.state in (CLOSING, LAST_ACK) else RESET)
            else:
                self._acknowledge()  # the challenge ACK of RFC 5961
            return
        if flags & SYN:
            if self.state == SYN_RECV and not flags & ACK:
                # Another attempt with the same ends: neither can be right.
                self._emit_raw(RST | ACK, 0, end, window=0)
                self._end(RESET)
            else:
                self._acknowledge()  # likewise
            return
        if not flags & ACK or not self._take_ack(packet):
            return
        if self._left and data and after(end, receiving.next):
            self._emit_raw(RST, packet.ack, 0, window=0)
            self._end("")
            return
        if self.state != CLOSED and (data or flags & FIN):
            self._take_data(seq, data, bool(flags & FIN))
        if self.state != CLOSED:
            self._push()
        if closing and self.state == FIN_WAIT_2:
            self.application.delivered(self)

    def unreachable(self, quoted_seq: int, error: Error) -> None:
        """An ICMP error about a segment of ours. It ends an attempt to open, never an open connection; with an MTU: send smaller."""
        if not self._sending.in_flight_at(quoted_seq):
            return
        mtu = error.mtu
        if mtu and self.state not in (SYN_SENT, SYN_RECV):
            if self._sending.shrink(mtu):
                self._send_lost(self._sending.congestion)
                self._arm()
        elif not mtu and (self.state == SYN_SENT or (self.state == SYN_RECV and error.hopeless)):
            self._end(error.why)

    def _receive_in_time_wait(self, packet: Packet) -> None:
        flags = packet.flags
        if flags & RST:
            if packet.seq == self._receiving.next:
                self._end("")
        elif flags & (SYN | ACK) == 0 or packet.seq != self._receiving.next or packet.payload or flags & (SYN | FIN):
            self._acknowledge()
            self._wait(TIME_WAIT_LENGTH)
        else:
            self._wait(TIME_WAIT_LENGTH)

    def reopens(self, packet: Packet) -> bool:
        """True when this SYN may start a new connection in place of this one, which waits in TIME_WAIT."""
        return self.state == TIME_WAIT and packet.flags & (SYN | ACK | RST | FIN) == SYN and after(packet.seq, self._receiving.next)

    def _take_ack(self, packet: Packet) -> bool:
        """Handles the acknowledgement number; False when the segment is to be left alone because of it."""
        sending = self._sending
        if self.state == SYN_RECV and packet.ack != sending.next:
            self._emit_raw(RST, packet.ack, 0, window=0)
            return False
        if after(packet.ack, sending.next) or (self.state == SYN_RECV and self._listener is not None and self._listener.full):
            return False
        sending.window = packet.window << (self._peer_scale if self._scaled else 0)
        news = sending.acknowledged(packet.ack, self.around.now)
        advanced = bool(news)
        if advanced:
            self.around.confirm(self.ends.peer)
        if self._sack:
            news += sending.sack(sack_blocks(packet))
        if self.state == SYN_RECV:
            self._disarm()
            self._open()
        if not sending.in_flight and not advanced:
            sending.still_shut()
        if news:
            restart = advanced or sending.suspect
            if sending.convicted:
                sending.recover()
            if sending.lost is not None:
                # What has arrived makes room for as much again, and for one more when the first of it was missing.
                self._send_lost(max(news + advanced, 1))
            if restart:
                self._disarm()
                if sending.in_flight:
                    self._arm()
        if sending.fin_sent and not sending.in_flight:
            if self.state == FIN_WAIT_1:
                self.state = FIN_WAIT_2
                self._wait(FIN_TIMEOUT)
            elif self.state == CLOSING:
                self._time_wait()
            elif self.state == LAST_ACK:
                self._end("")
        return True

    def _take_data(self, seq: int, data: bytes, fin: bool) -> None:
        """Takes in what is in order, keeps what came too early, acknowledges both."""
        receiving = self._receiving
        if self.state not in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2):
            # The peer ended before: this is its FIN again, or nonsense.
            receiving.again(seq, add(seq, len(data) + fin))
            self._acknowledge()
            return
        if after(seq, receiving.next):
            receiving.keep(seq, data, fin)
            self._acknowledge()
            return
        got, ended = receiving.take(seq, data, fin, self.around.now)
        receiving.unread += got
        if ended:
            receiving.interactive = self.state == ESTABLISHED
        if receiving.at_once or (ended and not receiving.interactive) or not (got or ended):
            self._acknowledge()
        if got and receiving.reading:
            receiving.unread.clear()
            if receiving.when_read:
                self._acknowledge()
            self.application.received(self, got)
        if ended and self.state != CLOSED:
            self._peer_ended()
        if receiving.due and self._ack_timer is None and self.state != CLOSED:
            self._ack_timer = self.around.arm(receiving.patience, self._waited_for_an_answer)

    def _peer_ended(self) -> None:
        if self.state == ESTABLISHED:
            self.state = CLOSE_WAIT
            self.application.ended(self)
        elif self.state == FIN_WAIT_1:
            self.state = CLOSING
        elif self.state == FIN_WAIT_2:
            self._time_wait()

    # --- the end -----------------------------------------------------------------------------------------------

    def _wait(self, length: int) -> None:
        self._disarm()
        self._timer = self.around.arm(length, self._waited, busy=False)

    def _waited(self) -> str:
        over = self.state
        self._timer = None
        self._end("")
        return f"{over} of {self.name} is over"

    def _time_wait(self) -> None:
        self.state = TIME_WAIT
        self.application.gone(self, "")
        self._let_go()
        self._wait(TIME_WAIT_LENGTH)

    def _end(self, why: str) -> None:
        told = self.state == TIME_WAIT
        self.state = CLOSED
        self._disarm()
        for timer in (self._ack_timer, self._keepalive):
            if timer is not None:
                self.around.cancel(timer)
        self._forget(self)
        if not told:
            self.application.gone(self, why)
        self._let_go()
