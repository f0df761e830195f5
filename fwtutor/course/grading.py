"""Grading many answers: each judged in a worker process with limits on time and memory, so that a hostile one harms nobody else's."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from fwtutor.course.answers import bare_firewall
from fwtutor.course.checks import Court, Judgement
from fwtutor.course.loader import load_lesson
from fwtutor.course.model import Answer, Lesson, LessonError
from fwtutor.course.submissions import Submission
from fwtutor.course.varying import load_variant, seed_of
from fwtutor.netfilter import RuleRefused

CPU_SECONDS = 10
"""An answer may take so long; one that makes sense takes a tenth of one."""
MEMORY = 1 << 30
"""Bytes of address space a worker may have."""
ALONE = 8
"""So few answers are judged where one is, without workers: they take longer to start than to judge."""


class Mark(NamedTuple):
    """What came of one answer."""

    student: str
    source: str
    failures: tuple[tuple[str, str, str], ...] = ()
    """(check, the shortest history that failed, why it matters)."""
    refused: str = ""
    """Why it could not be judged."""
    like: str = ""
    """The lesson's wrong answer that it is, or that fails in the same checks: ``"by-source-port"``."""

    @property
    def passed(self) -> bool:
        return not self.failures and not self.refused


class Terms(NamedTuple):
    """What a class is judged by."""

    folder: Path
    """The lesson's."""
    seed: int | None = None
    """What the histories are drawn from; None: the lesson's own."""
    per_student: bool = False
    """Each has addresses, ports and histories of his own, drawn from the seed and his name."""


class Grader:
    """A lesson's checks, and what is known of its wrong answers."""

    def __init__(self, lesson: Lesson, terms: Terms | None = None, *, like: Grader | None = None) -> None:
        """``like``: who knows by which checks the wrong answers fail: the lesson as it is written, where this is a variant."""
        self.lesson = lesson
        self.terms = terms or Terms(lesson.folder)
        seed = lesson.seed if self.terms.seed is None else self.terms.seed
        self.court = Court(lesson.scenario, lesson.checks, seed_of(seed, lesson.student) if lesson.student else seed)
        self._spec = lesson.scenario.topology.host(lesson.scenario.watch)
        self._like_whom = like or self

    @classmethod
    def of(cls, terms: Terms) -> Grader:
        """Raises LessonError."""
        return cls(load_lesson(terms.folder), terms)

    def mark(self, submission: Submission) -> Mark:
        """Judges it, here and now."""
        if self.terms.per_student and not self.lesson.student:
            try:
                lesson = load_variant(self.terms.folder, self.terms.seed, submission.student)
            except LessonError as error:
                return Mark(submission.student, submission.source, refused=str(error))
            return Grader(lesson, self.terms, like=self).mark(submission)
        student, source = submission.student, submission.source
        if submission.wrong:
            return Mark(student, source, refused=submission.wrong)
        try:
            answer = self._answer(submission)
        except ValueError as error:
            return Mark(student, source, refused=str(error))
        judgement = self.court.judge(answer)
        if judgement.refused:
            return Mark(student, source, refused=judgement.refused)
        failures = tuple((failure.check.name, failure.happened, failure.check.reason) for failure in judgement.failures)
        return Mark(student, source, failures, like=self._like(answer, judgement))

    def _answer(self, submission: Submission) -> Answer:
        """Raises ValueError, naming the line."""
        if not submission.commands:
            try:
                bare_firewall(self._spec).load(submission.text)
            except RuleRefused as error:
                raise ValueError(f"line {error.line_number}: {str(error).strip()}") from None
            return Answer(submission.source, rules=submission.text)
        hosts = {host.name for host in self.lesson.scenario.topology.hosts}
        commands: list[tuple[str, str]] = []
        for number, line in enumerate(submission.text.split("\n"), 1):
            if not line.strip() or line.lstrip().startswith("# "):
                continue
            host, mark, command = line.partition("# ")
            if not mark or host.strip() not in hosts or not command.strip():
                raise ValueError(f"line {number}: is not HOST# COMMAND, with one of {', '.join(sorted(hosts))}")
            commands.append((host.strip(), command.strip()))
        return Answer(submission.source, commands=tuple(commands))

    def _plain(self, rules: str) -> str:
        firewall = bare_firewall(self._spec)
        firewall.load(rules)
        return firewall.save()

    def _like(self, answer: Answer, judgement: Judgement) -> str:
        if judgement.passed:
            return ""
        if answer.rules and (known := self._texts.get(self._plain(answer.rules))):
            return known
        return self._like_whom.fails.get(_names(judgement), "")

    @cached_property
    def _texts(self) -> dict[str, str]:
        """The wrong answers by their rules."""
        return {self._plain(wrong.answer.rules): Path(wrong.answer.source).stem for wrong in self.lesson.wrong if wrong.answer.rules}

    @cached_property
    def fails(self) -> dict[frozenset[str], str]:
        """The wrong answers by the checks they fail."""
        return {_names(self.court.judge(wrong.answer)): Path(wrong.answer.source).stem for wrong in reversed(self.lesson.wrong)}


def _names(judgement: Judgement) -> frozenset[str]:
    return frozenset(failure.check.name for failure in judgement.failures)


# --- many -----------------------------------------------------------------------------------------------------

Done = Callable[[int, Mark], None]
"""Hears of each answer that is judged: its number, its mark."""
_grader: Grader | None = None
"""Of a worker process: made once, when it starts."""


def grade(
    terms: Terms, submissions: Sequence[Submission], *, workers: int = 0, told: Callable[[int], None] = lambda done: None
) -> list[Mark]:
    """Marks for all of them, in their order; ``told`` hears how many are done. Raises LessonError when the lesson cannot be loaded."""
    grader = Grader.of(terms)
    marks: dict[int, Mark] = {}

    def done(number: int, mark: Mark) -> None:
        marks[number] = mark
        told(len(marks))

    if len(submissions) <= ALONE and not workers:
        for number, submission in enumerate(submissions):
            done(number, _limited(grader, submission))
        return [marks[number] for number in range(len(submissions))]
    left = list(range(len(submissions)))
    try:
        _judge(terms, workers or None, submissions, left, done)
    except BrokenProcessPool:
        # One of them has killed its worker. Each that is left gets a worker of its own, and only the one is lost.
        for number in [number for number in left if number not in marks]:
            try:
                _judge(terms, 1, submissions, [number], done)
            except BrokenProcessPool:
                lost = submissions[number]
                done(number, Mark(lost.student, lost.source, refused="could not be judged: it took more memory than there is"))
    return [marks[number] for number in range(len(submissions))]


def _judge(terms: Terms, workers: int | None, submissions: Sequence[Submission], which: Sequence[int], done: Done) -> None:
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (terms,)) as pool:
        futures: dict[Future[Mark], int] = {pool.submit(_work, submissions[number]): number for number in which}
        for future in as_completed(futures):
            done(futures[future], future.result())


def _begin(terms: Terms) -> None:
    global _grader
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import resource
    except ImportError:  # not on Windows
        pass
    else:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _grader = Grader.of(terms)


def _work(submission: Submission) -> Mark:
    assert _grader is not None
    return _limited(_grader, submission)


class _Over(BaseException):
    """The time is up. No OSError as TimeoutError is, nor an Exception: a simulated tool that is refused something must not catch it."""


def _limited(grader: Grader, submission: Submission) -> Mark:
    try:
        with _time_limit():
            return grader.mark(submission)
    except _Over:
        return Mark(submission.student, submission.source, refused=f"could not be judged within {CPU_SECONDS} s of processor time")
    except MemoryError:
        return Mark(submission.student, submission.source, refused="could not be judged: it took more memory than there is")


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raises _Over inside after so much processor time, and again until it has come through: one raised where Python only writes an
    exception down (a callback of the garbage collector) is lost. Nothing, where the system has no timer for that."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    armed = [True]

    def over(*_: object) -> None:
        if armed:
            raise _Over

    # It stays when the time is no longer counted: a signal still on its way would end the process if nobody took it.
    signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS, 0.1)
    try:
        try:
            yield
        finally:
            armed.clear()
    finally:  # twice, as it may have come just before
        armed.clear()
        signal.setitimer(signal.ITIMER_PROF, 0)
