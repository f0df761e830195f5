"""All tools, by name, and their help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fwtutor.network.tools.shell import Refused, Shell, Tool
from fwtutor.registry import Registry

_WIDTH = 44


def help_text() -> str:
    """Every tool in a line, kind by kind."""
    blocks = [
        "\n".join([f"{title}:", *(f"  {tool.usage:<{_WIDTH}} {tool.about}" for tool in map(TOOLS.__getitem__, names))])
        for title, names in PLACES.items()
    ]
    return "\n".join(blocks)


def help_about(name: str) -> str:
    """What a tool does. Raises Refused when there is none of that name."""
    tool = TOOLS.get(name)
    if tool is None:
        raise Refused(f"there is no {name[:40]!r} here; help lists what there is")
    return f"{tool.usage}\n    {tool.about}" + (f"\n{tool.more}" if tool.more else "")


def _help(shell: Shell, rest: str) -> str:
    return help_about(rest) if rest else help_text()


HELP = Tool("help", "help [NAME]", "this list, or more about one of it", _help, looks=True)
PLACES: dict[str, dict[str, str]] = {
    "everyday": {
        "ssh": "ssh.TOOLS", "sshpass": "ssh.TOOLS", "curl": "curl.TOOL", "ftp": "ftp.TOOL", "dig": "dig.TOOL", "ping": "ping.TOOL",
        "traceroute": "traceroute.TOOL", "nc": "nc.TOOL", "tftp": "tftp.TOOL", "ss": "sockets.TOOL", "ip": "ip.TOOL", "cat": "files.TOOLS",
        "tail": "files.TOOLS", "ls": "files.TOOLS", "echo": "files.TOOLS", "ps": "processes.TOOLS", "kill": "processes.TOOLS",
        "date": "processes.TOOLS", "sleep": "system.TOOLS", "whoami": "system.TOOLS", "id": "system.TOOLS", "help": "registry.HELP",
    },
    "firewall": {
        "iptables": "rules.TOOLS", "ip6tables": "rules.TOOLS", "conntrack": "rules.TOOLS", "ipset": "rules.TOOLS",
        "dmesg": "rules.TOOLS", "sysctl": "rules.TOOLS",
        "iptables-save": "restoring.TOOLS", "iptables-restore": "restoring.TOOLS", "iptables-apply": "restoring.TOOLS",
        "ip6tables-save": "restoring.TOOLS", "ip6tables-restore": "restoring.TOOLS", "ip6tables-apply": "restoring.TOOLS",
        "y": "restoring.TOOLS", "netfilter-persistent": "restoring.TOOLS",
        "fail2ban-client": "fail2ban.TOOL",
    },
    "connections and packets in your hand": {
        "send": "packets.TOOLS", "connect": "packets.TOOLS", "say": "packets.TOOLS", "upload": "packets.TOOLS",
        "close": "packets.TOOLS", "reset": "packets.TOOLS",
    },
    "attacker": {"nmap": "nmap.TOOL", "bruteforce": "bruteforce.TOOL", "flood": "floods.TOOLS", "hold": "floods.TOOLS"},
}  # fmt: skip
"""By what they are for, as help lists them: where each tool is, alone or among others."""


class _Tools(Registry[Tool]):
    """Tools of one file may stand together there."""

    def find(self, name: str) -> Tool:
        found: Any = super().find(name)
        return found if isinstance(found, Tool) else next(tool for tool in found if tool.name == name)


TOOLS: Mapping[str, Tool] = _Tools(__package__, {name: place for places in PLACES.values() for name, place in places.items()})


def complete(line: str, names: tuple[str, ...] = ()) -> list[str]:
    """The words that the last, unfinished word of a line may become: a tool's name, then its words or one of ``names``."""
    *before, last = line.split(" ")
    before = [word for word in before if word]
    if before[:1] == ["sudo"]:
        before = before[1:]
    if not before:
        return sorted(name for name in TOOLS if name.startswith(last))
    tool = TOOLS.get(before[0])
    return [word for word in (*(tool.words if tool else ()), *names) if word.startswith(last) and word != last]
