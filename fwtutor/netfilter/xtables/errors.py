"""RuleRefused: a command or a save file that was not taken, in the words of the tool, and where the fault lies.

``str(error)`` is the bare sentence. What the tool puts around it (its name, "Try `iptables -h' ...") is in ``printed``;
what only fwtutor adds, the nearest name for instance, is in ``hint``.
"""

from __future__ import annotations

from collections.abc import Iterable

TOOLS = {4: "iptables", 6: "ip6tables"}
"""The tools whose language and words these are, by family."""
_VARIANTS = {"legacy": "legacy", "nft": "nf_tables"}

USAGE, KERNEL, BARE, TABLE, BATCH, TOOL = 2, 1, 22, 3, 4, 21
"""How the tool says it: USAGE with its version and advice (exit status 2), KERNEL as "iptables: sentence" (1),
BARE the sentence alone and then the advice (2), TABLE with the version, without advice (3). Of nft only: BATCH, what the
kernel refused of all that was sent to it at once (4), and TOOL with the version, without advice (1)."""

_STATUS = {BARE: 2, TOOL: 1}

MAX_LISTED = 64
"""Names a hint lists."""


def version(family: int, variant: str) -> str:
    """What ``-V`` prints."""
    return f"{TOOLS[family]} v1.8.9 ({_VARIANTS[variant]})"


class RuleRefused(ValueError):
    """Nothing was changed. ``line[start:end]`` is the place; ``line_number`` counts from 1 in a save file, 0 elsewhere."""

    def __init__(
        self, message: str, *, line: str = "", start: int = 0, end: int = 0, line_number: int = 0, hint: str = "", manner: int = USAGE
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.start = start
        self.end = end
        self.line_number = line_number
        self.hint = hint
        self.manner = manner
        self.family, self.variant = 4, "legacy"
        """Whose words these are; filled in by who knows the ruleset."""
        self.before = ""
        """What the tool had said already, a warning."""

    @property
    def status(self) -> int:
        """The exit status the tool would have."""
        return _STATUS.get(self.manner, self.manner)

    @property
    def printed(self) -> str:
        """The words with what the tool puts around them, one newline at the end."""
        tool = TOOLS[self.family]
        if self.manner == KERNEL:
            return f"{self.before}{tool}: {self.message}\n"
        gap = " " if self.manner == BATCH else ""
        text = self.message if self.manner == BARE else f"{version(self.family, self.variant)}: {gap}{self.message}"
        advice = "" if self.manner in (TABLE, BATCH, TOOL) else f"Try `{tool} -h' or '{tool} --help' for more information.\n"
        return f"{self.before}{text}\n{advice}"

    def caret(self) -> str:
        """The line, and under it ``^^^`` below the place (tabs kept, so that they stand right)."""
        head = "".join("\t" if letter == "\t" else " " for letter in self.line[: self.start])
        return f"{self.line}\n{head}{'^' * max(1, self.end - self.start)}"


class Unreadable(ValueError):
    """An argument that an option cannot take; ``part`` is the faulty range within the argument's own text (None: all of it)."""

    def __init__(self, message: str, part: tuple[int, int] | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.part = part
        self.hint = hint


def meant(word: str, names: Iterable[str]) -> str:
    """A hint: the name that looks most like ``word``; "" if none does."""
    from difflib import get_close_matches  # slow to import, seldom needed

    known = sorted(names)
    close = get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    return next((f"did you mean {name}?" for name in known if close and name.lower() == close[0]), "")


def nearest(word: str, names: Iterable[str], what: str) -> str:
    """The same, and the names that exist."""
    known = sorted(names)
    listed = ", ".join(known[:MAX_LISTED]) + (", ..." if len(known) > MAX_LISTED else "")
    return f"{meant(word, known)} {what}: {listed}".lstrip()
