"""What a stack needs from whoever hosts it: the time, a way out for packets, timers, a console, and chance from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from fwtutor.netfilter.packet import Packet
from fwtutor.network.clock import Event
from fwtutor.network.ends import Address, Ends


class Timer(Event):
    """A timer of a host. ``fire`` does what is due and says what it was."""

    __slots__ = ("fire",)

    def __init__(self, at: int, host: str, cause: int, ordinal: int, busy: bool, fire: Callable[[], str]) -> None:
        super().__init__(at, host, cause, ordinal, busy)
        self.fire = fire


class User(NamedTuple):
    """Who a program runs as: whose its packets are."""

    name: str
    uid: int
    """Also the id of the user's own group."""


ROOT_USER = User("root", 0)


class Surroundings(Protocol):
    """The host around a stack."""

    @property
    def now(self) -> int:
        """ns."""

    @property
    def sysctls(self) -> Mapping[str, int]:
        """The kernel's settings, as they are now."""

    def emit(self, raw: bytes, *, tell: bool | Callable[[], None] = False, by_stack: bool = False, user: User = ROOT_USER) -> None:
        """Sends a packet of the host's own; it sets out as the next event.

        ``tell``: say so if the rules drop it, or do that then. ``by_stack``: no program sends it, the stack itself answers. ``user``:
        whose program.
        """

    def arm(self, delay: int, fire: Callable[[], str], busy: bool = True) -> Timer:
        """Sets a timer ``delay`` ns from now. Timers that are not ``busy`` do not keep the world from being quiet."""

    def cancel(self, timer: Timer) -> None:
        """The timer will not fire."""

    def note(self, ends: Ends, state: str) -> None:
        """A connection has got into another state."""

    def note_queue(self, address: Address | None, port: int, length: int) -> None:
        """So many connections to a port wait to be accepted now."""

    def say(self, text: str) -> None:
        """A line on the host's console."""

    def draw(self, *key: object) -> int:
        """A number from 0 to 2**32 - 1 that depends on the seed, the host and ``key`` alone."""

    def is_local(self, address: Address) -> bool:
        """True for an address of this host."""

    def source_for(self, address: Address) -> Address | None:
        """The address this host would send from to that one; None when there is no route, or it has none of that family."""

    def confirm(self, address: Address) -> None:
        """There is a sign of life from that address, by the way that leads there."""

    def is_held(self, ends: Ends) -> bool:
        """Whether a segment of that connection has not left the host yet, as it waits for a neighbour."""

    def mtu_to(self, address: Address) -> int:
        """The MTU in bytes of the link by which this host would send to that address."""

    def path_mtu(self, address: Address) -> int:
        """Bytes a packet to that address may have: the link's MTU, or less if an error has said so."""

    def source_of_answer(self, packet: Packet) -> tuple[int, int] | None:
        """The addresses to send errors and echoes from about what was just delivered, as ``closed_port_answers`` takes them."""
