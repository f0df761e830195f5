"""What a terminal shows, as SVG: rows of cells become rectangles, lines and text. ``make`` says of what.

Textual's own pictures name a font on another server, and leave box drawing to whatever font is there: on a page that loads
nothing (GitHub's), lines then have gaps and columns wander. Here lines, corners and blocks are drawn, and every run of text is told
how wide it is, so that any monospace font will do. Nothing is numbered but what stands in the picture: the same screen, the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.terminal_theme import TerminalTheme

WIDTH, HEIGHT, FONT = 8, 17, 13.3
"""Of a cell, in pixels; a letter of the usual monospace fonts is six tenths as wide as high."""
MARGIN = 12
FAMILY = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
CRISP = ";shape-rendering:crispEdges"
"""For areas that meet others of their colour: however much the picture is scaled, nothing shows through between them."""
NO_COLOR = TerminalTheme((14, 19, 25), (219, 226, 234), [(0, 0, 0)] * 8)
"""For what has no colour of its own; Textual gives everything one."""

ARMS = {
    "─": "-l-l", "━": "-h-h", "│": "l-l-", "┃": "h-h-", "┌": "-ll-", "┐": "--ll", "└": "ll--", "┘": "l--l", "├": "lll-", "┤": "l-ll",
    "┬": "-lll", "┴": "ll-l", "┼": "llll", "┏": "-hh-", "┓": "--hh", "┗": "hh--", "┛": "h--h", "┄": "-d-d", "╌": "-d-d",
}  # fmt: skip
"""Box drawing: the arm up, right, down, left; - none, l light, h heavy, d dotted."""
CURVES = {"╭": (1, 1), "╮": (-1, 1), "╰": (1, -1), "╯": (-1, -1)}
"""Rounded corners: which way they go, across and down."""
BLOCKS = {
    "█": (0, 0, 8, 8), "▀": (0, 0, 8, 4), "▐": (4, 0, 4, 8), "▔": (0, 0, 8, 1), "▕": (7, 0, 1, 8),
    **{sign: (0, 8 - eighths, 8, eighths) for eighths, sign in enumerate("▁▂▃▄▅▆▇", 1)},
    **{sign: (0, 0, eighths, 8) for eighths, sign in enumerate("▏▎▍▌▋▊▉", 1)},
}  # fmt: skip
"""Blocks: left, top, width and height, in eighths of the cell."""
DRAWN = frozenset((*ARMS, *CURVES, *BLOCKS))


class Run(NamedTuple):
    """Neighbouring cells that look alike."""

    text: str
    style: Style


Row = tuple[Run, ...]


class Canvas:
    """A picture of ``columns`` by ``rows`` cells that is being drawn; its looks get their names as they are met."""

    def __init__(self, columns: int, rows: int, background: str) -> None:
        self.width, self.height = columns * WIDTH + 2 * MARGIN, rows * HEIGHT + 2 * MARGIN
        self.background = background
        self._looks: dict[str, str] = {}

    def _look(self, css: str) -> str:
        return self._looks.setdefault(css, f"s{len(self._looks)}")

    def row(self, row: Row) -> str:
        """One row of cells, at the top left corner."""
        below, above, x = [], [], 0
        for text, style in row:
            width = cell_len(text)
            ink, paper = _colors(style)
            if paper not in ("", self.background):
                below.append(
                    f'<path class="{self._look(f"fill:{paper}{CRISP}")}" d="M{x * WIDTH} 0h{width * WIDTH}v{HEIGHT}h{-width * WIDTH}z"/>'
                )
            above.append(self._text(text, style, ink, x))
            x += width
        return "".join(below + above)

    def _text(self, text: str, style: Style, ink: str, x: int) -> str:
        css = f"fill:{ink}"
        if style.bold:
            css += ";font-weight:bold"
        if style.italic:
            css += ";font-style:italic"
        if style.underline or style.strike:
            css += f";text-decoration:{'underline' if style.underline else 'line-through'}"
        parts = []
        for kind, group in groupby(_cells(text, x), key=lambda cell: _kind(cell[1])):
            cells = list(group)
            if kind == "drawn":
                parts.append(self._drawn(cells, ink))
            elif kind == "letters":
                parts += self._letters(cells, css)
            else:
                # Signs may come from another font, wider or narrower: each in the middle of its own cell.
                look, y = self._look(f"{css};text-anchor:middle"), HEIGHT - 4
                parts += [f'<text class="{look}" x="{at * WIDTH + WIDTH // 2}" y="{y}">{escape(sign)}</text>' for at, sign in cells]
        return "".join(parts)

    def _letters(self, cells: Sequence[tuple[int, str]], css: str) -> list[str]:
        text = "".join(sign for _, sign in cells)
        # What is underlined or struck out has its spaces; else only the words count.
        shown = text if "decoration" in css else text.strip()
        if not shown:
            return []
        x = (cells[0][0] + text.index(shown)) * WIDTH
        size = "" if len(shown) == 1 else f' textLength="{len(shown) * WIDTH}"'
        return [f'<text class="{self._look(css)}" x="{x}" y="{HEIGHT - 4}"{size}>{escape(shown)}</text>']

    def _drawn(self, cells: Iterable[tuple[int, str]], ink: str) -> str:
        lines: dict[str, list[str]] = {}
        middle = HEIGHT // 2 + 0.5
        end = 0.0, ""
        """Where the last line across ended, and of which kind it was: it is made longer if it goes on."""
        for at, sign in cells:
            x, centre = at * WIDTH, at * WIDTH + WIDTH // 2 + 0.5
            if sign in BLOCKS:
                left, top, width, height = (part / 8 for part in BLOCKS[sign])
                w, h = width * WIDTH, height * HEIGHT
                lines.setdefault("b", []).append(f"M{x + left * WIDTH:g} {top * HEIGHT:g}h{w:g}v{h:g}h{-w:g}z")
            elif sign in CURVES:
                across, down = CURVES[sign]
                far = x + WIDTH if across > 0 else x
                lines.setdefault("l", []).append(
                    f"M{centre:g} {HEIGHT if down > 0 else 0}V{middle + 4 * down:g}Q{centre:g} {middle:g} {far:g} {middle:g}"
                )
            else:
                up, right, under, left = ARMS[sign]
                begin, stop = x if left != "-" else centre, x + WIDTH if right != "-" else centre
                kind = left if left != "-" else right
                if kind != "-":
                    drawn = lines.setdefault(kind, [])
                    if drawn and end == (begin, kind) and "H" in drawn[-1]:
                        drawn[-1] = f"{drawn[-1].rpartition('H')[0]}H{stop:g}"
                    else:
                        drawn.append(f"M{begin:g} {middle:g}H{stop:g}")
                    end = stop, kind
                if (kind := up if up != "-" else under) != "-":
                    top, bottom = 0 if up != "-" else middle, HEIGHT if under != "-" else middle
                    lines.setdefault(f"{kind}v", []).append(f"M{centre:g} {top:g}V{bottom:g}")
        found = []
        for kind, parts in lines.items():
            if kind == "b":
                css = f"fill:{ink}{CRISP}"
            else:
                css = f"fill:none;stroke:{ink}"
                css += {"h": ";stroke-width:2.5", "d": ";stroke-dasharray:2 2"}.get(kind[0], "")
            found.append(f'<path class="{self._look(css)}" d="{"".join(parts)}"/>')
        return "".join(found)

    def page(self, body: str, title: str, css: str = "") -> str:
        """The whole file around what was drawn."""
        looks = "".join(f".{name}{{{look}}}" for look, name in self._looks.items())
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" xml:space="preserve"><title>{escape(title)}</title>\n'
            f"<style>text{{font:{FONT}px {FAMILY};white-space:pre}}{looks}{css}</style>\n"
            f'<rect width="100%" height="100%" rx="6" fill="{self.background}"/>\n{body}\n</svg>\n'
        )


def place(y: int, content: str, x: int = 0) -> str:
    """What ``row`` made, at its row."""
    return f'<g transform="translate({MARGIN + x} {MARGIN + y * HEIGHT})">{content}</g>' if content else ""


def picture(rows: Sequence[Row], background: str, title: str) -> str:
    """A still picture."""
    canvas = Canvas(max(sum(cell_len(run.text) for run in row) for row in rows), len(rows), background)
    drawn = [place(y, canvas.row(row)) for y, row in enumerate(rows)]
    return canvas.page("\n".join(each for each in drawn if each), title)


def _cells(text: str, x: int) -> Iterable[tuple[int, str]]:
    for sign in text:
        yield x, sign
        x += cell_len(sign)


def _kind(sign: str) -> str:
    return "drawn" if sign in DRAWN else "letters" if sign.isascii() else "signs"


def _colors(style: Style) -> tuple[str, str]:
    """Ink and paper; "" for no paper of its own."""
    ink = NO_COLOR.foreground_color.hex if style.color is None else style.color.get_truecolor(NO_COLOR).hex
    paper = "" if style.bgcolor is None or style.bgcolor.is_default else style.bgcolor.get_truecolor(NO_COLOR, foreground=False).hex
    return (paper or NO_COLOR.background_color.hex, ink) if style.reverse else (ink, paper)
