"""All tools, by name, and their help."""

from __future__ import annotations

from fwtutor.network.tools import (
    bruteforce,
    curl,
    dig,
    fail2ban,
    files,
    floods,
    ftp,
    ip,
    nc,
    nmap,
    packets,
    ping,
    processes,
    restoring,
    rules,
    sockets,
    ssh,
    system,
    tftp,
    traceroute,
)
from fwtutor.network.tools.shell import Refused, Shell, Tool

_WIDTH = 44


def help_text() -> str:
    """Every tool in a line, kind by kind."""
    blocks = ["\n".join([f"{title}:", *(f"  {tool.usage:<{_WIDTH}} {tool.about}" for tool in tools)]) for title, tools in GROUPS.items()]
    return "\n".join(blocks)


def help_about(name: str) -> str:
    """What a tool does. Raises Refused when there is none of that name."""
    tool = TOOLS.get(name)
    if tool is None:
        raise Refused(f"there is no {name[:40]!r} here; help lists what there is")
    return f"{tool.usage}\n    {tool.about}" + (f"\n{tool.more}" if tool.more else "")


def _help(shell: Shell, rest: str) -> str:
    return help_about(rest) if rest else help_text()


GROUPS: dict[str, tuple[Tool, ...]] = {
    "everyday": (
        *ssh.TOOLS,
        curl.TOOL,
        ftp.TOOL,
        dig.TOOL,
        ping.TOOL,
        traceroute.TOOL,
        nc.TOOL,
        tftp.TOOL,
        sockets.TOOL,
        ip.TOOL,
        *files.TOOLS,
        *processes.TOOLS,
        *system.TOOLS,
        Tool("help", "help [NAME]", "this list, or more about one of it", _help, looks=True),
    ),
    "firewall": (*rules.TOOLS, *restoring.TOOLS, fail2ban.TOOL),
    "connections and packets in your hand": packets.TOOLS,
    "attacker": (nmap.TOOL, bruteforce.TOOL, *floods.TOOLS),
}
"""By what they are for, as help lists them."""
TOOLS: dict[str, Tool] = {tool.name: tool for tools in GROUPS.values() for tool in tools}


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
