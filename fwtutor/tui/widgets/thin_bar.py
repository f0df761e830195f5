"""The scroll bar: half a cell wide, so that it keeps its distance from the text beside it, which needs every cell it has."""

from __future__ import annotations

from typing import Any

from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style
from textual.scrollbar import ScrollBarRender


class ThinBar(ScrollBarRender):
    """Textual's bar, drawn in the right half of its cell."""

    # Whole cells only: a cell is either the bar or not.
    VERTICAL_BARS = [" "]

    @classmethod
    def render_bar(cls, *args: Any, **options: Any) -> Segments:
        made = super().render_bar(*args, **options)
        if not options.get("vertical"):
            return made
        return Segments([_thin(segment, options["back_color"]) for segment in made.segments], new_lines=True)


def _thin(segment: Segment, back: Color) -> Segment:
    style = segment.style
    if style is None or not style.reverse:
        return segment
    return Segment("▐" * len(segment.text), Style(color=style.color, bgcolor=back, meta=style.meta))
