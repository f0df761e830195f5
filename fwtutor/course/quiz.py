"""The quiz before and after the course: ``quiz.toml`` beside ``course.toml``. Small rulesets and a packet each; the engine answers.

Both times the same questions come, each time in an order of its own, drawn from the quiz's seed. Before the course nothing is
said but the score; after it, why. Whoever stops in the middle goes on there.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from fwtutor.course.answers import bare_firewall
from fwtutor.course.fields import read_host, read_prediction
from fwtutor.course.model import LessonError
from fwtutor.course.networks import own_topology
from fwtutor.course.questions import Played, Question, Series
from fwtutor.course.tables import Table, read_text, shown_name
from fwtutor.course.which import lessons_folder
from fwtutor.netfilter import RuleRefused
from fwtutor.network.topology import HostSpec, Topology
from fwtutor.recording import Scenario, Scripted

if TYPE_CHECKING:
    from fwtutor.course.progress import Progress

FILE_NAME = "quiz.toml"
MAX_QUESTIONS = 100


class Quiz:
    """A quiz, read and found sound."""

    def __init__(self, questions: tuple[Question, ...], draw: int, seed: int) -> None:
        self.questions = questions
        """All there are, as the file has them."""
        self.draw = draw
        """So many are asked."""
        self.seed = seed

    def drawn(self, when: str) -> list[Question]:
        """The questions asked before or after the course: the same ones, in another order."""
        chosen = Random(self.seed).sample(self.questions, self.draw)
        Random(f"{self.seed} {when}").shuffle(chosen)
        return chosen


def has_quiz(root: Path | None = None) -> bool:
    """Has the course one?"""
    return os.path.lexists((root or lessons_folder()) / FILE_NAME)


def load_quiz(root: Path | None = None) -> Quiz:
    """The quiz of a course, every question of it played. Raises LessonError with file, line, field and reason."""
    root = root or lessons_folder()
    table = Table.parse(shown_name(root, FILE_NAME), read_text(root, FILE_NAME))
    seed = table.number("seed", 0, least=0, most=2**32 - 1)
    watch = table.text("watch", limit=32)
    topology = own_topology(table, seed)
    hosts = {host.name: host for host in topology.hosts}
    if watch not in hosts:
        table.fail(f'there is no host "{watch}"', "watch")
    ids: set[str] = set()
    parts = table.tables("questions", required=True, most=MAX_QUESTIONS)
    questions = tuple(_question(part, topology, hosts, watch, ids) for part in parts)
    draw = table.number("draw", len(questions), least=1, most=len(questions))
    table.done()
    return Quiz(questions, draw, seed)


def asked_of(root: Path | None = None) -> int:
    """How many questions are asked, without playing any; 0 where the course has no quiz that can be read."""
    root = root or lessons_folder()
    try:
        content = tomllib.loads(read_text(root, FILE_NAME))
        return int(content.get("draw", len(content["questions"])))
    except (LessonError, ValueError, TypeError, KeyError):
        return 0


def score_words(progress: Progress, when: str, asked: int) -> str:
    """What somebody had before or after the course: as long as it is not done, how far he is; "" if he has not begun."""
    answers = progress.quiz.get(when)
    if not answers:
        return ""
    right = sum(answers.values())
    return f"{right} of {len(answers)} right" if len(answers) >= asked else f"{len(answers)} of {asked} answered"


def _question(part: Table, topology: Topology, hosts: Mapping[str, HostSpec], watch: str, ids: set[str]) -> Question:
    script = []
    for event in part.tables("traffic", required=True):
        script.append(Scripted(0, read_host(event, hosts), event.text("run", limit=400), event.seconds("at", 0.0)))
        event.done()
    host = _started(part, hosts[watch])
    placed = replace(topology, hosts=tuple(host if each.name == watch else each for each in topology.hosts))
    question = Question(read_prediction(part, watch, hosts, 1, ids), Played(Scenario(placed, tuple(script), watch)))
    _prove(part, question)
    return question


def _started(part: Table, host: HostSpec) -> HostSpec:
    """The watched host with the question's own rules."""
    rules = part.text("rules")
    try:
        bare_firewall(host).load(rules)
    except RuleRefused as error:
        part.fail_inside(str(error).strip(), error.line_number, "rules")
    return replace(host, rules=rules)


def _prove(part: Table, question: Question) -> None:
    """The author's claim is one of the choices already; it must be what the engine says, too."""
    prediction, run = question.prediction, question.session.run
    for record in run.records:
        output = getattr(record, "output", "")
        if getattr(record, "refused", False):
            part.fail(f"{record.host}: refused: {output.strip()}", "traffic")
    computed = prediction.computed(run)
    if computed is None:
        part.fail("the traffic has no such packet", "ask")
    if question.right is None:
        part.fail(f'the engine says "{computed}", and none of the choices does', "choices")
    if computed != prediction.expect:
        part.fail(f'is "{prediction.expect}", and the engine says "{computed}"', "expect")


class QuizSeries(Series):
    """Somebody takes the quiz: before the course, or after it. Every answer is kept at once."""

    def __init__(self, quiz: Quiz, progress: Progress, when: str = "") -> None:
        """``when`` is "before" or "after"; "": whichever it is time for."""
        self.when = when or due(quiz, progress)
        self.title = f"Quiz, {self.when} the course"
        self.tells = self.when == "after"
        drawn = quiz.drawn(self.when)
        kept = progress.quiz.get(self.when, {})
        if self.when == "after" and all(question.prediction.id in kept for question in drawn):
            # As often as one likes; the last time counts.
            kept = {}
        self.answers = {question.prediction.id: kept[question.prediction.id] for question in drawn if question.prediction.id in kept}
        super().__init__([question for question in drawn if question.prediction.id not in self.answers])
        self._progress = progress
        self.total = len(drawn)

    @property
    def score(self) -> int:
        """How many were right, with those of an earlier sitting."""
        return sum(self.answers.values())

    def keep(self, asked: Question, *, right: bool) -> None:
        self.answers[asked.prediction.id] = right
        self._progress.quiz[self.when] = dict(self.answers)

    def skip(self, asked: Question) -> None:
        # Who does not know has not got it right.
        self.keep(asked, right=False)


def due(quiz: Quiz, progress: Progress) -> str:
    """Before the course, until that is done; then after it."""
    kept = progress.quiz.get("before", {})
    return "after" if all(question.prediction.id in kept for question in quiz.drawn("before")) else "before"


def score_before(series: Series, progress: Progress) -> int | None:
    """How many were right before the course, for somebody who takes the quiz after it; None if there is nothing to say."""
    before = progress.quiz.get("before")
    return sum(before.values()) if before and isinstance(series, QuizSeries) and series.when == "after" else None
