"""Keeping a lab, or what a pane shows, in a file: which one. A file that is there is replaced only by somebody who says so twice."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from fwtutor.badinput import BadInput
from fwtutor.course.model import Lesson
from fwtutor.recording import Session
from fwtutor.safefiles import write_whole
from fwtutor.sandbox.lab import default_file
from fwtutor.sandbox.model import taken
from fwtutor.sandbox.writing import save
from fwtutor.telling import glyphs
from fwtutor.telling.actions import FORM
from fwtutor.telling.spans import line
from fwtutor.telling.tables import Table
from fwtutor.tui.copying import counted
from fwtutor.tui.screens.form import FormScreen
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.form import FormRow, Rows

ABOUT = "A file of text: the network, the rules, the packets, what was typed in every run, where you are. Nothing in it is executed."


ABOUT_TABLES = "A file of text. One that is there already is replaced only when you say so twice."
ABOUT_CAPTURES = (
    "A name that ends in .pcap makes a capture of what came to the box and what it sent of itself; any other a list of the moments."
)


class FileScreen(FormScreen[str]):
    """Ends with the name of the file that was written."""

    def __init__(self, title: str, about: str, file: str) -> None:
        super().__init__()
        self._title, self._about, self._file = title, about, file
        self._refused = ""
        """The name of a file that is there: said once more, it is replaced."""

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield FormRow("file", "file", self._file, "a name, or a path")
            yield Rows(line((self._about, "dim")), id="said")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#box").border_title = Content(self._title)
        self.query_one(KeyBar).show([action for action in FORM if action.bar and action.id != "form.down"])

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._refused:
            self._refused = ""
            self.query_one("#said", Rows).show(line((self._about, "dim")))

    def action_submit(self) -> None:
        name = self.query_one(FormRow).value.strip()
        if not name:
            return
        try:
            self.write(Path(name).expanduser(), replace=name == self._refused)
        except FileExistsError:
            self._refused = name
            self._say(f"There is a file {name} already. Enter again replaces it; or give another name.")
        except (OSError, BadInput, RuntimeError, ValueError) as error:
            self._say(f"{name}: {getattr(error, 'strerror', None) or error}")
        else:
            self.dismiss(name)

    def write(self, path: Path, *, replace: bool) -> None:
        """Write the file; FileExistsError where there is one, and it is not to be replaced."""
        raise NotImplementedError

    def _say(self, text: str) -> None:
        self.query_one("#said", Rows).show(line((f"{glyphs.CROSS} {text}", "drop")))


class SaveScreen(FileScreen):
    """The lab itself."""

    def __init__(self, lesson: Lesson, session: Session) -> None:
        super().__init__("Keep all this", ABOUT, default_file(lesson))
        self._lesson, self._session = lesson, session

    def write(self, path: Path, *, replace: bool) -> None:
        title = self._lesson.question.removeprefix("Sandbox: ")
        save(taken(self._session, title, self._lesson.prompts), path, replace=replace)


class SaveTableScreen(FileScreen):
    """What a pane or a screen shows."""

    def __init__(self, table: Table) -> None:
        super().__init__(f"Save {counted(table)}", ABOUT_CAPTURES if table.capture else ABOUT_TABLES, table.file)
        self._table = table

    def write(self, path: Path, *, replace: bool) -> None:
        table = self._table
        data = table.capture if table.capture and path.suffix == ".pcap" else table.text.encode("utf-8", "backslashreplace")
        write_whole(path, data, replace=replace)
