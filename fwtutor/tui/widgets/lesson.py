"""The lesson: prose of the stage, hints asked for, at the end the sentence to take home; and the goals with their boxes.

Questions before a packet are ``ask``'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content

from fwtutor.course.model import Lesson, Stage
from fwtutor.telling import glyphs
from fwtutor.telling.prose import prose
from fwtutor.telling.spans import BLANK, Line, Span, line, wrap
from fwtutor.tui.widgets.lines import LineView

_WORD = re.compile(r"[A-Za-z][\w-]*")
THEREFORE = "So that is why"
ROOM_FOR_GOALS = 30
"""Rows of the screen from which all goals are shown below the lesson; with fewer, the first that is open."""


@dataclass(slots=True, frozen=True)
class Standing:
    """How far the learner is in a lesson."""

    stage: int
    met: frozenset[str]
    """Ids of goals met."""
    hints: int
    """Hints of this stage asked for so far."""
    news: frozenset[str]
    """Ids of goals that have just been met."""
    ended: bool
    """The last stage was stepped to its end."""


class LessonView(LineView):
    """What to read now. Scrolls to the top when a page is turned, to the newest hint when one is asked for."""

    DEFAULT_CSS = "LessonView { height: 1fr; }"
    can_focus = True

    def __init__(self, pages: Sequence[Stage], ending: Callable[[int], Sequence[Line]], *, id: str | None = None) -> None:
        """``ending``: what stands below the last page when it was stepped to its end, by width."""
        super().__init__(id=id)
        self._pages, self._ending = pages, ending
        self._standing = Standing(0, frozenset(), 0, frozenset(), False)
        self._seen = 0
        """Rows of this page that have been in sight, from the top."""

    def show(self, standing: Standing) -> None:
        """Show the page of a standing."""
        old, self._standing = self._standing, standing
        if standing == old and self.count():
            return
        self._tell()
        self.rebuild()
        if old.stage != standing.stage:
            self._seen = 0
            self.scroll_to(y=0, animate=False)
        if standing.ended and not old.ended:
            self._scroll_to_row(THEREFORE)
        elif standing.hints != old.hints:
            self._scroll_to_row(f"Hint {standing.hints} ")
        self.call_after_refresh(self._tell)

    @property
    def unread(self) -> bool:
        """Is there more of this page below, that has not been in sight yet?"""
        self._seen = max(self._seen, round(self.scroll_y) + self.size.height)
        return self.size.height > 0 and self._seen < self.count()

    def read_on(self) -> None:
        """A page down, with a row of what was read."""
        self.scroll_relative(y=max(1, self.size.height - 1), animate=False)

    def _tell(self) -> None:
        """The page's title; and on the border whether there is more of it below."""
        pages, stage = self._pages, self._standing.stage
        title = pages[stage].title if pages else ""
        below = self.size.height > 0 and round(self.scroll_y) + self.size.height < self.count()
        more = f"{glyphs.DOWN} more of this page" if below else ""
        number = f"{stage + 1} of {len(pages)}" if len(pages) > 1 else ""
        self.set_title(title or "Lesson", f" {glyphs.DOT} ".join(filter(None, (more, number))))

    def entitle(self) -> None:
        super().entitle()
        subtitle = self.plain(self._titles[1])
        if subtitle and not self.styles.border_bottom[0]:
            # Where there is no lower border, the upper one says it.
            self.border_title = Content(f"{str(self.border_title).rstrip()} {self.plain(glyphs.DOT)} {subtitle} ")

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._tell()

    def on_resize(self) -> None:
        super().on_resize()
        self._tell()

    def on_click(self, event: events.Click) -> None:
        """A word of the glossary opens it there."""
        offset = event.get_content_offset(self)
        row = self._row_or_blank(offset.y + self.scroll_offset.y) if offset is not None else BLANK
        if offset is None or any(span.click for span in row.spans):
            return
        # Cells are characters here, or nearly so: what is looked for is a word of letters.
        word = next((found.group() for found in _WORD.finditer(row.text) if found.start() <= offset.x < found.end()), "")
        if word:
            self.app.call_later(self.app.run_action, f"screen.look_up({word!r})", self.screen)

    def _scroll_to_row(self, beginning: str) -> None:
        at = next((y for y, row in enumerate(self._rows) if row.text.startswith(beginning)), 0)
        self.scroll_to(y=at, animate=False)

    def build(self, width: int) -> Sequence[Line]:
        standing = self._standing
        rows: list[Line] = []
        page = self._pages[standing.stage] if self._pages else None
        if page:
            rows += prose(page.text, width)
            for number, hint in enumerate(page.hints[: standing.hints], 1):
                rows += [BLANK, line((f"Hint {number} of {len(page.hints)}", "heading")), *prose(hint, width)]
        if standing.ended:
            rows += self._ending(width)
        return rows


class GoalsView(LineView):
    """The goals, in sight as long as the lesson is."""

    DEFAULT_CSS = "GoalsView { height: auto; max-height: 10; }"

    def __init__(self, lesson: Lesson, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lesson = lesson
        self._shown: tuple[frozenset[str], frozenset[str]] = frozenset(), frozenset()
        self.display = not lesson.free

    def show(self, standing: Standing) -> None:
        """Show which goals are met, and which were just now."""
        self._shown = standing.met, standing.news
        self.set_title(f"Goals {glyphs.DOT} {len(standing.met)} of {len(self._lesson.goals)}")
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        met, news = self._shown
        rows = goal_rows(self._lesson, met, news, width)
        left = [goal for goal in self._lesson.goals if goal.id not in met]
        if not left:
            return [line((f"{glyphs.TICK} ", "accept"), ("all of them", "dim"))]
        if self.app.size.height >= ROOM_FOR_GOALS or len(rows) < 2:
            return rows
        # The lesson needs the rows more than what is done, or comes later.
        more = f"  and {len(left) - 1} more" if len(left) > 1 else ""
        return [line((f"{glyphs.BOX} ", "dim"), left[0].text, (more, "dim"))]


def goal_rows(lesson: Lesson, met: frozenset[str], news: frozenset[str], width: int) -> list[Line]:
    """The goals, each with its box; one that was met just now stands out."""
    rows: list[Line] = []
    for goal in lesson.goals:
        sign = Span(f"{glyphs.TICK} ", "accept") if goal.id in met else Span(f"{glyphs.BOX} ", "dim")
        role = "accept" if goal.id in news else "dim" if goal.id in met else ""
        later = (Span(" (judged when handed in)", "dim"),) if goal.withheld else ()
        rows += wrap(Line((sign, *line((goal.text, role)).spans, *later)), width, 2)
    return rows


def ending(lesson: Lesson, width: int) -> list[Line]:
    """So that is why; the same on a real server; where the road goes on."""
    back = line(Span("m back to the course map", "link", "screen.course_map"))
    if not lesson.therefore:
        from fwtutor.telling.told import LAST_PAGE

        return [BLANK, *prose(LAST_PAGE, width), BLANK, back]
    rows = [BLANK, line((THEREFORE, "heading")), *prose(lesson.therefore, width)]
    if lesson.on_server:
        rows += [BLANK, line(("On a real server", "heading")), *prose(lesson.on_server, width)]
    if lesson.next:
        rows += [BLANK, *prose(lesson.next, width)]
    return [*rows, BLANK, back]
