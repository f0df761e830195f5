"""The three themes. Colour has few meanings: accent = where we are, green = ACCEPT, red = DROP, yellow = something changed.

``defaults`` gives the variables of our own a value under any other theme a user may choose.
"""

from __future__ import annotations

from textual.theme import Theme


def defaults(*, dark: bool) -> dict[str, str]:
    """Our own variables under a theme that is not ours.

    dim: what may be overlooked. line: borders. row: background of the current row. ink: text on a badge. band: the packet's.
    """
    if dark:
        return {"fw-dim": "#9a9a9a", "fw-line": "#5a5a5a", "fw-row": "#3c4654", "fw-ink": "#101010", "fw-band": "#2a2a2a"}
    return {"fw-dim": "#5c5c5c", "fw-line": "#b0b0b0", "fw-row": "#cfdcec", "fw-ink": "#fcfcfc", "fw-band": "#e4e4e4"}


DARK = Theme(
    name="fwtutor-dark", dark=True, primary="#7cc4ff", secondary="#9aa7b5", accent="#7cc4ff", foreground="#dbe2ea",
    background="#0e1319", surface="#151b23", panel="#1b232d", success="#5fd38d", error="#ff7b80", warning="#f2c94c",
    variables={"fw-dim": "#8c99a7", "fw-line": "#5a6a7a", "fw-row": "#1c3148", "fw-ink": "#0e1319", "fw-band": "#18212b"},
)  # fmt: skip

LIGHT = Theme(
    name="fwtutor-light", dark=False, primary="#0a58a8", secondary="#5a6672", accent="#0a58a8", foreground="#1d242b",
    background="#fbfaf7", surface="#f3f1ec", panel="#e9e6df", success="#176b33", error="#b4232b", warning="#855c00",
    variables={"fw-dim": "#5c6670", "fw-line": "#89857a", "fw-row": "#d6e6f7", "fw-ink": "#ffffff", "fw-band": "#efece5"},
)  # fmt: skip

CONTRAST = Theme(
    name="fwtutor-contrast", dark=True, primary="#5ad7ff", secondary="#ffffff", accent="#5ad7ff", foreground="#ffffff",
    background="#000000", surface="#000000", panel="#000000", success="#4dff88", error="#ff8080", warning="#ffe44d",
    variables={"fw-dim": "#d0d0d0", "fw-line": "#ffffff", "fw-row": "#003a66", "fw-ink": "#000000", "fw-band": "#000000"},
)  # fmt: skip

THEMES = (DARK, LIGHT, CONTRAST)


def in_few_colors(theme: Theme) -> Theme:
    """One of ours for a terminal of sixteen colours: each value is one of them, else the nearest would be taken, and grey fall on grey.

    One ground for all: the current row and badges are known by weight and sign. On white no green can be read: ACCEPT is black there.
    """
    if theme.dark:
        ground, ink, dim = "#000000", "#ffffff", "#aaaaaa"
        accent, success, error, warning = "#55ffff", "#55ff55", "#ff5555", "#ffff55"
    else:
        ground, ink, dim = "#ffffff", "#000000", "#555555"
        accent, success, error, warning = "#0000aa", "#000000", "#aa0000", "#aa00aa"
    line = ink if theme is CONTRAST else dim
    return Theme(
        name=theme.name, dark=theme.dark, primary=accent, secondary=ink, accent=accent, foreground=ink, background=ground, surface=ground,
        panel=ground, success=success, error=error, warning=warning,
        variables={"fw-dim": dim, "fw-line": line, "fw-row": ground, "fw-ink": ground, "fw-band": ground},
    )  # fmt: skip
