"""What a visitor sees of the host's files: from his own root, with rights that go by the path alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fwtutor.network.datestamps import minute_stamp, plain_stamp
from fwtutor.network.journal import MOST_FILES, SECRET
from fwtutor.network.ssh.keys import home_of
from fwtutor.network.surroundings import User

if TYPE_CHECKING:
    from fwtutor.network.host import Host

LONGEST_PATH = 200
LARGEST = 65536
"""Bytes of a file that is written."""


class Entry(NamedTuple):
    """A file or a directory, as a listing has it."""

    name: str
    directory: bool
    size: int
    uid: int
    clock: int
    """When it was written: ns since 1970."""
    mode: str

    def line(self) -> str:
        """As ``ls -l`` prints it."""
        owner = f"{self.uid:<8} {self.uid:<8}"
        return f"{self.mode} {2 if self.directory else 1:4} {owner} {self.size:8} {minute_stamp(self.clock)} {self.name}"


class Tree:
    """Where a visitor is, and what there is. ``user`` None: he is anonymous."""

    def __init__(self, host: Host, user: User | None, root: str, at: str) -> None:
        self._host, self._user = host, user
        self._root = root.rstrip("/")
        """What his / is on the host."""
        self.at = at
        """The directory he is in, as he names it."""

    def seen(self, name: str) -> str:
        """The absolute path, as he sees it."""
        parts: list[str] = []
        for part in (name if name.startswith("/") else f"{self.at}/{name}").split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return "/" + "/".join(parts)

    def _real(self, name: str) -> str:
        return self._root + self.seen(name)

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None: there is none that he may read."""
        path = self._real(name)
        text = None if not name or path.startswith(SECRET) else self._host.files.read(path)
        return None if text is None else text.encode()

    def is_directory(self, name: str) -> bool:
        """True for one that is there, and that he may enter."""
        path = self._real(name).rstrip("/") + "/"
        if not name or path.startswith(SECRET):
            return False
        home = f"{home_of(self._user.name)}/" if self._user else f"{self._root}/"
        return path in ("/", home) or any(each.startswith(path) for each in self._host.files.paths())

    def enter(self, name: str) -> bool:
        """Goes there; False when that cannot be."""
        if not self.is_directory(name):
            return False
        self.at = self.seen(name)
        return True

    def date(self, name: str) -> str | None:
        """When a file was written, as MDTM says it."""
        path = self._real(name)
        return plain_stamp(self._clock(path)) if self.read(name) is not None else None

    def listing(self, name: str, hidden: bool) -> list[Entry]:
        """What is in a directory, or the file of that name; those whose names begin with a dot only if they are wanted."""
        path = self._real(name or ".")
        if not self.is_directory(name or "."):
            return [self._entry(path)._replace(name=name)] if self.read(name) is not None else []
        before = path.rstrip("/") + "/"
        inside = {each.removeprefix(before).partition("/")[0] for each in self._host.files.paths() if each.startswith(before)}
        found = [self._entry(before + each) for each in sorted(inside) if hidden or not each.startswith(".")]
        return [self._entry(path)._replace(name=each) for each in (".", "..") if hidden] + found

    def may_write(self, name: str, anonymous_may: bool) -> bool:
        """Whether he may make or replace that file."""
        path = self._real(name)
        paths = self._host.files.paths()
        if not name or self.is_directory(name) or len(path) > LONGEST_PATH or not path.isprintable():
            return False
        if path not in paths and len(paths) >= MOST_FILES:
            return False
        if self._user is None:
            # He never replaces what is there.
            return anonymous_may and path not in paths
        return path.startswith(("/tmp/", f"{home_of(self._user.name)}/"))

    def write(self, name: str, data: bytes) -> None:
        """Makes or replaces a file."""
        self._host.write(self._real(name), data.decode("utf-8", "replace"))

    def _clock(self, path: str) -> int:
        return self._host.clock - self._host.now + self._host.time_at(self._host.files.changed(path))

    def _entry(self, path: str) -> Entry:
        text = self._host.files.read(path)
        owner = next((user.uid for user in self._host.users.values() if f"{path}/".startswith(f"/home/{user.name}/")), 0)
        if text is None:
            return Entry(path.rpartition("/")[2], True, 4096, owner, self._clock(path), "drwxr-xr-x")
        mode = "-rw-------" if path.startswith(SECRET) else "-rw-r--r--"
        return Entry(path.rpartition("/")[2], False, len(text.encode()), owner, self._clock(path), mode)
