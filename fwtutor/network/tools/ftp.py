"""``ftp``: a session with an FTP server, its commands on the line or typed one by one."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from fwtutor.network.arguments import read_port, split_words
from fwtutor.network.ends import Address
from fwtutor.network.process import Process, Program
from fwtutor.network.tools.ftp_commands import COMMANDS, carry_out
from fwtutor.network.tools.ftp_session import Session
from fwtutor.network.tools.options import Options, find_host, read_options
from fwtutor.network.tools.shell import Refused, Shell, Tool

USAGE = 'usage: ftp [-46Aadnp] [-P PORT] [-q SECONDS] [--tls] [--data-port PORT] [USER@]HOST [PORT] ["COMMAND"]...'
MORE = """\
    Each word behind HOST that is a command begins one; quotes keep one together:
      ftp -a server ls "cd pub" "get note.txt -"
      ftp server "user alice secret" passive ls          (as with -n: it asks for nobody's name when user comes first)
    Without commands it is a session:  say "ls" to 21  types one, as it answers the questions for a name and a password
    -a anonymous · -n without a login · -A active · -p passive, and nothing else; without either it is passive first, then active
    -d shows what is sent · -q SECONDS of patience (60) · --tls: AUTH TLS first, then PROT P · --data-port: where -A listens
    commands: """ + " ".join(sorted(COMMANDS))  # fmt: skip
FLAGS, VALUED = "46Aadnpviegt", "Pq"
ANONYMOUS_PASSWORD = "anonymous@"


class Wanted(NamedTuple):
    """What a line asks for."""

    address: Address
    name: str
    """As it was typed."""
    port: int
    user: str
    options: Options
    tls: bool
    data_port: int
    commands: tuple[str, ...]


def _run(process: Process, shell: Shell, wanted: Wanted) -> Program:
    given = wanted.options.given
    session = Session(process, shell, wanted.name, wanted.options.number("q", 60, 1, 3600))
    session.debug, session.data_port = "d" in given, wanted.data_port
    session.passive = "A" not in given
    if "A" not in given and "p" not in given:
        session.fall_back()
    why = yield from session.open(wanted.address, wanted.port)
    if why:
        place = f"{wanted.address}:{wanted.port}"
        process.say(f"ftp: Can't connect to `{place}': {why}")
        process.say(f"ftp: Can't connect to `{wanted.name}:{'ftp' if wanted.port == 21 else wanted.port}'")
        return
    process.say(f"Connected to {wanted.name}.")
    if (yield from session.reply()).code // 100 != 2 or (wanted.tls and not (yield from session.start_tls())):
        return
    if "n" not in given and not (wanted.commands and wanted.commands[0].split()[0] == "user"):
        yield from _log_in(session, shell, wanted)
    for line in wanted.commands:
        process.say(f"ftp> {line}")
        if not (yield from carry_out(session, line)):
            return
    while not wanted.commands and session.control.open:
        process.say("ftp>")
        typed = yield from session.typed_line()
        if typed is None:
            # What the server had still to say, or that it has gone.
            yield from session.reply()
            return
        if typed.strip() and not (yield from carry_out(session, typed)):
            return
    if session.control.open:
        yield from session.leave()


def _log_in(session: Session, shell: Shell, wanted: Wanted) -> Program:
    user: str | None = "anonymous" if "a" in wanted.options.given else wanted.user
    if not user:
        session.say(f"Name ({wanted.name}:{shell.user.name}):")
        user = yield from session.typed_line()
        if user is None:
            return
    password = ANONYMOUS_PASSWORD if "a" in wanted.options.given else None
    if not (yield from session.log_in(user or shell.user.name, password)) and session.control.open:
        session.say("ftp: Login failed")


def _commands(words: list[str]) -> tuple[str, ...]:
    """A word that is a command's name begins one; what has blanks in it is one. Raises Refused for a word that belongs to none."""
    found: list[str] = []
    open_ended = False
    for word in words:
        if " " in word.strip():
            found.append(word.strip())
            open_ended = False
        elif word in COMMANDS:
            found.append(word)
            open_ended = True
        elif open_ended:
            found[-1] += f" {word}"
        else:
            raise Refused(f"{word[:40]!r} is no command of ftp; there is {' '.join(sorted(COMMANDS))}")
    return tuple(found)


def _read(shell: Shell, rest: str) -> Wanted:
    left, before, tls, data_port = split_words(rest), list[str](), False, 0
    while left and left[0].startswith("-"):
        word = left.pop(0)
        if word == "--tls":
            tls = True
        elif word == "--data-port" and left:
            data_port = read_port(left.pop(0))
        else:
            before.append(word)
            if word[-1] in VALUED and left:
                before.append(left.pop(0))
    options = read_options(shlex.join(before), FLAGS, VALUED, USAGE)
    if not left or options.words:
        raise Refused(USAGE)
    user, at, name = left.pop(0).rpartition("@")
    if at and not user:
        raise Refused(USAGE)
    port = 21
    if left and left[0].isdecimal():
        port = read_port(left.pop(0))
    elif "P" in options.given:
        port = read_port(options.given["P"])
    options.number("q", 60, 1, 3600)
    family = 6 if "6" in options.given else 4 if "4" in options.given else 0
    try:
        address = find_host(shell.host, name, family)
    except Refused as error:
        raise Refused(f"Can't lookup `{name[:80]}:{'ftp' if port == 21 else port}': {str(error).rpartition(': ')[2]}") from None
    return Wanted(address, name, port, user, options, tls, data_port, _commands(left))


def _ftp(shell: Shell, rest: str) -> str:
    wanted = _read(shell, rest)
    before = set(shell.host.stack.endpoints)
    shell.host.run(Process(shell.host, "ftp", lambda process: _run(process, shell, wanted), shell.user))
    return "".join(f"connecting {endpoint.name}" for ends, endpoint in shell.host.stack.endpoints.items() if ends not in before)


TOOL = Tool(
    "ftp", "ftp [-aAnp] [USER@]HOST [COMMAND]...", "gets, puts and lists files", _ftp,
    ("-a", "-A", "-n", "-p", "-d", "-4", "-6", "--tls", "--data-port", *sorted(COMMANDS)), more=MORE,
)  # fmt: skip
