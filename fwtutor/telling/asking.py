"""What is said around a question that is asked outside a lab: the rules it is about, the engine's own why, and what came of it all."""

from __future__ import annotations

from fwtutor.course.questions import Question, Series
from fwtutor.course.quiz import QuizSeries
from fwtutor.netfilter.xtables.rule import Chain
from fwtutor.telling.reading import Place
from fwtutor.telling.reasons import reasons
from fwtutor.telling.spans import Line, line, wrap

AFTERWARDS = "Why, the course will show you. When you have done it, take the quiz once more: the same questions, with the reasons."


def rules_rows(question: Question, width: int) -> list[Line]:
    """The rules the packet meets, numbered as the choices name them; chains without any in one line."""
    place = Place.of(question.session)
    rows = [line((f"The rules of {place.watch}", "heading"))]
    bare: list[str] = []
    for name, table in place.rules.tables.items():
        shown = "" if name == "filter" else f"{name} "
        for chain in table.chains.values():
            if not chain.rules:
                bare += [f"{chain.name} ({_end(chain)})"] if shown == "" else []
                continue
            rows += wrap(line((f"{shown}{chain.name}", "strong"), (f", {_end(chain)}", "dim")), width)
            for number, rule in enumerate(chain.rules, 1):
                rows += wrap(line((f"{number:>3}  ", "dim"), (rule.save(), "code")), width, 5)
    if bare:
        rows += wrap(line((f"Without rules: {', '.join(bare)}.", "dim")), width)
    return rows


def _end(chain: Chain) -> str:
    return f"policy {chain.policy}" if chain.policy else "a chain of its own"


def why_rows(question: Question, width: int) -> list[Line]:
    """The engine's own explanation of what became of the packet."""
    return [line(("What the firewall did", "heading")), *reasons(Place.of(question.session), width)]


def introduction(series: Series) -> str:
    """What somebody is told before the first question."""
    if not isinstance(series, QuizSeries):
        return "You answered these wrongly. What you get right now is not asked any more."
    begun = f"You have answered {len(series.answers)} already. " if series.answers else ""
    if series.when == "before":
        return f"{begun}A letter answers, s skips. You are told how many were right, and no more: the course has the answers."
    return f"{begun}The same questions as before, and now with the reasons. The course is still ahead? Then leave this for later."


def count(series: Series) -> str:
    """How far one is."""
    if isinstance(series, QuizSeries):
        done = series.total - len(series.questions) + series.number
        return f"question {min(done + 1, series.total)} of {series.total}"
    return f"question {min(series.number + 1, len(series.questions))} of {len(series.questions)}"


def outcome(series: Series, before: int | None) -> list[str]:
    """What came of it, a sentence each; ``before`` is the score before the course, if there is one."""
    if isinstance(series, QuizSeries):
        said = [f"{series.score} of {series.total} were right."]
        if series.when == "before":
            return [*said, AFTERWARDS]
        return [*said, *([f"Before the course it was {before}."] if before is not None else [])]
    total = len(series.questions)
    if not total:
        return ["There is nothing to ask again: no prediction of yours waits to be put right."]
    left = total - series.right
    rest = f"{'One waits' if left == 1 else f'{left} wait'} for the next time." if left else "Nothing is left to ask again."
    if not series.right:
        return ["None of them is right yet.", rest]
    return [f"{series.right} of {total} {'is' if series.right == 1 else 'are'} right now, and will not be asked any more.", rest]
