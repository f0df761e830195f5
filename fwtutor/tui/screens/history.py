"""The lab of a history that failed, over the learner's own: m goes back there, and nothing of it is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.binding import BindingType

from fwtutor.course.model import Lesson
from fwtutor.course.progress import Unkept
from fwtutor.recording import Session
from fwtutor.telling.actions import APP, LAB, Action
from fwtutor.tui.bindings import bindings
from fwtutor.tui.screens.lab import LabScreen
from fwtutor.tui.settings import Settings

BACK = "Back to your own run, where you left it."
WITHOUT = ("lab.restart", "lab.hint", "lab.next", "lab.more_help", "lab.sandbox")
"""Actions that are about a lesson."""


def _of_history(action: Action) -> Action:
    return replace(action, label="your own run", tooltip=BACK, weight=0) if action.id == "lab.map" else action


class HistoryScreen(LabScreen, inherit_bindings=False):
    """Ends with nothing."""

    ACTIONS: ClassVar[tuple[Action, ...]] = tuple(
        sorted((_of_history(action) for action in LAB if action.id not in WITHOUT), key=lambda action: action.weight)
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(ACTIONS), *bindings(APP)]

    def __init__(self, lesson: Lesson, session: Session, settings: Settings) -> None:
        super().__init__(lesson, session, Unkept(), lambda: None, settings)
        self._given = tuple(session.run.inputs)
        """What was entered in the history: it is not for undo to take back."""

    def offers(self, action: Action) -> bool:
        return super().offers(action) and (action.id != "lab.undo" or self._touched)

    @property
    def _touched(self) -> bool:
        return tuple(self.session.run.inputs) != self._given

    def action_undo(self) -> None:
        if self._touched:
            super().action_undo()
        else:
            self.tell("nothing of yours to take back here; ", ("m", "key"), " back to your own run")

    def on_mount(self) -> None:
        super().on_mount()
        self.tell("the packet that decided: ", ("w", "key"), " why, ", ("space", "key"), " steps, ", ("m", "key"), " back to your own run")

    def action_course_map(self) -> None:
        self._stop()
        self.dismiss(None)

    def may_leave(self, key: str) -> bool:
        return True
