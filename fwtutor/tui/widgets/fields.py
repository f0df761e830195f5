"""The fields of a packet, layer by layer, and its bytes: one field is chosen in the one and marked in the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events

from fwtutor.telling import glyphs
from fwtutor.telling.spans import Line, Span, line, wrap
from fwtutor.tui.widgets.lines import LineView

if TYPE_CHECKING:
    from fwtutor.wire import Field, Pair

BESIDE = 70
"""Cells from which both versions of a packet stand side by side."""
NAME = 14
"""Cells of a field's name."""
ROW = 16
"""Bytes in a row of the dump."""


class FieldsView(LineView):
    """The fields; those that differ from the other version have a sign before them."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: Sequence[tuple[str, Sequence[Pair]]] = ()
        self.names: tuple[str, ...] = ()
        """Of the versions: one or two."""
        self.side = 0
        self.chosen = 0
        self._owners: list[int] = []
        """Which field each row belongs to; -1: none."""

    @property
    def fields(self) -> list[Pair]:
        """All of them."""
        return [pair for _, rows in self.headers for pair in rows]

    def choose(self, number: int) -> None:
        """Choose a field, and have it on the screen."""
        self.chosen = max(0, min(number, len(self.fields) - 1))
        self.rebuild()
        rows = [y for y, owner in enumerate(self._owners) if owner == self.chosen]
        if rows and self.size.height:
            # The name of its layer stays in sight.
            top, bottom = rows[0] - (rows[0] > 0 and self._owners[rows[0] - 1] < 0), rows[-1]
            if top < self.scroll_offset.y:
                self.scroll_to(y=top, animate=False)
            elif bottom >= self.scroll_offset.y + self.size.height:
                self.scroll_to(y=bottom - self.size.height + 1, animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        # The chosen field stays on the screen when the rows around it grow.
        self.choose(self.chosen)

    def build(self, width: int) -> Sequence[Line]:
        self._owners = []
        if not self.headers:
            return (line((f"taking it apart{glyphs.MORE}", "dim")),)
        both = len(self.names) > 1
        beside = both and width >= BESIDE
        room = width - 2 - NAME - 2
        sizes = (room // 2 - 1, room - room // 2) if beside else (room,)
        rows: list[Line] = []
        if beside:
            # The one whose bytes are shown is marked.
            heads = [Span(f"{name:<{sizes[0] + 1}}", "strong" if side == self.side else "dim") for side, name in enumerate(self.names)]
            rows.append(line(" " * (NAME + 4), *heads))
            self._owners.append(-1)
        number = 0
        for layer, pairs in self.headers:
            rows.append(line((layer, "heading")))
            self._owners.append(-1)
            for pair in pairs:
                shown = (pair.before, pair.after) if beside else ((pair.before, pair.after)[self.side if both else 0],)
                made = self._field(pair, shown, sizes, here=number == self.chosen, differs=both and pair.differs)
                rows += made
                self._owners += [number] * len(made)
                number += 1
        return rows

    def _field(self, pair: Pair, shown: Sequence[Field | None], sizes: Sequence[int], *, here: bool, differs: bool) -> list[Line]:
        """One field, with as many rows as its longest value needs."""
        columns = []
        for field, size in zip(shown, sizes, strict=False):
            said = Span(field.text, "change" if differs else "") if field else Span("none", "dim")
            columns.append(wrap(line(said), size) or [Line()])
        signs = Span(glyphs.HERE if here else " ", "current"), Span(glyphs.UNLIKE if differs else " ", "change")
        rows = []
        for y in range(max(map(len, columns))):
            head = (*signs, Span(f" {pair.name:<{NAME}.{NAME}} ", "strong" if here else "dim")) if y == 0 else (Span(" " * (NAME + 4)),)
            parts = [*head]
            for column, size in zip(columns, sizes, strict=False):
                row = column[y] if y < len(column) else Line()
                parts += [*row.spans, Span(" " * (size + 1 - row.width))]
            rows.append(Line(tuple(parts), "row" if here else ""))
        return rows

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and 0 <= (y := offset.y + self.scroll_offset.y) < len(self._owners) and self._owners[y] >= 0:
            self.app.call_later(self.app.run_action, f"screen.choose({self._owners[y]})", self.screen)


class HexView(LineView):
    """The bytes, sixteen a row; those of the chosen field stand in brackets, those that differ stand out."""

    def __init__(self) -> None:
        super().__init__()
        self._raw = self._other = b""
        self._start = self._end = 0

    def show(self, raw: bytes, other: bytes, start: int, end: int) -> None:
        """Show bytes with those from ``start`` to ``end`` marked; ``other``: the other version's."""
        self._raw, self._other, self._start, self._end = raw, other, start, end
        self.rebuild()
        top, height = self.scroll_offset.y, self.size.height
        if height and not top <= start // ROW < top + height:
            self.scroll_to(y=max(0, start // ROW - height // 3), animate=False)

    def count(self) -> int:
        return -(-len(self._raw) // ROW)

    def row(self, y: int) -> Line:
        at = y * ROW
        spans = [Span(f"{at:04x} ", "dim")]
        text = []
        for number in range(at, at + ROW):
            gap = " " if number % ROW == ROW // 2 else ""
            opens, closes = number == self._start < self._end, number == self._end > self._start and number != at
            inside = self._start < number < self._end and number != at
            between = "[" if opens else "]" if closes else " "
            marked = Span(between, "here" if opens or closes or inside else "")
            spans += [Span(gap), marked] if opens else [marked, Span(gap, "here" if inside else "")]
            if number >= len(self._raw):
                spans.append(Span("  "))
                continue
            byte = self._raw[number]
            role = self._role(number)
            spans.append(Span(f"{byte:02x}", role))
            text.append(Span(chr(byte) if 32 <= byte < 127 else ".", role or "code"))
        ends_here = self._end == at + ROW and self._start < self._end
        return Line((*spans, Span("]" if ends_here else " ", "here" if ends_here else ""), Span(" "), *text))

    def _role(self, number: int) -> str:
        if self._start <= number < self._end:
            return "here"
        return "change" if self._other and self._other[number : number + 1] != self._raw[number : number + 1] else ""

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        # Five cells of offset, three a byte, one more in the middle; then two, and the letters.
        letters = 5 + 3 * ROW + 1 + 2
        x = offset.x - 5
        if offset.x >= letters:
            column = offset.x - letters
        else:
            column = (x - (x > 3 * ROW // 2)) // 3
        if 0 <= column < ROW:
            byte = (offset.y + self.scroll_offset.y) * ROW + column
            self.app.call_later(self.app.run_action, f"screen.byte({byte})", self.screen)
