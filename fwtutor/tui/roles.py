"""Roles: what the rows of all LineViews are written in. ``LOOKS`` says how each looks, in the theme's own colours.

A table, and no component classes of Textual: those it works out anew, one by one, whenever a class above them changes, and
there are many roles; that alone was much of what opening the lab cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.style import Style
from textual.binding import BindingType
from textual.color import Color
from textual.screen import Screen, ScreenResultType

from fwtutor.telling.actions import APP
from fwtutor.tui.bindings import bindings

if TYPE_CHECKING:
    from fwtutor.telling.tables import Table


class Look(NamedTuple):
    """Names of the theme's variables, and attributes; what is "" stays as it is."""

    color: str = ""
    background: str = ""
    attributes: str = ""
    plain: str = ""
    """The attributes where there are no colours (NO_COLOR), if others."""


LOOKS: dict[str, Look] = {
    "dim": Look("fw-dim"),
    "strong": Look(attributes="bold"),
    "heading": Look("accent", attributes="bold", plain="bold underline"),
    "code": Look("accent"),
    "em": Look(attributes="italic"),
    "link": Look(attributes="underline"),
    "key": Look("accent", attributes="bold"),
    "current": Look("accent", attributes="bold"),
    "here": Look("fw-ink", "accent", "bold", "bold reverse"),
    "accept": Look("success", attributes="bold"),
    "drop": Look("error", attributes="bold"),
    "change": Look("warning", attributes="bold"),
    "gone": Look("fw-dim", attributes="strike"),
    "badge": Look("fw-ink", "foreground", "bold", "bold reverse"),
    "badge-accept": Look("fw-ink", "success", "bold", "bold reverse"),
    "badge-drop": Look("fw-ink", "error", "bold", "bold reverse"),
    "badge-change": Look("fw-ink", "warning", "bold", "bold reverse"),
    "badge-quiet": Look("fw-dim", "panel"),
    "row": Look(background="fw-row", plain="bold"),
    "band": Look(background="fw-band"),
    "choice": Look("accent", attributes="bold"),
}


class RoleScreen(Screen[ScreenResultType]):
    """Base of every screen with LineViews."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings([action for action in APP if action.id in ("app.copy", "app.save")])]

    def table(self) -> Table | None:
        """What there is to copy or to save."""
        from fwtutor.tui.copying import shown_table

        return shown_table(self)

    def halt(self) -> None:
        """Whatever plays by itself stops: somebody has pressed a key that means something else."""

    def may_leave(self, key: str) -> bool:
        """Is nothing lost by leaving? If something is, that is said, and ``key`` pressed again leaves."""
        return True

    def action_copy_table(self) -> None:
        from fwtutor.tui.copying import copy

        copy(self)

    def action_save_table(self) -> None:
        from fwtutor.tui.copying import save

        save(self)

    def role_style(self, role: str) -> Style:
        """The style of a role, without what the row or the widget gives it."""
        if not role:
            return Style.null()
        look = LOOKS[role]
        # A background of no colour lets what is under it through.
        color, background = (Color.parse(self.app.theme_variables[name]) if name else None for name in (look.color, look.background))
        # Where there are few colours, what is a ground and no more is none.
        bare = self.app.has_class("-no-color") or (self.app.has_class("-few-colors") and not look.color)
        attributes = look.plain if look.plain and bare else look.attributes
        return Style(
            color=color.rich_color if color and color.a else None, bgcolor=background.rich_color if background and background.a else None
        ) + Style.parse(attributes)
