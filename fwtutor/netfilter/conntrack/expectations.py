"""The expectations of a box: how they come, are met, and go. What they are is ``expectation``'s, who wants them the helpers'."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import CONFIRMED, Entry, Tuple
from fwtutor.netfilter.conntrack.expectation import Expectation, Place
from fwtutor.netfilter.state import State
from fwtutor.netfilter.timers import Timers

CAME, MET, REPLACED, EVICTED, ORPHANED, EXPIRED, DELETED, WITHDRAWN = (
    "", "met", "replaced", "evicted", "orphaned", "expired", "deleted", "withdrawn",
)  # fmt: skip
"""Why an expectation comes or goes: somebody came whom it expected; the same is expected anew; its helper may have no more of them;
its master's entry is no more; nobody came in time; somebody gave the order; its helper wants it no longer."""


MOST = 4096
"""How many there may be at once, on a machine with memory enough; no sysctl of a namespace says otherwise."""


ALREADY = "the same is expected already, as something else"
TAKEN = "somebody else is expected there already"
"""Why an expectation cannot be, among others."""


class News(NamedTuple):
    """An expectation came (``before`` None), changed, or went (``after`` None); one that stays although it was MET is the same after it."""

    before: Expectation | None
    after: Expectation | None
    why: str


class Expectations:
    """All expectations of one box. It changes ``state``'s and nothing else."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.news: list[News] = []
        """What has happened, for whoever keeps the record: ``take_news``."""
        self.timers = Timers(self._expires)

    def _expires(self, number: int) -> int | None:
        one = self.state.expectations.get(number)
        return None if one is None else one.expires

    def take_news(self) -> list[News]:
        """What has happened since it was last asked."""
        news, self.news = self.news, []
        return news

    def add(self, new: Expectation, limit: int, *, shared: bool = False) -> str:
        """Expect somebody; why that cannot be, "" if it can. ``limit``: of its kind and its master there may be so many.

        ``shared``: it is ALREADY so, not TAKEN, where another master expects the same.
        """
        for number in self.state.expected_at.get(new.place, ()):
            other = self.state.expectations[number]
            if (shared or other.master == new.master) and other.is_like(new):
                if other.kind != new.kind or other.master != new.master:
                    return ALREADY
                self.remove(other, REPLACED)
            elif other.clashes(new):
                return TAKEN
        siblings = self.of(new.master, new.kind)
        if limit and len(siblings) >= limit:
            self.remove(siblings[0], EVICTED)
        if len(self.state.expectations) >= MOST:
            return f"{MOST} are expected already, and no more can be"
        self._put(None, new, CAME)
        return ""

    def meet(self, key: Tuple, zone: int) -> tuple[Expectation, Entry] | None:
        """The expectation that a packet about to begin an entry meets, which goes then, unless it is permanent, and its master."""
        if not self.state.expectations:
            return None
        for number in reversed(self.state.expected_at.get(Place(key.family, key.dst, key.protocol, key.dport), ())):
            one = self.state.expectations[number]
            if one.inactive or not one.fits(key, zone):
                continue
            master = self.state.entries.get(one.master)
            if master is None or not master.status & CONFIRMED:
                return None
            self._put(one, one if one.permanent else None, MET)
            return one, master
        return None

    def find(self, place: Place, key: Tuple, zone: int) -> Expectation | None:
        """The expectation that such a packet would meet, were there no inactive ones."""
        found = (self.state.expectations[number] for number in reversed(self.state.expected_at.get(place, ())))
        return next((one for one in found if one.fits(key, zone)), None)

    def master_protocol(self, one: Expectation) -> int:
        """The protocol of the connection on whose account it is."""
        master = self.state.entries.get(one.master)
        return 0 if master is None else master.original.protocol

    def of(self, master: int, kind: int | None = None) -> list[Expectation]:
        """Those of an entry (of one kind), the oldest first."""
        found = [self.state.expectations[number] for number in self.state.expected_by.get(master, ())]
        return found if kind is None else [one for one in found if one.kind == kind]

    def replace(self, before: Expectation, after: Expectation) -> None:
        """An expectation is changed, but for its place and its master."""
        self._put(before, after, CAME)

    def withdraw(self, one: Expectation) -> None:
        """Its helper wants it no longer."""
        self.remove(one, WITHDRAWN)

    def remove(self, one: Expectation, why: str) -> None:
        self._put(one, None, why)

    def orphan(self, master: int) -> None:
        """An entry is no more, and what was expected on its account is not either: the youngest goes first."""
        for one in reversed(self.of(master)):
            self.remove(one, ORPHANED)

    def _put(self, before: Expectation | None, after: Expectation | None, why: str) -> None:
        self.state.put_expectation(before, after)
        if after is not None:
            self.timers.watch(after.id, after.expires)
        self.news.append(News(before, after, why))

    # --- time ------------------------------------------------------------------------------------------------

    def expire(self, at: int) -> None:
        """Forget those whose time is over at ``at`` (ns)."""
        while (number := self.timers.over(at)) is not None:
            self.remove(self.state.expectations[number], EXPIRED)

    def watch_all(self) -> None:
        """Expectations have come and gone without this one's doing."""
        self.timers.watch_only((number, one.expires) for number, one in self.state.expectations.items())
        self.news.clear()
