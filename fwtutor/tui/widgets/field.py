"""A text field that sends nothing to the terminal but what can be seen."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Input


def seen(text: str) -> str:
    """Each character that would steer the terminal as a question mark: one cell for each, so that the cursor stands where it seems to."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\t" else "?" for letter in text)


class Field(Input):
    """Textual's field; its value may be anything, and is kept so."""

    @property
    def _value(self) -> Text:
        # Textual draws this, and measures it.
        return Text(seen(self.value), no_wrap=True, overflow="ignore", end="")
