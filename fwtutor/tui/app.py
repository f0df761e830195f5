"""The application: themes, the course map, the labs, and what holds for all of them. ``run`` is its front door.

Lessons, sessions and progress are made by ``course`` and ``recording``; screens show them. Nothing here runs the engine.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.filter import Monochrome, NoColor
from textual.geometry import Size
from textual.screen import Screen

from fwtutor.course.model import Course, Lesson
from fwtutor.course.progress import Progress, load_progress
from fwtutor.recording import Session
from fwtutor.telling import glyphs
from fwtutor.telling.actions import APP, Action
from fwtutor.tui.bindings import bindings
from fwtutor.tui.sandboxes import Sandboxes
from fwtutor.tui.screens.course_map import CourseMap
from fwtutor.tui.screens.lab import LabScreen
from fwtutor.tui.screens.too_small import LEAST, TooSmallScreen
from fwtutor.tui.themes import THEMES, defaults

if TYPE_CHECKING:
    from fwtutor.sandbox.model import Sandbox


class FwtutorApp(Sandboxes):
    """fwtutor on a terminal."""

    TITLE = "fwtutor"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [*bindings([action for action in APP if action.priority])]

    def __init__(
        self, course: Course, progress: Progress, lesson: Lesson | None = None, at: int | None = None, *,
        sandbox: tuple[Sandbox, Session] | None = None, choosing: bool = False,
    ) -> None:  # fmt: skip
        """Begins on the map, in a ``lesson``, in a ``sandbox``, or ``choosing`` a network for one."""
        super().__init__()
        self.course = course
        self.progress = progress
        self.crash: Exception | None = None
        """The exception that ended the application, for whoever ran it."""
        self._first = lesson
        self._sandbox, self._choosing = sandbox, choosing
        self._at = at
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = os.environ.get("FWTUTOR_THEME", "") if os.environ.get("FWTUTOR_THEME", "") in self.available_themes else THEMES[0].name
        if self.no_color:
            # Textual's answer to NO_COLOR is shades of grey; it asks for none.
            self._filters = [NoColor() if isinstance(each, Monochrome) else each for each in self._filters]
        self.set_class(self.no_color, "-no-color")
        self.set_class(glyphs.wants_ascii(), "-ascii")
        self.set_class(not glyphs.wants_stillness(), "-moving")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return defaults(dark=self.current_theme.dark)

    def on_mount(self) -> None:
        if self._sandbox is not None:
            self.open_sandbox(*self._sandbox)
        elif self._choosing:
            self.action_choose_network()
        elif self._first is None:
            self._open_map()
        else:
            self.open_lesson(self._first, afresh=False, at=self._at)
        self._check_size(self.size)

    # --- size -------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self._check_size(event.size)

    def _check_size(self, size: Size) -> None:
        small = size.width < LEAST[0] or size.height < LEAST[1]
        covered = isinstance(self.screen, TooSmallScreen)
        if small and not covered:
            self.push_screen(TooSmallScreen())
        elif covered and not small:
            self.pop_screen()

    # --- lessons ----------------------------------------------------------------------------------------

    def open_lesson(self, lesson: Lesson, *, afresh: bool, at: int | None = None) -> None:
        """Open a lesson's lab: where it was left, at its beginning, or at moment ``at`` (from 1) of its run."""
        lessons = list(self.course.lessons)
        following = next((after for before, after in pairwise(lessons) if before.name == lesson.name), None)
        screen = LabScreen(lesson, Session(lesson.scenario), self.progress, following)
        screen.journey.begin(afresh=afresh, at=at)
        self.push_screen(screen, callback=self._left)

    def _left(self, wish: tuple[Lesson, bool] | None) -> None:
        """A lab was left: for a lesson (afresh or not), or for the map."""
        if wish is None:
            self._open_map()
        else:
            self.open_lesson(wish[0], afresh=wish[1])

    def _open_map(self) -> None:
        """Show the course map; it is made when it is first needed."""
        if not any(isinstance(screen, CourseMap) for screen in self.screen_stack):
            self.push_screen(CourseMap(self.course, self.progress))

    def on_course_map_lesson_chosen(self, message: CourseMap.LessonChosen) -> None:
        self.open_lesson(message.lesson, afresh=message.afresh)

    # --- actions ----------------------------------------------------------------------------------------

    def _halt(self) -> None:
        """Whatever plays by itself stops: somebody has pressed a key that means something else."""
        if isinstance(self.screen, LabScreen):
            self.screen.halt()

    def action_next_theme(self) -> None:
        self._halt()
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]

    def action_toggle_still(self) -> None:
        self._halt()
        self.toggle_class("-moving")
        self.notify("Things move." if self.has_class("-moving") else "Nothing moves.", timeout=2)

    async def action_quit(self) -> None:
        if isinstance(self.screen, LabScreen) and not self.screen.may_leave("^q"):
            return
        self._keep()
        self.exit(0)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action of the screen in front, in the palette."""
        for action in (*getattr(screen, "ACTIONS", ()), *APP):
            if action.id != "app.palette" and getattr(screen, "offers", lambda _: True)(action):
                yield SystemCommand(_title(action), action.tooltip, self._runner(action, screen))

    def _runner(self, action: Action, screen: Screen[object]) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action.command, screen)

        return run

    # --- the end ----------------------------------------------------------------------------------------

    def _keep(self) -> None:
        try:
            self.progress.save()
        except OSError:
            self.log.error("progress could not be saved")

    def _handle_exception(self, error: Exception) -> None:
        """Keep the progress and end; the traceback is the runner's to log, not the terminal's to show."""
        self._return_code = 1
        if self.crash is None:
            self._keep()
            self.crash = self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()


def _title(action: Action) -> str:
    return action.label.capitalize() + (f"  ({action.shown})" if action.shown else "")


def run(
    course: Course, lesson: Lesson | None = None, at: int | None = None, *, sandbox: tuple[Sandbox, Session] | None = None,
    choosing: bool = False,
) -> int:  # fmt: skip
    """Run the application to its end. An exception inside it is raised here, once the terminal is itself again and progress is kept."""
    app = FwtutorApp(course, load_progress(), lesson, at, sandbox=sandbox, choosing=choosing)
    result = app.run()
    if app.crash is not None:
        raise app.crash
    return result if result is not None else (app.return_code or 0)
