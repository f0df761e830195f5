"""What one makes in a lab: packets, files, sandboxes. Actions of ``lab``; each opens a screen of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from fwtutor.telling.hosts import built_between
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import line
from fwtutor.tui.screens.view import LabView
from fwtutor.tui.widgets.command_line import CommandLine

if TYPE_CHECKING:
    from fwtutor.course.model import Lesson
    from fwtutor.course.progress import Progress
    from fwtutor.recording import Session
    from fwtutor.recording.scenario import Input
    from fwtutor.tui.sandboxes import Sandboxes
    from fwtutor.tui.settings import Settings


class Making(LabView):
    """The actions; what a line that was made does, the lab's ``enter`` knows."""

    def __init__(
        self, lesson: Lesson, session: Session, progress: Progress, following: Callable[[], Lesson | None], settings: Settings | None = None
    ) -> None:
        super().__init__(lesson, session, progress, following, settings)
        self._kept = self._typed()
        """What was typed when it was kept last."""
        self._warned = self._kept

    def _typed(self) -> list[list[Input]]:
        return [list(run.inputs) for run in self.session.runs]

    def may_leave(self, key: str) -> bool:
        """A sandbox in which something was typed that is in no file is left by somebody who says so twice."""
        typed = self._typed()
        if not self.lesson.free or typed in (self._kept, self._warned) or not any(typed):
            return True
        self._warned = typed
        self.tell((key, "key"), " again leaves, and what you typed goes: ", ("S", "key"), " keeps it in a file")
        return False

    def enter(self, host: str, text: str) -> None:
        """Enter a line at a host's prompt."""
        raise NotImplementedError

    def action_craft(self) -> None:
        from fwtutor.network.drafting import draft_of
        from fwtutor.tui.screens.craft import CraftScreen

        place = Place.of(self.session)
        host, source, target = built_between(place, self.lesson.prompts, self.query_one(CommandLine).host)
        draft = draft_of(place.walk.packet if place.walk else None, source, target)
        self.app.push_screen(CraftScreen(draft, host, self.lesson.prompts, again=place.walk is not None), callback=self._crafted)

    def _crafted(self, made: tuple[str, str] | None) -> None:
        if made is not None:
            command = self.query_one(CommandLine)
            command.choose(made[0])
            # As if it had been typed: it is in the history, to be changed there.
            command.field.remember(made[1])
            self.enter(*made)

    def action_save_session(self) -> None:
        from fwtutor.tui.screens.save import SaveScreen

        self.app.push_screen(SaveScreen(self.lesson, self.session), callback=self._saved)

    def _saved(self, name: str | None) -> None:
        if name is not None:
            self._kept = self._typed()
            again = (f"fwtutor sandbox {name}", "code")
            self.say("Kept", line(f"Network, rules, packets and all you typed are in {name}. ", again, " opens it."))

    def action_to_sandbox(self) -> None:
        app = cast("Sandboxes", self.app)
        self.run_worker(partial(app.take_into_sandbox, self.lesson, self.session), thread=True, exclusive=True, name="sandbox")
