"""What a host keeps besides its firewall, and since when: its files. Whoever looks at the past reads them up to a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

MOST_LINES = 20_000
"""Lines kept of a file that is only ever added to; a flood keeps the first ones."""

SECRET = ("/var/log/auth.log", "/var/log/fail2ban.log", "/var/log/vsftpd.log", "/root/")
"""What only root may read."""
MOST_FILES = 200


class Written(NamedTuple):
    """One writing to a file, while ``record`` (its index) was made."""

    record: int
    text: str
    anew: bool
    """It replaced what there was; else it came behind it."""


class Files:
    """Texts by path. ``upto``, where it is taken, is the index of a record: as it was when that was over; None: as it is now."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._written = {path: [Written(-1, text, True)] for path, text in texts.items()}

    def write(self, path: str, text: str, index: int) -> None:
        """Replaces a file's text, or makes the file."""
        self._written.setdefault(path, []).append(Written(index, text, True))

    def append(self, path: str, text: str, index: int) -> None:
        """Adds to the end of a file, which is made if need be."""
        there = self._written.setdefault(path, [])
        if len(there) < MOST_LINES:
            there.append(Written(index, text, False))

    def read(self, path: str, upto: int | None = None) -> str | None:
        """A file's text; None: there is no such file."""
        found: list[str] | None = None
        for written in self._written.get(path, ()):
            if upto is not None and written.record > upto:
                break
            if found is None or written.anew:
                found = []
            found.append(written.text)
        return None if found is None else "".join(found)

    def changed(self, path: str, upto: int | None = None) -> int:
        """Index of the record during which a file was last written; -1: it was there from the beginning."""
        there = self._written.get(path, ())
        return next((written.record for written in reversed(there) if upto is None or written.record <= upto), -1)

    def since(self, path: str, place: int) -> tuple[list[str], int]:
        """What was added to a file since ``place``, and the place now: for whoever follows it. A place of 0 is its beginning."""
        there = self._written.get(path, [])
        return [written.text for written in there[place:]], len(there)

    def paths(self, upto: int | None = None) -> list[str]:
        """The files there are, in order."""
        return sorted(path for path, there in self._written.items() if there and (upto is None or there[0].record <= upto))
