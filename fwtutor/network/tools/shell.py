"""What a command at a prompt is: a name, a line of help, and a function. Who types it, where and when is a Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.network.surroundings import User

if TYPE_CHECKING:
    from fwtutor.network.host import Host


class Refused(Exception):
    """The command cannot be carried out; its text says why."""


class Shell(NamedTuple):
    """A prompt: on a host, of a user."""

    host: Host
    user: User
    upto: int | None = None
    """For tools that only look: the record after which they do; None: now."""


class Tool(NamedTuple):
    """A command. ``run`` takes the rest of the line and gives what is printed at once; what comes later is told on the console.

    It raises Refused or BadArgument, and has done nothing then.
    """

    name: str
    usage: str
    """How it is written, as ``help`` shows it."""
    about: str
    """What it does, in a few words."""
    run: Callable[[Shell, str], str]
    words: tuple[str, ...] = ()
    """What may be written after the name, for completion."""
    looks: bool = False
    """It changes nothing, and is answered for any place of a run (``Shell.upto``)."""
    more: str = ""
    """What ``help NAME`` says besides."""
    root: bool = False
    """Nobody but root may."""
    looks_if: Callable[[str], bool] | None = None
    """Says of a rest whether it changes nothing, where that depends (``looks``)."""
    configures: Callable[[str], bool] | None = None
    """Says of a rest whether what it does lasts and sends nothing: such a line is part of an answer to a lesson's task."""

    def only_looks(self, rest: str) -> bool:
        """What is typed behind the name changes nothing."""
        return self.looks or (self.looks_if is not None and self.looks_if(rest))
