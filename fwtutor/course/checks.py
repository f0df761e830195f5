"""Judging an answer by its behaviour: every check of the lesson, each history in a fresh world, all drawn from the lesson's seed.

The histories themselves are ``trials``. Text of rules is never compared with anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from fwtutor.course.ground import CommandRefused, Ground
from fwtutor.course.model import TRIED, Answer, Check
from fwtutor.late import late_dataclass
from fwtutor.netfilter import RuleRefused
from fwtutor.network.prompt import configures
from fwtutor.network.records import CommandRun

if TYPE_CHECKING:
    from fwtutor.course.model import History, Lesson, Stage
    from fwtutor.course.reenacting import Reenacted
    from fwtutor.recording import Scenario

Lines = tuple[tuple[str, str], ...]
"""(host, line) pairs that were typed."""


@late_dataclass
class Failure:
    """One check an answer did not pass."""

    check: Check
    happened: str
    """The history that failed, in words."""

    def __str__(self) -> str:
        return f"{self.check.name}: {self.happened}. {self.check.reason}"

    @property
    def told(self) -> str:
        """Why it matters, and what happened: to whoever gave the answer."""
        return f"{self.check.reason} {TRIED}: {self.happened}."


@late_dataclass
class Judgement:
    """What came of an answer."""

    failures: tuple[Failure, ...] = ()
    refused: str = ""
    """What the tool said when the answer itself was refused; nothing was tried then."""

    @property
    def passed(self) -> bool:
        return not self.failures and not self.refused

    def __str__(self) -> str:
        if self.refused:
            return f"refused: {self.refused}"
        return "\n".join(str(failure) for failure in self.failures) or "every check passed"


@late_dataclass
class Court:
    """A lesson's checks and all they need, without the lesson: goals hold one, and the lesson holds the goals."""

    scenario: Scenario
    checks: tuple[Check, ...]
    seed: int
    places: frozenset[str] = frozenset()
    """Hosts at which the task is done: what somebody types elsewhere (an attacker's own rules) is no part of the answer."""

    def ground(self, answer: Answer) -> Ground:
        """Where an answer is judged: the hosts as the learner finds them, with the answer in force."""
        return Ground(self.scenario.topology, self.scenario.watch, answer.rules, answer.commands, self.as_found(), answer.rules6)

    def ground_typed(self, lines: Lines) -> Ground:
        """The hosts after all that was typed at them, by the lesson's script and by the learner."""
        return Ground(self.scenario.topology, self.scenario.watch, before=lines)

    def judge(self, answer: Answer, *, hasty: bool = False) -> Judgement:
        """Puts the answer through every check; ``hasty`` stops at the first that fails."""
        return self.judge_on(self.ground(answer), hasty=hasty)

    def judge_typed(self, lines: Lines) -> Judgement:
        """As ``judge``; stops at the first failure."""
        return self.judge_on(self.ground_typed(lines), hasty=True)

    def history(self, lines: Lines, check: Check) -> Reenacted | None:
        """The history in which what was typed fails a check, as a run; None if it does not fail."""
        from fwtutor.course.reenacting import reenact

        ground = self.ground_typed(lines)
        story = check.trial.story(ground, self._random(check))
        return reenact(ground, story) if story else None

    def _random(self, check: Check) -> Random:
        return Random(f"{self.seed} {check.name}")

    def judge_on(self, ground: Ground, *, hasty: bool = False) -> Judgement:
        failures: list[Failure] = []
        try:
            for check in self.checks:
                happened = check.trial.failure(ground, self._random(check))
                if happened:
                    failures.append(Failure(check, happened))
                    if hasty:
                        break
        except (RuleRefused, CommandRefused) as error:
            return Judgement(refused=str(error))
        return Judgement(tuple(failures))

    def as_found(self) -> tuple[tuple[str, str], ...]:
        """What the lesson's script does to the hosts that lasts: the learner finds it so at the end."""
        script = sorted(self.scenario.script, key=lambda line: (line.stage, line.at))
        return tuple((line.host, line.line) for line in script if configures(line.line))


@late_dataclass
class Failed:
    """What was typed, and the first check it does not pass."""

    court: Court
    lines: Lines
    failure: Failure
    last: int
    """Index of the last of those lines among the records."""
    newest: bool = True
    """The learner has entered nothing since."""
    lapsed: bool = False
    """What he had typed before did pass."""

    def history(self) -> Reenacted | None:
        """The history that failed, as a run."""
        return self.court.history(self.lines, self.failure.check)


def judge(lesson: Lesson, answer: Answer) -> Judgement:
    """Puts an answer through the lesson's checks."""
    return court_of(lesson).judge(answer)


def court_of(lesson: Lesson, seed: int | None = None) -> Court:
    """Where answers to the lesson are judged; ``seed``: not by its own."""
    return Court(lesson.scenario, lesson.checks, lesson.seed if seed is None else seed, places(lesson.scenario.watch, lesson.stages))


def places(watch: str, stages: Sequence[Stage]) -> frozenset[str]:
    """The watched host, and wherever a stage's ``do`` changes something that lasts."""
    return frozenset({watch, *(deed.host for stage in stages for deed in stage.deeds if configures(deed.line))})


@dataclass(slots=True)
class Passes:
    """A condition: the rules of the watched host pass every check, from the given stage on and with the learner's hand in it."""

    court: Court
    stage: int = 1
    """From 1: rules that were sound before the lesson broke them are no repair."""
    _known: dict[Lines, Judgement] = field(default_factory=dict, repr=False)

    def met_at(self, run: History) -> int | None:
        return next((index for index, lines in self._attempts(run) if self._judge(lines).passed), None)

    def missing(self, run: History) -> str:
        """The first check that the learner's last command left failing, if that command was part of an answer and none has passed."""
        attempts = list(self._attempts(run))
        if not attempts or attempts[-1][0] != _last_entered(run) or self.met_at(run) is not None:
            return ""
        judgement = self._judge(*attempts[-1][1:])
        return judgement.failures[0].told if judgement.failures else judgement.refused

    def failed(self, run: History) -> Failed | None:
        """The first check that fails with all that was typed in the run; None if the learner has not tried, or all is well.

        Once it was met, what the lesson itself does to the rules afterwards is no failure of his.
        """
        index, lines = next(iter(reversed(list(self._attempts(run)))), (-1, ()))
        failures = self._judge(lines).failures if lines else ()
        if not failures:
            return None
        entered, lapsed = _last_entered(run), self.met_at(run) is not None
        return None if lapsed and index > entered else Failed(self.court, lines, failures[0], index, index == entered, lapsed)

    def _attempts(self, run: History) -> Iterator[tuple[int, Lines]]:
        """(record index, all that was typed by then and lasts) of each line that counts."""
        touched = False
        lines: Lines = ()
        for index, record in enumerate(run.records):
            # What a program does by itself is nobody's answer.
            if not isinstance(record, CommandRun) or record.cause >= 0 or record.refused or not configures(record.line):
                continue
            if record.learner and record.host not in self.court.places:
                continue
            lines = (*lines, (record.host, record.line))
            touched = touched or record.learner
            if touched and run.stage_of(index) >= self.stage - 1:
                yield index, lines

    def _judge(self, lines: Lines) -> Judgement:
        if lines not in self._known:
            # Nobody types that many different answers; a script that does may judge some twice.
            if len(self._known) >= 256:
                self._known.clear()
            self._known[lines] = self.court.judge_typed(lines)
        return self._known[lines]


def _last_entered(run: History) -> int:
    """Index of the record of the learner's last command; -1 if he has entered none."""
    entered = (index for index, record in enumerate(run.records) if isinstance(record, CommandRun) and record.learner)
    return max(entered, default=-1)


def failures_of(failures: Sequence[Failure], check: str) -> bool:
    """Is the named check among them?"""
    return any(failure.check.name == check for failure in failures)
