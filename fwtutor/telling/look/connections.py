"""What a host's connection tracking remembers: what rules see of each connection, what the tracker says, and how long it is kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from fwtutor.netfilter.conntrack.entry import DST_NAT, DYING, EXPECTED, FIXED_TIMEOUT, SRC_NAT, Entry
from fwtutor.netfilter.conntrack.listing import format_entry
from fwtutor.netfilter.state import ENTRY
from fwtutor.recording.jumps import Wanted, connection_of_entry
from fwtutor.telling import glyphs, told, words
from fwtutor.telling.look.filtering import EXAMPLES, Filter, read
from fwtutor.telling.look.page import MARK, Page
from fwtutor.telling.reading import Histories, Place
from fwtutor.telling.spans import BLANK, Line, Span, line, wrap

if TYPE_CHECKING:
    from fwtutor.recording import View

WIDTHS = (5, 11, 11, 7)
"""Of the columns before the tuple: protocol, what rules see, the tracker's state, seconds."""
TUPLE = 42
"""What the tuple is given at least, where there is room behind it."""
ROOMY = 100
"""Cells of a row from which what stands behind the tuples stands in a column."""
LABEL = 14


class ConnectionsPage(Page):
    """The table of connections, those touched last first."""

    name = "connections"
    things = "connections"
    marks = ENTRY
    empty = "No connection is remembered here."
    heads = "  " + " ".join(("prot ", "rules see  ", "tracker    ", "seconds")) + " original, and what else there is"

    def read(self) -> None:
        view, at = self.seen.view, self.seen.at
        entries = [entry for entry in view.entries.values() if entry.expires > at]
        entries.sort(key=lambda entry: (entry.touched, entry.id), reverse=True)
        if view.pending is not None:
            entries.insert(0, view.pending)
        self._all = len(entries)
        if self.wanted:
            chosen: Filter = read(self.wanted)
            self.complaint = chosen.complaint
            entries = [entry for entry in entries if chosen.fits(entry, self.seen_as(entry))]
        elif not view.ruleset.tracks and not view.ruleset6.tracks:
            self.empty = "Empty, and it stays empty: no rule here asks for a connection's state, so the kernel tracks nothing."
        self.entries = entries
        self._rows: dict[int, int] | None = None

    def seen_as(self, entry: Entry) -> str:
        """What rules see of its next packet; of one that is not kept yet, what they see now."""
        pending = self.seen.view.pending
        return self.seen.view.ctstate if pending is not None and entry.id == pending.id else words.seen_as(entry)

    def nothing(self) -> str:
        return f"{super().nothing()} {EXAMPLES[0].upper()}{EXAMPLES[1:]}." if self.wanted and self._all else self.empty

    def count(self) -> int:
        return len(self.entries)

    def total(self) -> int:
        return self._all

    def row(self, y: int, width: int) -> Line:
        entry = self.entries[y]
        fresh = (ENTRY, entry.id) in self.seen.fresh or not entry.confirmed
        left = str(entry.seconds_left(self.seen.at)) if entry.confirmed else "not yet"
        cells = (words.protocol(entry.original.protocol), self.seen_as(entry), entry.state or "no state", left.rjust(WIDTHS[3]))
        spans = [Span(f"{cell:<{size}} ") for cell, size in zip(cells, WIDTHS, strict=True)]
        spans[0], spans[1] = spans[0]._replace(role="dim"), spans[1]._replace(role="strong")
        spans[2] = spans[2]._replace(role="current" if entry.state else "dim")
        ends, more = words.entry_tuple(entry.original), standing(entry)
        if not entry.confirmed:
            spans[3] = spans[3]._replace(role="change")
        if more:
            ends = f"{ends:<{TUPLE if width >= ROOMY else 0}} "
        return Line((Span(MARK if fresh else "  ", "change"), *spans, Span(ends), Span(more, "dim")))

    def brief(self, y: int, width: int) -> Sequence[Line]:
        entry = self.entries[y]
        rows = [line(row) for row in told.printed(self._listed(entry), width)]
        for text in (*translations(entry), *(text for label, text in self._facts(entry) if label in ("expects", "expected by"))):
            rows += wrap(line((text, "dim")), width, 2)
        return rows

    def _listed(self, entry: Entry) -> str:
        """As ``conntrack -L`` prints it."""
        return format_entry(entry, self.seen.at, _uses(self.seen.view, entry))

    def about(self, y: int) -> tuple[str, Callable[[int], Sequence[Line]]] | None:
        entry = self.entries[y]
        title = f"{words.protocol(entry.original.protocol)} {words.entry_tuple(entry.original)}"
        return title, lambda width: self._everything(entry, width)

    def _everything(self, entry: Entry, width: int) -> list[Line]:
        """Both tuples, what rules see, what the tracker says, and everything that was tied to it."""
        rows: list[Line] = []
        for label, parts in self._facts(entry):
            if not label:
                rows += [BLANK, line((parts, "heading"))]
                continue
            start = Span(f"  {label:<{LABEL}}", "dim")
            rows += wrap(Line((start, *line(parts).spans)), width, LABEL + 2)
        listed = told.printed(self._listed(entry), width)
        return [line(("As conntrack -L prints it", "heading")), *(line((row, "code")) for row in listed), *rows]

    def _facts(self, entry: Entry) -> list[tuple[str, str]]:
        """(label, what is so); without a label, a heading."""
        seen, at = self.seen, self.seen.at
        one, other = entry.original, entry.reply
        answer = "" if entry.seen_reply else ", for no answer was seen yet"
        facts = [
            ("", "What rules see of a further packet"),
            ("original", f"{words.entry_tuple(one)}: {self.seen_as(entry)}{answer}"),
            ("reply", f"{words.entry_tuple(other)}: ESTABLISHED"),
            ("", "What the tracker says"),
            ("state", self._states(entry)),
            ("", "What is remembered"),
            *(("translated", text) for text in translations(entry)),
            ("began", f"{words.clock(entry.started)}; last touched at {words.clock(entry.touched)[4:]}" if entry.confirmed else "now"),
            ("time left", words.standing(entry, "kept", at) + (", whatever comes (FIXED_TIMEOUT)" if entry.status & FIXED_TIMEOUT else "")),
            ("flags", _flags(entry)),
        ]
        if entry.counters is None:
            facts.append(("counted", "nothing: net.netfilter.nf_conntrack_acct was 0 when it began"))
        else:
            packets, size, back, back_size = entry.counters
            facts.append(("counted", f"original {words.amount(packets, size)}; reply {words.amount(back, back_size)}"))
        if entry.zone:
            zones = f"{one.zone} for both directions" if one.zone == other.zone else f"{one.zone} original, {other.zone} reply"
            facts.append(("zone", zones))
        if entry.mark:
            facts.append(("mark", f"{entry.mark:#x}"))
        if entry.labels is not None:
            bits = [str(number) for number in range(128) if entry.labels >> number & 1]
            facts.append(("labels", ", ".join(bits) or "none, but it has room for them"))
        if entry.leaves_by:
            facts.append(("leaves by", f"{entry.leaves_by} (MASQUERADE)"))
        if entry.helper:
            facts.append(("helper", f"{entry.helper}: it reads this connection's packets for others that they announce"))
        awaited = [each for each in seen.view.expectations.values() if each.master == entry.id and each.expires > at]
        facts += [("expects", f"{words.expected_tuple(each)}, {words.duration(each.seconds_left(at))}") for each in awaited]
        if entry.master is not None:
            mother = seen.view.entries.get(entry.master.id)
            whose = words.entry_tuple(mother.original) if mother is not None else "a connection that is no more"
            facts.append(("expected by", f"{whose}, by its helper {entry.master.helper}: so its first packet was RELATED"))
        return facts

    def _states(self, entry: Entry) -> str:
        if not entry.state:
            return f"none: for {words.protocol(entry.original.protocol)} the tracker only notes whether an answer came"
        if self.seen.name != self.seen.session.scenario.watch:
            return entry.state
        return f" {glyphs.NEXT} ".join(Histories().path(Place.of(self.seen.session), entry)) or entry.state

    def packets_of(self, y: int) -> Wanted | None:
        watched = self.seen.name == self.seen.session.scenario.watch
        return Wanted("connection", connection=connection_of_entry(self.entries[y])) if watched else None

    def since(self, y: int) -> int:
        return self.entries[y].started

    def key(self, y: int) -> Hashable:
        return self.entries[y].id

    def place_of(self, key: Hashable) -> int:
        return next((y for y, entry in enumerate(self.entries) if entry.id == key), 0)


def _uses(view: View, entry: Entry) -> int:
    """How often it is referred to."""
    children = sum(each.master is not None and each.master.id == entry.id for each in view.entries.values())
    return 1 + children + view.held.get(entry.id, 0)


def standing(entry: Entry) -> str:
    """What else there is to an entry, in few words: flags, translation, zone, mark, helper."""
    one, other = entry.original, entry.reply
    parts = [words.entry_flags(entry)]
    if entry.status & SRC_NAT:
        parts.append(f"SNAT {words.entry_ends_of(other)[1]}")
    if entry.status & DST_NAT:
        parts.append(f"DNAT {words.entry_ends_of(other)[0]}")
    if entry.status & EXPECTED:
        parts.append("expected")
    parts += [f"zone={one.zone or other.zone}"] if entry.zone else []
    parts += [f"mark={entry.mark}"] if entry.mark else []
    parts += [f"helper={entry.helper}"] if entry.helper else []
    return " ".join(filter(None, parts))


def translations(entry: Entry) -> list[str]:
    """What becomes of the addresses of its packets, a sentence each."""
    (source, target), (back_source, back_target) = words.entry_ends_of(entry.original), words.entry_ends_of(entry.reply)
    found = []
    if entry.status & SRC_NAT:
        found.append(f"source {source} {glyphs.ARROW} {back_target} on the way (SNAT), and back in answers")
    if entry.status & DST_NAT:
        found.append(f"destination {target} {glyphs.ARROW} {back_source} on the way (DNAT), and back in answers")
    return found


def _flags(entry: Entry) -> str:
    said = []
    said.append("answered" if entry.seen_reply else "[UNREPLIED]: no answer was seen")
    said.append("[ASSURED]: it stays when the table is full" if entry.assured else "not [ASSURED]: it may go when the table is full")
    said += ["expected by a helper"] if entry.status & EXPECTED else []
    said += ["dying"] if entry.status & DYING else []
    return "; ".join(said)
