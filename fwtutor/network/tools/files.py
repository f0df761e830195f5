"""The files of a host: ``cat``, ``tail``, ``ls`` look at them; ``echo`` writes, and can hand what it says to nc."""

from __future__ import annotations

import shlex

from fwtutor.network.arguments import split_marked, split_words
from fwtutor.network.journal import MOST_FILES, SECRET
from fwtutor.network.ssh.keys import home_of
from fwtutor.network.tools.nc import run_nc
from fwtutor.network.tools.shell import Refused, Shell, Tool

LONGEST_PATH = 200


def path_of(shell: Shell, text: str) -> str:
    """The absolute path: root is always in /, others are at home."""
    home = home_of(shell.user.name)
    if text == "~" or text.startswith("~/"):
        text = home + text[1:]
    elif shell.user.uid and not text.startswith("/"):
        text = f"{home}/{text}"
    return "/" + "/".join(part for part in text.split("/") if part not in ("", "."))


def read_file(shell: Shell, text: str) -> str:
    """A file's text, named as at the prompt. Raises Refused."""
    path = path_of(shell, text)
    if shell.user.uid and path.startswith(SECRET):
        raise Refused(f"{text[:LONGEST_PATH]}: Permission denied")
    found = shell.host.files.read(path, shell.upto)
    if found is None:
        inside = any(each.startswith(path.rstrip("/") + "/") for each in shell.host.files.paths(shell.upto))
        raise Refused(f"{text[:LONGEST_PATH]}: {'Is a directory' if inside else 'No such file or directory'}")
    return found


def _cat(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if not words or words[0].startswith("-"):
        raise Refused("write cat FILE...")
    return "".join(read_file(shell, word) for word in words)


def _tail(shell: Shell, rest: str) -> str:
    words, count = split_words(rest), 10
    if words[:1] == ["-n"] and len(words) > 1:
        number, words = words[1], words[2:]
    elif words and words[0][:1] == "-" and words[0] != "-f":
        number, words = words[0].removeprefix("-n").removeprefix("-"), words[1:]
    else:
        number = "10"
    if words[:1] == ["-f"]:
        raise Refused("fwtutor's tail does not follow (-f): ask again later, or at another place of the run")
    if len(words) != 1:
        raise Refused("write tail [-n LINES] FILE")
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise Refused(f"invalid number of lines: '{number[:40]}'")
    count = int(number)
    lines = read_file(shell, words[0]).splitlines(keepends=True)
    return "".join(lines[-count:]) if count else ""


def _ls(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if len(words) > 1 or (words and words[0].startswith("-")):
        raise Refused("write ls [DIRECTORY]")
    place = path_of(shell, words[0] if words else ".")
    paths = shell.host.files.paths(shell.upto)
    if place in paths:
        return words[0]
    before = place.rstrip("/") + "/"
    inside = sorted({path.removeprefix(before).partition("/")[0] for path in paths if path.startswith(before)})
    if not inside:
        raise Refused(f"cannot access '{words[0][:LONGEST_PATH]}': No such file or directory")
    return "\n".join(inside)


def _echo(shell: Shell, rest: str) -> str:
    words = split_marked(rest, ">|")
    end = "" if words[:1] == ["-n"] else "\n"
    words = words[1:] if not end else words
    place = next((number for number, word in enumerate(words) if word in (">", ">>", "|")), None)
    if place is None:
        return " ".join(words)
    text, how, after = " ".join(words[:place]) + end, words[place], words[place + 1 :]
    if how == "|":
        if after[:1] != ["nc"]:
            raise Refused("what echo says can be handed to nc alone: echo TEXT | nc [-u] HOST PORT")
        return run_nc(shell, shlex.join(after[1:]), text.encode("utf-8", "replace"))
    if len(after) != 1:
        raise Refused("write echo TEXT > FILE, or >> FILE to add to it")
    write_file(shell, after[0], text, how == ">")
    return ""


def write_file(shell: Shell, name: str, text: str, anew: bool) -> None:
    """Writes a file, or adds to it, where the shell's user may. Raises Refused."""
    host, path = shell.host, path_of(shell, name)
    paths = host.files.paths()
    if path == "/" or name.endswith("/") or any(each.startswith(f"{path}/") for each in paths):
        raise Refused(f"{name[:LONGEST_PATH]}: Is a directory")
    if len(path) > LONGEST_PATH or ".." in path.split("/") or not path.isprintable():
        raise Refused(f"{name[:LONGEST_PATH]!r} is no path that a file can have here")
    if shell.user.uid and not path.startswith(("/tmp/", f"/home/{shell.user.name}/")):
        raise Refused(f"{name}: Permission denied")
    if path not in paths and len(paths) >= MOST_FILES:
        raise Refused(f"{name}: No space left on device ({MOST_FILES} files)")
    if anew:
        host.write(path, text)
    else:
        host.append(path, text)


def _only_prints(rest: str) -> bool:
    return not any(letter in rest for letter in ">|")


TOOLS = (
    Tool("cat", "cat FILE...", "what is in a file", _cat, ("/etc/hosts", "/var/log/auth.log"), looks=True),
    Tool("tail", "tail [-n LINES] FILE", "the last lines of it", _tail, ("-n", "/var/log/auth.log"), looks=True),
    Tool("ls", "ls [DIRECTORY]", "which files there are", _ls, ("/etc", "/var/log"), looks=True),
    Tool(
        "echo",
        "echo TEXT [> FILE | >> FILE]",
        "writes a file, or adds to it",
        _echo,
        (">", ">>", "/etc/hosts.allow", "/etc/hosts.deny"),
        looks_if=_only_prints,
        configures=lambda rest: ">" in rest and "|" not in rest,
    ),
)
