"""How a TCP endpoint becomes open: by a SYN of its own, by one that it answers, by the acknowledgement of a cookie; and who gets it then.

What becomes of segments in a connection that is open is ``tcp``'s.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from fwtutor.netfilter.packet import ACK, RST, SYN, Packet
from fwtutor.network.application import Application
from fwtutor.network.ends import Ends
from fwtutor.network.listener import SYNACK_RETRIES, Listener
from fwtutor.network.receiving import Receiving
from fwtutor.network.segments import WINDOW_SCALE, add, read_options
from fwtutor.network.speaking import Speaking
from fwtutor.network.states import CLOSE_WAIT, CLOSED, ESTABLISHED, SYN_RECV, SYN_SENT
from fwtutor.network.surroundings import Surroundings, User

if TYPE_CHECKING:
    from fwtutor.network.tcp import Endpoint

REFUSED, RESET = "Connection refused", "Connection reset by peer"


class Opening(Speaking):
    """The handshake of an endpoint, from either side."""

    def __init__(self, around: Surroundings, ends: Ends, application: Application, isn: int, user: User) -> None:
        super().__init__(around, ends, isn, user, application.largest)
        self.application = application
        self.opened_actively = False
        self._peer_scale = 0
        self._listener: Listener | None = None
        """By which it is opened: who is told when the handshake is over, and when the program is done with it."""

    @abstractmethod
    def receive(self, packet: Packet) -> None:
        """A segment for this connection."""

    @abstractmethod
    def read(self) -> None:
        """The program reads."""

    @abstractmethod
    def abort(self) -> None:
        """A reset."""

    @property
    @abstractmethod
    def _whole(self) -> Endpoint:
        """The endpoint, as listeners and applications know it."""

    def connect(self) -> None:
        """Opens: sends the SYN."""
        self.opened_actively = True
        self.state = SYN_SENT
        self._sending.next = add(self._isn, 1)
        self._send_syn()
        self._sending.time(self.around.now)
        self._arm()

    def answer(self, packet: Packet, listener: Listener) -> None:
        """Is opened: answers the SYN ``packet`` to a listening port."""
        self._listener = listener
        listener.begin(self._whole)
        self.state = SYN_RECV
        self._sending.next = add(self._isn, 1)
        self._read_syn(packet)
        self._send_syn()
        self._sending.time(self.around.now)
        self._arm()

    def answer_with_cookie(self, packet: Packet) -> None:
        """Answers the SYN ``packet``, and keeps nothing of it."""
        self._read_syn(packet)
        self._send_syn(cookie=True)

    def recall(self, packet: Packet, mss: int, listener: Listener) -> None:
        """Is opened by ``packet``, which acknowledges a cookie. But for the MSS nothing is known of what the SYN announced."""
        self._listener = listener
        self._state = SYN_RECV
        self._sending.next = add(self._isn, 1)
        self._sending.mss = min(self._sending.mss, mss)
        self._receiving = Receiving(self._sending.mss)
        self._receiving.begin(add(packet.seq, -1))
        self.receive(packet)

    def accepted(self, application: Application) -> None:
        """A program serves it from now on, and hears of what happened while it waited for that."""
        self.application = application
        if self.state == CLOSED:
            application.gone(self._whole, RESET)
            return
        application.opened(self._whole)
        self.read()
        if self.state == CLOSE_WAIT:
            self.application.ended(self._whole)

    def abandon(self) -> None:
        """Nobody will accept it: a reset, if it is open."""
        if self.state != SYN_RECV:
            self.abort()
        else:
            self._end("")

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
            self._heard = self.around.now
            self._sending.acknowledged(packet.ack, self.around.now)
            self.around.confirm(self.ends.peer)
            self._disarm()
            self._open()
        else:
            # Both opened at once.
            self.state = SYN_RECV
            self._send_syn()

    def _read_syn(self, packet: Packet) -> None:
        options = read_options(packet)
        self._receiving.begin(packet.seq)
        self._sending.mss = min(self._sending.mss, options.mss)
        self._sending.window = packet.window
        self._sack = options.sack
        self._scaled = options.scale is not None
        self._receiving.scale = WINDOW_SCALE if self._scaled else 0
        self._peer_scale = options.scale or 0

    def _open(self) -> None:
        self.state = ESTABLISHED
        self._sending.settle()
        if self.opened_actively:
            self._acknowledge()
        if self._listener is not None:
            self._listener.complete(self._whole)
        else:
            self.application.opened(self._whole)
        self._push()

    def _synack_retries(self) -> int:
        return self._listener.retries(self._whole) if self._listener is not None else SYNACK_RETRIES

    def _let_go(self) -> None:
        """The program is done with it, and may serve another."""
        if self._listener is not None:
            self._listener.free(self._whole)
