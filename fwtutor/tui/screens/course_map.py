"""The course map: chapters, lessons, how far one is in each. Going on is one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Center
from textual.message import Message

from fwtutor.course.model import Course, Lesson
from fwtutor.course.progress import Progress
from fwtutor.course.standing import to_review
from fwtutor.telling import glyphs
from fwtutor.telling.actions import APP, MAP
from fwtutor.telling.spans import BLANK, Line, Span, ends, line, wrap
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.learner import Learner
from fwtutor.tui.widgets.bars import KeyBar, TopLine
from fwtutor.tui.widgets.lines import LineView


def go_on(course: Course, progress: Progress) -> int:
    """Number of the lesson where one goes on: the one left in the middle, else the first with goals open, else the first."""
    lessons = course.lessons
    for number, lesson in enumerate(lessons):
        if lesson.name == progress.last and not done(lesson, progress):
            return number
    return next((n for n, lesson in enumerate(lessons) if not done(lesson, progress)), 0)


def goals_met(lesson: Lesson, progress: Progress) -> int:
    """How many of the lesson's goals were ever met."""
    part = progress.lessons.get(lesson.name)
    return sum(goal.id in part.goals for goal in lesson.goals) if part else 0


def done(lesson: Lesson, progress: Progress) -> bool:
    """All goals met?"""
    return goals_met(lesson, progress) == len(lesson.goals)


class MapNotice(LineView):
    """What became of the progress that was kept. It stays in sight however long the map is."""

    def __init__(self, notice: str) -> None:
        super().__init__()
        self._notice = notice

    def build(self, width: int) -> Sequence[Line]:
        return wrap(line((f"{glyphs.CHANGED} ", "change"), self._notice), width, 2)


class MapView(LineView):
    """Chapters and lessons, one of them marked; a click opens a lesson."""

    def __init__(self, course: Course, progress: Progress) -> None:
        super().__init__()
        self._course, self._progress = course, progress
        self.chosen = 0
        self._row_of: dict[int, int] = {}

    def show(self, chosen: int) -> None:
        """Mark a lesson and keep it in sight."""
        self.chosen = chosen
        self.rebuild()
        at = self._row_of.get(chosen, 0)
        top, height = self.scroll_offset.y, self.size.height
        if height and not top <= at < top + height - 3:
            self.scroll_to(y=max(0, at - height // 2), animate=False)

    def on_resize(self) -> None:
        # Before there is a layout nothing can be scrolled.
        self.call_after_refresh(self.show, self.chosen)

    def build(self, width: int) -> Sequence[Line]:
        rows: list[Line] = []
        self._row_of = {}
        number = 0
        for chapter in self._course.chapters:
            rows += [BLANK, line((chapter.title, "heading"))]
            if chapter.about:
                rows += wrap(line((chapter.about, "dim")), width)
            rows.append(BLANK)
            for lesson in chapter.lessons:
                self._row_of[number] = len(rows)
                rows += self._lesson(lesson, number, width)
                number += 1
        for error in self._course.broken:
            rows += [BLANK, *wrap(line((f"{glyphs.CROSS} cannot be opened: ", "drop"), str(error)), width, 2)]
        return rows

    def _lesson(self, lesson: Lesson, number: int, width: int) -> list[Line]:
        here = number == self.chosen
        met, total = goals_met(lesson, self._progress), len(lesson.goals)
        click = f"screen.open({number})"
        sign = Span(f"{glyphs.BOX} ", "dim") if not met else Span(f"{glyphs.TICK if met == total else glyphs.CHANGED} ", "accept")
        title = Line(tuple(span._replace(click=click) for span in line((lesson.title, "strong")).spans))
        left = Line((Span(f"{glyphs.HERE} " if here else "  ", "current"), sign, *title.spans))
        # As many cells for the goals as the lesson with the most of them needs: the minutes stand below each other.
        most = max(len(each.goals) for each in self._course.lessons)
        minutes = (f"{lesson.minutes} min" if lesson.minutes else "") + " " * (3 + most - total)
        boxes = line((glyphs.PACKET * met, "accept"), ("○" * (total - met), "dim"))
        right = Line((*line((minutes, "dim")).spans, *boxes.spans, *line((f" {met} of {total} goals ", "dim")).spans))
        fill = "row" if here else ""
        rows = [ends(left, right, width)._replace(fill=fill)]
        question = Line(tuple(span._replace(click=click) for span in line((lesson.question, "")).spans))
        rows += [Line((Span("    "), *row.spans), fill) for row in wrap(question, width - 4)]
        if here:
            ways = [Span("    "), Span("Enter ", "key", click), Span(self.invitation(lesson), "dim", click)]
            if met == total:
                ways += [Span("   v ", "key", "screen.view"), Span("looks it up", "dim", "screen.view")]
            rows.append(Line(tuple(ways), fill))
        rows.append(BLANK)
        return rows

    def invitation(self, lesson: Lesson) -> str:
        """What Enter does with a lesson."""
        part = self._progress.lessons.get(lesson.name)
        if part is None or (part.record < 0 and not part.stage):
            return "begins"
        if done(lesson, self._progress):
            return "opens it again"
        return f"goes on at page {min(part.stage, len(lesson.stages) - 1) + 1} of {len(lesson.stages)}"


class CourseMap(Learner, RoleScreen[None]):
    """The first screen."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MAP), *bindings(APP)]
    ACTIONS = MAP

    @dataclass
    class LessonChosen(Message):
        """A lesson was chosen; ``afresh`` from its beginning."""

        lesson: Lesson
        afresh: bool

    def __init__(self, course: Course, progress: Progress) -> None:
        super().__init__()
        self._course, self._progress = course, progress
        self._left = True
        """For a lesson, or not been there yet."""
        self._last = progress.last
        """The lesson that was played last when the map was shown."""

    def compose(self) -> ComposeResult:
        yield TopLine()
        with Center():
            if self._progress.notice:
                yield MapNotice(self._progress.notice)
            yield MapView(self._course, self._progress)
        yield KeyBar()

    def on_mount(self) -> None:
        self.refresh_map(go_on(self._course, self._progress))

    def on_screen_resume(self) -> None:
        # Whoever comes from a lesson goes on there; whoever has only looked at something is where he was.
        # Enter leads from one lesson to the next without the map being seen.
        goes_on = self._left or self._progress.last != self._last
        self.refresh_map(go_on(self._course, self._progress) if goes_on else self.query_one(MapView).chosen)
        self._left, self._last = False, self._progress.last

    def refresh_map(self, chosen: int) -> None:
        """Show the map as progress stands."""
        met = sum(goals_met(lesson, self._progress) for lesson in self._course.lessons)
        total = sum(len(lesson.goals) for lesson in self._course.lessons)
        again = len(to_review(self._course, self._progress))
        self.query_one(TopLine).show(self._course.title, f"{met} of {total} goals", f"{again} to review" if again else "")
        self._mark(chosen)

    def _mark(self, chosen: int) -> None:
        view, more = self.query_one(MapView), next(action for action in MAP if action.id == "map.more")
        view.show(chosen)
        lessons = self._course.lessons
        note = ("map.open", view.invitation(lessons[chosen]).partition(" at ")[0]) if chosen < len(lessons) else ("", "")
        self.query_one(KeyBar).show([*(action for action in MAP if action.bar), *APP[:3]], note, more)

    # --- actions ----------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        view = self.query_one(MapView)
        self._mark(max(0, min(len(self._course.lessons) - 1, view.chosen + by)))

    def action_open(self, number: int = -1) -> None:
        self._choose(number, afresh=False)

    def action_restart(self) -> None:
        self._choose(-1, afresh=True)

    def _choose(self, number: int, *, afresh: bool) -> None:
        lessons = self._course.lessons
        number = self.query_one(MapView).chosen if number < 0 else number
        if number < len(lessons):
            self._left = True
            self.post_message(self.LessonChosen(lessons[number], afresh))

    def action_view(self) -> None:
        """A finished lesson as a page."""
        from fwtutor.tui.screens.finished import FinishedScreen

        number = self.query_one(MapView).chosen
        if number < len(self._course.lessons):
            self.app.push_screen(FinishedScreen(self._course.lessons[number], self._progress))

    def action_more_keys(self) -> None:
        self.query_one(KeyBar).turn()

    def action_help(self) -> None:
        from fwtutor.tui.screens.help import help_rows
        from fwtutor.tui.screens.reader import ReaderScreen

        self.app.push_screen(ReaderScreen("Help", help_rows(MAP, signs=False)))
