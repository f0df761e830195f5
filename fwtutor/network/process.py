"""A program that runs on a host: a generator that does what it can at once, and yields what it waits for.

What a program reads is written from top to bottom: ``line = yield from connection.line()``. Nothing polls: a process goes on when one
of its sockets has news, or when its time is up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.network.surroundings import ROOT_USER, Timer, User

if TYPE_CHECKING:
    from fwtutor.network.host import Host
    from fwtutor.network.records import CommandRun


class Wait(NamedTuple):
    """What a program yields: wake me when a socket of mine has news, or at the time ``until`` (ns; None: only then)."""

    until: int | None = None
    what: str = ""
    """What the timer is for, in words; the record of its going off says them."""
    busy: bool = True
    """The world is not quiet before the time is up."""


Program = Generator[Wait, bool, None]
"""It is sent True when there is news, False when the time is up."""
FOREVER = Wait()


class Process:
    """A running program: of a user, with sockets that are closed when it ends."""

    def __init__(self, host: Host, name: str, program: Callable[[Process], Program], user: User = ROOT_USER) -> None:
        self.host = host
        self.name = name
        self.user = user
        self.pid = 0
        """Its number; the host gives it one."""
        self.over = False
        self._closing: list[Callable[[], None]] = []
        self._news = self._running = False
        self._timer: Timer | None = None
        self._program = program(self)

    def start(self) -> Process:
        """Runs it up to where it first waits."""
        self._go_on(None)
        return self

    def wake(self) -> None:
        """One of its sockets has news."""
        self._news = True
        if not self._running and not self.over:
            self._go_on(True)

    def kill(self) -> None:
        """Ends it where it is."""
        if not self.over:
            self._program.close()
            self._end()

    def at_end(self, close: Callable[[], None]) -> None:
        """What is to be closed when it ends."""
        self._closing.append(close)

    def execute(self, line: str, user: User | None = None) -> Generator[Wait, bool, CommandRun]:
        """Runs a line as at the host's prompt, by the process's user or another; it is a record of its own."""
        ran: list[CommandRun] = []

        def done(record: CommandRun) -> None:
            ran.append(record)
            self.wake()

        whose = user or self.user
        self.host.execute(f"sudo -u {whose.name} {line}" if whose.uid else line, done)
        while not ran:
            yield FOREVER
        return ran[0]

    def say(self, text: str) -> None:
        """A line on the host's console."""
        self.host.say(text)

    def _go_on(self, news: bool | None) -> None:
        self._disarm()
        self._running = True
        try:
            while True:
                self._news = False
                wait = next(self._program) if news is None else self._program.send(news)
                if not self._news:
                    break
                news = True
        except StopIteration:
            self._end()
            return
        finally:
            self._running = False
        if wait.until is not None:
            delay = max(wait.until - self.host.now, 0)
            self._timer = self.host.arm(delay, lambda: self._time_is_up(wait.what), wait.busy)

    def _time_is_up(self, what: str) -> str:
        self._timer = None
        self._go_on(False)
        return what or f"{self.name} has waited long enough"

    def _disarm(self) -> None:
        if self._timer is not None:
            self.host.cancel(self._timer)
            self._timer = None

    def _end(self) -> None:
        self.over = True
        self._disarm()
        for close in self._closing:
            close()
        self.host.ended(self)
