"""RoleScreen: the screen that LineViews stand on. It holds the styles of the roles their rows are written in.

The styles are the screen's, once, and not each pane's: Textual works out a component class anew at every change of a class
above it, and there are many roles and many panes.
"""

from __future__ import annotations

from typing import ClassVar

from textual.screen import Screen, ScreenResultType

ROLES = (
    "dim", "strong", "heading", "code", "em", "link", "current", "here", "accept", "drop", "change", "gone", "key",
    "badge", "badge-accept", "badge-drop", "badge-change", "badge-quiet", "row", "band", "choice",
)  # fmt: skip


class RoleScreen(Screen[ScreenResultType]):
    """Base of every screen with LineViews."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"role--{role}" for role in ROLES}
    """One class a role: ``role--accept``, ``role--badge``, ..."""

    DEFAULT_CSS = """
    RoleScreen {
        & > .role--dim { color: $fw-dim; }
        & > .role--strong { text-style: bold; }
        & > .role--heading { color: $accent; text-style: bold; }
        & > .role--code { color: $accent; }
        & > .role--em { text-style: italic; }
        & > .role--link { text-style: underline; }
        & > .role--key { color: $accent; text-style: bold; }
        & > .role--current { color: $accent; text-style: bold; }
        & > .role--here { color: $fw-ink; background: $accent; text-style: bold; }
        & > .role--accept { color: $success; text-style: bold; }
        & > .role--drop { color: $error; text-style: bold; }
        & > .role--change { color: $warning; text-style: bold; }
        & > .role--gone { color: $fw-dim; text-style: strike; }
        & > .role--badge { color: $fw-ink; background: $foreground; text-style: bold; }
        & > .role--badge-accept { color: $fw-ink; background: $success; text-style: bold; }
        & > .role--badge-drop { color: $fw-ink; background: $error; text-style: bold; }
        & > .role--badge-change { color: $fw-ink; background: $warning; text-style: bold; }
        & > .role--badge-quiet { color: $fw-dim; background: $panel; }
        & > .role--row { background: $fw-row; }
        & > .role--band { background: $fw-band; }
        & > .role--choice { color: $accent; text-style: bold; }
    }
    """
