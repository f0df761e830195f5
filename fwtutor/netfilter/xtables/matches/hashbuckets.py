"""The buckets of ``-m hashlimit``: one for each source, destination, port, or any of them together, in tables with a name.

- A packet takes a token, if there is one.
- A rate in bytes is reckoned in steps of 16 bytes, of which every packet has one more than it fills. A second's worth may come at once, and
  with a burst so often again until that is used up, which it then stays.
- Where rates are matched there are no tokens: what comes is counted for a while, of which each packet fits until there were more than rate
  and burst together (of bytes: than so many times the rate). When the first packet after it comes, it is looked back: if more came than the
  rate allows for all the time that has passed, no packet of the next while fits.
- A bucket nobody asked for is forgotten when the table is cleaned; when the table is full, there is none for who is new.
"""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.keeping import Kept
from fwtutor.netfilter.rations import JIFFY

SCALE = 1_000_000
"""Periods are counted in this part of a second."""
WORD = 2**32
ALL = WORD - 1
DAY = 86_400
TICKS = SECOND // JIFFY
CREDITS = 1 << ((2**64 - 1) // (TICKS * DAY)).bit_length() - 1
"""Of packets, that a tick brings."""
BYTE_CREDITS = ALL // TICKS
"""The same of bytes."""
FULL = BYTE_CREDITS * TICKS


class Rate(NamedTuple):
    """What a rate is kept as."""

    average: int
    """The period of a packet in ``SCALE``, or what 16 bytes cost."""
    by_bytes: bool
    seconds: int
    """Of the unit it was given in."""


def bytes_of(cost: int) -> int:
    """Bytes a second, by what 16 of them cost."""
    return ((ALL // cost if cost else ALL) - 1) % WORD << 4


def cost_of_16(rate: Rate) -> int:
    """What 16 bytes cost."""
    return rate.average * TICKS * BYTE_CREDITS >> 32


def credits(periods: int) -> int:
    """Of packets, for a time, in 64 bits."""
    return periods * (TICKS * CREDITS // SCALE) % 2**64


class Bucket(NamedTuple):
    """What one of those that are told apart has left; where rates are matched, what came of it."""

    left: int
    """Or the packets or bytes that came in this while."""
    more: int
    """Of bytes: how often it may be filled at once again. Or 1, when too much came in the while before."""
    tick: int
    """When it was filled up, or this while began."""
    expires: int


Key = tuple[int, int, int, int]
"""Source, destination, their ports; 0 for what the mode does not look at."""


class Buckets(NamedTuple):
    """A table of them. Its numbers are those of the rule that came first."""

    rate: Rate
    burst: int
    most: int
    """Buckets; 0: as many as come."""
    keeps: int
    """Ticks."""
    cleaned: int
    every: int
    interval: int
    """Ticks of a while, where rates are matched; 0: tokens are taken."""
    kept: Kept[Key, Bucket]

    @property
    def allowed(self) -> tuple[int, int]:
        """Where rates are matched: the rate, and the most that may come in one while."""
        average = self.rate.average
        if self.rate.by_bytes:
            rate = bytes_of(average)
            return rate, rate * (self.burst or 1)
        rate = SCALE // average
        return rate, rate + self.burst

    def counted(self, one: Bucket, tick: int) -> Bucket:
        """In the while that ``tick`` is in."""
        gone = tick - one.tick
        if not gone or gone < self.interval:
            return one
        return one._replace(left=0, more=int(one.left * self.interval > gone * self.allowed[0]), tick=tick)

    def fresh(self, tick: int) -> Bucket:
        if self.interval:
            return Bucket(0, 0, tick, 0)
        if self.rate.by_bytes:
            return Bucket(FULL, self.burst, tick, 0)
        return Bucket(credits(self.rate.average * self.burst), 0, tick, 0)

    def filled(self, one: Bucket, tick: int) -> Bucket:
        gone = tick - one.tick
        if not gone:
            return one
        if self.rate.by_bytes:
            return one._replace(left=min(one.left + BYTE_CREDITS * gone, FULL), tick=tick)
        return one._replace(left=min((one.left + CREDITS * gone) % 2**64, credits(self.rate.average * self.burst)), tick=tick)

    def tidied(self, tick: int) -> Buckets:
        """Without those that were forgotten by now."""
        last = self.cleaned + (tick - self.cleaned) // self.every * self.every
        if last == self.cleaned:
            return self
        kept = self.kept
        for key, one in list(kept.items()):
            if one.expires < last:
                kept = kept.without(key)
        return self._replace(cleaned=last, kept=kept)

    def asked(self, key: Key, tick: int, length: int) -> Asked:
        """By a packet that long."""
        table = self.tidied(tick)
        one = table.kept.get(key)
        if one is None:
            if table.most and len(table.kept) >= table.most:
                return Asked(None, table, f"is full: {table.most} buckets")
            one = table.fresh(tick)
        if table.interval:
            return table._matched(key, table.counted(one, tick)._replace(expires=tick + table.keeps), length)
        one = table.filled(one, tick)._replace(expires=tick + table.keeps)
        cost, more, left = credits(table.rate.average), one.more, one.left
        if table.rate.by_bytes:
            cost = min(((length >> 4) + 1) * cost_of_16(table.rate), FULL)
            if left < cost and more:
                left, more = FULL, more - 1
        fits = left >= cost
        said = f"its bucket has {left / cost if cost else 0:.1f} times what the packet costs"
        one = one._replace(left=left - cost if fits else left, more=more)
        return Asked(fits, table._replace(kept=table.kept.having(key, one)), said)

    def _matched(self, key: Key, one: Bucket, length: int) -> Asked:
        rate, most = self.allowed
        one = one._replace(left=one.left + (length if self.rate.by_bytes else 1))
        what = "bytes" if self.rate.by_bytes else "packets"
        said = f"of {most} {what} at most {one.left} came in this while of {self.interval // TICKS} s"
        said += f", and more than {rate} in the one before" if one.more else ""
        return Asked(not one.more and one.left <= most, self._replace(kept=self.kept.having(key, one)), said)


class Asked(NamedTuple):
    """What a table says to a packet."""

    fits: bool | None
    """None: the packet is dropped."""
    after: Buckets
    said: str
    """Why."""
