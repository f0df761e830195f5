"""A lab in plain mode: opening it, going through it, its questions. Looking is ``looking``'s, typing ``entering``'s."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from fwtutor.badinput import printable
from fwtutor.course.journey import Journey, Outcome
from fwtutor.course.model import Course, Lesson
from fwtutor.course.progress import Progress, Unkept
from fwtutor.course.sitting import Sitting
from fwtutor.plain import parts
from fwtutor.plain.speech import read_aloud
from fwtutor.recording import Session
from fwtutor.telling import told
from fwtutor.telling.reading import Histories, Place

if TYPE_CHECKING:
    from fwtutor.recording.cursor import Size
    from fwtutor.recording.scenario import Input

HEARD = 10
"""Lines of a host's console told at once at most."""
KEYS = "Where a page names a key: space is an empty line, ':' is optional, escape is not needed, tab is at HOST."
_EMPTY = re.compile(r"\s*(\w+>)?\s*")
"""A line in which nothing is said: a blank one, or a prompt that waits."""
MAX_PLAYED = 10_000
"""Moments told at one ``play``."""


class Lab:
    """A lab that somebody goes through by saying so; ``say`` takes what is told, a sentence at a time."""

    def __init__(self, course: Course | None, progress: Progress, say: Callable[[str], None], sitting: Sitting | None = None) -> None:
        self.course = course
        self.sitting = sitting or Sitting()
        self.progress = progress
        self.over = False
        """Somebody has said that it is enough."""
        self.not_understood = 0
        self._opened = False
        self._say = say

    # --- a lab ------------------------------------------------------------------------------------------------

    def open(self, lesson: Lesson, session: Session | None = None, *, afresh: bool = False, at: int | None = None) -> None:
        """Open a lesson's lab where it was left, or a sandbox with its session; say where one is. Raises LessonError."""
        lesson = self.sitting.prepared(lesson)
        self.lesson = lesson
        self.session = session or Session(lesson.scenario)
        self.journey = Journey(lesson, self.session, Unkept() if lesson.free else self.progress)
        self.journey.keeper = self.sitting.keeper(lesson)
        self.host, self.size = lesson.prompts[0], "packet"
        self._histories, self._told, self._restarting = Histories(), False, False
        self._kept = self._typed()
        self._opened = True
        if not lesson.free:
            self.journey.begin(afresh=afresh, at=at)
        self._hush()
        if not lesson.free:
            self.say(*read_aloud(lesson.question))
        self.say(*filter(None, (self.journey.lost, self.journey.resumed)))
        self._page_turned()
        if not lesson.free:
            self.say(*parts.goals(self.journey))
        self._noted()
        if self.session.cursor.index >= 0:
            self.say(*parts.moment(self.place))
            if told.typed_before(self.journey):
                self.say(f"{told.NOT_KEPT} save keeps it in a file.")
        self._asked()
        if not self._keys_told and not lesson.free:
            self._keys_told = True
            self.say(KEYS)
        self.say(f"You are at the prompt of {self.host}. help lists all commands.")

    host: str
    size: Size
    _keys_told = False

    @property
    def place(self) -> Place:
        return Place.of(self.session)

    def say(self, *lines: str) -> None:
        """Say something, a sentence a line."""
        for text in lines:
            self._say(printable(text))

    # --- going ------------------------------------------------------------------------------------------------

    def do_step(self, rest: str) -> None:
        self._went(self.journey.forward(self.size), forward=True)

    def do_back(self, rest: str) -> None:
        self._went(self.journey.back(self.size), forward=False)

    def do_play(self, rest: str) -> None:
        for _ in range(MAX_PLAYED):
            outcome = self.journey.forward(self.size)
            self._went(outcome, forward=True)
            if outcome is not Outcome.MOVED or self.journey.question is not None:
                return

    def do_end(self, rest: str) -> None:
        outcome = self.journey.to_end()
        self._went(outcome, forward=True)
        if outcome is Outcome.MOVED and self.journey.stage < self.journey.last_stage:
            self.say("This is the end of the page: step turns it.")

    def do_start(self, rest: str) -> None:
        self._went(self.journey.to_start(), forward=False)

    def do_packet(self, rest: str) -> None:
        self._sized("packet")

    def do_hook(self, rest: str) -> None:
        self._sized("hook")

    def do_rule(self, rest: str) -> None:
        self._sized("rule")

    def _sized(self, size: Size) -> None:
        self.size = size
        self.say(f"A step goes to the next {size}.")

    def _went(self, outcome: Outcome, *, forward: bool) -> None:
        if outcome is Outcome.TURNED and not forward:
            self._page_turned_back()
        elif outcome is Outcome.TURNED:
            self._page_turned()
        elif outcome is Outcome.MOVED:
            self._moment()
        elif outcome is Outcome.END:
            self._at_an_end(forward=forward)
        elif self.session.cursor.steps and self.session.cursor.step == 1:
            self.say(*parts.moment(self.place)[:1])
        self._noted()
        if forward:
            self._listen()
        else:
            self._hush()
        self._asked()

    # --- what hosts say ---------------------------------------------------------------------------------------

    def _console(self, host: str) -> list[str]:
        cursor = self.session.cursor
        said = self.session.run.world.hosts[host].console if cursor.at_end else cursor.said(host)
        return [each.text for each in said]

    def _hush(self) -> None:
        """What the consoles say up to here is no news any more."""
        self._listened = {host: len(self._console(host)) for host in self.lesson.prompts}

    def _listen(self) -> None:
        """Tell what the consoles say since one listened last."""
        for host in self.lesson.prompts:
            news = [text for text in self._console(host)[self._listened.get(host, 0) :] if not _EMPTY.fullmatch(text)]
            if len(news) > HEARD:
                self.say(f"Heard at {host}: {len(news)} new lines{'' if host == self.host else f'; at {host}'}; console tells them.")
            else:
                self.say(*(f"Heard at {host}: {text}" for text in news))
        self._hush()

    def _moment(self) -> None:
        """What there is to say after a step, by how far a step goes."""
        place = self.place
        if self.size == "packet" or place.walk is None:
            self.say(*parts.moment(place))
            return
        if place.done <= 1:
            self.say(*parts.moment(place)[:1])
        elif place.finished is None:
            self.say(*parts.why(place))
        elif self.size == "hook":
            self.say(*parts.why(place)[:-1], *parts.outcome(place))
        else:
            # The steps before have told the reasons.
            self.say(*parts.outcome(place))

    def _page_turned_back(self) -> None:
        """Its text has been told."""
        stops, page = self.session.run.stops, self.journey.stage
        at = bisect_right(stops, self.session.cursor.index)
        where = f"moment {at} of {len(stops)}" if at else "before the first packet"
        self.say(f"Moved to page {page + 1} of {len(self.lesson.stages)}: {self.lesson.stages[page].title}; {where}. page tells its text.")

    def _page_turned(self) -> None:
        self.say(*parts.page(self.journey, ended=self.journey.ended and not self._told))
        self._told = self._told or self.journey.ended
        pages = self.lesson.stages[: self.journey.stage + 1]
        wanted = next((page.prompt for page in reversed(pages) if page.prompt), self.host)
        if wanted != self.host:
            self.host = wanted
            self.say(f"You are at the prompt of {self.host} now.")

    def _at_an_end(self, *, forward: bool) -> None:
        goal = self.journey.open_goal
        if not forward:
            self.say("This is the beginning.")
        elif goal is not None:
            self.say(f"Nothing more happens by itself. Still to do: {goal.text}. hint helps.")
        elif self.lesson.free:
            self.say("Nothing more happens by itself: iptables, send, connect ... make something happen.")
        else:
            self.say("Nothing more happens by itself. This lesson is done: next opens the next one, page tells this page again.")

    def _noted(self) -> None:
        """Goals that have come true, and the end of the lesson when it is there."""
        news = self.journey.note()
        self.say(*(f"Goal met: {goal.text}." for goal in self.lesson.goals if goal.id in news))
        if self.journey.ended and not self._told:
            self._told = True
            self.say(*parts.ending(self.lesson))
        if news:
            self.keep()

    # --- questions --------------------------------------------------------------------------------------------

    def _asked(self) -> None:
        if self.journey.question is not None:
            self.say(*parts.question(self.journey.question))

    def do_question(self, rest: str) -> None:
        if self.journey.question is None:
            self.say("No question holds the way here.")
        self._asked()

    def _answer(self, number: int) -> None:
        asked = self.journey.question
        if asked is None or not self.journey.answer(number):
            self._wrong("there is no such answer to give here" if asked else "no question waits for an answer")
            return
        picked = self.journey.picked(asked)
        assert picked is not None
        from fwtutor.telling.otherwise import otherwise

        self.say(*parts.answered(asked, picked, asked.answer(self.session.run), otherwise(asked, self.session)))
        self.keep()
        self._asked()

    def do_a(self, rest: str) -> None:
        self._answer(0)

    def do_b(self, rest: str) -> None:
        self._answer(1)

    def do_c(self, rest: str) -> None:
        self._answer(2)

    def do_d(self, rest: str) -> None:
        self._answer(3)

    def do_hint(self, rest: str) -> None:
        hint = self.journey.hint()
        if hint is None:
            self.say(told.no_hint(self.lesson))
        else:
            more = [] if hint.new else ["There are no more on this page: they come round again."]
            self.say(f"Hint {hint.number} of {hint.total}:", *read_aloud(hint.text), *more)

    def _typed(self) -> list[list[Input]]:
        """What was entered in each run."""
        return [list(run.inputs) for run in self.session.runs]

    # --- keeping ----------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """However it ends, where one was is noted and kept."""
        if self._opened:
            self.journey.note()
        self.keep()

    def keep(self) -> None:
        """Keep the progress; a disk that will not have it is told, not died of."""
        try:
            self.progress.save()
        except OSError as error:
            self.say(f"Progress is not kept: {error}")

    def _wrong(self, text: str) -> None:
        """A command that cannot be done."""
        self.not_understood += 1
        self.say(f"Not done: {text}.")
