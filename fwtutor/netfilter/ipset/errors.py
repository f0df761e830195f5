"""SetRefused: a command that ipset or the kernel does not take, in the tool's words."""

from __future__ import annotations

VERSION = "v7.17"
"""Of the tool whose words these are."""
FAILED, USAGE = 1, 2
"""The tool's exit status: it tried in vain, or was not called as it wants to be."""

NO_SUCH_SET = "The set with the given name does not exist"


class SetRefused(ValueError):
    """``str(error)`` is the bare sentence; what the tool puts around it is in ``printed``.

    Nothing was changed, unless many elements were to be added or taken away: those before the one at fault were.
    """

    def __init__(self, message: str, *, status: int = FAILED, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.status, self.hint = message, status, hint
        self.line_number = 0
        """In what is restored, from 1."""
        self.silent = False
        """Nothing is to be said of it: -quiet was given."""

    @property
    def printed(self) -> str:
        """With what the tool says around it, and a newline."""
        where = f"Error in line {self.line_number}: " if self.line_number and self.status == FAILED else ""
        advice = "Try `ipset help' for more information.\n" if self.status == USAGE else ""
        return f"ipset {VERSION}: {where}{self.message}\n{advice}"


def syntax(message: str) -> SetRefused:
    """What the tool finds wrong by itself."""
    return SetRefused(f"Syntax error: {message}")


class NotInSet(SetRefused):
    """The answer to ``ipset test`` when it is no."""

    @property
    def printed(self) -> str:
        return f"{self.message}\n"
