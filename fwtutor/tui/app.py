"""The application: themes, the course map, the labs, and what holds for all of them. ``run`` is its front door.

Lessons, sessions and progress are made by ``course`` and ``recording``; screens show them. Nothing here runs the engine.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from textual import events
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.filter import Monochrome, NoColor
from textual.geometry import Size
from textual.notifications import SeverityLevel
from textual.reactive import Initialize, Reactive
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.theme import Theme

from fwtutor.badinput import BadInput
from fwtutor.course.model import Course, Lesson, LessonError
from fwtutor.course.opening import Opening, Unopened, read_opening
from fwtutor.course.progress import Progress, Unkept, load_progress
from fwtutor.course.sitting import Sitting
from fwtutor.telling import glyphs
from fwtutor.telling.actions import APP, Action
from fwtutor.tui import LEAST, keymap
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.sandboxes import Sandboxes
from fwtutor.tui.screens.opening import OpeningScreen
from fwtutor.tui.settings import Settings, load
from fwtutor.tui.shots import Shots
from fwtutor.tui.themes import THEMES, defaults, in_few_colors
from fwtutor.tui.widgets.thin_bar import ThinBar

if TYPE_CHECKING:
    from fwtutor.recording import Session
    from fwtutor.sandbox.model import Sandbox
    from fwtutor.tui.screens.course_map import CourseMap


def _collect_again() -> None:
    """Garbage is collected from now on; what there is, is there to stay."""
    gc.collect()
    gc.freeze()
    gc.enable()


def _first_theme(app: FwtutorApp) -> str:
    """The theme to begin with."""
    return app.settings.theme


QUIET = 0.5
"""Seconds after which the first screen is there and nobody has pressed a key yet, so that something may take a moment."""


class FwtutorApp(Sandboxes, Shots):
    """fwtutor on a terminal."""

    TITLE = "fwtutor"
    # All of them here: a screen that brought its own would have every style parsed once more when it opens.
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "screens/course_map.tcss", "screens/lab.tcss", "screens/reader.tcss"]
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [*bindings([action for action in APP if action.priority])]

    theme: Reactive[str] = Reactive(Initialize(_first_theme))

    def __init__(
        self, course: Course | Callable[[], Course], progress: Progress, lesson: Lesson | Unopened | None = None,
        at: int | None = None, *, opening: Opening | None = None, sandbox: tuple[Sandbox, Session] | None = None, choosing: bool = False,
        settings: Settings | None = None, few_colors: bool = False, sitting: Sitting | None = None,
    ) -> None:  # fmt: skip
        """Begins on the map, in a ``lesson`` (its ``opening``, until it is loaded), in a ``sandbox``, or ``choosing`` a network for one."""
        self.settings = settings if settings is not None else Settings()
        """How the person wants it; the theme is asked for below."""
        self._ours = {theme.name: in_few_colors(theme) if few_colors else theme for theme in THEMES}
        super().__init__()
        keymap.use(self.settings.keys)
        self.set_keymap(dict(self.settings.keys))
        self._course = course
        self.progress = progress
        self.sitting = sitting or Sitting()
        """On what terms lessons are played."""
        self.crash: Exception | None = None
        """The exception that ended the application, for whoever ran it."""
        self._first, self._opening = lesson, opening
        self._sandbox, self._choosing = sandbox, choosing
        self._at = at
        if self.no_color:
            # Textual's answer to NO_COLOR is shades of grey; it asks for none.
            self._filters = [NoColor() if isinstance(each, Monochrome) else each for each in self._filters]
        self.set_class(self.no_color, "-no-color")
        self.set_class(few_colors, "-few-colors")
        self.set_class(self.settings.in_ascii, "-ascii")
        self.set_class(not self.settings.still, "-moving")
        ScrollBar.renderer = ScrollBarRender if self.settings.in_ascii else ThinBar

    @property
    def available_themes(self) -> dict[str, Theme]:
        # Not registered one by one: they are there from the first, so that the styles are not parsed for another before.
        return super().available_themes | self._ours

    @property
    def course(self) -> Course:
        """The whole course; a lab does not need it before it is left."""
        if not isinstance(self._course, Course):
            self._course = self._course()
        return self._course

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return defaults(dark=self.current_theme.dark)

    def on_mount(self) -> None:
        if not self.is_headless:
            self._heed_signals()
        # Not at once: Textual paints nothing before it is ready, but works out all the same what it would paint.
        self.call_later(self._open)

    def _open(self) -> None:
        if self._sandbox is not None:
            self.open_sandbox(*self._sandbox)
        elif self._choosing:
            self.action_choose_network()
        elif self._first is None:
            self._open_map()
        elif self._opening is not None:
            self.push_screen(OpeningScreen(self._opening, self._opening_is_there))
        else:
            self._open_first()
        self._check_size(self.size)
        if self.sitting.said():
            # Short: it lies over where one types; the top line says it as long as it lasts.
            self.notify(self.sitting.said(), timeout=3)
        if not gc.isenabled():
            self.set_timer(QUIET, _collect_again)

    def _opening_is_there(self) -> None:
        # Not from within the screen that goes: what is opened from there has nobody to come back to.
        self.call_later(self._open_first)

    def _open_first(self) -> None:
        """Open the lesson that was asked for; if it is not one, the application ends, and its runner says why."""
        assert self._first is not None
        try:
            lesson = self._first.load() if isinstance(self._first, Unopened) else self._first
        except (BadInput, LessonError) as error:
            self.crash = error
            self.exit()
            return
        while len(self.screen_stack) > 1:
            # The opening, and whatever came over it.
            self.pop_screen()
        self.open_lesson(lesson, afresh=False, at=self._at)
        self._check_size(self.size)

    # --- size -------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self._check_size(event.size)

    def _check_size(self, size: Size) -> None:
        small = size.width < LEAST[0] or size.height < LEAST[1]
        covered = self.screen.has_class("-too-small")
        if small and not covered:
            from fwtutor.tui.screens.too_small import TooSmallScreen

            self.push_screen(TooSmallScreen(classes="-too-small"))
        elif covered and not small:
            self.pop_screen()

    # --- lessons ----------------------------------------------------------------------------------------

    def open_lesson(self, lesson: Lesson, *, afresh: bool, at: int | None = None) -> None:
        """Open a lesson's lab: where it was left, at its beginning, or at page ``at`` (from 1)."""
        try:
            lesson = self.sitting.prepared(lesson)
        except LessonError as error:
            self.notify(str(error), severity="error", timeout=20)
            self._open_map()
            return
        from fwtutor.recording import Session
        from fwtutor.tui.screens.lab import LabScreen

        screen = LabScreen(lesson, Session(lesson.scenario), self.progress, lambda: self._following(lesson), self.settings)
        screen.journey.keeper = self.sitting.keeper(lesson)
        screen.journey.begin(afresh=afresh, at=at)
        self.push_screen(screen, callback=self._left)

    def _following(self, lesson: Lesson) -> Lesson | None:
        return next((after for before, after in pairwise(self.course.lessons) if before.name == lesson.name), None)

    def _left(self, wish: tuple[Lesson, bool] | None) -> None:
        """A lab was left: for a lesson (afresh or not), or for the map."""
        if wish is None:
            self._open_map()
        else:
            self.open_lesson(wish[0], afresh=wish[1])

    def _open_map(self) -> None:
        """Show the course map; it is made when it is first needed."""
        from fwtutor.tui.screens.course_map import CourseMap

        if not any(isinstance(screen, CourseMap) for screen in self.screen_stack):
            self.push_screen(CourseMap(self.course, self.progress))

    def on_course_map_lesson_chosen(self, message: CourseMap.LessonChosen) -> None:
        self.open_lesson(message.lesson, afresh=message.afresh)

    # --- actions ----------------------------------------------------------------------------------------

    def _halt(self) -> None:
        """Whatever plays by itself stops: somebody has pressed a key that means something else."""
        if isinstance(self.screen, RoleScreen):
            self.screen.halt()

    def action_next_theme(self) -> None:
        self._halt()
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]

    def action_toggle_still(self) -> None:
        self._halt()
        self.toggle_class("-moving")
        self.notify("Things move." if self.has_class("-moving") else "Nothing moves.", timeout=2)

    def notify(
        self, message: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None, markup: bool = False
    ) -> None:  # fmt: skip
        """As text: messages name files and folders, and those may look like markup; whatever a screen says, none of ours is."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def action_help_quit(self) -> None:
        # Textual's own has markup in it.
        self.notify(f"{keymap.named('app.quit')} leaves fwtutor.")

    async def action_quit(self) -> None:
        if isinstance(self.screen, RoleScreen) and not self.screen.may_leave("^q"):
            return
        self._keep()
        self.exit(0)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action of the screen in front, in the palette."""
        for action in (*getattr(screen, "ACTIONS", ()), *APP):
            if action.id != "app.palette" and getattr(screen, "offers", lambda _: True)(action):
                yield SystemCommand(_title(action, in_ascii=self.has_class("-ascii")), action.tooltip, self._runner(action, screen))

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="Find an action", id="--command-palette"))

    def _runner(self, action: Action, screen: Screen[object]) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action.command, screen)

        return run

    # --- the end ----------------------------------------------------------------------------------------

    def _heed_signals(self) -> None:
        """Whoever ends us from outside gets the terminal back as it was, and progress kept."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            with suppress(NotImplementedError):  # not on Windows
                if number is not None:
                    loop.add_signal_handler(number, self._ended_by, number)

    def _ended_by(self, number: int) -> None:
        self._keep()
        self.exit(128 + number)

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


def _title(action: Action, *, in_ascii: bool) -> str:
    keys = keymap.shown(action)
    title = action.label.capitalize() + (f"  ({keys})" if keys else "")
    return glyphs.to_ascii(title) if in_ascii else title


def _few_colors() -> bool:
    """Has the terminal sixteen colours only? As rich reads TERM and COLORTERM, which then takes the nearest of them."""
    return Console(force_terminal=True).color_system == "standard"


def _opening(lesson: Unopened, at: int | None, progress: Progress, sitting: Sitting | None) -> Opening | None:
    """The page that it will open at; None where what it says is not known yet: whoever has addresses of his own finds them in it."""
    if sitting is not None and sitting.student:
        return None
    page = at - 1 if at is not None else progress.of(lesson.folder.name).stage
    return read_opening(lesson.folder, page, sitting.language if sitting is not None else "")


def run(
    course: Course | Callable[[], Course], lesson: Lesson | Unopened | None = None, at: int | None = None, *,
    sandbox: tuple[Sandbox, Session] | None = None, choosing: bool = False, folder: Path | None = None, sitting: Sitting | None = None,
) -> int:  # fmt: skip
    """Run the application to its end, with the progress of ``folder``.

    An exception inside it is raised here, once the terminal is itself again and progress is kept; so are BadInput and LessonError, where
    the lesson cannot be loaded.
    """
    # What somebody did before tells nothing in an exam, and is not changed by it.
    progress = Unkept() if sitting is not None and sitting.exam else load_progress(folder)
    opening = None
    if isinstance(lesson, Unopened):
        opening = _opening(lesson, at, progress, sitting)
        if opening is None:
            lesson = lesson.load()
    app = FwtutorApp(
        course, progress, lesson, at, opening=opening, sandbox=sandbox, choosing=choosing,
        settings=load(), few_colors=_few_colors(), sitting=sitting,
    )  # fmt: skip
    result = app.run()
    if app.crash is not None:
        raise app.crash
    return result if result is not None else (app.return_code or 0)
