"""``-m limit``: lets so many packets through a second, minute, hour or day, and a burst of them at once. Above all for LOG.

Each rule has a bucket of tokens. It is full at first and holds ``--limit-burst`` of them; ``--limit`` says how fast new ones
come. A packet takes one, and the match holds; with no whole one left it does not. All packets that reach the match take from
the same bucket, also those that a later condition of the rule then turns away.

The tool turns the rate into a period in ten-thousandths of a second, rounded down, and only that is kept: 300/second is
listed as 303/second. How the bucket is reckoned depends on the variant:

- legacy counts in ticks of the kernel's clock (``JIFFY``), in credits of 32 bits that can overflow. Never can more than a
  burst pass in one tick; a bucket too large for 32 bits is refused, or silently made a smaller one.
- nft counts in nanoseconds, in 64 bits, and takes what legacy refuses.

Writing the table gives legacy's rules full buckets, whatever was written; with nft only rules that are written have new ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, StatefulMatch
from fwtutor.netfilter.xtables.values import number

SCALE = 10_000
"""Periods are counted in this part of a second."""
UNITS = (("day", "day", 86_400), ("hour", "hour", 3_600), ("minute", "min", 60), ("second", "sec", 1))
"""As it is read (a beginning will do), as it is printed, and its seconds; the longest first."""
DEFAULT_PERIOD, DEFAULT_BURST = 1_200 * SCALE, 5
USUAL_RATE, USUAL_BURST = Given(DEFAULT_PERIOD), Given(DEFAULT_BURST)
MOST_BURST = 10_000
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]{1,30})")

WORD = 2**32
"""Legacy's numbers are counted modulo this."""
CREDITS = 128
"""Of legacy's, that a tick brings."""
CREDITS_A_SECOND = CREDITS * (SECOND // JIFFY)


def read_rate(text: str) -> int:
    """The period between two packets. The number is read as C's atoi does, and wraps at 32 bits."""
    _, slash, given = text.partition("/")
    seconds = next((seconds for name, _, seconds in UNITS if name.startswith(given.lower())), 0) if given else 0 if slash else 1
    found = _INTEGER.match(text)
    rate = max(-(2**63), min(int(found[1]), 2**63 - 1)) % WORD if found else 0
    if not seconds or not rate:
        raise Unreadable(f'bad rate "{text}"\'', hint="a number, then /second, /minute, /hour or /day")
    if rate > seconds * SCALE:
        raise Unreadable(f'Rate too fast "{text}"', hint=f"{SCALE}/second is the fastest")
    return seconds * SCALE // rate


def read_burst(text: str) -> int:
    burst = number(text, 0, MOST_BURST)
    if burst is None:
        raise Unreadable(f'limit: bad value for option "--limit-burst", or out of range (0-{MOST_BURST}).')
    return burst


def rate_of(period: int) -> tuple[int, str, int]:
    """A period as a rate: how many in which unit, and the seconds of that. The shortest unit that says it well enough."""
    amount, word, length = 0, "", 0
    for _, name, seconds in UNITS:
        whole, rest = divmod(seconds * SCALE, period)
        if word and whole < rest:
            break
        amount, word, length = whole, name, seconds
    return amount, word, length


def write_rate(period: int) -> str:
    amount, word, _ = rate_of(period)
    return f"{amount}/{word}"


def credits(periods: int) -> int:
    """Legacy's credits for a time. Large ones are divided first, so that they fit into 32 bits; some still do not."""
    if periods > (WORD - 1) // CREDITS_A_SECOND:
        return periods // SCALE * CREDITS_A_SECOND % WORD
    return periods * CREDITS_A_SECOND // SCALE


class Credits(NamedTuple):
    """Legacy's bucket: what is left, and the tick at which it was looked at last."""

    left: int
    tick: int

    @staticmethod
    @lru_cache
    def sizes(period: int, burst: int) -> tuple[int, int]:
        """What a packet costs, and what the bucket holds."""
        return credits(period), credits(period * burst % WORD)

    def at(self, at: int, most: int) -> Credits:
        """Filled up to the time ``at``."""
        tick = at // JIFFY
        return Credits(min((self.left + (tick - self.tick) * CREDITS) % WORD, most), tick)

    @property
    def second(self) -> int:
        """What a second brings."""
        return CREDITS_A_SECOND


class Tokens(NamedTuple):
    """The same of nft, in ns."""

    left: int
    time: int

    @staticmethod
    @lru_cache
    def sizes(period: int, burst: int) -> tuple[int, int]:
        amount, _, seconds = rate_of(period)
        cost = seconds * SECOND // amount
        return cost, cost * burst

    def at(self, at: int, most: int) -> Tokens:
        return Tokens(min(self.left + at - self.time, most), at)

    @property
    def second(self) -> int:
        return SECOND


@dataclass(frozen=True, slots=True)
class Limit(StatefulMatch, OptionMatch):
    """So many packets a time."""

    name: ClassVar[str] = "limit"
    meaning: ClassVar[str] = "only so many packets a second, minute, hour or day"
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="limit", names=("limit",), argument="N[/second|/minute|/hour|/day]", read=read_rate, write=write_rate,
               invertible=False, meaning="so many packets on average (without the option: 3/hour)"),
        Option(field="burst", names=("limit-burst",), argument="N", read=read_burst, invertible=False,
               unsaved=lambda given: given.value == DEFAULT_BURST, meaning="so many at once, when none came for long (otherwise: 5)"),
    )  # fmt: skip

    limit: Given[int] = USUAL_RATE
    burst: Given[int] = USUAL_BURST

    def phrases(self) -> list[str]:
        burst = self.burst.value
        return [f";as long as no more than {write_rate(self.limit.value)} come, or {burst} at once"]

    def kept(self, variant: str, new: bool) -> Limit:
        if variant == "legacy":
            return self
        # nft keeps a rate, which is read back as a period; and the kernel takes no burst for the usual one.
        amount, _, seconds = rate_of(self.limit.value)
        burst = USUAL_BURST if new and not self.burst.value else self.burst
        return replace(self, limit=Given(seconds * SCALE // amount), burst=burst)

    def beyond(self, variant: str) -> str:
        cost, most = Credits.sizes(self.limit.value, self.burst.value)
        if variant != "legacy" or (self.burst.value and most >= cost):
            return ""
        return "its bucket holds no packet" + ("" if not self.burst.value else ": rate and burst are too large for 32 bits")

    def fresh(self, at: int, variant: str) -> Credits | Tokens:
        kind, time = (Credits, at // JIFFY) if variant == "legacy" else (Tokens, at)
        return kind(kind.sizes(self.limit.value, self.burst.value)[1], time)

    def evaluate(self, before: Any, context: Context) -> tuple[bool, Any]:
        cost, most = before.sizes(self.limit.value, self.burst.value)
        filled = before.at(context.at, most)
        if filled.left < cost:
            return False, filled
        return True, filled._replace(left=filled.left - cost)

    def recall(self, before: Any, context: Context) -> tuple[Condition, ...]:
        cost, most = before.sizes(self.limit.value, self.burst.value)
        left = before.at(context.at, most).left
        said = f"{_tokens(left, cost)} of {_tokens(most, cost)} tokens left; one costs 1"
        if left < cost:
            said += f", and there is one in {-(-(cost - left) * 10 // before.second) / 10:.1f} s"
        return (Condition(self.save(), left >= cost, said),)

    def listing(self, numeric: bool) -> str:
        return f"limit: avg {write_rate(self.limit.value)} burst {self.burst.value}"


def _tokens(amount: int, cost: int) -> str:
    """With one decimal, rounded down: what is not a whole one must not look so."""
    return f"{amount * 10 // cost / 10:g}"
