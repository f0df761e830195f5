"""``-m hashlimit``: as limit, but with a bucket for each source, destination, port, or any of them together (``--hashlimit-mode``).

The buckets (``hashbuckets``) are in a table with a name. Rules that give the same name share it, and it is as the first of them says: rate,
burst, size, and how long it keeps what nobody asks for. Later rules bring only their own ``--hashlimit-upto`` or ``--hashlimit-above``,
mode and masks; the kernel refuses them if they would match rates (``--hashlimit-rate-match``) and the first does not, or the reverse.
A packet holds when it fits, with ``--hashlimit-above`` when it does not; one for which there is no bucket is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.addresses import format_address, prefix_mask
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.keeping import Kept
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.hashbuckets import (
    ALL,
    SCALE,
    TICKS,
    WORD,
    Asked,
    Buckets,
    Key,
    Rate,
    bytes_of,
    cost_of_16,
    credits,
)
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Header, SharedKey, StatefulMatch
from fwtutor.netfilter.xtables.values import bounded, leading_number, read_length

UNITS = (("day", "day", 86_400), ("hour", "hour", 3_600), ("minute", "min", 60), ("second", "sec", 1))
BYTES_KEPT, BURST_KEPT = 15, 60
"""Seconds a bucket of bytes is kept, unless something else is said; with a burst, the other."""
MOST_BURST = 1_000_000
MOST_SIZE = 1_048_576
NO_LENGTH = 255
"""Of a mask with holes; the kernel refuses it."""
PORTS_AT = {6: 0, 17: 0, 33: 0, 50: 0, 51: 4, 132: 0, 136: 0}
"""Where the four bytes are that count as ports, by protocol; of the others there are none."""
MODES = ("srcip", "srcport", "dstip", "dstport")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]{1,30})")


def _integer(text: str) -> int:
    found = _INTEGER.match(text)
    return max(-(2**63), min(int(found[1]), 2**63 - 1)) % 2**64 if found else 0


def read_rate(option: str) -> Callable[[str], Rate]:
    def read(text: str) -> Rate:
        at = text.find("b/s")
        amount = _integer(text)
        if at > 0 and amount:
            size = amount * {"k": 1024, "m": 1024**2}.get(text[at - 1], 1) % 2**64
            return Rate(ALL // (size // 16 % WORD + 1), True, BYTES_KEPT)
        _, slash, given = text.partition("/")
        seconds = next((seconds for name, _, seconds in UNITS if name.startswith(given.lower())), 0) if given else 0 if slash else 1
        if not seconds or not amount:
            raise Unreadable(f'hashlimit: Bad value for "--{option}" option: "{text}"', hint="5/minute, 5/sec, 512kb/s ...")
        if amount > seconds * SCALE:
            raise Unreadable(f'Rate too fast "{text}"', hint=f"{SCALE}/second is the fastest")
        return Rate(seconds * SCALE // amount, False, seconds)

    return read


def rate_of(period: int) -> tuple[str, int]:
    """A period as a rate, and the seconds of its unit."""
    said, length = "", 0
    for _, name, seconds in UNITS:
        whole, rest = divmod(seconds * SCALE, period)
        if said and (not whole or whole < rest):
            break
        said, length = f"{whole}/{name}", seconds
    return said, length


def write_bytes(amount: int, exactly: bool = True) -> str:
    """In the largest unit that says it ``exactly``, or else in the largest that is not too large."""
    for letter, unit in (("m", 1024**2), ("k", 1024)):
        if amount >= unit and not (exactly and amount % unit):
            return f"{amount // unit}{letter}b"
    return f"{amount}b"


def read_burst(text: str) -> int:
    found = leading_number(text, 1, 2**32 - 1)
    if found is None or (not found[1] and found[0] > MOST_BURST):
        raise Unreadable(f'bad value for option "--hashlimit-burst", or out of range (1-{MOST_BURST}).')
    value = found[0] * {"k": 1024, "m": 1024**2}.get(found[1][:1], 1)
    if value > 2**32 - 1:
        raise Unreadable(f'bad value for option "--hashlimit-burst", value "{text}" too large (max {ALL // 1024 // 1024}mb).')
    return value


_ENDS = {"srcip": "source address", "srcport": "source port", "dstip": "destination address", "dstport": "destination port"}


def read_mode(text: str) -> frozenset[str]:
    words = [word for word in text.split(",") if word]
    if any(word not in MODES for word in words):
        raise Unreadable(f'hashlimit: Bad value for "--hashlimit-mode" option: "{text}"', hint=f"modes: {', '.join(MODES)}")
    return frozenset(words)


def read_name(text: str) -> str:
    if not text:
        raise Unreadable("Argument must have a minimum length of 1 characters")
    return text.encode(errors="surrogateescape")[:254].decode(errors="surrogateescape")


def write_mode(mode: frozenset[str]) -> str:
    return ",".join(word for word in MODES if word in mode)


def read_interval(text: str) -> int:
    value = (_integer(text) + 2**31) % WORD - 2**31
    if value <= 0:
        raise Unreadable(f'hashlimit: Bad value for "--hashlimit-rate-interval" option: "{text}"', hint="a number of seconds")
    return value


def _options(family: int) -> tuple[Option, ...]:
    def rate(field: str, names: tuple[str, ...], meaning: str) -> Option:
        return Option(field=field, names=names, argument="N[/second|/minute|/hour|/day] or N[k|m]b/s", read=read_rate(names[0]),
                      meaning=meaning)  # fmt: skip

    def number(field: str, name: str, most: int, meaning: str) -> Option:
        option = f"hashlimit-{name}"
        read = bounded("hashlimit", option, 0, most) if most == ALL else read_length("hashlimit", option, family, NO_LENGTH)
        return Option(field=field, names=(option,), argument="N", read=read, invertible=False, meaning=meaning)  # fmt: skip

    return (
        rate("upto", ("hashlimit-upto", "hashlimit"), "so many on average, of each by itself"),
        rate("above", ("hashlimit-above",), "more than that"),
        Option(field="burst", names=("hashlimit-burst",), argument="N", read=read_burst, invertible=False,
               meaning="so many at once (otherwise: 5)"),
        Option(field="mode", names=("hashlimit-mode",), argument="MODE[,MODE]", read=read_mode, write=write_mode, invertible=False,
               meaning=f"what is told apart: {', '.join(MODES)} (without the option: nothing)"),
        Option(field="table", names=("hashlimit-name",), argument="NAME", read=read_name, invertible=False, meaning="the table's name"),
        number("size", "htable-size", ALL, "how many lists the table is made of"),
        number("most", "htable-max", ALL, "how many buckets it holds"),
        number("every", "htable-gcinterval", ALL, "ms between two times it is cleaned (otherwise: 1000)"),
        number("expire", "htable-expire", ALL, "ms an idle bucket is kept (otherwise: the unit of the rate)"),
        number("srcmask", "srcmask", 128, "of the source address, only so many bits"),
        number("dstmask", "dstmask", 128, "of the destination address, only so many bits"),
        Option(field="by_rate", names=("hashlimit-rate-match",), arguments=0, read=lambda: True, invertible=False,
               meaning="by what came in a while, without tokens"),
        Option(field="interval", names=("hashlimit-rate-interval",), argument="N", read=read_interval, invertible=False,
               meaning="how many seconds that while is long (otherwise: the unit of the rate, or 1 for bytes)"),
    )  # fmt: skip


NO_RATE = Rate(SCALE, False, 1)


@dataclass(frozen=True, slots=True)
class Hashlimit(StatefulMatch, OptionMatch):
    """So many a time, of each by itself."""

    name: ClassVar[str] = "hashlimit"
    meaning: ClassVar[str] = "only so many packets or bytes a time, of each source or destination by itself"
    options: ClassVar[tuple[Option, ...]] = _options(4)
    bits: ClassVar[int] = 32

    rate: Rate = NO_RATE
    above: bool = False
    burst: int = 5
    mode: frozenset[str] = frozenset()
    table: str = ""
    size: int = 0
    most: int = 0
    every: int = 1000
    expire: int = 1000
    srcmask: int = 32
    dstmask: int = 32
    by_rate: bool = False
    interval: int = 0
    """Seconds; 0: it was not said, and means nothing."""

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        # The tool looks at what came last, and takes it for bytes if any was, before it finds that there are two.
        field = next((field for field in reversed(list(given)) if field in ("upto", "above")), "")
        if not field:
            raise Unreadable("You have to specify --hashlimit")
        rate: Rate = given[field].value
        rate = rate._replace(by_bytes=any(given[each].value.by_bytes for each in ("upto", "above") if each in given))
        burst = 0 if rate.by_bytes else 5
        if "burst" in given:
            burst = given["burst"].value
            if rate.by_bytes:
                least = bytes_of(rate.average)
                if burst < least or not least:
                    raise Unreadable(f"burst cannot be smaller than {least}b")
                burst = -(-burst // least)
            elif burst > MOST_BURST:
                raise Unreadable(f'bad value for option "--hashlimit-burst", or out of range (1-{MOST_BURST}).')
        cls.exclude(given, "upto", "above")
        if "table" not in given:
            raise Unreadable('hashlimit: option "--hashlimit-name" must be specified')
        kept = BURST_KEPT if rate.by_bytes and burst else rate.seconds
        values: dict[str, Any] = {"expire": kept * 1000, "srcmask": cls.bits, "dstmask": cls.bits}
        values |= {name: one.value for name, one in given.items() if name not in ("upto", "above", "burst")}
        values["size"] = min(values.get("size", 0), MOST_SIZE)
        if "by_rate" in values:
            values.setdefault("interval", 1 if rate.by_bytes else rate.seconds)
            if not rate.by_bytes:
                rate = rate._replace(average=rate.average // rate.seconds)
        return cls(rate=rate, above=(field == "above") != given[field].negated, burst=burst, **values)

    def _said(self, listed: bool = False) -> tuple[str, str, int]:
        """The rate and the burst as they are printed or ``listed``, and for how long a bucket is kept as a rule."""
        if self.rate.by_bytes:
            size = bytes_of(self.rate.average)
            return (
                f"{write_bytes(size)}/s",
                write_bytes(size * self.burst, exactly=False) if self.burst else "",
                BURST_KEPT if self.burst else BYTES_KEPT,
            )
        rate, seconds = rate_of(self.rate.average * (self.interval or 1) if listed else self.rate.average)
        return rate, str(self.burst), seconds

    def _shown(self, listed: bool = False) -> list[tuple[str, Any]]:
        """What differs from the usual, in the order in which it is printed."""
        _, _, seconds = self._said(listed)
        usual = (("htable-size", self.size, 0), ("htable-max", self.most, 0), ("htable-gcinterval", self.every, 1000),
                 ("htable-expire", self.expire, seconds * 1000))  # fmt: skip
        return [(name, value) for name, value, plain in usual if value != plain]

    def _masks(self) -> list[tuple[str, int]]:
        return [(name, value) for name, value in (("srcmask", self.srcmask), ("dstmask", self.dstmask)) if value != self.bits]

    def phrases(self) -> list[str]:
        rate, burst, _ = self._said()
        by = f" of each {' and '.join(_ENDS[word] for word in MODES if word in self.mode)}" if self.mode else ""
        more = self.save().partition(f"--hashlimit-name {self.table}")[2].replace(" --hashlimit-", ", ")
        over = "more than" if self.above else "no more than"
        return [f";as long as {over} {rate}{f' ({burst} at once)' if burst else ''} come{by} (table {self.table}{more})"]

    def save(self) -> str:
        rate, burst, _ = self._said()
        words = [f"--hashlimit-{'above' if self.above else 'upto'} {rate}", *([f"--hashlimit-burst {burst}"] if burst else [])]
        words += [f"--hashlimit-mode {write_mode(self.mode)}"] if self.mode else []
        words += [f"--hashlimit-name {self.table}"]
        words += [f"--hashlimit-{name} {value}" for name, value in (*self._shown(), *self._masks())]
        return " ".join([*words, *(f"--hashlimit-{word}" for word in self._matching())])

    def _matching(self) -> list[str]:
        return ["rate-match", *([f"rate-interval {self.interval}"] if self.interval != 1 else [])] if self.by_rate else []

    def listing(self, numeric: bool) -> str:
        rate, burst, _ = self._said(listed=True)
        words = [f"limit: {'above' if self.above else 'up to'} {rate}", *([f"burst {burst}"] if burst else [])]
        words += [f"mode {write_mode(self.mode).replace(',', '-')}"] if self.mode else []
        return " ".join([*words, *(f"{name} {value}" for name, value in (*self._shown(True), *self._masks())), *self._matching()])

    def kept(self, variant: str, new: bool) -> Self:
        return replace(self, most=min(self.most, MOST_SIZE)) if new else self

    def misplaced(self, header: Header) -> str:
        if max(self.srcmask, self.dstmask) > self.bits:
            return f"an address has {self.bits} bits"
        if not self.every or not self.expire:
            return "the table must be cleaned, and its buckets kept, for some time"
        if self.rate.by_bytes and not cost_of_16(self.rate):
            return "the rate is too high to be reckoned with"
        if not self.table or "/" in self.table or self.table in (".", ".."):
            return "the table is a file in /proc/net/ipt_hashlimit: its name must be one that a file can have"
        return ""

    def beyond(self, variant: str) -> str:
        period, burst = self.rate.average, self.burst
        if not period:
            return "the rate is more than a million a second"
        if not self.rate.by_bytes and burst and credits(period * burst % 2**64) < credits(period):
            return "its buckets hold no packet: rate and burst are too large for 64 bits"
        return ""

    # --- deciding ------------------------------------------------------------------------------------------------

    @property
    def shared(self) -> SharedKey:
        return self._key_of(self.by_rate)

    @property
    def rival(self) -> SharedKey:
        return self._key_of(not self.by_rate)

    def _key_of(self, by_rate: bool) -> SharedKey:
        return self.name, self.table, str(self.bits), *(("rates",) if by_rate else ())

    def fresh(self, at: int, variant: str) -> Buckets:
        size = self.size or 16384
        most = max(self.most, size) if self.most else 8 * size
        ticks = SECOND // 1000
        keeps, every = (max(1, -(-value * ticks // JIFFY)) for value in (self.expire, self.every))
        return Buckets(self.rate, self.burst, most, keeps, at // JIFFY, every, self.interval * TICKS if self.by_rate else 0, Kept())

    def _key(self, context: Context) -> Key | None:
        packet, mode = context.packet, self.mode
        src = packet.src & prefix_mask(packet.family, self.srcmask) if "srcip" in mode else 0
        dst = packet.dst & prefix_mask(packet.family, self.dstmask) if "dstip" in mode else 0
        if not mode & {"srcport", "dstport"}:
            return src, dst, 0, 0
        at = PORTS_AT.get(packet.protocol)
        if packet.family == 6:
            # Of IPv4's later fragments the kernel takes for ports what is there.
            if packet.offset:
                at = None
            elif packet.broken or packet.protocol == exthdrs.NONE:
                return None
        if at is None:
            return src, dst, 0, 0
        ports = packet.raw[packet.l4 + at : packet.l4 + at + 4]
        if len(ports) < 4:
            return None
        sport, dport = (int.from_bytes(part, "big") for part in (ports[:2], ports[2:]))
        return src, dst, sport if "srcport" in mode else 0, dport if "dstport" in mode else 0

    def _ask(self, before: Buckets, context: Context) -> Asked:
        tick = context.at // JIFFY
        key = self._key(context)
        if key is None:
            return Asked(None, before.tidied(tick), "the packet ends before its ports, or has nothing that could have any")
        asked = before.asked(key, tick, context.packet.length)
        return asked._replace(said=f"the table {self.table} {asked.said}") if asked.fits is None else asked

    def evaluate(self, before: Any, context: Context) -> tuple[bool, Any]:
        fits, after, _ = self._ask(before, context)
        if fits is None:
            context.hot_drop = True
            return False, after
        return fits != self.above, after

    def recall(self, before: Any, context: Context) -> tuple[Condition, ...]:
        fits, _, said = self._ask(before, context)
        which = [word for word in MODES if word in self.mode]
        packet = context.packet
        values = {"srcip": format_address(packet.family, packet.src), "dstip": format_address(packet.family, packet.dst),
                  "srcport": packet.sport, "dstport": packet.dport}  # fmt: skip
        named = f" (of {', '.join(f'{word} {values[word]}' for word in which)})" if which else ""
        return (Condition(self.save(), fits is not None and fits != self.above, said + named),)


@dataclass(frozen=True, slots=True)
class Hashlimit6(Hashlimit):
    """The same for IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
    bits: ClassVar[int] = 128
    srcmask: int = 128
    dstmask: int = 128
