"""Questions in plain mode: one after another, a line of text each way. The quiz, and predictions that are asked again."""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.course.questions import Series
from fwtutor.plain import parts
from fwtutor.plain.speech import WIDE, as_written, sentences, spoken
from fwtutor.telling import asking

STOP = ("stop", "quit", "exit", "q")


class Asker:
    """Somebody who is asked. ``say`` takes a sentence at a time; ``keep`` is called after each answer."""

    def __init__(self, series: Series, say: Callable[..., None], keep: Callable[[], None], before: int | None = None) -> None:
        self.series = series
        self.over = False
        self._say, self._keep, self._before = say, keep, before
        say(f"{series.title}.")
        if series.asked is not None:
            say(asking.introduction(series))
        self._ask()

    def hear(self, text: str) -> bool:
        """An answer, or what else can be said; False if it is not understood."""
        text = text.strip().lower()
        series = self.series
        told = series.picked is not None
        if text in STOP:
            self.over = True
            self._say("You have stopped; what you answered is kept.")
        elif told and text in ("", "on", "next", "step"):
            series.on()
            self._ask()
        elif not told and text in ("s", "skip"):
            series.on()
            self._keep()
            self._ask()
        elif not told and len(text) == 1 and text in parts.LETTERS and series.answer(parts.LETTERS.index(text)):
            self._answered()
        else:
            self._say(f"Say {'on, or an empty line' if told else f'{self._letters()}, skip'}, or stop.")
            return False
        return True

    def _letters(self) -> str:
        asked = self.series.asked
        return " ".join(parts.LETTERS[: len(asked.prediction.choices)]) if asked else ""

    def _answered(self) -> None:
        series = self.series
        self._keep()
        asked = series.asked
        if series.picked is None or asked is None:
            # Nothing is told of it: the next one is asked.
            self._ask()
            return
        self._say(*parts.answered(asked.prediction, series.picked, asked.right))
        self._say(*sentences(asking.why_rows(asked, WIDE)))
        self._say("An empty line goes on.")

    def _ask(self) -> None:
        asked = self.series.asked
        if asked is None:
            self.over = True
            self._say(*asking.outcome(self.series, self._before))
            return
        counted = asking.count(self.series)
        self._say(spoken(f"{counted[0].upper()}{counted[1:]}{f', from {asked.about}' if asked.about else ''}."))
        self._say(*as_written(asking.rules_rows(asked, WIDE)))
        self._say(*parts.question(asked.prediction, "Question"))
