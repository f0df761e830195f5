"""``-m connlimit``: how many connections there are of an address, or of a network. Each rule counts for itself.

A rule keeps a list for each source address or, with ``--connlimit-daddr``, destination, of which ``--connlimit-mask`` bits count. On
it is struck off what is no longer in the table of connections, because it is forgotten or was never let through, and TCP connections that
have ended (CLOSE, TIME_WAIT). A connection that is ASSURED is not put on a list, but for the first of all; once in a tick of the kernel's
clock the list is looked through when it speaks. Any other is looked for, from the oldest on: what is behind it then stays, and if it is not
found it is put there. Only what begins in a tick in which all of the list was looked at is put there without a look. Of many that have
ended ``CLEANED`` are struck off at a time.

When nothing is left to count, as for the RST that ends the only connection, the packet is dropped at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from fwtutor.netfilter.addresses import format_address, prefix_mask
from fwtutor.netfilter.conntrack.entry import ASSURED, Entry, Template, Tuple
from fwtutor.netfilter.conntrack.tuples import tuple_of
from fwtutor.netfilter.keeping import Kept
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.routing import LOOPBACK
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, StatefulMatch
from fwtutor.netfilter.xtables.values import bounded, read_length

CLEANED = 65
ENDED = ("TIME_WAIT", "CLOSE")
_WORD = 0xFFFFFFFF
Find = Callable[[Tuple], Entry | None]
Key = tuple[int, int]
"""An address as far as it counts, and the zone."""


class Counted(NamedTuple):
    """The connections of a key."""

    tick: int
    """When all of it was looked at last."""
    connections: tuple[Tuple, ...]


Lists = Kept[Key, Counted]
NONE: Lists = Kept()
TIDIED = 256
"""With every so manieth key all others are cleaned: they may never be asked about again."""


class _Asked(NamedTuple):
    """What a packet finds."""

    key: Key
    after: Lists
    counted: int


def _options(family: int) -> tuple[Option, ...]:
    def limit(name: str, meaning: str) -> Option:
        read = bounded("connlimit", f"connlimit-{name}", 0, _WORD)
        return Option(field=name, names=(f"connlimit-{name}",), argument="N", read=read, meaning=meaning)

    def side(name: str, meaning: str) -> Option:
        option = f"connlimit-{name}"
        return Option(field=name, names=(option,), arguments=0, read=lambda: True, invertible=False, meaning=meaning)

    return (
        limit("upto", "there are N connections or fewer, with this one"),
        limit("above", "there are more than N"),
        Option(field="mask", names=("connlimit-mask",), argument="LENGTH", invertible=False,
               read=read_length("connlimit", "connlimit-mask", family),
               meaning="of all addresses alike in so many bits (without the option: of each by itself)"),
        side("saddr", "of the source address (so it is without it)"),
        side("daddr", "of the destination address"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Connlimit(StatefulMatch, OptionMatch):
    """So many connections of an address."""

    name: ClassVar[str] = "connlimit"
    tracks: ClassVar[bool] = True
    meaning: ClassVar[str] = "how many connections an address has that came past this rule"
    options: ClassVar[tuple[Option, ...]] = _options(4)
    bits: ClassVar[int] = 32

    limit: int = 0
    above: bool = True
    mask: int = 32
    by_destination: bool = False

    @classmethod
    def repeated(cls, option: Option) -> str:
        return f'connlimit: option "--{option.names[0]}" can only be used once.'

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        field = "upto" if "upto" in given else "above"
        if field not in given:
            raise Unreadable('You must specify "--connlimit-above" or "--connlimit-upto".')
        cls.exclude(given, "upto", "above")
        cls.exclude(given, "saddr", "daddr")
        mask = given["mask"].value if "mask" in given else cls.bits
        return cls(given[field].value, (field == "above") != given[field].negated, mask, "daddr" in given)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        values: dict[str, Given[Any]] = {
            "above" if self.above else "upto": Given(self.limit), "mask": Given(self.mask),
            "daddr" if self.by_destination else "saddr": Given(True),
        }  # fmt: skip
        return [(option, values[option.field]) for option in self.options if option.field in values]

    # --- deciding ------------------------------------------------------------------------------------------------

    def fresh(self, at: int, variant: str) -> Lists:
        return NONE

    def _ask(self, before: Lists, context: Context) -> _Asked | None:
        """None: there is nothing by which a connection could be told."""
        packet, entry = context.packet, context.entry
        if entry is not None:
            wanted, zone = entry.original, _zone(entry)
        else:
            found = tuple_of(packet)
            if found is None:
                return None
            # INVALID, UNTRACKED or not looked up yet: the table is asked all the same, but what is put on the list is the packet's own.
            zones = (context.template or Template()).zones(context.mark)
            asked = [found._replace(zone=one) for one in zones]
            wanted, zone = next((one for one in asked if context.find(one) is not None), asked[0]), max(zones)
            entry = context.find(wanted)
        address = packet.dst if self.by_destination else packet.src
        key = address & prefix_mask(packet.family, self.mask), zone
        tick = context.at // JIFFY
        counted = before.get(key)
        if counted is None:
            if len(before) % TIDIED == TIDIED - 1:
                before = _tidied(before, context.find)
            counted = Counted(tick, (wanted,))
        # A connection of the box with itself is known before it comes in.
        elif entry is not None and entry.status & ASSURED and context.in_interface != LOOPBACK:
            if counted.tick != tick:
                counted = Counted(tick, _cleaned(counted.connections, context.find))
        elif counted.tick == tick and (entry is None or not entry.confirmed):
            counted = counted._replace(connections=(*counted.connections, wanted))
        else:
            connections, there = _looked_through(counted.connections, wanted, zone, context.find)
            counted = counted._replace(connections=connections) if there else Counted(tick, (*connections, wanted))
        return _Asked(key, before.having(key, counted), len(counted.connections))

    def evaluate(self, before: Any, context: Context) -> tuple[bool, Any]:
        asked = self._ask(before, context)
        if asked is None or not asked.counted:
            context.hot_drop = True
            return False, before if asked is None else asked.after
        return (asked.counted > self.limit) == self.above, asked.after

    def recall(self, before: Any, context: Context) -> tuple[Condition, ...]:
        asked = self._ask(before, context)
        return self._told(context, None if asked is None else (asked.key, asked.counted))

    def recalled(self, before: Any, after: Any, context: Context) -> tuple[Condition, ...]:
        asked = self._ask(before, context)
        if asked is None:
            return self._told(context, None)
        # Which of its connections were alive then only the table knew; the list that was left says how many.
        counted = after.get(asked.key)
        return self._told(context, (asked.key, 0 if counted is None else len(counted.connections)))

    def _told(self, context: Context, asked: tuple[Key, int] | None) -> tuple[Condition, ...]:
        if asked is None or not asked[1]:
            said = "it belongs to no connection" if asked is None else "none of its connections came past here and is still alive"
            return (Condition(self.save(), False, f"{said}: the packet is dropped"),)
        (key, _), count = asked
        address = format_address(context.packet.family, key)
        what = f"{address}/{self.mask}" if self.mask < self.bits else address
        said = f"{'to' if self.by_destination else 'of'} {what} {count} connection{'s' if count > 1 else ''} came past here"
        return (Condition(self.save(), (count > self.limit) == self.above, said),)

    def phrases(self) -> list[str]:
        whose = "destination" if self.by_destination else "source"
        all_ = "" if self.mask == self.bits else f" and the others alike in {self.mask} bits have together"
        has = "have" if all_ else "has"
        count = f"more than {self.limit}" if self.above else f"no more than {self.limit}"
        return [f"whose {whose} address{all_ or ' ' + has} {count} connections"]

    def listing(self, numeric: bool) -> str:
        return f"#conn {'dst' if self.by_destination else 'src'}/{self.mask} {'>' if self.above else '<='} {self.limit}"


def _tidied(lists: Lists, find: Find) -> Lists:
    for key, counted in list(lists.items()):
        alive = tuple(one for one in counted.connections if find(one) is not None)
        lists = lists.having(key, counted._replace(connections=alive)) if alive else lists.without(key)
    return lists


def _zone(entry: Entry) -> int:
    """In whichever direction it counts."""
    return entry.original.zone or entry.reply.zone


def _cleaned(connections: tuple[Tuple, ...], find: Find) -> tuple[Tuple, ...]:
    """What is left on a list."""
    kept, gone = list[Tuple](), 0
    for place, one in enumerate(connections):
        entry = find(one)
        if entry is None or entry.state in ENDED:
            gone += 1
            continue
        kept.append(one)
        if gone >= CLEANED:
            return (*kept, *connections[place + 1 :])
    return tuple(kept)


def _looked_through(connections: tuple[Tuple, ...], wanted: Tuple, zone: int, find: Find) -> tuple[tuple[Tuple, ...], bool]:
    """What is left on a list, and whether the one that is looked for is on it."""
    kept, gone = list[Tuple](), 0
    for place, one in enumerate(connections):
        if gone == CLEANED:
            return (*kept, *connections[place:]), False
        entry = find(one)
        # Where a zone is for one direction only, the other's tuples are in none, and the entry is never taken for theirs.
        if entry is not None and one == wanted and _zone(entry) == zone:
            return (*kept, *connections[place:]), True
        if entry is None or entry.state in ENDED:
            gone += 1
        else:
            kept.append(one)
    return tuple(kept), False


@dataclass(frozen=True, slots=True)
class Connlimit6(Connlimit):
    """The same for IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
    bits: ClassVar[int] = 128
    mask: int = 128
