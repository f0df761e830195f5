"""Judging an answer by its behaviour: every check of the lesson, each history in a fresh world, all drawn from the lesson's seed.

The histories themselves are ``trials``. Text of rules is never compared with anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from fwtutor.course.model import Answer, Check
from fwtutor.course.trials import CommandRefused, Ground
from fwtutor.late import late_dataclass
from fwtutor.netfilter import RuleRefused
from fwtutor.netfilter.xtables.savefile import save
from fwtutor.network.records import CommandRun
from fwtutor.network.world import World

if TYPE_CHECKING:
    from fwtutor.course.model import Lesson
    from fwtutor.recording import Run, Scenario


@late_dataclass
class Failure:
    """One check an answer did not pass."""

    check: Check
    happened: str
    """The history that failed, in words."""

    def __str__(self) -> str:
        return f"{self.check.name}: {self.happened}. {self.check.reason}"


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

    def judge(self, answer: Answer, *, hasty: bool = False) -> Judgement:
        """Puts the answer through every check; ``hasty`` stops at the first that fails."""
        topology, watch = self.scenario.topology, self.scenario.watch
        rules = answer.rules or (self.rules_as_found() if answer.commands else "")
        ground = Ground(topology, watch, rules, answer.commands)
        failures: list[Failure] = []
        try:
            for check in self.checks:
                happened = check.trial.failure(ground, Random(f"{self.seed} {check.name}"))
                if happened:
                    failures.append(Failure(check, happened))
                    if hasty:
                        break
        except (RuleRefused, CommandRefused) as error:
            return Judgement(refused=str(error))
        return Judgement(tuple(failures))

    def rules_as_found(self) -> str:
        """The watched host's rules as the learner finds them at the end: the start's, and what the lesson's script did to them."""
        scenario = self.scenario
        world = World(scenario.topology)
        for line in sorted(scenario.script, key=lambda line: (line.stage, line.at)):
            if line.host == scenario.watch and line.line.split()[:1] in (["iptables"], ["sudo"]):
                world.enter(line.host, line.line)
        return str(world.hosts[scenario.watch].firewall.save())


def judge(lesson: Lesson, answer: Answer) -> Judgement:
    """Puts an answer through the lesson's checks."""
    return Court(lesson.scenario, lesson.checks, lesson.seed).judge(answer)


@dataclass(slots=True)
class Passes:
    """A condition: the rules of the watched host pass every check, from the given stage on and with the learner's hand in it."""

    court: Court
    stage: int = 1
    """From 1: rules that were sound before the lesson broke them are no repair."""
    _known: dict[str, Judgement] = field(default_factory=dict, repr=False)

    def met_at(self, run: Run) -> int | None:
        return next((index for index, rules in self._attempts(run) if self._judge(rules).passed), None)

    def missing(self, run: Run) -> str:
        """The first check that the learner's last command left failing, if that command changed the rules."""
        attempts = list(self._attempts(run))
        entered = [index for index, record in enumerate(run.records) if isinstance(record, CommandRun) and record.learner]
        if not attempts or attempts[-1][0] != entered[-1] or self.met_at(run) is not None:
            return ""
        judgement = self._judge(attempts[-1][1])
        if not judgement.failures:
            return judgement.refused
        failure = judgement.failures[0]
        return f"Not yet: {failure.check.reason} What happened: {failure.happened}."

    def _attempts(self, run: Run) -> Iterator[tuple[int, str]]:
        """(record index, rules) of each change of the watched host's rules that counts."""
        touched = False
        for index, record in enumerate(run.records):
            if not isinstance(record, CommandRun) or record.cause >= 0:
                continue  # what a program does by itself is nobody's answer
            touched = touched or record.learner
            changed = record.host == self.court.scenario.watch and record.after is not record.before
            if touched and changed and run.stage_of(index) >= self.stage - 1:
                yield index, save(record.after, None)

    def _judge(self, rules: str) -> Judgement:
        if rules not in self._known:
            # Nobody types that many different rulesets; a script that does may judge some twice.
            if len(self._known) >= 256:
                self._known.clear()
            self._known[rules] = self.court.judge(Answer("the rules typed", rules), hasty=True)
        return self._known[rules]


def failures_of(failures: Sequence[Failure], check: str) -> bool:
    """Is the named check among them?"""
    return any(failure.check.name == check for failure in failures)
