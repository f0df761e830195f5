"""Which addresses and ports a new connection gets: those a rule asks for, so that its answers are nobody else's.

The order of things is the kernel's. Nothing is drawn by lot here: whoever calls says where a search begins (``draw``), or what the
kernel chose (``chooser``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import DYING, FIXED_TIMEOUT, SRC_NAT, Entry, Tuple
from fwtutor.netfilter.conntrack.nat.jhash import jhash2, scaled
from fwtutor.netfilter.conntrack.nat.ranges import (
    CHANGED,
    DECIDED,
    DST,
    SRC,
    Range,
    port_fits,
    port_of,
    source_fits,
    with_address,
    with_port,
)
from fwtutor.netfilter.conntrack.tcp import State as TcpState, TcpTrack
from fwtutor.netfilter.conntrack.tuples import WITH_PORTS, inverted, is_icmp
from fwtutor.netfilter.packet import TCP
from fwtutor.netfilter.state import State

TRIES = 128
"""Ports that are tried in a row at most."""
_FEWEST = 16
_INSISTENT = 32
"""The last tries, which throw out a connection that is over."""
_OVER = (TcpState.TIME_WAIT, TcpState.CLOSE, TcpState.SYN_SENT2)
_WORD = 0xFFFFFFFF

Chooser = Callable[[Entry, str], int | None]
"""What the kernel chose for an end of a new connection, if it is known: a port, or an ICMP id."""


class Chosen(NamedTuple):
    """The entry as it is translated."""

    entry: Entry
    evicted: Entry | None
    """One that was over and had to make way."""


def bind(state: State, entry: Entry, wanted: Range, end: str, draw: Callable[[], int], chooser: Chooser | None) -> Chosen:
    """Decide on one end of a new connection."""
    now = inverted(entry.reply)
    assert now is not None
    search = _Search(state, entry, wanted, end, draw, chooser)
    chosen = search.unique(now)
    status, reply = entry.status | DECIDED[end], entry.reply
    if chosen != now:
        answer = inverted(chosen)
        assert answer is not None
        status, reply = status | CHANGED[end], answer
    return Chosen(entry._replace(reply=reply, status=status, leaves_by=wanted.leaves_by or entry.leaves_by), search.evicted)


def null_range(entry: Entry, end: str) -> Range:
    """For a connection that no rule is about: the address it has."""
    own = entry.reply.dst if end == SRC else entry.reply.src
    return Range(own, own)


class _Search:
    """One search for a tuple that is nobody else's."""

    def __init__(self, state: State, entry: Entry, wanted: Range, end: str, draw: Callable[[], int], chooser: Chooser | None) -> None:
        self.state, self.entry, self.wanted, self.end, self.draw, self.chooser = state, entry, wanted, end, draw, chooser
        self.evicted: Entry | None = None

    def unique(self, now: Tuple) -> Tuple:
        wanted = self.wanted
        if self.end == SRC and not wanted.random:
            if source_fits(now, wanted):
                if not self._is_used(now):
                    return now
            else:
                known = self._known_source(now)
                if known is not None and not self._is_used(known):
                    return known
        key = now if wanted.low is None else with_address(now, self.end, self._address(now))
        one_port = wanted.ports is not None and wanted.ports[0] == wanted.ports[1]
        if not wanted.random:
            if wanted.ports is None:
                if not self._is_used(key):
                    return key
            elif wanted.base is None and port_fits(key, self.end, wanted.ports) and (one_port or not self._is_used(key)):
                return key
        return self._with_free_port(key)

    def _is_used(self, key: Tuple) -> bool:
        """Whether the answers to such a connection would be another's."""
        other = self.state.find(inverted(key))
        return other is not None and other.original != self.entry.original

    def _known_source(self, now: Tuple) -> Tuple | None:
        """What another connection of the same source has been given, the youngest first, if that fits."""
        original = self.entry.original
        for other in self.state.translated(original):
            given = inverted(other.reply)
            assert given is not None
            key = now._replace(src=given.src, sport=given.sport)
            if source_fits(key, self.wanted):
                return key
        return None

    def _address(self, now: Tuple) -> int:
        """One of the range: always the same for a source, or for a source and a destination."""
        low, high = self.wanted.low, self.wanted.high
        assert low is not None
        assert high is not None
        if low == high:
            return low
        words = 1 if now.family == 4 else 4
        first, last, destination = _words(low, words), _words(high, words), _swapped(_words(now.dst, words))
        hashed = jhash2(_swapped(_words(now.src, words)) + [0] * (4 - words), 0 if self.wanted.persistent else destination[-1] ^ now.zone)
        found: list[int] = []
        free = False
        for place in range(words):
            start, count = (0, _WORD) if free else (first[place], last[place] - first[place] + 1 & _WORD)
            found.append(start + scaled(hashed, count) & _WORD)
            free = free or found[-1] != last[place]
            if not self.wanted.persistent:
                hashed ^= destination[place] if self.end == SRC else _swapped(found)[place]
        return sum(word << 32 * (words - 1 - place) for place, word in enumerate(found))

    def _with_free_port(self, key: Tuple) -> Tuple:
        icmp = is_icmp(key.protocol, key.family)
        if not icmp and key.protocol not in WITH_PORTS:
            return key
        wanted, port = self.wanted, port_of(key, self.end)
        if wanted.ports is not None:
            low, high = sorted(wanted.ports)
        elif icmp:
            low, high = 0, 0xFFFF
        elif self.end == DST:
            return key
        elif port < 512:
            low, high = 1, 511
        elif port < 1024:
            low, high = 600, 1023
        else:
            low, high = 1024, 0xFFFF
        size = high - low + 1
        if wanted.base is not None:
            start = port - wanted.base & 0xFFFF
        elif wanted.random or self.end == SRC:
            known = None if self.chooser is None else self.chooser(self.entry, self.end)
            if known is not None and low <= known <= high and self._is_free(with_port(key, self.end, known), size):
                return with_port(key, self.end, known)
            start = self.draw()
        else:
            start = 0
        tries = min(size, TRIES)
        while True:
            for number in range(tries):
                found = with_port(key, self.end, low + (start + number & 0xFFFF) % size)
                if self._is_free(found, tries - number):
                    return found
            if tries >= size or tries < _FEWEST:
                return found
            tries //= 2
            start = self.draw()

    def _is_free(self, key: Tuple, left: int) -> bool:
        """Whether the tuple is nobody else's; what is over makes way for a SYN when there are but few tries ``left``."""
        track = self.entry.tracker
        if left > _INSISTENT or key.protocol != TCP or not isinstance(track, TcpTrack) or track.state is not TcpState.SYN_SENT:
            return not self._is_used(key)
        answer = inverted(key)
        other = self.state.find(answer)
        if other is None:
            return True
        old = other.tracker
        if other.reply != answer or not isinstance(old, TcpTrack) or old.state not in _OVER:
            return False
        if not other.status & SRC_NAT or other.status & (FIXED_TIMEOUT | DYING):
            return False
        if not 0 < track.original.end - old.original.end & _WORD < 1 << 31:
            return False  # its number is one the old connection may have used
        self.evicted = other
        return True


def _words(address: int, count: int) -> list[int]:
    """An address in 32-bit words, the first one first."""
    return [address >> 32 * (count - 1 - place) & _WORD for place in range(count)]


def _swapped(words: list[int]) -> list[int]:
    """As a little-endian machine reads the words of an address."""
    return [int.from_bytes(word.to_bytes(4, "big"), "little") for word in words]
