"""The prompt of a host: a line is read, its tool is run. Errors are answers that name what is wrong.

A line that cannot be carried out changes nothing and makes a refused CommandRun, never an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.ipset.errors import NotInSet, SetRefused
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.network.arguments import BadArgument
from fwtutor.network.surroundings import ROOT_USER
from fwtutor.network.tools.registry import TOOLS
from fwtutor.network.tools.shell import Refused, Shell, Tool

if TYPE_CHECKING:
    from fwtutor.network.host import Host

MAX_LINE = 4096


class Asked(NamedTuple):
    """A line, read: which tool, the rest of the line, and who is to run it."""

    tool: Tool
    rest: str
    shell: Shell


def run(host: Host, line: str, upto: int | None = None) -> tuple[str, bool]:
    """Carries out a line at a host's prompt: (output, refused). A tool that looks tells how things were after the record ``upto``."""
    try:
        asked = read(host, line, upto)
    except Refused as error:
        return str(error), True
    if asked is None:
        return "", False
    try:
        return asked.tool.run(asked.shell, asked.rest), False
    except (BadArgument, Refused) as error:
        return f"{asked.tool.name}: {error}", True
    except RuleRefused as error:
        return refusal(error), True
    except SetRefused as error:
        return set_refusal(error), True


def read(host: Host, line: str, upto: int | None = None) -> Asked | None:
    """What a line asks for; None: nothing. Raises Refused when there is no such tool or user."""
    if len(line) > MAX_LINE:
        raise Refused(f"a line may have {MAX_LINE} characters, this one has {len(line)}")
    text = line.strip()
    user = ROOT_USER
    if text.startswith("sudo "):
        text = text[5:].lstrip()
        if text.startswith("-u "):
            name, _, text = text[3:].lstrip().partition(" ")
            if name not in host.users:
                raise Refused(f"sudo: unknown user {name[:40]}; there is {', '.join(host.users)}")
            user, text = host.users[name], text.lstrip()
            if user.uid and text.split(" ")[0] == "sudo":
                raise Refused(f"{name} is not in the sudoers file.")
    if not text or text.startswith("#"):
        return None
    name, _, rest = text.partition(" ")
    tool = TOOLS.get(name)
    if tool is None:
        raise Refused(not_found(name))
    if tool.root and user.uid:
        raise Refused(f"{name}: Permission denied (you must be root)")
    return Asked(tool, rest.strip(), Shell(host, user, upto))


def set_refusal(error: SetRefused) -> str:
    """ipset's own words, and a hint if there is one; of an answer that is no, the answer."""
    said = str(error) if isinstance(error, NotInSet) else f"ipset: {error}"
    return "" if error.silent else f"{said}\n{error.hint}".rstrip("\n")


def not_found(name: str) -> str:
    """What is said of a command that does not exist."""
    return f"{name[:40]}: command not found; there is {', '.join(sorted(TOOLS))}"


def refusal(error: RuleRefused) -> str:
    """iptables' own words, a caret under the place if there is one, and fwtutor's hint."""
    said = [str(error).rstrip("\n"), error.caret() if error.end > error.start else "", error.hint]
    return "\n".join(filter(None, said))


def configures(line: str) -> bool:
    """Whether a line does something that lasts and sends nothing: rules, sets, settings, files."""
    words = line.split()
    while words[:1] == ["sudo"]:
        words = words[3:] if words[1:2] == ["-u"] else words[1:]
    tool = TOOLS.get(words[0]) if words else None
    return tool is not None and tool.configures is not None and tool.configures(" ".join(words[1:]))


def family_of(line: str) -> int:
    """Whose rules a line is about: 6 for ip6tables' commands, else 4."""
    return 6 if line.strip().removeprefix("sudo ").lstrip().startswith("ip6tables") else 4
