"""A form: labels with fields behind them, one a row. What the fields mean, and what comes of them, is the screen's."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from fwtutor.telling.spans import Line, line, wrap
from fwtutor.tui.widgets.field import Field
from fwtutor.tui.widgets.lines import LineView

LONGEST = 2000
"""Characters of a field."""


class Rows(LineView):
    """Rows of text in a form."""

    DEFAULT_CSS = "Rows { height: auto; overflow-y: hidden; }"

    def __init__(self, *rows: Line, id: str | None = None) -> None:
        super().__init__(id=id)
        self._said: Sequence[Line] = rows

    def show(self, *rows: Line) -> None:
        """Say something else."""
        self._said = rows
        self.refresh(layout=True)
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        return [part for row in self._said for part in wrap(row, width, 2)]


class FormRow(Horizontal):
    """A label and its field."""

    DEFAULT_CSS = """
    FormRow { height: 1; }
    FormRow Rows { width: 12; height: 1; }
    FormRow Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
    FormRow Input:focus { background: $fw-row; }
    """

    def __init__(self, name: str, label: str, value: str, hint: str) -> None:
        super().__init__(id=f"row-{name}")
        self._label, self._value, self._hint, self._field = label, value, hint, name

    def compose(self) -> ComposeResult:
        yield Rows(line((self._label, "dim")))
        yield Field(self._value, placeholder=self._hint, max_length=LONGEST, compact=True, select_on_focus=True, id=f"field-{self._field}")

    @property
    def value(self) -> str:
        """What stands in the field."""
        return self.query_one(Input).value
