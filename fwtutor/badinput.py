"""BadInput: what a person gave us is not usable, and the sentence that says where and why. Imports nothing."""

from __future__ import annotations


class BadInput(Exception):
    """``str(error)`` names the file, place and field, and is all a person needs; the command line prints it and exits with 2."""


def printable(text: str) -> str:
    """A stranger's text with what could steer a terminal made visible: an escape becomes the four characters ``\\x1b``."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else repr(letter)[1:-1] for letter in text)


def on_one_line(text: str) -> str:
    """As ``printable``, and line ends and tabs are made visible too: a name forges no line of its own, a caret below meets its letter."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
