"""What a lesson is, once loaded and found sound: immutable values with plain words in them.

Reading and judging lesson files is ``loader``'s, asking a run is ``queries``', judging an answer is ``checks``',
what a learner has done is ``progress``'. Nothing here knows of a screen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fwtutor.late import late_dataclass

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network
    from random import Random

    from fwtutor.course.checks import Failed
    from fwtutor.course.ground import Ground, Story
    from fwtutor.network.records import Record
    from fwtutor.network.world import World
    from fwtutor.recording import Run, Scenario


class LessonError(ValueError):
    """A lesson (or course) file that cannot be used, and where: ``too-open/lesson.toml:12: goals[1].when: ...``."""

    def __init__(self, file: Path | str, line: int, field: str, reason: str) -> None:
        self.file = str(file)
        self.line = line
        """From 1; 0 when the trouble is not in a line (the file is missing, too big, ...)."""
        self.field = field
        """As written in TOML, lists counted from 1: ``stages[2].traffic[1].host``; "" when it is the whole file."""
        self.reason = reason
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.reason}" if self.field else f"{place}: {self.reason}"


TRIED = "Your answer was tried"
"""What is said before what a check saw, to whoever gave the answer: it is no part of the run that is on the screen."""


class History(Protocol):
    """What questions and conditions read: a run, or a history that an answer was put through."""

    @property
    def records(self) -> list[Record]: ...

    @property
    def world(self) -> World: ...

    def stage_of(self, index: int) -> int:
        """The stage a record belongs to, from 0."""


class Condition(Protocol):
    """Something that comes true at a record of a run (see ``queries``). As a text it says what that is."""

    def met_at(self, run: History) -> int | None:
        """Index of the first record at which it is true; None if the run never gets there."""


@runtime_checkable
class Explains(Protocol):
    """A condition that can tell what it still waits for."""

    def missing(self, run: History) -> str:
        """Why it is not true yet, in a sentence or two; "" if it is, or if the learner has not tried."""


class Withheld:
    """A condition that somebody else judges, when the answer is handed in."""

    def met_at(self, run: History) -> int | None:
        return None


@runtime_checkable
class Judges(Protocol):
    """A condition that puts what was typed through checks."""

    def failed(self, run: History) -> Failed | None:
        """The check that what was typed in the run does not pass, and the history; None if all is well, or the learner has not tried."""


class Ask(Protocol):
    """A question with one short answer in netfilter's own words (see ``queries``)."""

    def record(self, run: History) -> int | None:
        """Index of the record the question is about; None if the run has no such packet."""

    def answer(self, run: History) -> str | None:
        """What the engine says; None if the run has no such packet."""


@late_dataclass
class Choice:
    """One answer a learner can pick."""

    text: str
    answer: str
    """The computed value this choice stands for: ``"NEW"``, ``"INPUT policy"``."""
    why: str
    """For a wrong choice the misconception, put right in a sentence; for the right one why it is right."""


@late_dataclass
class Prediction:
    """A question before a packet. Which choice is right is never written down: the engine's run says it."""

    id: str
    question: str
    choices: tuple[Choice, ...]
    """Two to four: keys a to d."""
    ask: Ask
    expect: str
    """The author's claim; ``lesson check`` holds it against ``computed``. The screen shows the computed one."""

    def computed(self, run: Run) -> str | None:
        """The engine's answer in netfilter's words; None if this run has no such packet."""
        return self.ask.answer(run)

    def answer(self, run: Run) -> int | None:
        """Index of the right choice in this run; None if the run has no such packet, or did what no choice says."""
        value = self.computed(run)
        return next((i for i, choice in enumerate(self.choices) if choice.answer == value), None)

    def due_at(self, run: Run) -> int | None:
        """Index of the record to answer before stepping onto: what it is about. None if this run has no such packet.

        One does not step onto a packet of a host that is not watched: then it is what one sees last before that packet.
        """
        place = self.ask.record(run)
        if place is None:
            return None
        seen = bisect_right(run.stops, place)
        last = run.stops[seen - 1] if seen else place
        return last if run.stage_of(last) == run.stage_of(place) else place


@late_dataclass
class Goal:
    """Something to bring about, shown at all times with a box to tick."""

    id: str
    text: str
    when: Condition

    @property
    def withheld(self) -> bool:
        """Is it judged elsewhere, when the answer is handed in?"""
        return isinstance(self.when, Withheld)

    def met_at(self, run: Run) -> int | None:
        """Index of the record at which it came true in this run; None if it has not."""
        return self.when.met_at(run)

    def missing(self, run: Run) -> str:
        """Why it is not met yet by what the learner did last, in a sentence or two to be shown after a command.

        "" if it is met, if the learner has not tried, or if there is nothing to say. Judges the rules in force at the end of
        the run, by behaviour; a few ms, and nothing when asked again about the same rules.
        """
        return self.when.missing(run) if isinstance(self.when, Explains) else ""

    def failed(self, run: Run) -> Failed | None:
        """The first check that what the learner has typed in this run does not pass; None if it is met, or not tried."""
        return self.when.failed(run) if isinstance(self.when, Judges) else None


@late_dataclass
class Deed:
    """What a learner may type to meet the goals of a stage: one way through, shown when it is asked for."""

    host: str
    line: str
    undo: bool = False
    """Look, and then take it back: it was to see what happens."""


@late_dataclass
class Stage:
    """One heading of lesson.md and what happens under it. Stage i is the i-th stage of ``scenario.script``."""

    title: str
    text: str
    """Markdown, without the heading; paragraphs of two or three short lines."""
    predictions: tuple[Prediction, ...] = ()
    """In the order they fall due."""
    hints: tuple[str, ...] = ()
    """From a nudge to the answer."""
    prompt: str = ""
    """The host at whose prompt the learner should be from here on; "" = where he is."""
    deeds: tuple[Deed, ...] = ()
    """Typed in this order when the page opens, before its first packet."""


@late_dataclass
class Answer:
    """A ruleset for the watched host, or commands for any prompt of the lab; one of the two is empty."""

    source: str
    """Where it came from, for messages: ``"wrong/accept-all.rules"``."""
    rules: str = ""
    rules6: str = ""
    """Of IPv6, beside ``rules``; empty: as the lesson begins."""
    commands: tuple[tuple[str, str], ...] = ()
    """(host, command) pairs, entered in order after ``start.rules`` and what the lesson's script did to it."""


@late_dataclass
class WrongAnswer:
    """An answer that must not pass, and the check that must stop it: its first line is ``# fails: CHECK: why``."""

    answer: Answer
    check: str
    why: str


class Trial(Protocol):
    """A history an answer is put through (see ``trials``)."""

    def failure(self, ground: Ground, random: Random) -> str:
        """What went wrong, in words; "" if nothing did."""

    def story(self, ground: Ground, random: Random) -> Story | None:
        """The same as it happened; None if nothing did."""


@late_dataclass
class Check:
    """One thing an answer is judged by: something that must go on, or must not reach the box."""

    name: str
    reason: str
    """Why anyone should care; shown when it fails, after what happened."""
    trial: Trial
    keeps_out: bool = False
    """Is it about what must not get in?"""


@late_dataclass
class Vary:
    """What of a lesson may be drawn anew, and out of what (see ``varying``)."""

    networks: tuple[tuple[IPv4Network | IPv6Network, IPv4Network | IPv6Network], ...] = ()
    """(a network, a larger one out of which another of its size is drawn)."""
    ports: tuple[tuple[int, int, int], ...] = ()
    """(a port, the least and the most that may be drawn for it)."""

    @property
    def anything(self) -> bool:
        return bool(self.networks or self.ports)


@late_dataclass
class Lesson:
    """A whole lesson, validated."""

    name: str
    """Its folder's name: ``"too-open"``."""
    title: str
    question: str
    minutes: int
    chapter: str
    """Title of the chapter that lists it, "" when loaded on its own."""
    folder: Path
    scenario: Scenario
    stages: tuple[Stage, ...]
    goals: tuple[Goal, ...]
    therefore: str
    """So that is why: one or two sentences."""
    next: str
    """Where the road goes on from here, in words ("" if nothing to say)."""
    prompts: tuple[str, ...]
    """Hosts the learner may type at; the first is where the cursor starts."""
    on_server: str
    """Markdown: commands that show the same on a real box."""
    checks: tuple[Check, ...]
    seed: int
    """What the network, and the histories an answer is put through, are drawn from."""
    solution: Answer | None = None
    """None, as ``wrong`` is empty, when it was loaded to be played."""
    wrong: tuple[WrongAnswer, ...] = ()
    vary: Vary = field(default_factory=Vary)
    student: str = ""
    """For whom its addresses and ports were drawn; "": as it is written."""
    held_back: bool = False
    """Checks and answers are not in it, or not told: somebody else judges what is handed in."""
    language: str = ""
    """The code of the one it is translated into, "" when it was read in its own."""
    untranslated: tuple[str, ...] = ()
    """The fields that have no text in that language, and so their own."""

    @property
    def free(self) -> bool:
        """A lab without a lesson: nothing is asked, and nothing is to be brought about."""
        return not self.goals

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """All of them, stage by stage."""
        return tuple(prediction for stage in self.stages for prediction in stage.predictions)


@late_dataclass
class Chapter:
    """A heading of the course map."""

    title: str
    about: str
    lessons: tuple[Lesson, ...]


@late_dataclass
class Course:
    """The course map: ``lessons/course.toml`` and every lesson it lists."""

    title: str
    folder: Path
    chapters: tuple[Chapter, ...]
    broken: tuple[LessonError, ...] = field(default=())
    """Lessons that could not be loaded: the rest stays playable, the map tells which and why."""
    exam: bool = False
    """Its lessons give no hints, and no word about whether an answer passes."""
    language: str = ""
    """The code of the one its texts were read in; "" is their own."""

    @property
    def lessons(self) -> Sequence[Lesson]:
        """In course order."""
        return [lesson for chapter in self.chapters for lesson in chapter.lessons]

    def lesson(self, name: str) -> Lesson | None:
        return next((lesson for lesson in self.lessons if lesson.name == name), None)
