"""The base of forms: a box with fields over the screen. Enter does it, Esc does not; up and down go from field to field."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Input

from fwtutor.telling.actions import FORM
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen


class FormScreen(RoleScreen[ScreenResultType], ModalScreen[ScreenResultType]):
    """Subclasses compose FormRows, and say what ``submit`` does."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(FORM)]
    CSS_PATH = "form.tcss"

    def table(self) -> None:
        """A form is nothing to take along."""

    def action_close(self) -> None:
        self.dismiss(None)

    def action_move(self, by: int) -> None:
        if by > 0:
            self.focus_next(Input)
        else:
            self.focus_previous(Input)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_submit()

    def action_submit(self) -> None:
        raise NotImplementedError
