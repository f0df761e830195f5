"""Time and help."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.tools.shell import Refused, Shell, Tool

MAX_SLEEP = 10_000_000


def _sleep(shell: Shell, rest: str) -> str:
    try:
        seconds = float(rest)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_SLEEP:
        raise Refused(f"invalid time interval {rest!r}")
    shell.host.arm(round(seconds * SECOND), lambda: f"sleep {rest} is over")
    return ""


def _whoami(shell: Shell, rest: str) -> str:
    return f"{shell.user.name}\n"


def _id(shell: Shell, rest: str) -> str:
    name, uid = shell.user
    return f"uid={uid}({name}) gid={uid}({name}) groups={uid}({name})\n"


TOOLS = (
    Tool("sleep", "sleep SECONDS", "lets time pass", _sleep),
    Tool("whoami", "whoami", "whose prompt this is", _whoami, looks=True),
    Tool("id", "id", "likewise, with numbers", _id, looks=True),
)
