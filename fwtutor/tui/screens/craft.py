"""A packet of fields: this one again, but ... Below the fields stands the command that they make; Enter enters it."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from fwtutor.network.drafting import FIELDS, command, complaint, fields_of
from fwtutor.telling import glyphs
from fwtutor.telling.actions import FORM
from fwtutor.telling.spans import line
from fwtutor.tui.screens.form import FormScreen
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.form import FormRow, Rows


class CraftScreen(FormScreen[tuple[str, str]]):
    """Ends with the host and the line to enter there."""

    def __init__(self, draft: Mapping[str, str], host: str, prompts: tuple[str, ...], *, again: bool) -> None:
        super().__init__()
        self._draft, self._again = draft, again
        self._host, self._prompts = host, prompts

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield FormRow("host", "at host", self._host, " or ".join(self._prompts))
            for field in FIELDS:
                yield FormRow(field.name, field.label, self._draft.get(field.name, ""), field.hint)
            yield Rows(id="said")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#box").border_title = Content("This packet again, but ..." if self._again else "A packet")
        self.query_one(KeyBar).show([action for action in FORM if action.bar])
        self._show()
        if self._again:
            # What one changes first is where it goes.
            self.query_one("#field-dport" if "dport" in self._draft else "#field-type", Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._show()

    def _value(self, name: str) -> str:
        return self.query_one(f"#row-{name}", FormRow).value

    def _values(self) -> dict[str, str]:
        return {field.name: self._value(field.name) for field in FIELDS}

    def _wrong(self, values: dict[str, str]) -> str:
        if self._value("host").strip() not in self._prompts:
            return f"at host: one of {', '.join(self._prompts)}"
        return complaint(values)

    def _show(self) -> None:
        values = self._values()
        here = {field.name for field in fields_of(values["kind"].strip())}
        for field in FIELDS:
            self.query_one(f"#row-{field.name}").display = field.name in here
        wrong = self._wrong(values)
        focused = self.focused.id if self.focused else None
        hint = next((field.hint for field in FIELDS if f"field-{field.name}" == focused), "")
        self.query_one("#said", Rows).show(
            line((f"{self._value('host').strip()}# ", "key"), (command(values), "code")),
            line((f"{glyphs.CROSS} {wrong}", "drop")) if wrong else line((f"{glyphs.TICK} Enter sends it", "accept")),
            line((hint, "dim")),
        )

    def action_submit(self) -> None:
        values = self._values()
        if self._wrong(values):
            self.app.bell()
            return
        self.dismiss((self._value("host").strip(), command(values)))
