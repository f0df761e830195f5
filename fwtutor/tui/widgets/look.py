"""What the screen to look anywhere is made of: hosts and pages to choose, the rows of a page, rows that stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fwtutor.telling import glyphs
from fwtutor.telling.look import PAGES
from fwtutor.telling.look.page import Page
from fwtutor.telling.spans import Line, Span, clean, crop, ends, line, pill, wrap
from fwtutor.tui.widgets.lines import LineView, as_text

ROOMY = 100
"""Cells from which the moment's number is told."""
WHOLE = 1 << 20
"""Cells in which any row has room."""


class LookBar(LineView):
    """Which host and which page; each is a button."""

    DEFAULT_CSS = "LookBar { height: 2; overflow-y: hidden; }"

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Sequence[str], str, str, tuple[str, str]] = ((), "", "", ("", ""))

    def show(self, hosts: Sequence[str], host: str, page: str, place: tuple[str, str]) -> None:
        """Show which are there, which is chosen, and the moment: its number, where there is room, and its time."""
        self._shown = [clean(name) for name in hosts], clean(host), page, place
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        hosts, host, page, place = self._shown
        when = line((place[0] if width >= ROOMY else "", "dim"), (f"{place[1]} ", "dim"))
        first = Line((Span(" look at ", "dim"), *_tabs(hosts, host, "screen.host_named", width - when.width - 12)))
        second: list[Span] = [Span(" ")]
        for number, name in enumerate(PAGES, 1):
            click = f"screen.show('{name}')"
            second += pill(f"{number} {name}", click) if name == page else [Span(f" {number} {name} ", "dim", click)]
        return (ends(first, when, width), crop(Line(tuple(second)), width))


def _tabs(names: Sequence[str], chosen: str, action: str, room: int) -> list[Span]:
    """Names beside each other, one of them chosen; where there is no room for all, those before the chosen one go first."""
    made = [
        pill(name, f"{action}({at})") if name == chosen else [Span(f" {name} ", "dim", f"{action}({at})")] for at, name in enumerate(names)
    ]
    here = names.index(chosen) if chosen in names else 0
    while here > 0 and sum(len(span.text) for each in made for span in each) > room:
        del made[0]
        here -= 1
    return [span for each in made for span in each]


class LookList(LineView):
    """The rows of a page; only those on the screen are made."""

    DEFAULT_CSS = "LookList { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.page: Page | None = None
        self.chosen = 0

    def count(self) -> int:
        page = self.page
        return 0 if page is None else page.count() or len(self._nothing(page))

    def _nothing(self, page: Page) -> list[Line]:
        """What is said where there are no rows."""
        return wrap(line(("   ", ""), (page.nothing(), "dim")), self.text_width - 1, 3)

    def row(self, y: int) -> Line:
        page, width = self.page, self.text_width
        assert page is not None
        if not page.count():
            return self._nothing(page)[y]
        here, click = y == self.chosen, f"screen.choose({y})"
        made = crop(Line((Span(glyphs.HERE if here else " ", "current"), *page.row(y, width - 1).spans)), width)
        return Line(tuple(span._replace(text=clean(span.text), click=click) for span in made.spans), "row" if here else "")

    def as_text(self) -> str:
        """All rows, whole, whatever the window shows of them."""
        page = self.page
        if page is None or not page.count():
            return super().as_text()
        return as_text(Line((Span(" "), *page.row(y, WHOLE).spans)) for y in range(page.count()))

    def mark(self, row: int) -> None:
        """Mark a row, and keep it on the screen."""
        assert self.page is not None
        self.chosen = max(0, min(row, self.page.count() - 1))
        self.rebuild()
        top, height = self.scroll_offset.y, self.size.height
        if height and not top <= self.chosen < top + height:
            beyond = self.chosen - top + 1 - height if self.chosen >= top else self.chosen - top
            near = abs(beyond) < height
            self.scroll_to(y=top + beyond if near else max(0, self.chosen - height // 2), animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        if self.page is not None:
            self.mark(self.chosen)


class Rows(LineView):
    """Rows that stay."""

    def __init__(self, make: Callable[[int], Sequence[Line]], height: int, *, id: str) -> None:
        super().__init__(id=id)
        self._make = make
        self.styles.height = height
        self.styles.overflow_y = "hidden"

    def build(self, width: int) -> Sequence[Line]:
        rows = (Line(tuple(span._replace(text=clean(span.text)) for span in row.spans), row.fill) for row in self._make(width))
        return [crop(row, width) for row in rows]
