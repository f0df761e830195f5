"""A host's files: looking at them, and writing lines into them. And who one is."""

from __future__ import annotations

from fwtutor.network.arguments import read_number, split_words
from fwtutor.network.ssh.keys import home_of
from fwtutor.network.tools.shell import Refused, Shell, Tool

MOST_LINES = 1_000
OPEN_TO_ALL = ("/tmp/",)
SECRET = ("/var/log/auth.log", "/var/log/fail2ban.log", "/root/")
"""What only root may read."""


def _path(shell: Shell, text: str) -> str:
    path = text.replace("~", home_of(shell.user.name), 1) if text.startswith("~") else text
    return path if path.startswith("/") else f"{home_of(shell.user.name)}/{path}"


def _text(shell: Shell, name: str) -> str:
    path = _path(shell, name)
    if shell.user.uid and path.startswith(SECRET):
        raise Refused(f"{name}: Permission denied")
    text = shell.host.files.read(path, shell.upto)
    if text is None:
        raise Refused(f"{name}: No such file or directory")
    return text


def _cat(shell: Shell, rest: str) -> str:
    names = split_words(rest)
    if not names:
        raise Refused("write cat FILE")
    return "".join(_text(shell, name) for name in names)


def _tail(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    count = 10
    if words[:1] == ["-n"] and len(words) > 2:
        count, words = read_number(words[1], MOST_LINES, "number of lines"), words[2:]
    if len(words) != 1:
        raise Refused("write tail [-n LINES] FILE")
    lines = _text(shell, words[0]).splitlines(keepends=True)
    return "".join(lines[len(lines) - min(count, len(lines)) :])


def _ls(shell: Shell, rest: str) -> str:
    start = _path(shell, rest or "/").rstrip("/")
    found = [path for path in shell.host.files.paths(shell.upto) if path == start or path.startswith(f"{start}/")]
    if not found and rest:
        raise Refused(f"cannot access {rest!r}: No such file or directory")
    return "".join(f"{path}\n" for path in found)


def _echo(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if len(words) < 2 or words[-2] not in (">", ">>"):
        return f"{' '.join(words)}\n"
    path = _path(shell, words[-1])
    home = f"{home_of(shell.user.name)}/"
    if shell.user.uid and not path.startswith((home, *OPEN_TO_ALL)):
        raise Refused(f"{words[-1]}: Permission denied")
    if "/../" in path or path.endswith("/") or not path.isprintable() or len(path) > 200:
        raise Refused(f"{words[-1]}: No such file or directory")
    text = f"{' '.join(words[:-2])}\n"
    if words[-2] == ">":
        shell.host.write(path, text)
    else:
        shell.host.append(path, text)
    return ""


def _only_prints(rest: str) -> bool:
    return ">" not in rest


def _whoami(shell: Shell, rest: str) -> str:
    return f"{shell.user.name}\n"


def _id(shell: Shell, rest: str) -> str:
    name, uid = shell.user
    return f"uid={uid}({name}) gid={uid}({name}) groups={uid}({name})\n"


TOOLS = (
    Tool("cat", "cat FILE", "prints a file", _cat, looks=True),
    Tool("tail", "tail [-n LINES] FILE", "prints its last lines", _tail, ("-n",), looks=True),
    Tool("ls", "ls [FOLDER]", "the files there are", _ls, looks=True),
    Tool("echo", "echo TEXT [> FILE | >> FILE]", "writes a line into a file, or behind what is there", _echo, looks_if=_only_prints),
    Tool("whoami", "whoami", "whose prompt this is", _whoami, looks=True),
    Tool("id", "id", "likewise, with numbers", _id, looks=True),
)
