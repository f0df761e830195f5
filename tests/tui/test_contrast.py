"""Can it be read? The contrasts of WCAG 2: 4.5 for text, 3 for lines; of every role in every theme, and of what screens really show."""

from __future__ import annotations

import pytest
from rich._palettes import STANDARD_PALETTE
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.roles import LOOKS
from fwtutor.tui.themes import DARK, LIGHT, THEMES, in_few_colors
from tests.tui.conftest import Playing

TEXT, LINE = 4.5, 3.0
GROUNDS = ("background", "surface", "panel", "fw-row", "fw-band")
"""What rows are written on."""


def light(color: Color) -> float:
    """Relative luminance."""
    red, green, blue = ((part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4) for part in color.normalized)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    less, more = sorted((light(one), light(other)))
    return (more + 0.05) / (less + 0.05)


@pytest.mark.parametrize(
    "theme",
    [*THEMES, *(in_few_colors(theme) for theme in THEMES)],
    ids=[f"{theme.name}{few}" for few in ("", "-16") for theme in THEMES],
)
def test_every_role_can_be_read_on_every_ground(theme: Theme) -> None:
    colors = {**theme.to_color_system().generate(), **theme.variables}
    poor = []
    for role, look in LOOKS.items():
        for ground in (look.background,) if look.background else GROUNDS:
            found = contrast(Color.parse(colors[look.color or "foreground"]), Color.parse(colors[ground]))
            if found < TEXT:
                poor.append((role, ground, round(found, 2)))
    poor += [
        ("line", ground, round(found, 2))
        for ground in ("background", "surface")
        if (found := contrast(Color.parse(colors["fw-line"]), Color.parse(colors[ground]))) < LINE
    ]
    assert not poor


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_on_sixteen_colours_every_colour_is_one_of_them(theme: Theme) -> None:
    few = in_few_colors(theme)
    for value in (
        few.primary,
        few.foreground,
        few.background,
        few.surface,
        few.panel,
        few.success,
        few.error,
        few.warning,
        *few.variables.values(),
    ):
        wanted = Color.parse(value or "")
        number = wanted.rich_color.downgrade(ColorSystem.STANDARD).number
        assert STANDARD_PALETTE[number or 0] == wanted.rgb


def colors_of(segment: Segment) -> tuple[Color, Color]:
    style = segment.style or Style.null()
    assert style.color is not None
    assert style.bgcolor is not None
    pair = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
    return (pair[1], pair[0]) if style.reverse else pair


def poorly_shown(app: FwtutorApp) -> set[tuple[str, float]]:
    """Words of the screen in front that are too near their ground."""
    poor = set()
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            # What shows through beside a box is not to be read now.
            own = app.screen.get_widget_at(x, y)[0] is not app.screen
            x += segment.cell_length
            if own and any(letter.isalnum() for letter in segment.text) and (found := contrast(*colors_of(segment))) < TEXT:
                poor.add((segment.text.strip(), round(found, 2)))
    return poor


async def test_what_screens_really_show_can_be_read(playing: Playing) -> None:
    async with playing() as (app, pilot):
        for keys in (
            "end end end b",
            "colon",
            "escape question_mark",
            "escape g",
            "escape x",
            "escape e",
            "escape escape ctrl+p",
            "escape m",
        ):
            await pilot.press(*keys.split())
            for theme in (DARK, LIGHT):
                app.theme = theme.name
                await pilot.pause()
                assert (keys, theme.name, poorly_shown(app)) == (keys, theme.name, set())
