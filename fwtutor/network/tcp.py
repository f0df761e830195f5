"""A TCP endpoint as Linux has it: it reacts to the packets it gets, its timers, and what its application asks for.

Which packet belongs to which endpoint is ``stack``'s to know; what is said over it, the application's; what waits to be
acknowledged, ``sending``'s. Left out, on purpose: timestamps, delayed acknowledgements (Linux starts every
connection without them), fast retransmit and tail loss probes: a lost segment is sent again when the timer runs out.
"""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, FIN, PSH, RST, SYN, Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import Ends
from fwtutor.network.segments import (
    HEADERS,
    LONGEST,
    SYN_WINDOW,
    WINDOW,
    WINDOW_SCALE,
    add,
    after,
    before,
    distance,
    read_options,
    sack_option,
    syn_options,
)
from fwtutor.network.sending import Sending
from fwtutor.network.surroundings import Surroundings, Timer, User

CLOSED, SYN_SENT, SYN_RECV, ESTABLISHED = "CLOSED", "SYN_SENT", "SYN_RECV", "ESTABLISHED"
FIN_WAIT_1, FIN_WAIT_2, CLOSING, TIME_WAIT = "FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "TIME_WAIT"
CLOSE_WAIT, LAST_ACK = "CLOSE_WAIT", "LAST_ACK"

SYN_RETRIES, SYNACK_RETRIES, DATA_RETRIES, CLOSING_RETRIES = 6, 5, 15, 8
"""tcp_syn_retries, tcp_synack_retries, tcp_retries2, and what tcp_orphan_retries=0 means."""
TIME_WAIT_LENGTH = FIN_TIMEOUT = 60 * SECOND
REFUSED, RESET, TIMED_OUT = "Connection refused", "Connection reset by peer", "Connection timed out"


class Endpoint:
    """One side of one TCP connection."""

    def __init__(
        self, around: Surroundings, ends: Ends, application: Application, forget: Callable[[Endpoint], None], isn: int, user: User
    ) -> None:
        self.around = around
        self.ends = ends
        self.application = application
        self.user = user
        """Who runs the program that has it."""
        self._state = CLOSED
        self.opened_actively = False
        self._forget = forget
        self._isn = isn
        family = ends.peer.family
        self._mss = min(around.mtu_to(ends.peer), LONGEST[family]) - HEADERS[family]
        self._sending = Sending(isn, self._mss, family)
        self._rcv_nxt = 0
        self._early: list[tuple[int, bytes, bool]] = []
        """(sequence number, data, FIN) of segments that came before what precedes them."""
        self._sack = self._scaled = False
        self._peer_scale = 0
        self._timer: Timer | None = None
        self._fin_asked = False
        self._ip_id = around.draw("ip id", *ends) & 0xFFFF

    def __repr__(self) -> str:
        return f"<Endpoint {self.name} {self.state}>"

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
        return self._sending.next, self._rcv_nxt

    # --- what the application asks for -----------------------------------------------------------------------

    def connect(self) -> None:
        """Opens: sends the SYN."""
        self.opened_actively = True
        self.state = SYN_SENT
        self._sending.next = add(self._isn, 1)
        self._send_syn()
        self._sending.time(self.around.now)
        self._arm()

    def accept(self, packet: Packet) -> None:
        """Is opened: answers the SYN ``packet`` to a listening port."""
        self.state = SYN_RECV
        self._sending.next = add(self._isn, 1)
        self._read_syn(packet)
        self._send_syn()
        self._sending.time(self.around.now)
        self._arm()

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

    def abort(self) -> None:
        """Sends a RST and forgets the connection."""
        if self.state not in (CLOSED, SYN_SENT, TIME_WAIT):
            self._emit(RST | ACK, self._sending.next, window=0)
        self._end("")

    # --- packets -----------------------------------------------------------------------------------------------

    def receive(self, packet: Packet) -> None:
        """A segment for this connection, its checksum good."""
        if self.state == SYN_SENT:
            self._receive_in_syn_sent(packet)
            return
        if self.state == TIME_WAIT:
            self._receive_in_time_wait(packet)
            return
        flags, seq = packet.flags, packet.seq
        if self.state == SYN_RECV and flags & (SYN | ACK | RST) == SYN and add(seq, 1) == self._rcv_nxt:
            self._send_syn()
            return
        data = packet.payload
        end = add(seq, len(data) + bool(flags & SYN) + bool(flags & FIN))
        if before(end, self._rcv_nxt) or after(seq, add(self._rcv_nxt, WINDOW << WINDOW_SCALE)):
            if not flags & RST:
                self._acknowledge()
            return
        if flags & RST:
            if seq == self._rcv_nxt:
                self._end("" if self.state in (CLOSING, LAST_ACK) else RESET)
            else:
                self._acknowledge()  # the challenge ACK of RFC 5961
            return
        if flags & SYN:
            self._acknowledge()  # likewise
            return
        if not flags & ACK or not self._take_ack(packet):
            return
        if self.state != CLOSED and (data or flags & FIN):
            self._take_data(seq, data, bool(flags & FIN))
        if self.state != CLOSED:
            self._push()

    def unreachable(self, quoted_seq: int, why: str, mtu: int = 0) -> None:
        """An ICMP error about a segment of ours. It ends an attempt to open, never an open connection; ``mtu``: send smaller."""
        if not self._sending.in_flight_at(quoted_seq):
            return
        if mtu and self.state not in (SYN_SENT, SYN_RECV):
            if self._sending.shrink(mtu):
                self._retransmit()
        elif not mtu and self.state == SYN_SENT:
            self._end(why)

    def _receive_in_syn_sent(self, packet: Packet) -> None:
        flags = packet.flags
        if flags & ACK and packet.ack != self._sending.next:
            if not flags & RST:
                self._emit_raw(RST, packet.ack, 0, window=0)
            return
        if flags & RST:
            if flags & ACK:
                self._end(REFUSED)
            return
        if not flags & SYN:
            return
        self._read_syn(packet)
        if flags & ACK:
            self._sending.acknowledged(packet.ack, self.around.now)
            self._disarm()
            self._open()
        else:
            # Both opened at once.
            self.state = SYN_RECV
            self._send_syn()

    def _receive_in_time_wait(self, packet: Packet) -> None:
        flags = packet.flags
        if flags & RST:
            if packet.seq == self._rcv_nxt:
                self._end("")
        elif flags & (SYN | ACK) == 0 or packet.seq != self._rcv_nxt or packet.payload or flags & (SYN | FIN):
            self._acknowledge()
            self._wait(TIME_WAIT_LENGTH)
        else:
            self._wait(TIME_WAIT_LENGTH)

    def reopens(self, packet: Packet) -> bool:
        """True when this SYN may start a new connection in place of this one, which waits in TIME_WAIT."""
        return self.state == TIME_WAIT and packet.flags & (SYN | ACK | RST | FIN) == SYN and after(packet.seq, self._rcv_nxt)

    def _read_syn(self, packet: Packet) -> None:
        options = read_options(packet)
        self._rcv_nxt = add(packet.seq, 1)
        self._sending.mss = min(self._sending.mss, options.mss)
        self._sending.window = packet.window
        self._sack = options.sack
        self._scaled = options.scale is not None
        self._peer_scale = options.scale or 0

    def _open(self) -> None:
        self.state = ESTABLISHED
        self._sending.settle()
        if self.opened_actively:
            self._acknowledge()
        self.application.opened(self)
        self._push()

    def _take_ack(self, packet: Packet) -> bool:
        """Handles the acknowledgement number; False when the segment is to be left alone because of it."""
        sending = self._sending
        if self.state == SYN_RECV and packet.ack != sending.next:
            self._emit_raw(RST, packet.ack, 0, window=0)
            return False
        if after(packet.ack, sending.next):
            return False
        sending.window = packet.window << (self._peer_scale if self._scaled else 0)
        news = sending.acknowledged(packet.ack, self.around.now)
        if self.state == SYN_RECV:
            self._disarm()
            self._open()
        if news:
            self._disarm()
            if sending.lost is not None and sending.in_flight:
                self._resend()
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
        if self.state not in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2):
            self._acknowledge()  # the peer ended before: this is its FIN again, or nonsense
            return
        if after(seq, self._rcv_nxt):
            if not any(kept[0] == seq for kept in self._early):
                self._early = sorted([*self._early, (seq, data, fin)], key=lambda kept: distance(self._rcv_nxt, kept[0]))[:64]
            self._acknowledge()
            return
        got = bytearray()
        ended = False
        waiting = [(seq, data, fin), *self._early]
        self._early = []
        for start, piece, last in waiting:
            if after(start, self._rcv_nxt) or ended:
                if not ended:
                    self._early.append((start, piece, last))
                continue
            fresh = piece[distance(start, self._rcv_nxt) :]
            ended = last and distance(start, self._rcv_nxt) <= len(piece)
            got += fresh
            self._rcv_nxt = add(self._rcv_nxt, len(fresh) + ended)
        self._acknowledge()
        if got:
            self.application.received(self, bytes(got))
        if ended and self.state != CLOSED:
            self._peer_ended()

    def _peer_ended(self) -> None:
        if self.state == ESTABLISHED:
            self.state = CLOSE_WAIT
            self.application.ended(self)
        elif self.state == FIN_WAIT_1:
            self.state = CLOSING
        elif self.state == FIN_WAIT_2:
            self._time_wait()

    # --- sending -----------------------------------------------------------------------------------------------

    def _push(self) -> None:
        """Sends what may be sent now, and the FIN behind the last of it."""
        if self.state not in (ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, LAST_ACK, CLOSING):
            return
        sending = self._sending
        while piece := sending.next_piece():
            seq, data = piece
            sending.time(self.around.now)
            self._emit(ACK | (0 if sending.unsent else PSH), seq, data)
        if self._fin_asked and not sending.unsent and not sending.fin_sent:
            sending.fin_sent = True
            seq = sending.next
            sending.next = add(seq, 1)
            sending.time(self.around.now)
            self.state = LAST_ACK if self.state == CLOSE_WAIT else FIN_WAIT_1
            self._emit(FIN | ACK, seq)
        if (sending.in_flight or sending.unsent) and self._timer is None:
            self._arm()

    def _send_syn(self) -> None:
        if self.state == SYN_SENT:
            self._emit_raw(SYN, self._isn, 0, SYN_WINDOW, options=syn_options(self._mss))
        else:
            self._emit_raw(SYN | ACK, self._isn, self._rcv_nxt, SYN_WINDOW, options=syn_options(self._mss, self._scaled, self._sack))

    def _acknowledge(self) -> None:
        blocks = [(seq, add(seq, len(data) + fin)) for seq, data, fin in self._early] if self._sack else []
        self._emit(ACK, self._sending.next, options=sack_option(blocks))

    def _emit(self, flags: int, seq: int, data: bytes = b"", *, options: bytes = b"", window: int | None = None) -> None:
        if window is None:
            window = WINDOW if self._scaled else WINDOW << WINDOW_SCALE
        self._emit_raw(flags, seq, self._rcv_nxt, window, data, options)

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
        self._disarm()
        self._timer = self.around.arm(self._sending.timeout, self._timed_out)

    def _disarm(self) -> None:
        if self._timer is not None:
            self.around.cancel(self._timer)
            self._timer = None

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
        self._wait(TIME_WAIT_LENGTH)

    def _timed_out(self) -> str:
        self._timer = None
        closing = self._fin_asked and self.state != CLOSE_WAIT
        tries = {SYN_SENT: SYN_RETRIES, SYN_RECV: SYNACK_RETRIES}.get(self.state, CLOSING_RETRIES if closing else DATA_RETRIES)
        sending = self._sending
        if sending.retries >= tries:
            before_end = self.state
            self._end(TIMED_OUT)
            return f"{self.name} gives up in {before_end} after {tries} retransmissions"
        sending.back_off()
        what = self._retransmit()
        return f"{self.name} sends its {what} again ({sending.retries} of {tries})"

    def _retransmit(self) -> str:
        """Sends the first thing not acknowledged again, and says what it was."""
        if self.state in (SYN_SENT, SYN_RECV):
            self._send_syn()
            what = "SYN" if self.state == SYN_SENT else "SYN+ACK"
        else:
            what = self._resend()
        self._arm()
        return what

    def _resend(self) -> str:
        piece = self._sending.first_piece()
        if piece is None:
            # Nothing is on its way: the peer's window is shut, and this asks whether it still is.
            self._emit(ACK, add(self._sending.next, -1))
            return "window probe"
        seq, data, fin = piece
        self._emit(ACK | (FIN if fin else PSH), seq, data)
        return "FIN" if fin and not data else "data"

    def _end(self, why: str) -> None:
        told = self.state == TIME_WAIT
        self.state = CLOSED
        self._disarm()
        self._forget(self)
        if not told:
            self.application.gone(self, why)
