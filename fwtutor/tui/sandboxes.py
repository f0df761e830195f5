"""Labs without a lesson: how the application opens them, and the choice of a network for one. ``app`` has the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

from fwtutor.badinput import BadInput
from fwtutor.course.progress import Unkept

if TYPE_CHECKING:
    from fwtutor.course.model import Lesson
    from fwtutor.recording import Session
    from fwtutor.sandbox.model import Sandbox
    from fwtutor.tui.settings import Settings


class Sandboxes(App[int]):
    """What the application does about sandboxes."""

    settings: Settings
    """How the person wants it."""

    def open_sandbox(self, sandbox: Sandbox, session: Session) -> None:
        """Open one, over whatever there is."""
        from fwtutor.sandbox.lab import as_lesson

        self._push(as_lesson(sandbox), session)

    def _push(self, lesson: Lesson, session: Session) -> None:
        from fwtutor.tui.screens.lab import LabScreen

        self.push_screen(LabScreen(lesson, session, Unkept(), lambda: None, self.settings), callback=self._sandbox_left)

    def _sandbox_left(self, wish: tuple[Lesson, bool] | None) -> None:
        """It is to begin anew, or one goes back to where one came from."""
        if wish is not None:
            from fwtutor.recording import Session

            self._push(wish[0], Session(wish[0].scenario))
        else:
            self._back()

    def action_choose_network(self) -> None:
        """Choose a network for a sandbox."""
        from fwtutor.tui.screens.networks import NetworksScreen

        self.push_screen(NetworksScreen(), callback=self._network_chosen)

    def _network_chosen(self, name: str | None) -> None:
        if name is None:
            self._back()
            return
        from fwtutor.sandbox.making import make

        sandbox = make(name)
        self.open_sandbox(sandbox, sandbox.opened())

    def _back(self) -> None:
        """Where there is nothing below, there is the map."""
        if len(self.screen_stack) <= 1:
            self._open_map()

    def _open_map(self) -> None:
        raise NotImplementedError

    def take_into_sandbox(self, lesson: Lesson, session: Session) -> None:
        """A lesson's run, as it is, without its goals and questions. The runs are played anew, which may take a moment: for a thread."""
        from fwtutor.sandbox.model import taken

        try:
            sandbox = taken(session, f"what became of {lesson.name}", lesson.prompts)
            opened = sandbox.opened()
        except BadInput as error:
            self.call_from_thread(self.notify, str(error), markup=False)
            return
        self.call_from_thread(self.open_sandbox, sandbox, opened)
