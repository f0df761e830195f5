"""Keeping a lab in a file: which one. A file that is there is replaced only by somebody who says so twice."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from fwtutor.badinput import BadInput
from fwtutor.course.model import Lesson
from fwtutor.recording import Session
from fwtutor.sandbox.lab import default_file
from fwtutor.sandbox.model import taken
from fwtutor.sandbox.writing import save
from fwtutor.telling import glyphs
from fwtutor.telling.actions import FORM
from fwtutor.telling.spans import line
from fwtutor.tui.screens.form import FormScreen
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.form import FormRow, Rows

ABOUT = "A file of text: the network, the rules, the packets, what was typed in every run, where you are. Nothing in it is executed."


class SaveScreen(FormScreen[str]):
    """Ends with the name of the file that was written."""

    def __init__(self, lesson: Lesson, session: Session) -> None:
        super().__init__()
        self._lesson, self._session = lesson, session
        self._refused = ""
        """The name of a file that is there: said once more, it is replaced."""

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield FormRow("file", "file", default_file(self._lesson), "a name, or a path")
            yield Rows(line((ABOUT, "dim")), id="said")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#box").border_title = Content("Keep all this")
        self.query_one(KeyBar).show([action for action in FORM if action.bar and action.id != "form.down"])

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._refused:
            self._refused = ""
            self.query_one("#said", Rows).show(line((ABOUT, "dim")))

    def action_submit(self) -> None:
        name = self.query_one(FormRow).value.strip()
        if not name:
            return
        title = self._lesson.question.removeprefix("Sandbox: ")
        try:
            save(taken(self._session, title, self._lesson.prompts), Path(name).expanduser(), replace=name == self._refused)
        except FileExistsError:
            self._refused = name
            self._say(f"There is a file {name} already. Enter again replaces it; or give another name.")
        except (OSError, BadInput, RuntimeError, ValueError) as error:
            self._say(f"{name}: {getattr(error, 'strerror', None) or error}")
        else:
            self.dismiss(name)

    def _say(self, text: str) -> None:
        self.query_one("#said", Rows).show(line((f"{glyphs.CROSS} {text}", "drop")))
