"""Messages: what connection tracking tells those who listen to it (``conntrack -E``), from the records of what happened.

The kernel notes on an entry what a packet changed of it, and tells it in one message when a packet of that entry leaves the last hook.
What a dropped packet changed is so told with the next one that is not; a connection that is not kept is never told of. That an entry is
no more, and that somebody is expected or no longer, is told at once.

A ``Listener`` is one who has listened from the beginning: of entries that begin while nobody listens the kernel tells nothing, ever.
How messages are written is ``conntrack.listing``'s, and which of them somebody wants to see ``conntrack.command``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fwtutor.netfilter.conntrack.entry import ASSURED, CONFIRMED, SEEN_REPLY, Entry, Heeded
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.listing import BEGUN, DESTROYED, MARKED, PROTOINFO, UPDATED
from fwtutor.netfilter.conntrack.tcp import TcpTrack, begins_anew
from fwtutor.netfilter.derive import changes_of
from fwtutor.netfilter.events import ANSWER, COPY, FORGOTTEN, LOOKED_UP, TABLE, TOLD
from fwtutor.netfilter.state import ENTRY, EXPECTATION
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.compiled import ACTED

NEW, RELATED, DESTROY, REPLIED, SURE, HELPED, LABELLED = "new", "related", "destroy", "reply", "assured", "helper", "label"
"""What a message may be about besides PROTOINFO and MARKED, as the option ``--ctevents`` calls it (which does not know the last)."""


class Message(NamedTuple):
    """One message about an entry, or (``expectation``) about somebody expected on its account."""

    kind: str
    """BEGUN, UPDATED or DESTROYED"""
    at: int
    """ns"""
    about: frozenset[str]
    entry: Entry
    """As it was then."""
    expectation: Expectation | None = None
    ordered: bool = False
    """Whether somebody's command was the cause."""


class Listener:
    """Reads records in order. What they do not say (what is noted, and not told yet) it remembers."""

    def __init__(self) -> None:
        self._noted: dict[int, set[str]] = {}
        """By entry id, what the next message will be about."""
        self._heeded: dict[int, Heeded] = {}
        """By entry id, what is told of it, where a rule of CT has chosen."""
        self._masters: dict[int, Entry] = {}
        """Entries on whose account somebody may be expected, by id, as they began."""
        self._gone: list[int] = []

    def walk(self, walk: Walk) -> list[Message]:
        """What is told during a walk, its answers' included."""
        found = list(self._walk(walk))
        self._forget()
        return found

    def changes(self, changes: Iterable[Change], at: int, *, ordered: bool = False) -> list[Message]:
        """What is told of changes that no packet made."""
        found = [message for change in changes for message in self._change(change, at, ordered)]
        self._forget()
        return found

    def _forget(self) -> None:
        """What is known of entries that are no more: only now, for what was expected on their account goes after them."""
        for number in self._gone:
            self._heeded.pop(number, None)
            self._masters.pop(number, None)
        self._gone.clear()

    def _walk(self, walk: Walk) -> Iterator[Message]:
        heeded: Heeded | None = None
        for event in walk.events:
            kind = event[0]
            if kind in (ANSWER, COPY):
                yield from self._walk(event[1])
                continue
            for change in changes_of((event,)):
                if kind == LOOKED_UP and change.kind == ENTRY and change.after is None:
                    change = change._replace(before=_last_of(change.before, event[1].entry))
                yield from self._change(change, walk.at, False)
            if kind == TABLE:
                heeded = self._chosen(event[2]) or heeded
            elif kind == LOOKED_UP:
                entry = event[1].entry
                if entry is not None and not entry.status & CONFIRMED:
                    self._begin(entry, heeded)
                heeded = None
            elif kind == FORGOTTEN:
                self._end(event[1])
            elif kind == TOLD:
                yield from self._tell(event[1], walk.at)

    def _chosen(self, hits: Iterable[Any]) -> Heeded | None:
        """What CT rules of a table chose; and the marks that entries not kept yet were given there."""
        chosen = None
        for what, _, _, acted in hits:
            if what != ACTED:
                continue
            template, before, after = acted.after.template, acted.before.entry, acted.after.entry
            if template is not None:
                chosen = template.heeded
            if after is not None and before is not None and not after.status & CONFIRMED and after.mark != before.mark:
                self._note(after.id, MARKED)
        return chosen

    def _begin(self, entry: Entry, heeded: Heeded | None) -> None:
        if heeded is not None:
            self._heeded[entry.id] = heeded
        if entry.help is not None:
            self._masters[entry.id] = entry
        if entry.state:
            self._note(entry.id, PROTOINFO)

    def _end(self, entry: Entry) -> None:
        self._noted.pop(entry.id, None)
        self._gone.append(entry.id)

    def _note(self, number: int, *about: str) -> None:
        self._noted.setdefault(number, set()).update(about)

    def _change(self, change: Change, at: int, ordered: bool) -> Iterator[Message]:
        if change.kind == EXPECTATION:
            yield from self._expectation(change.before, change.after, at, ordered)
        elif change.kind == ENTRY and change.after is None:
            entry: Entry = change.before
            self._end(entry)
            if self._is_heeded(entry, {DESTROY}):
                yield Message(DESTROYED, min(at, entry.expires), frozenset({DESTROY}), entry, None, ordered)
        elif change.kind == ENTRY:
            about = changed(change.before, change.after)
            if about:
                self._note(change.key, *about)

    def _expectation(self, before: Expectation | None, after: Expectation | None, at: int, ordered: bool) -> Iterator[Message]:
        one = after or before
        assert one is not None
        master = self._masters.get(one.master)
        if master is None or (before is not None and after is not None):
            return
        about, kind = (DESTROY, DESTROYED) if after is None else (NEW, BEGUN)
        heeded = self._heeded.get(master.id)
        if heeded is None or about in heeded.expectations:
            yield Message(kind, min(at, one.expires), frozenset({about}), master, one, ordered)

    def _tell(self, entry: Entry, at: int) -> Iterator[Message]:
        about = self._noted.pop(entry.id, None)
        if about and self._is_heeded(entry, about):
            yield Message(UPDATED if about.isdisjoint((NEW, RELATED)) else BEGUN, at, frozenset(about), entry)

    def _is_heeded(self, entry: Entry, about: set[str]) -> bool:
        heeded = self._heeded.get(entry.id)
        return heeded is None or not heeded.connections.isdisjoint(about)


def _last_of(gone: Entry, carried: Entry | None) -> Entry:
    """What an entry was at last: a packet that has it deleted carries it, judged and counted, but is no answer yet."""
    return carried._replace(status=gone.status) if carried is not None and carried.id == gone.id else gone


def changed(before: Entry | None, after: Entry) -> list[str]:
    """What a listener would want to know of an entry that is another now; its timeout, its counters, its windows are nothing such."""
    if before is None:
        return [RELATED if after.master is not None else NEW, *([HELPED] if after.helper else [])]
    new = after.status & ~before.status
    state = after.state != before.state
    if isinstance(before.tracker, TcpTrack) and isinstance(after.tracker, TcpTrack):
        state = state or begins_anew(before.tracker, after.tracker)
    happened = {REPLIED: new & SEEN_REPLY, SURE: new & ASSURED, PROTOINFO: state, MARKED: after.mark != before.mark,
                LABELLED: after.labels != before.labels}  # fmt: skip
    return [word for word, is_so in happened.items() if is_so]
