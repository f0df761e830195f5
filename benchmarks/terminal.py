"""A program on a terminal of its own: what it draws, how long it takes to draw it, what it weighs."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path
from types import TracebackType

WIDTH, HEIGHT = 120, 40
LIMIT = 60.0
"""Seconds after which something that should have been drawn will not be."""
QUIET = 0.025
"""Seconds without output after which a repaint is over."""
ROOT = Path(__file__).resolve().parents[1]


class Terminal:
    """Runs ``python -m MODULE ARGUMENT...`` on a pseudo terminal and reads what it draws."""

    def __init__(self, *arguments: str, home: str, still: bool = True) -> None:
        environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "FWTUTOR_HOME": home}
        environment["PYTHONPATH"] = str(ROOT)
        # Without bytecode it would be the compiler that is measured.
        for name in ("NO_COLOR", "TEXTUAL_ANIMATIONS", "FWTUTOR_STILL", "FWTUTOR_ASCII", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        if still:
            environment["TEXTUAL_ANIMATIONS"] = "none"
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(sys.executable, [sys.executable, "-m", *arguments], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.drawn = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _read(self, seconds: float) -> bytes:
        """What it draws next, b"" if nothing within that time."""
        if not select.select([self.fd], [], [], max(0.0, seconds))[0]:
            return b""
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            data = b""
        if not data:
            raise RuntimeError(f"the program ended:\n{self.drawn[-4000:].decode(errors='replace')}")
        self.drawn += data
        return data

    def first(self, text: str) -> float:
        """Seconds from its start until ``text`` is on the screen."""
        wanted = text.encode()
        while wanted not in self.drawn:
            if not self._read(self.started + LIMIT - time.perf_counter()):
                raise RuntimeError(f"{text!r} was never drawn:\n{self.drawn[-4000:].decode(errors='replace')}")
        return time.perf_counter() - self.started

    def settle(self, seconds: float = 0.3) -> None:
        """Until nothing is drawn for that long."""
        while self._read(seconds):
            pass

    def press(self, keys: str) -> None:
        """Press a key that may draw nothing."""
        os.write(self.fd, keys.encode())

    def key(self, keys: str) -> float:
        """Seconds from pressing a key until the last of what it makes the program draw."""
        begin = time.perf_counter()
        os.write(self.fd, keys.encode())
        if not self._read(2.0):
            raise RuntimeError(f"the key {keys!r} drew nothing")
        last = time.perf_counter()
        while self._read(QUIET):
            last = time.perf_counter()
        return last - begin

    def memory(self) -> tuple[float, float]:
        """Bytes in memory: all of them (what one session takes), and those that no other process could share (what one more takes).

        Not Pss: of the libraries it counts what this very benchmark, or anybody else, happens to have open as well.
        """
        said = dict(line.split(":") for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:])
        whole, own = (1024.0 * int(said[name].split()[0]) for name in ("Rss", "Anonymous"))
        return whole, own

    def busy(self, seconds: float) -> float:
        """The share of a core it uses while it is left alone for that long (its output is read)."""
        begin, ticks = time.perf_counter(), self._ticks()
        while (left := begin + seconds - time.perf_counter()) > 0:
            self._read(left)
        return (self._ticks() - ticks) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - begin)

    def _ticks(self) -> int:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
