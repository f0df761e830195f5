"""Predictions: the question before a packet, its choices a to d, and after the answer whether it was right, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fwtutor.course.model import Prediction
from fwtutor.telling import glyphs
from fwtutor.telling.prose import inline, prose
from fwtutor.telling.spans import Line, Span, clean, line, wrap
from fwtutor.tui.widgets.lines import LineView

if TYPE_CHECKING:
    from fwtutor.telling.otherwise import Otherwise

KEYS = "abcd"
FLASH = 0.4
"""Seconds for which the border flashes."""


class AskView(LineView):
    """One prediction; not displayed when there is none to answer and none just answered."""

    DEFAULT_CSS = "AskView { height: auto; max-height: 60%; display: none; }"
    can_focus = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._prediction: Prediction | None = None
        self._picked: int | None = None
        self._right: int | None = None
        self._otherwise: Otherwise | None = None
        self._held = False

    def show(self, prediction: Prediction | None, picked: int | None, right: int | None, otherwise: Otherwise | None = None) -> None:
        """Show a prediction: ``picked`` None while unanswered, ``right`` the computed choice (None: none of them).

        ``otherwise``: this run's answer, where it is another than the lesson's.
        """
        self._held = self._held and picked is None and prediction is self._prediction
        self.display = prediction is not None
        if (prediction, picked, right, otherwise) == (self._prediction, self._picked, self._right, self._otherwise):
            # A new layout at every step would be what a step costs most.
            self._entitle()
            return
        self._prediction, self._picked, self._right, self._otherwise = prediction, picked, right, otherwise
        self.set_class(prediction is not None and picked is None, "-waiting")
        self._entitle()
        self.refresh(layout=True)
        self.rebuild()

    def hold(self) -> None:
        """Somebody wants to go past: say in the title what opens the way, and let it flash."""
        if self._prediction is None or self._picked is not None:
            return
        self._held = True
        self._entitle()
        if self.app.has_class("-moving"):
            self.add_class("-flash")
            self.set_timer(FLASH, lambda: self.remove_class("-flash"))

    def _entitle(self) -> None:
        if self._prediction is not None:
            keys = f"answer a to {KEYS[len(self._prediction.choices) - 1]} first"
            asked = f"{glyphs.HERE} {keys}" if self._held else "Before you step"
            self.set_title(asked if self._picked is None else "Your prediction")

    def build(self, width: int) -> Sequence[Line]:
        if self._prediction is None:
            return ()
        return ask_rows(self._prediction, self._picked, self._right, width, self._otherwise)


def ask_rows(prediction: Prediction, picked: int | None, right: int | None, width: int, otherwise: Otherwise | None = None) -> list[Line]:
    """The question, its choices, and once answered the verdict on the answer."""
    return question_rows(prediction, width) + answer_rows(prediction, picked, right, width, otherwise)


def question_rows(prediction: Prediction, width: int) -> list[Line]:
    """The question."""
    return wrap(Line(inline(prediction.question, "strong")), width)


def answer_rows(
    prediction: Prediction, picked: int | None, right: int | None, width: int, otherwise: Otherwise | None = None
) -> list[Line]:
    """Its choices, and once answered the verdict on the answer."""
    if picked is None:
        return _choices(prediction, width)
    chosen = prediction.choices[picked]
    if picked == right:
        rows = wrap(Line((Span(f"{glyphs.TICK} right: ", "accept"), *inline(chosen.text))), width, 2)
        return rows + (wrap(line(otherwise.said), width) if otherwise else prose(chosen.why, width))
    if otherwise is not None:
        # What the lesson says of its choices is about the lesson's run.
        return wrap(line((f"{glyphs.CROSS} not {_quoted(chosen.text)}. ", "drop"), otherwise.said), width, 2)
    rows = wrap(Line((Span(f"{glyphs.CROSS} not {_quoted(chosen.text)}. ", "drop"), *inline(chosen.why))), width, 2)
    if right is None:
        return rows + wrap(line(("This run, with your changes, has no such packet.", "dim")), width)
    answer = prediction.choices[right]
    return rows + wrap(Line((Span(f"{glyphs.TICK} {_quoted(answer.text)}. ", "accept"), *inline(answer.why))), width, 2)


def _quoted(text: str) -> str:
    """A choice within a sentence: more than a word would run into it."""
    text = clean(text)
    return f'"{text}"' if " " in text else text


def _choices(prediction: Prediction, width: int) -> list[Line]:
    """All choices in one row if they fit, else one a row; each can be clicked."""
    singles = []
    for number, choice in enumerate(prediction.choices):
        click = f"screen.answer({number})"
        texts = (Span(clean(span.text), span.role, click) for span in inline(choice.text))
        singles.append(Line((Span(f" {KEYS[number]} ", "choice", click), *texts)))
    together = Line(tuple(span for single in singles for span in (*single.spans, Span("  "))))
    if together.width <= width + 2:
        return [Line(together.spans[:-1])]
    return [row for single in singles for row in wrap(single, width, 3)]
