"""A lesson that is done as a page: the question, the answer, what decided, the solution, and what one had predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.course.facts import decided, entry_words
from fwtutor.course.summary import Asked, asked, finished, solved
from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.steps import RuleTried
from fwtutor.network.records import Walked
from fwtutor.telling import glyphs, solution, words
from fwtutor.telling.prose import inline, prose
from fwtutor.telling.spans import BLANK, Line, Span, line, wrap

if TYPE_CHECKING:
    from fwtutor.course.model import Lesson
    from fwtutor.course.progress import Progress

LETTERS = "abcd"


class Finished:
    """The page of one lesson. What the lesson's run says is worked out once."""

    def __init__(self, lesson: Lesson, progress: Progress, *, spoil: bool = False) -> None:
        """``spoil``: all of it, whether the lesson is done or not."""
        self.lesson = lesson
        self.whole = spoil or finished(lesson, progress)
        """Is the answer told?"""
        part = progress.lessons.get(lesson.name)
        self._met = frozenset(part.goals) if part else frozenset()
        self._solved = solved(lesson) if self.whole else None
        self._asked = asked(lesson, self._solved.run, progress) if self._solved else []

    def rows(self, width: int) -> list[Line]:
        """All of it."""
        lesson = self.lesson
        made = [*wrap(line((lesson.question, "strong")), width)]
        if not self.whole:
            made += [BLANK, *(row for goal in lesson.goals for row in self._goal(goal.id, goal.text, width))]
            return [*made, BLANK, *wrap(line(("The answer, and what decides, stand here when all goals are met.", "dim")), width)]
        made += [BLANK, line(("The answer", "heading")), *prose(lesson.therefore, width)]
        for each in self._asked:
            made += [BLANK, *self._question(each, width)]
        for page, stage in enumerate(lesson.stages):
            if stage.deeds and self._solved is not None:
                said = solution.explained(self._solved.run, self._solved.before[page], stage.deeds)
                made += [BLANK, line((f"One way through page {page + 1}: {stage.title}", "heading")), *solution.rows(said, width)]
        if lesson.on_server:
            made += [BLANK, line(("On a real server", "heading")), *prose(lesson.on_server, width)]
        return made

    def _goal(self, name: str, text: str, width: int) -> list[Line]:
        sign = Span(f"{glyphs.TICK} ", "accept") if name in self._met else Span(f"{glyphs.BOX} ", "dim")
        return wrap(Line((sign, *line(text).spans)), width, 2)

    def _question(self, each: Asked, width: int) -> list[Line]:
        choices = each.prediction.choices
        made = wrap(Line(inline(each.prediction.question, "strong")), width)
        if each.picked is not None and each.picked != each.right:
            said = choices[each.picked]
            made += wrap(Line((Span(f"{glyphs.CROSS} you said ", "drop"), *inline(said.text), Span(". "), *inline(said.why))), width, 2)
        if each.right is not None:
            right = choices[each.right]
            you = "you said " if each.picked == each.right else ""
            made += wrap(Line((Span(f"{glyphs.TICK} {you}", "accept"), *inline(right.text), Span(". "), *inline(right.why))), width, 2)
        return made + self._seen(each.index, width)

    def _seen(self, index: int | None, width: int) -> list[Line]:
        """The packet as it went, the rule that decided, and the entry it left."""
        record = self._solved.run.records[index] if self._solved and index is not None else None
        if not isinstance(record, Walked):
            return []
        walk = record.walk
        step = decider(walk.steps)
        rule = f": {step.rule.save()}" if isinstance(step, RuleTried) and step.rule else ""
        what = f"{words.packet_tuple(walk.packet)} {words.flags(walk.packet)}".rstrip()
        by = "" if decided(walk) == "no rule" else f", by {decided(walk)}{rule}"
        entry = f"; entry: {entry_words(walk.tracked)}" if walk.tracked or (walk.states and walk.states[0][1] == "NEW") else ""
        return wrap(line(("  seen ", "dim"), (f"{what}: {words.result(record)}{by}{entry}", "code")), width, 7)
