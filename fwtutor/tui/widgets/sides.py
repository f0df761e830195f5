"""Two runs side by side: the rows of the comparison, packet by packet, and what is different about the one that is marked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from textual import events

from fwtutor.recording.sides import DECIDED, FATE, Cost, Row, Side
from fwtutor.telling import glyphs, words
from fwtutor.telling.comparing import differences, same, told
from fwtutor.telling.spans import BLANK, Line, Span, beside, crop, ends, line, pad, wrap
from fwtutor.tui.widgets.lines import LineView

Pair = tuple[str, str]
TALL = 2
"""Rows a packet takes."""


class Heads(LineView):
    """Which runs these are, and what their rules cost."""

    DEFAULT_CSS = "Heads { height: 4; overflow-y: hidden; }"

    def __init__(self) -> None:
        super().__init__()
        self._titles: Pair = "", ""
        self._costs: tuple[Cost, Cost] | None = None
        self._side = 1

    def show(self, titles: Pair, costs: tuple[Cost, Cost] | None, side: int) -> None:
        """Titles and costs of both sides; ``side``: the one that is marked."""
        self._titles, self._costs, self._side = titles, costs, side
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        half = width // 2
        rows = [BLANK] * 4
        columns = []
        for number, title in enumerate(self._titles):
            here = number == self._side
            head = line(
                Span(" A " if not number else " B ", "here" if here else "badge-quiet", f"screen.side({number})"), " ", (title, "strong")
            )
            columns.append([crop(head, half - 1), *self._cost(number)])
        for y, (left, right) in enumerate(zip(*columns, strict=True)):
            rows[y] = beside(crop(left, half - 1), right, half)
        return [crop(row, width) for row in rows]

    def _cost(self, number: int) -> list[Line]:
        if self._costs is None:
            return [BLANK] * 3
        mine, other = self._costs[number], self._costs[1 - number]
        cheaper = "accept" if mine.tried < other.tried else "drop" if mine.tried > other.tried else ""
        each = f" ({mine.tried / mine.packets:.1f} a packet)" if mine.packets else ""
        return [
            line("   ", f"{mine.packets} packets"),
            line("   ", (f"{mine.tried} rules tried", cheaper), each),
            line("   ", f"95 % of them: at most {mine.common}; any: {mine.most}"),
        ]


class SidesView(LineView):
    """The packets of both runs: what each made of them. Ten or ten thousand: only the rows on the screen are made."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__()
        self._rows_of: Sequence[Row] = ()
        self._numbers: Sequence[int] = ()
        self.chosen = 0
        self.side = 1

    def show(self, rows: Sequence[Row], numbers: Sequence[int], chosen: int, side: int) -> None:
        """Rows ``numbers`` of all ``rows``; the one marked is the ``chosen``-th of those."""
        self._rows_of, self._numbers, self.side = rows, numbers, side
        self.chosen = max(0, min(len(numbers) - 1, chosen))
        self.rebuild()
        top, height = self.scroll_offset.y, self.size.height
        at = self.chosen * TALL
        if height and not top <= at <= top + height - TALL:
            self.scroll_to(y=max(0, at - height // 2), animate=False)

    @property
    def marked(self) -> Row | None:
        """The row that is marked."""
        return self._rows_of[self._numbers[self.chosen]] if self._numbers else None

    def count(self) -> int:
        return len(self._numbers) * TALL

    def row(self, y: int) -> Line:
        number, second = divmod(y, TALL)
        here = number == self.chosen
        row = self._rows_of[self._numbers[number]]
        width = self.text_width
        made = self._sides(row, width, here) if second else self._head(row, self._numbers[number], width, here)
        return Line(made.spans, "row" if here else "")

    def _head(self, row: Row, number: int, width: int, here: bool) -> Line:
        side = row.left or row.right
        assert side is not None
        sign = Span(f"{glyphs.HERE} " if here else "  ", "current")
        if row.packet is None:
            return crop(line(sign, (f"{glyphs.COMMAND} ", "change"), (row.command, "code")), width)
        what = row.packet.fault or f"{words.packet_tuple(row.packet)} {words.flags(row.packet)}".rstrip()
        left = line(sign, (words.clock(side.at)[4:-2], "dim"), "  ", (what, "strong" if row.differs else ""))
        role = "change" if row.differs & FATE else "dim"
        said = line((f"{glyphs.UNLIKE} {', '.join(differences(row.differs))} ", role)) if row.differs else line((f"{same(row)} ", "dim"))
        return ends(crop(left, max(20, width - said.width - 1)), said, width)

    def _sides(self, row: Row, width: int, here: bool) -> Line:
        half = width // 2
        if row.packet is None:
            texts = [line(("   typed here" if side else "   not here", "dim")) for side in (row.left, row.right)]
        else:
            texts = [_side(side, number == self.side and here, half < 50) for number, side in enumerate((row.left, row.right))]
        return Line((*pad(crop(texts[0], half - 1), half).spans, *crop(texts[1], width - half).spans))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None:
            number = (offset.y + self.scroll_offset.y) // TALL
            if number < len(self._numbers):
                self.app.call_later(self.app.run_action, f"screen.mark({number}, {int(offset.x >= self.text_width // 2)})", self.screen)


def _side(side: Side | None, here: bool, narrow: bool) -> Line:
    mark = Span(" ▐ " if here else "   ", "current")
    if side is None:
        return line(mark, ("no such packet", "dim"))
    sign = words.VERDICT_SIGNS.get(side.verdict, "")
    going = f" {glyphs.ARROW} {side.to}" if side.to and side.to != "local" and not narrow else ""
    by = side.decided or "no rule"
    if narrow:
        by = f"{side.chain} {side.number or 'policy'}" if side.chain else by
    verdict = (f"{sign} {side.verdict}{going}", words.verdict_role(side.verdict))
    state = f"{side.state} " if side.state else ""
    return line(mark, state, verdict, (f" {by}, {side.tried} tried", "dim"))


class Detail(LineView):
    """What is different about the packet that is marked."""

    DEFAULT_CSS = "Detail { height: 7; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._row: Row | None = None

    def show(self, row: Row | None) -> None:
        """Tell of a row."""
        self._row = row
        self.set_title("What differs" if row is not None and row.differs else "")
        self.rebuild()
        self.scroll_to(y=0, animate=False)

    def build(self, width: int) -> Sequence[Line]:
        row = self._row
        if row is None or row.packet is None:
            return ()
        if not row.differs:
            alike = [line(("Both runs make the same of it.", "dim"))]
            if row.rewritten and row.left is not None and row.right is not None:
                alike += _pair("rule", told(DECIDED, row.left), told(DECIDED, row.right), width)
            return alike
        if row.left is None or row.right is None:
            which = "A" if row.right is None else "B"
            said = f"Only run {which} has this packet: what caused it did not happen in the other."
            return wrap(line(said), width)
        rows: list[Line] = []
        for name in differences(row.differs):
            both = [told(name, side) for side in (row.left, row.right)]
            rows += _pair(name, both[0], both[1], width)
        return rows


def _pair(name: str, left: str, right: str, width: int) -> list[Line]:
    short = len(left) + len(right) + 20 < width
    if short:
        return [line((f"{name:<12} ", "dim"), left, (f" {glyphs.ARROW} ", "change"), right)]
    rows = []
    for number, (which, text) in enumerate(zip_longest("AB", (left, right), fillvalue="")):
        head = line((f"{name if not number else '':<12} ", "dim"), (f"{which} ", "current"))
        rows += wrap(Line((*head.spans, *line(text).spans)), width, 15)
    return rows
