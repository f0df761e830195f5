"""What the lab shows: the layout of its screen, and every pane at the same place. What keys do is ``lab``'s."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.timer import Timer

from fwtutor.course.journey import Journey
from fwtutor.course.model import Lesson, Prediction
from fwtutor.course.progress import Progress
from fwtutor.recording import Session
from fwtutor.recording.cursor import Size
from fwtutor.telling import glyphs, told, words
from fwtutor.telling.actions import ANSWERS, APP, LAB, TYPING, Action
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import BLANK, Line, line, wrap
from fwtutor.tui import keymap
from fwtutor.tui.reveal import Reveal
from fwtutor.tui.screens.frame import LabFrame
from fwtutor.tui.settings import Settings
from fwtutor.tui.widgets.ask import AskView
from fwtutor.tui.widgets.bars import KeyBar, TabBar, TopLine
from fwtutor.tui.widgets.command_line import CommandLine, OutputView, Rows
from fwtutor.tui.widgets.lesson import LessonView, Standing
from fwtutor.tui.widgets.lines import LineView
from fwtutor.tui.widgets.wire import WireView

if TYPE_CHECKING:
    from fwtutor.telling.otherwise import Otherwise

UNTIL_ANSWERED = frozenset({"lab.step", "lab.play", "lab.end"})
"""Actions that do nothing while a question holds the way."""


class LabView(LabFrame):
    """Everything of a lab that can be seen. Subclasses compose the widgets and say what keys do."""

    ACTIONS: ClassVar[tuple[Action, ...]] = LAB

    def __init__(
        self, lesson: Lesson, session: Session, progress: Progress, following: Callable[[], Lesson | None], settings: Settings | None = None
    ) -> None:
        super().__init__()
        self.following = following
        """The lesson after this one, if there is one."""
        self.lesson = lesson
        self.session = session
        self.progress = progress
        self.journey = Journey(lesson, session, progress)
        settings = settings if settings is not None else Settings()
        self.step_size: Size = settings.step
        self._playing = False
        self._beat: Timer | None = None
        self._reveal = Reveal(self)
        self._reveal.slowness = 1 / settings.pace
        self._told = BLANK
        """What stands in the prompt's place until the next step."""
        self._page = -1
        """The page that was shown last."""
        self._restarting = False
        """s was pressed once: again, and it begins anew."""
        self.zoomed: LineView | None = None
        """The pane that has the whole work area, if one has."""

    @property
    def manner(self) -> Settings:
        """How far steps go here now, and how fast things move."""
        return Settings(step=self.step_size, pace=1 / self._reveal.slowness)

    def on_mount(self) -> None:
        self.query_one(TabBar).show(self.tab)
        self.query_one(WireView).slowness = self._reveal.slowness
        judged_here = not (self.lesson.free or self.lesson.held_back)
        if self.journey.open_goal is None and judged_here and (self.journey.stage or self.session.cursor.index >= 0):
            self._told = self._ways("you have finished this lesson: ", ("s", "starts over"))
        elif told.typed_before(self.journey):
            self._told = _with_keys(line("what you typed is not kept between sittings; ", ("S", "key"), " keeps it in a file"))
        self.show()

    def laid_out(self) -> None:
        self._show_question()

    # --- showing ----------------------------------------------------------------------------------------

    def show(self, *, moved: bool = False) -> None:
        """Show every pane the place where the cursor is; ``moved``: by a step forward, so things may move."""
        journey = self.journey
        news = frozenset(journey.note())
        place = Place.of(self.session)
        standing = Standing(journey.stage, journey.met, journey.hints.get(journey.stage, 0), news, journey.ended)
        moving = moved and self.app.has_class("-moving")
        self._reveal.show(place, standing, lambda: self._show_prompt(news), moved=moving)
        self._show_question()
        self._show_bars(place)
        if news:
            self.save()
        if self.tab == "lesson":
            # How much of its page is in sight is known when it is laid out.
            self.call_after_refresh(self.refresh_bars)

    def _show_prompt(self, news: frozenset[str]) -> None:
        command, journey = self.query_one(CommandLine), self.journey
        if journey.stage != self._page and not command.typing:
            # A page says at which prompt it wants one; after a jump, the page before it that does.
            pages = self.lesson.stages[(journey.stage if journey.stage == self._page + 1 else 0) : journey.stage + 1]
            command.choose(next((page.prompt for page in reversed(pages) if page.prompt), command.host))
        self._page = journey.stage
        # A page begins without what was said on the one before: what is to be typed is what matters.
        fresh = journey.at_top and journey.stage > 0
        command.hear(*(("", False) if fresh else told.last_words(self.session, self.lesson.prompts, journey.untold)))
        if news:
            (self._told,) = told.met_words(self.lesson, news)
        if journey.ended and (news or not self._told.spans):
            done = f"{glyphs.TICK} the last goal, done: " if news else "done: "
            self._told = self._ways(done if self.lesson.therefore else "the last page: ")
        command.notice(self._told)

    @property
    def reads(self) -> bool:
        """Is the lesson all there is to see, with more of its page below that was not in sight yet? (When it is done, packets go first.)"""
        shown = not self.has_class("-wide") and self.tab == "lesson" and self.zoomed is None
        waits = not self.journey.ended or self.session.cursor.at_end
        return shown and not self.lesson.free and waits and self.query_one(LessonView).unread

    def _ways(self, what: str, *more: tuple[str, str]) -> Line:
        """The ways that lead on from a lesson that is done."""
        tells = self.journey.ended and bool(self.lesson.therefore)
        # Where packets are left, space goes on with them.
        key = "tab" if self.tab == "firewall" and not self.session.cursor.at_end else "space"
        reads = [(key, "why that is so")] if not self.has_class("-wide") and self.tab != "lesson" and tells else []
        ways = [*more, *reads, ("m", "course map"), *([("Enter", "next lesson")] if self.following() else [])]
        spans = [part for key, does in ways for part in ((key, "key"), f" {does}, ")]
        return _with_keys(line((what, "accept"), *spans[:-1], str(spans[-1]).rstrip(", ")))

    def _show_question(self) -> None:
        journey = self.journey
        prediction = journey.question
        picked = right = otherwise = None
        if prediction is None and journey.just_answered:
            prediction = next((p for p in self.lesson.predictions if p.id == journey.just_answered), None)
        if prediction is None:
            prediction = journey.review
        if prediction is not None:
            picked = journey.picked(prediction)
            if picked is not None:
                right = prediction.answer(self.session.run)
                otherwise = self._otherwise(prediction)
        # Beside the lesson, or below whatever pane is shown.
        place = "ask" if self.has_class("-wide") and self.zoomed is None else "ask-narrow"
        for view in self.query(AskView):
            view.show(prediction, picked, right, otherwise)
            if view.id != place:
                view.display = False
        self.set_class(prediction is not None, "-asking")

    def _otherwise(self, prediction: Prediction) -> Otherwise | None:
        if prediction.computed(self.session.run) == prediction.expect:
            return None
        from fwtutor.telling.otherwise import otherwise

        return otherwise(prediction, self.session)

    def _show_bars(self, place: Place) -> None:
        journey, goal = self.journey, self.journey.open_goal
        playing = f"{glyphs.HERE} playing" if self._playing else ""
        goals = "" if self.lesson.free else f"goals {len(journey.met)} of {len(self.lesson.goals)}"
        exam = "exam" if journey.keeper is not None and journey.keeper.exam else ""
        self.query_one(TopLine).show(self.lesson.question, exam, playing, goals, words.clock(place.at))
        self.query_one(TabBar).show(self.tab, goal.text if goal else "")
        typing = self.query_one(CommandLine).typing
        actions = [action for action in (*self.ACTIONS, APP[0]) if action.bar and self.offers(action)]
        choices = len(journey.question.choices) if journey.question else 0
        actions = [_answering(each, choices) if each.id == "lab.answer" else each for each in actions]
        if self.reads:
            actions = [replace(each, label="read on") if each.id == "lab.step" else each for each in actions]
        if self.zoomed is not None:
            actions = [replace(each, label="put back", weight=0) if each.id == "lab.zoom" else each for each in actions]
        more = next(action for action in self.ACTIONS if action.id == "lab.more")
        self.query_one(KeyBar).show(TYPING if typing else actions, ("lab.sizes", self.step_size), more)

    def offers(self, action: Action) -> bool:
        """Is there anything for this action to do now?"""
        question = self.journey.question
        if action.name.startswith("answer("):
            return question is not None and int(action.name[7:-1]) < len(question.choices)
        if action.id == "lab.answer":
            return question is not None
        if action.id in UNTIL_ANSWERED:
            return question is None
        if action.id == "lab.sandbox":
            return not self.lesson.free
        if action.id == "lab.undo":
            return self.session.undoable
        return len(self.session.runs) > 1 if action.id == "lab.run" else True

    def say(self, title: str, *lines: Line, wrong: bool = False) -> None:
        """Open the panel above the prompt."""
        said = [_with_keys(item) for item in lines]
        self.say_rows(title, lambda width: [row for item in said for row in wrap(item, width)], wrong=wrong)

    def say_rows(self, title: str, rows: Rows, *, wrong: bool = False, last: bool = False) -> None:
        """Open the panel above the prompt with rows made for its width; ``last``: at the end of them."""
        self.query_one(OutputView).show(title, rows, wrong=wrong, last=last)

    def tell(self, *parts: str | tuple[str, str]) -> None:
        """Say something in the prompt's place, until the next step."""
        self._told = _with_keys(line(*parts))
        self.query_one(CommandLine).notice(self._told)

    def _hush(self) -> None:
        """Something new happens: what was told is old."""
        self._told, self._restarting = BLANK, False

    def save(self) -> None:
        """Keep the progress; a disk that will not have it is told, not died of."""
        try:
            self.progress.save()
        except OSError as error:
            self.say("Progress is not kept", line(str(error)), wrong=True)

    # --- panes ------------------------------------------------------------------------------------------

    def show_tab(self, tab: str) -> None:
        """Which pane a narrow screen shows."""
        self._choose_tab(tab)
        self._show_bars(Place.of(self.session))
        self.call_after_refresh(self.refresh_bars)

    def refresh_bars(self) -> None:
        """Other keys mean something now."""
        self._show_bars(Place.of(self.session))

    def on_descendant_focus(self) -> None:
        self._show_bars(Place.of(self.session))

    def on_descendant_blur(self) -> None:
        self._show_bars(Place.of(self.session))


def _answering(action: Action, choices: int) -> Action:
    """The keys that answer a question of so many choices."""
    return replace(action, shown=f"a-{ANSWERS[choices - 1][-1]}", of=ANSWERS[:choices]) if choices else action


def _with_keys(row: Line) -> Line:
    """A sentence of the lab's, with the keys that were chosen for what it speaks of."""
    return row._replace(spans=tuple(span._replace(text=keymap.mentioned(span.text)) if span.role == "key" else span for span in row.spans))
