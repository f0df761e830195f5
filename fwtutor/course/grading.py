"""Grading many answers: each judged in a worker process with limits on time and memory, so that a hostile one harms nobody else's."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

from fwtutor.course.answers import bare_firewall
from fwtutor.course.checks import Judgement, court_of
from fwtutor.course.commandlines import NFT, looks_like_nft, read_commands
from fwtutor.course.ground import Ground
from fwtutor.course.limits import Over, memory_limit, time_limit
from fwtutor.course.loader import load_lesson
from fwtutor.course.model import Answer, Lesson, LessonError
from fwtutor.course.submissions import Submission
from fwtutor.course.varying import key_of, load_variant, seed_of
from fwtutor.netfilter import RuleRefused
from fwtutor.orphans import end_with

CPU_SECONDS = 10
"""An answer may take so long; one that makes sense takes a tenth of one."""
MEMORY = 1 << 30
"""Bytes of address space that judging an answer may take."""
ALONE = 8
"""So few answers are judged where one is, without workers: they take longer to start than to judge."""


UNCHANGED = "nothing was changed: all is as the lesson begins"


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
    note: str = ""
    """What whoever grades should know besides."""

    @property
    def passed(self) -> bool:
        return not self.failures and not self.refused


Key = TypeVar("Key", bound=Hashable)


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
        self.court = court_of(lesson, seed_of(seed, lesson.student) if lesson.student else seed)
        self._spec = lesson.scenario.topology.host(lesson.scenario.watch)
        self._hosts = {host.name for host in lesson.scenario.topology.hosts}
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
        student, source, note = submission.student, submission.source, self._note(submission)
        if submission.wrong:
            return Mark(student, source, refused=submission.wrong)
        try:
            ground = self._ground(submission)
        except ValueError as error:
            return Mark(student, source, refused=str(error), note=note)
        judgement = self.court.judge_on(ground)
        if not judgement.passed and not judgement.refused and _what_is_so(ground) == self._as_found:
            return Mark(student, source, refused=UNCHANGED, note=note)
        if judgement.refused:
            return Mark(student, source, refused=judgement.refused, note=note)
        failures = tuple((failure.check.name, failure.happened, failure.check.reason) for failure in judgement.failures)
        return Mark(student, source, failures, like=self._like(ground, judgement), note=note)

    def _note(self, submission: Submission) -> str:
        """What a teacher should know of how it was played."""
        helped = "it was not played as an exam" if submission.kept is not None and not submission.kept.exam else ""
        return "; ".join(filter(None, (self._played_otherwise(submission), helped)))

    def _played_otherwise(self, submission: Submission) -> str:
        """How what the lab kept was played otherwise than it is judged."""
        kept, own = submission.kept, self.lesson.seed
        if kept is None:
            return ""
        if kept.student and key_of(kept.student) != key_of(submission.student):
            return f"it was played as {kept.student!r}"
        if not self.terms.per_student:
            return (
                f"it was played with --student {kept.student!r}: try --seed-per-student"
                if kept.student and self.lesson.vary.anything
                else ""
            )
        if not kept.student:
            return "it was played without --student, so with the lesson's own addresses"
        here, there = (own if seed is None else seed for seed in (self.terms.seed, kept.seed))
        return "" if here == there else f"it was played with --seed {there}, and is judged with {here}"

    def _ground(self, submission: Submission) -> Ground:
        """Raises ValueError, naming the line."""
        kept = submission.kept
        if kept is None:
            return self.court.ground(self._answer(submission))
        if kept.lesson != self.lesson.name:
            raise ValueError(f"is an answer to {kept.lesson[:60]}, not to {self.lesson.name}")
        for number, (_, host, _line) in enumerate(kept.answer, 1):
            if host not in self._hosts:
                raise ValueError(f"answer[{number}].host: there is no host {host[:40]!r}")
        here = kept._replace(answer=tuple(line for line in kept.answer if line[1] in self.court.places))
        return self.court.ground_typed(here.with_those_of(self.court.as_found()))

    def _answer(self, submission: Submission) -> Answer:
        """Raises ValueError, naming the line."""
        if looks_like_nft(submission.text):
            raise ValueError(NFT)
        if submission.commands:
            commands = read_commands(submission.text, self._hosts, self.court.places, self.lesson.scenario.watch)
            return Answer(submission.source, commands=commands)
        try:
            bare_firewall(self._spec).load(submission.text)
        except RuleRefused as error:
            raise ValueError(f"line {error.line_number}: {str(error).strip()}") from None
        if not any(line.startswith("*") for line in submission.text.split("\n")):
            raise ValueError("has no rules: iptables-save prints them, from *filter to COMMIT")
        return Answer(submission.source, rules=submission.text)

    def _like(self, ground: Ground, judgement: Judgement) -> str:
        """The one wrong answer that makes the same of the hosts, or else the one that fails in the same checks; "": none, or several."""
        if judgement.passed:
            return ""
        return self._by_what_is_so.get(_what_is_so(ground)) or self._like_whom.by_checks.get(_names(judgement), "")

    @cached_property
    def _as_found(self) -> Hashable:
        """The hosts as the learner finds them."""
        return _what_is_so(self.court.ground_typed(self.court.as_found()))

    @cached_property
    def _by_what_is_so(self) -> dict[Hashable, str]:
        """The wrong answers by what they make of the hosts, where that is theirs alone."""
        found = [(_what_is_so(self.court.ground(wrong.answer)), Path(wrong.answer.source).stem) for wrong in self.lesson.wrong]
        return _alone([(self._as_found, ""), *found])

    @cached_property
    def by_checks(self) -> dict[frozenset[str], str]:
        """The wrong answers by the checks they fail."""
        return _alone([(_names(self.court.judge(wrong.answer)), Path(wrong.answer.source).stem) for wrong in self.lesson.wrong])


def _what_is_so(ground: Ground) -> Hashable:
    """Rules, sets, settings and files of all hosts: what an answer changes, however it is written."""
    found: list[Hashable] = []
    for host in ground.world().hosts.values():
        firewall, files = host.firewall, host.files
        found += [firewall.save(), firewall.save(family=6), firewall.ipset("save"), tuple(sorted(firewall.sysctls.items()))]
        found += [(path, files.read(path)) for path in files.paths() if not path.startswith("/var/log/")]
    return tuple(found)


def _alone(found: list[tuple[Key, str]]) -> dict[Key, str]:
    """Who has a key that nobody else has."""
    count = Counter(key for key, _ in found)
    return {key: name for key, name in found if count[key] == 1}


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
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (terms, os.getpid())) as pool:
        futures: dict[Future[Mark], int] = {pool.submit(_work, submissions[number]): number for number in which}
        for future in as_completed(futures):
            done(futures[future], future.result())


def _begin(terms: Terms, parent: int) -> None:
    global _grader
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not end_with(parent):
        os._exit(1)
    _grader = Grader.of(terms)
    # What stays as long as the worker does is no garbage, and need not be looked through after each answer.
    gc.freeze()


def _work(submission: Submission) -> Mark:
    assert _grader is not None
    return _limited(_grader, submission)


def _limited(grader: Grader, submission: Submission) -> Mark:
    try:
        with memory_limit(MEMORY), time_limit(CPU_SECONDS):
            return grader.mark(submission)
    except Over:
        return Mark(submission.student, submission.source, refused=f"could not be judged within {CPU_SECONDS} s of processor time")
    except MemoryError:
        return Mark(submission.student, submission.source, refused="could not be judged: it took more memory than there is")
