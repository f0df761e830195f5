"""Sets of addresses as values: what an element carries, what a set is made of, and all the sets of a box.

Nothing here ever changes: a set with one element more is another set, which shares nearly all with the one before. So records may keep
the sets as they were before each packet. An element whose time is over stays until somebody needs its place; it counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.ipset.types import SetType
from fwtutor.netfilter.keeping import Kept
from fwtutor.netfilter.rations import JIFFY

MEMORY_KEY = ("set",)
"""Where in ``State.memory`` the sets of a box are."""
TICKS = SECOND // JIFFY
"""Of the kernel's clock in a second."""

Key = tuple[int, ...]
"""An element of a set but for what it carries: its parts' numbers in a row."""


class Element(NamedTuple):
    """What an element carries, as far as its set has room for that."""

    expires: int | None = None
    """The last tick at which it counts; None: it stays."""
    packets: int = 0
    bytes: int = 0
    comment: str = ""
    mark: tuple[int, int] = (0, 0)
    """What ``--map-mark`` makes of a packet's mark: the value, and the mask of the bits that it replaces."""
    priority: int = 0
    queue: int = 0
    nomatch: bool = False
    """Of a net: what it holds is not in the set."""

    def over(self, tick: int) -> bool:
        return self.expires is not None and tick > self.expires

    def seconds(self, tick: int) -> int:
        """That are left of it, as the kernel tells them: 0 is without end."""
        return 0 if self.expires is None else max((self.expires - tick) // TICKS, 1)


def expiry(timeout: int, tick: int) -> int | None:
    """The last tick of what is added at ``tick`` for so many seconds."""
    return tick + timeout * TICKS if timeout else None


class Options(NamedTuple):
    """What a set was created with."""

    family: int = 0
    """0: of neither."""
    hashsize: int = 1024
    maxelem: int = 65536
    mask: int | None = None
    """Of each address only these bits count."""
    netmask: int = 0
    """The mask as it was given when that was a length."""
    timeout: int | None = None
    """Seconds that an element stays of which nobody says how long; None: nothing here has a time."""
    counters: bool = False
    comment: bool = False
    skbinfo: bool = False
    bucketsize: int = 12
    initval: int = 0
    size: int = 8
    ports: tuple[int, int] = (0, 0xFFFF)
    """The range of a bitmap."""


@dataclass(frozen=True, slots=True)
class IpSet:
    """One set."""

    name: str
    type: SetType
    options: Options
    members: Kept[Key, Element] = field(default_factory=Kept)
    listed: tuple[tuple[str, Element], ...] = ()
    """The sets in a list:set, in order."""
    lengths: tuple[tuple[int, int], ...] = ()
    """(length, nets of that length), the longest first: where a packet is looked for."""

    def __repr__(self) -> str:
        return f"<IpSet {self.name} {self.type.name}, {len(self.members) + len(self.listed)} elements>"

    def having(self, elements: Mapping[Key, Element]) -> IpSet:
        """The same with these elements, in the place of those with the same keys."""
        new = [key for key in elements if self.members.get(key) is None] if self.type.net is not None else []
        return replace(self, members=self.members.updated(elements), lengths=self._recounted(new, 1))

    def without(self, keys: Iterable[Key]) -> IpSet:
        gone = list(keys)
        return replace(self, members=self.members.without_all(gone), lengths=self._recounted(gone, -1))

    def _recounted(self, keys: Iterable[Key], more: int) -> tuple[tuple[int, int], ...]:
        place = self.type.net
        if place is None:
            return self.lengths
        counts = dict(self.lengths)
        for key in keys:
            counts[key[place]] = counts.get(key[place], 0) + more
        return tuple(sorted(((length, count) for length, count in counts.items() if count), reverse=True))

    def elements(self, tick: int) -> list[tuple[Key, Element]]:
        """Those that count, by their keys."""
        return sorted((key, element) for key, element in self.members.items() if not element.over(tick))

    def count(self, tick: int) -> int:
        """How many there are that count."""
        if self.options.timeout is None:
            return len(self.members) + len(self.listed)
        return sum(not element.over(tick) for _, element in (*self.members.items(), *self.listed))


@dataclass(frozen=True, slots=True)
class Sets:
    """The sets of a box. Each has a place among them: that of one that was destroyed is the next one's."""

    places: tuple[IpSet | None, ...] = ()
    _index: Mapping[str, int] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"<Sets {', '.join(self._index)}>"

    def get(self, name: str) -> IpSet | None:
        place = self._index.get(name)
        return None if place is None else self.places[place]

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def __iter__(self) -> Iterator[IpSet]:
        """In the order in which the kernel tells them: lists of sets come last."""
        there = [one for one in self.places if one is not None]
        yield from (one for one in there if not one.type.lists)
        yield from (one for one in there if one.type.lists)

    def __len__(self) -> int:
        return len(self._index)

    def put(self, one: IpSet) -> Sets:
        """A set in the place of the one of its name, or in the first that is free."""
        place = self._index.get(one.name)
        if place is not None:
            return Sets((*self.places[:place], one, *self.places[place + 1 :]), self._index)
        place = next((number for number, other in enumerate(self.places) if other is None), len(self.places))
        return Sets((*self.places[:place], one, *self.places[place + 1 :]), {**self._index, one.name: place})

    def without(self, name: str) -> Sets:
        return self._where({self._index[name]: None})

    def renamed(self, name: str, new: str) -> Sets:
        place = self._index[name]
        one = self.places[place]
        assert one is not None
        return self._where({place: replace(one, name=new)})

    def swapped(self, first: str, second: str) -> Sets:
        """Two sets have each other's names, and with them what refers to those."""
        one, other = self.get(first), self.get(second)
        assert one is not None
        assert other is not None
        return self._where({self._index[first]: replace(other, name=first), self._index[second]: replace(one, name=second)})

    def _where(self, changed: Mapping[int, IpSet | None]) -> Sets:
        places = tuple(changed.get(number, one) for number, one in enumerate(self.places))
        return Sets(places, {one.name: number for number, one in enumerate(places) if one is not None})

    def uses(self, name: str) -> int:
        """In how many lists of sets it is."""
        return sum(any(named == name for named, _ in one.listed) for one in self.places if one is not None)


NO_SETS = Sets()
