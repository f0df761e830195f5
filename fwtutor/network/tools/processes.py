"""What runs on a host, and the time there: ``ps``, ``kill``, ``date``."""

from __future__ import annotations

from datetime import UTC, datetime

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.arguments import split_words
from fwtutor.network.host import FIRST_PID
from fwtutor.network.tools.shell import Refused, Shell, Tool

FIRST_SERVICE = 301


def _ps(shell: Shell, rest: str) -> str:
    if rest not in ("", "aux", "ax", "-e", "-ef"):
        raise Refused("write ps")
    host, upto = shell.host, shell.upto
    rows = [("PID", "USER", "COMMAND")]
    services = [service for service in host.spec.running if service.port]
    rows += [(str(FIRST_SERVICE + n), service.user, f"{service.name}:{service.port}") for n, service in enumerate(services)]
    for ran in host.ran:
        there = ran.until is None if upto is None else ran.since <= upto and (ran.until is None or ran.until > upto)
        if there:
            rows.append((str(ran.pid), ran.user.name, ran.name))
    width = max(len(user) for _, user, _ in rows)
    return "\n".join(f"{pid:>6} {user:<{width}} {name}" for pid, user, name in rows)


def _kill(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if words[:1] in (["-9"], ["-15"], ["-TERM"], ["-KILL"], ["-INT"]):
        words = words[1:]
    if not words:
        raise Refused("write kill PID; ps shows the numbers")
    found = []
    for word in words:
        if not word.isascii() or not word.isdecimal() or len(word) > 9:
            raise Refused(f"{word[:40]}: arguments must be process IDs")
        number = int(word)
        if FIRST_SERVICE <= number < FIRST_SERVICE + len(shell.host.spec.running) < FIRST_PID:
            raise Refused(f"({word}) - a service of the topology; it stays")
        process = next((process for process in shell.host.processes if process.pid == number), None)
        if process is None:
            raise Refused(f"({word}) - No such process")
        if shell.user.uid not in (0, process.user.uid):
            raise Refused(f"({word}) - Operation not permitted")
        found.append(process)
    for process in found:
        process.kill()
    return ""


def _date(shell: Shell, rest: str) -> str:
    if rest not in ("", "-u"):
        raise Refused("write date")
    host = shell.host
    when = datetime.fromtimestamp((host.firewall.box.began + host.time_at(shell.upto)) // SECOND, UTC)
    return f"{when:%a %b} {when.day:2} {when:%H:%M:%S} UTC {when.year}"


TOOLS = (
    Tool("ps", "ps", "what runs", _ps, looks=True),
    Tool("kill", "kill PID", "ends it", _kill),
    Tool("date", "date", "what time it is there", _date, looks=True),
)
