"""A question whose answer is another in this run than in the lesson's: the engine's own reason stands for what the lesson wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.why import why
from fwtutor.recording.cursor import Cursor
from fwtutor.telling import words
from fwtutor.telling.reading import Place

if TYPE_CHECKING:
    from fwtutor.course.model import Prediction
    from fwtutor.recording import Session

LOOKED_UP = ("ctstate", "entry", "seconds")
"""What is asked that the look-up explains; the rest, what decided does."""


class Otherwise(NamedTuple):
    """The answer of this run."""

    value: str
    because: str

    @property
    def said(self) -> str:
        """A sentence."""
        because = self.because.removeprefix(f"{self.value}: ").rstrip(".")
        return f"In this run, with your changes, the answer is {self.value}{f': {because}' if because else ''}."


def otherwise(prediction: Prediction, session: Session) -> Otherwise | None:
    """What this run says; None where it says what the lesson's does, or has no such packet."""
    value = prediction.computed(session.run)
    if value is None or value == prediction.expect:
        return None
    index, what = prediction.ask.record(session.run), getattr(prediction.ask, "what", "")
    if index is None or not what:
        return Otherwise(value, "")
    cursor = Cursor(session.run)
    cursor.seek(index)
    return Otherwise(value, _reason(Place.of(session, cursor), what))


def _reason(place: Place, what: str) -> str:
    if place.walk is None:
        return ""
    if what in LOOKED_UP:
        found = place.looked_up
        if found is None:
            return words.LEFT_ALONE if place.untracked else words.unasked(place)
        return why(place.walk, found, place.view.entries.values()).text.replace("\n", "; ")
    step = decider(place.happened) or place.finished
    return "" if step is None else why(place.walk, step).text.replace("\n", "; ")
