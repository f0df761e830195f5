"""The sockets of a host, as ``ss -tuanp`` lists them: what listens, which connections are open, whose they are."""

from __future__ import annotations

from collections.abc import Sequence

from fwtutor.network.tools.sockets import HEADS, cells, sockets_of
from fwtutor.telling import glyphs
from fwtutor.telling.look.page import Page, has_words, in_columns, widths_of
from fwtutor.telling.spans import Line, Span, line, wrap


class SocketsPage(Page):
    """All sockets, what listens first."""

    name = "sockets"
    things = "sockets"
    empty = "Nothing listens here, and no connection is open."

    def read(self) -> None:
        table = [cells(socket, True, True, True) for socket in sockets_of(self.seen.host, self.seen.upto)]
        self._all = len(table)
        self.table = [row for row in table if has_words(" ".join(row), self.wanted)]
        self._widths = widths_of([HEADS, *self.table])
        self.heads = f"  {in_columns(HEADS, self._widths)}"

    def count(self) -> int:
        return len(self.table)

    def total(self) -> int:
        return self._all

    def row(self, y: int, width: int) -> Line:
        protocol, state, *rest = [f"{cell:<{size}} " for cell, size in zip(self.table[y], self._widths, strict=True)]
        return Line((Span(f"  {protocol}", "dim"), Span(state, "strong" if "LISTEN" in state else "current"), *map(Span, rest)))

    def brief(self, y: int, width: int) -> Sequence[Line]:
        """For narrow screens: the last columns, and whose it is."""
        protocol, state, waiting, backlog, local, peer, owner = self.table[y]
        queue = f", {waiting} of {backlog} connections wait to be accepted" if state == "LISTEN" else ""
        return [*wrap(line(f"{protocol} {state} {local} {glyphs.BOTH} {peer}{queue}"), width), line((owner, "dim"))]
