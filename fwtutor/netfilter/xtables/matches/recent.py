"""``-m recent``: a list of addresses, and when packets of each were seen. Rules that name the same list share it, in all tables.

``--set`` puts the packet's address on the list, or adds a time to those it has there, and always holds. ``--rcheck`` holds when the
address is there, ``--update`` too, and then adds a time; ``--remove`` holds when it was there, and takes it off. Of times longer ago than
``--seconds``, or fewer than ``--hitcount`` of them, both know nothing. ``--rttl`` wants the TTL the address was last seen with, ``--reap``
takes the address that was silent for longest off the list, if that was for more than ``--seconds``; one packet takes off one.

- A list holds ``MOST`` addresses: for one more the one that was silent for longest has to go.
- An address has room for 32 times, or with ``--hitcount`` for the next power of two not below it: newer ones take the place of the oldest.
  When a rule comes that wants more room than the list has, the list is emptied.
- The mask is the list's: that of the rule that came first.
- The list is gone with the last rule that names it. Rules that are written anew, as legacy does with a whole table, keep it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from fwtutor.netfilter.addresses import ALL_ONES, format_address
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Header, SharedKey, StatefulMatch
from fwtutor.netfilter.xtables.values import bounded, looked_up

MOST = 100
"""Addresses on a list: the kernel module's ip_list_tot, as it is when nobody says otherwise."""
ROOM = 32
"""Times an address has room for, when no rule counts them."""
MOST_HITS = 0xFFFF
KEPT = 199
"""Bytes of a list's name."""
TICKS = SECOND // JIFFY
MODES = {"set": "SET", "rcheck": "CHECK", "update": "UPDATE", "remove": "REMOVE"}
_WORD = 0xFFFFFFFF


class Listed(NamedTuple):
    """An address on the list."""

    family: int
    address: int
    ttl: int
    """That of the packet seen last."""
    times: tuple[int, ...]
    """In ticks; the newest ones are before ``place``."""
    place: int

    def seen(self, tick: int, ttl: int, room: int) -> Listed:
        """Once more."""
        place = self.place % room
        return self._replace(ttl=ttl, times=(*self.times[:place], tick, *self.times[place + 1 :]), place=place + 1)


class Addresses(NamedTuple):
    """A list."""

    mask: int
    room: int
    listed: tuple[Listed, ...]
    """The one that was silent for longest first."""

    def without(self, one: Listed) -> Addresses:
        return self._replace(listed=tuple(other for other in self.listed if other is not one))

    def having(self, one: Listed) -> Addresses:
        """With a new one; the list never has more than it may."""
        kept = self.listed if len(self.listed) < MOST else self.listed[1:]
        return self._replace(listed=(*kept, one))


class _Asked(NamedTuple):
    """What the rule finds on the list for a packet."""

    address: int
    one: Listed | None
    hits: int
    """Times that count, no more than are asked for."""
    fits: bool


def read_name(text: str) -> str:
    return text.encode(errors="surrogateescape")[:KEPT].decode(errors="surrogateescape")


def _signed(value: int) -> str:
    """As the tool prints a number of 32 bits."""
    return str(value - 2**32 if value >= 2**31 else value)


def _yes() -> bool:
    return True


def _options(family: int) -> tuple[Option, ...]:
    def mask(text: str) -> int:
        return looked_up(text, family)

    def flag(name: str, meaning: str, *, invertible: bool = False) -> Option:
        return Option(field=name, names=(name,), arguments=0, read=_yes, invertible=invertible, meaning=meaning)

    return (
        flag("set", "the address is put on the list; this always holds", invertible=True),
        flag("rcheck", "the address is on the list", invertible=True),
        flag("update", "the address is on the list, and is now seen once more", invertible=True),
        flag("remove", "the address is on the list, and is taken off", invertible=True),
        Option(field="seconds", names=("seconds",), argument="N", read=bounded("recent", "seconds", 1, _WORD), invertible=False,
               write=_signed, meaning="only what was seen in the last N seconds counts"),
        flag("reap", "the address that was silent for longest goes, if that was for more than --seconds"),
        Option(field="hitcount", names=("hitcount",), argument="N", read=bounded("recent", "hitcount", 0, _WORD), invertible=False,
               meaning="seen so many times"),
        flag("rttl", "with the same TTL as the packet that was seen last"),
        Option(field="named", names=("name",), argument="NAME", read=read_name, invertible=False, meaning="the list (otherwise: DEFAULT)"),
        Option(field="mask", names=("mask",), argument="MASK", read=mask, write=lambda value: format_address(family, value),
               invertible=False, meaning="of the address, only these bits (the first rule that names the list decides)"),
        flag("rsource", "the source address (what is said last counts; so it is without it)"),
        flag("rdest", "the destination address"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recent(StatefulMatch, OptionMatch):
    """Addresses seen lately."""

    name: ClassVar[str] = "recent"
    meaning: ClassVar[str] = "an address is on a list of those that were seen, and when"
    options: ClassVar[tuple[Option, ...]] = _options(4)
    everything: ClassVar[int] = ALL_ONES[4]

    mode: str = "set"
    inverted: bool = False
    seconds: int = 0
    reap: bool = False
    hitcount: int = 0
    rttl: bool = False
    named: str = "DEFAULT"
    mask: int | None = None
    by_destination: bool = False

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        mode = next((mode for mode in MODES if mode in given), "")
        if not mode:
            raise Unreadable("recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'")
        cls.exclude(given, *MODES)
        if "reap" in given and "seconds" not in given:
            raise Unreadable('recent: option "--reap" also requires "--seconds".')
        if "rttl" in given and mode in ("set", "remove"):
            raise Unreadable(f'recent: option "--rttl" cannot be used together with "--{mode}".')
        plain = {field: one.value for field, one in given.items() if field not in (*MODES, "rsource", "rdest")}
        sides = [field for field in given if field in ("rsource", "rdest")]
        return cls(mode, given[mode].negated, **{"mask": cls.everything, **plain}, by_destination=sides[-1:] == ["rdest"])

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        values: dict[str, Given[Any]] = {
            self.mode: Given(True, self.inverted), "seconds": Given(self.seconds), "reap": Given(self.reap),
            "hitcount": Given(self.hitcount), "rttl": Given(self.rttl), "named": Given(self.named),
            "rdest" if self.by_destination else "rsource": Given(True),
        }  # fmt: skip
        found = [(option, values[option.field]) for option in self.options if option.field in values]
        shown = [(option, one) for option, one in found if one.value or option.field == "named"]
        mask = next(option for option in self.options if option.field == "mask")
        return [*shown[:-1], (mask, Given(self._mask)), shown[-1]]

    @property
    def _mask(self) -> int:
        return self.everything if self.mask is None else self.mask

    def phrases(self) -> list[str]:
        whose = "destination" if self.by_destination else "source"
        where = f"on the list {self.named}" if self.mode != "set" else f"put on the list {self.named}"
        if self.inverted and self.mode == "set":
            return [f"of which none fits, but whose {whose} address is put on the list {self.named}"]
        seen = [f"{self.hitcount} times or more"] if self.hitcount else []
        seen += [f"in the last {self.seconds} seconds"] if self.seconds else []
        seen += ["with the same TTL"] if self.rttl else []
        more = [f"seen {' '.join(seen)}"] if seen else []
        more += {"update": ["and now once more"], "remove": ["and is now taken off"]}.get(self.mode, [])
        more += ["and the oldest goes when that is over"] if self.reap else []
        bits = "" if self._mask == self.everything else f" (as far as {format_address(6 if self.everything >> 32 else 4, self._mask)} goes)"
        after = f" ({', '.join(more)})" if more else ""
        return [f"whose {whose} address{bits} is {'not ' if self.inverted else ''}{where}{after}"]

    def misplaced(self, header: Header) -> str:
        if self.mode in ("set", "remove") and (self.seconds or self.hitcount):
            return f"--{self.mode} asks nothing: --seconds and --hitcount are for --rcheck and --update"
        if self.hitcount > MOST_HITS:
            return f"{MOST_HITS} is the most --hitcount can ask for"
        if not self.named or self.named in (".", "..") or "/" in self.named:
            return "the list is a file in /proc/net/xt_recent: its name must be one that a file can have"
        return ""

    # --- deciding ------------------------------------------------------------------------------------------------

    @property
    def shared(self) -> SharedKey:
        return self.name, self.named

    @property
    def _room(self) -> int:
        return 1 << (self.hitcount - 1).bit_length() if self.hitcount else ROOM

    def fresh(self, at: int, variant: str) -> Addresses:
        return Addresses(self._mask, self._room, ())

    def joined(self, known: Any, at: int, variant: str) -> Addresses:
        found: Addresses = known
        return found._replace(room=self._room, listed=()) if self._room > found.room else found

    def _ask(self, before: Addresses, context: Context) -> _Asked:
        packet = context.packet
        address = (packet.dst if self.by_destination else packet.src) & before.mask
        wanted = _ttl(context) if self.rttl else 0
        one = next((one for one in before.listed if one[:2] == (packet.family, address)), None)
        if one is not None and wanted and one.ttl not in (0, wanted):
            one = None
        if one is None or self.mode in ("set", "remove"):
            return _Asked(address, one, 0, self.mode == "set" or one is not None)
        since = context.at // JIFFY - self.seconds * TICKS
        hits = sum(time >= since for time in one.times) if self.seconds else len(one.times)
        return _Asked(address, one, hits, hits >= max(self.hitcount, 1))

    def evaluate(self, before: Any, context: Context) -> tuple[bool, Any]:
        asked = self._ask(before, context)
        after = self._after(before, asked, context)
        return asked.fits != self.inverted, after

    def _after(self, before: Addresses, asked: _Asked, context: Context) -> Addresses:
        one, tick = asked.one, context.at // JIFFY
        if one is None:
            if self.mode != "set":
                return before
            return before.having(Listed(context.packet.family, asked.address, _ttl(context), (tick,), 1))
        if self.mode == "remove":
            return before.without(one)
        # Also with a "!" it is the outcome that counts.
        again = self.mode == "set" or (self.mode == "update" and asked.fits != self.inverted)
        after = before
        if self.reap:
            oldest = before.listed[0]
            if not (oldest is one and again) and oldest.times[oldest.place - 1] < tick - self.seconds * TICKS:
                after = before.without(oldest)
        return after.without(one).having(one.seen(tick, _ttl(context), before.room)) if again else after

    def recall(self, before: Any, context: Context) -> tuple[Condition, ...]:
        asked = self._ask(before, context)
        which = "destination" if self.by_destination else "source"
        name = format_address(context.packet.family, asked.address)
        if asked.one is None:
            said = f"the {which} {name} is not on the list {self.named}"
            if self.mode == "set":
                said += ": now it is"
            elif self.rttl and any(one[:2] == (context.packet.family, asked.address) for one in before.listed):
                said = f"the {which} {name} is on the list {self.named}, but was last seen with another TTL than {_ttl(context)}"
        elif self.mode in ("set", "remove"):
            said = f"the {which} {name} is on the list {self.named}: " + ("seen once more" if self.mode == "set" else "now it is off")
        else:
            ago = (context.at // JIFFY - asked.one.times[asked.one.place - 1]) * JIFFY / SECOND
            said = f"the {which} {name} is on the list {self.named}, seen {_times(len(asked.one.times))}, {ago:.1f} s ago last"
            if self.seconds:
                said += f"; in the last {self.seconds} s: {_times(asked.hits)}"
        return (Condition(self.save(), asked.fits != self.inverted, said),)

    def listing(self, numeric: bool) -> str:
        words = f"{'! ' if self.inverted else ''}recent: {MODES[self.mode]} "
        seconds = next((option.write(one.value) for option, one in self.given() if option.field == "seconds"), "")
        words += f"seconds: {seconds} " if seconds else ""
        words += "reap " if self.reap else ""
        words += f"hit_count: {self.hitcount} " if self.hitcount else ""
        words += "TTL-Match " if self.rttl else ""
        side = "dest" if self.by_destination else "source"
        family = 4 if self.everything == ALL_ONES[4] else 6
        return f"{words}name: {self.named} side: {side} mask: {format_address(family, self._mask)}"


def _ttl(context: Context) -> int:
    """The packet's TTL as it was before the box took one off: what goes out and comes from no program counts one more."""
    return (context.packet.ttl + (context.out_interface != "" and not context.socket)) & 0xFF


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


@dataclass(frozen=True, slots=True)
class Recent6(Recent):
    """The same for IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
    everything: ClassVar[int] = ALL_ONES[6]
