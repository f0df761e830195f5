"""What can be typed in ``ftp``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

from fwtutor.network.process import Program, Wait
from fwtutor.network.tools.ftp_session import Session


def carry_out(session: Session, line: str) -> Generator[Wait, bool, bool]:
    """Does what a line says; False when it was the last."""
    name, *words = line.split()
    command = COMMANDS.get(name)
    if command is None:
        session.say("?Invalid command.")
    elif not command.least <= len(words) <= command.most:
        session.say(f"usage: {command.usage}")
    elif name in LEAVING:
        if session.control.open:
            yield from session.leave()
        return False
    elif command.online and not session.control.open:
        session.say("Not connected.")
    else:
        yield from command.run(session, words)
    return session.control.open


class Command(NamedTuple):
    """What may be typed."""

    run: Callable[[Session, list[str]], Program]
    usage: str
    least: int = 0
    most: int = 0
    online: bool = True
    """Only while there is a connection."""


def _plain(verb: str, usage: str, least: int = 0, most: int = 0) -> Command:
    """One that only sends its own."""

    def run(session: Session, words: list[str]) -> Program:
        yield from session.command(" ".join([verb, *words]))

    return Command(run, usage, least, most)


def _leave(session: Session, words: list[str]) -> Program:
    yield from ()


def _help(session: Session, words: list[str]) -> Program:
    session.say("Commands are:")
    session.say(" ".join(sorted(COMMANDS)))
    yield from ()


_LIST = Command(Session.list_files, "ls [remote-path]", 0, 2)
_LEAVE = Command(_leave, "quit", online=False)
LEAVING = ("bye", "quit", "exit", "close", "disconnect")
COMMANDS: dict[str, Command] = {
    "user": Command(Session.user, "user username [password]", 1, 2),
    "ls": _LIST, "dir": _LIST,
    "nlist": Command(lambda session, words: session.list_files(words, "NLST"), "nlist [remote-path]", 0, 1),
    "get": Command(Session.get, "get remote-file [local-file]", 1, 2),
    "recv": Command(Session.get, "recv remote-file [local-file]", 1, 2),
    "put": Command(Session.put, "put local-file [remote-file]", 1, 2),
    "send": Command(Session.put, "send local-file [remote-file]", 1, 2),
    "cd": _plain("CWD", "cd remote-directory", 1, 1),
    "cdup": _plain("CDUP", "cdup"),
    "pwd": Command(Session.working_directory, "pwd"),
    "ascii": Command(lambda session, words: session.set_type(words, "A"), "ascii"),
    "binary": Command(lambda session, words: session.set_type(words, "I"), "binary"),
    "passive": Command(Session.toggle_passive, "passive", online=False),
    "epsv4": Command(Session.toggle_extended, "epsv4", online=False),
    "size": Command(Session.size, "size remote-file", 1, 1),
    "system": _plain("SYST", "system"),
    "features": _plain("FEAT", "features"),
    "rhelp": _plain("HELP", "rhelp"),
    "rstatus": _plain("STAT", "rstatus [remote-path]", 0, 1),
    "delete": _plain("DELE", "delete remote-file", 1, 1),
    "mkdir": _plain("MKD", "mkdir directory-name", 1, 1),
    "rmdir": _plain("RMD", "rmdir directory-name", 1, 1),
    "rename": Command(Session.rename, "rename from-name to-name", 2, 2),
    "quote": Command(Session.quote, "quote line-to-send", 1, 50),
    "debug": Command(Session.toggle_debug, "debug", online=False),
    "status": Command(Session.status, "status"),
    "help": Command(_help, "help", online=False),
    **dict.fromkeys(LEAVING, _LEAVE),
}  # fmt: skip
"""By name."""
