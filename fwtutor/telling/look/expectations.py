"""Connections that helpers of a host expect: who may come, how long, and on whose account."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.listing import format_expectation
from fwtutor.netfilter.state import EXPECTATION
from fwtutor.recording.jumps import Wanted, connection_of_entry
from fwtutor.telling import told, words
from fwtutor.telling.look.page import MARK, Page, has_words
from fwtutor.telling.spans import BLANK, Line, Span, line, wrap

WIDTHS = (5, 8, 7)
"""Of the columns before the tuple: protocol, helper, seconds."""
TUPLE = 42


class ExpectationsPage(Page):
    """The table of expectations, the youngest first."""

    name = "expectations"
    things = "expectations"
    marks = EXPECTATION
    empty = "No connection is expected here. Helpers expect some, when they read of them in others: of FTP, TFTP, IRC, SIP."
    heads = "  " + " ".join(("prot ", "helper  ", "seconds")) + " expected, for whom"

    def read(self) -> None:
        view, at = self.seen.view, self.seen.at
        found = [one for one in view.expectations.values() if one.expires > at and one.master in view.entries]
        self._all = len(found)
        self.expectations = [one for one in reversed(found) if has_words(self._whole(one), self.wanted)]

    def _whole(self, one: Expectation) -> str:
        return f"{words.protocol(one.tuple.protocol)} RELATED {words.expected_tuple(one)} {self._listed(one)}"

    def _listed(self, one: Expectation) -> str:
        return format_expectation(one, self.seen.view.entries[one.master], self.seen.at)

    def count(self) -> int:
        return len(self.expectations)

    def total(self) -> int:
        return self._all

    def row(self, y: int, width: int) -> Line:
        one = self.expectations[y]
        fresh = (EXPECTATION, one.id) in self.seen.fresh
        cells = (words.protocol(one.tuple.protocol), one.helper, str(one.seconds_left(self.seen.at)).rjust(WIDTHS[2]))
        begin = " ".join(f"{cell:<{size}}" for cell, size in zip(cells, WIDTHS, strict=True))
        master = words.entry_tuple(self.seen.view.entries[one.master].original)
        ends = f" {words.expected_tuple(one):<{TUPLE}} "
        return Line((Span(MARK if fresh else "  ", "change"), Span(begin, "dim"), Span(ends), Span(f"for {master}", "dim")))

    def brief(self, y: int, width: int) -> Sequence[Line]:
        return [line(row) for row in told.printed(self._listed(self.expectations[y]), width)]

    def about(self, y: int) -> tuple[str, Callable[[int], Sequence[Line]]] | None:
        one = self.expectations[y]
        return f"expected: {words.expected_tuple(one)}", lambda width: self._everything(one, width)

    def _everything(self, one: Expectation, width: int) -> list[Line]:
        mother = words.entry_tuple(self.seen.view.entries[one.master].original)
        port = "" if one.sport_mask else ", from whichever port,"
        said = [
            f"Whoever comes so{port} within {words.duration(one.seconds_left(self.seen.at))}: its first packet is RELATED, "
            + ("and others after it" if one.permanent else "and the expectation is used up")
            + ". Rules decide all the same whether RELATED may pass.",
            f"Its helper {one.helper} read of it in {mother}, and it goes with that connection.",
        ]
        said += [f"Who comes is read by a helper, too: {one.child_helper}."] if one.child_helper else []
        said += ["It only stands for its place: nobody is let in on its account (INACTIVE)."] if one.inactive else []
        if one.follows is not None:
            said.append("Where the connection is translated, who comes is translated as it is.")
        listed = [line((row, "code")) for row in told.printed(self._listed(one), width)]
        head = line(("As conntrack -L expect prints it", "heading"))
        return [head, *listed, *(row for text in said for row in (BLANK, *wrap(line(text), width)))]

    def packets_of(self, y: int) -> Wanted | None:
        watched = self.seen.name == self.seen.session.scenario.watch
        master = self.seen.view.entries[self.expectations[y].master]
        return Wanted("connection", connection=connection_of_entry(master)) if watched else None

    def since(self, y: int) -> int:
        return self.seen.view.entries[self.expectations[y].master].started

    def key(self, y: int) -> Hashable:
        return self.expectations[y].id

    def place_of(self, key: Hashable) -> int:
        return next((y for y, one in enumerate(self.expectations) if one.id == key), 0)
