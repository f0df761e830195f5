"""Reading answers: a .rules file is iptables-save text, a .rules6 file beside it that of ip6tables-save, a .commands file has one
``host# command`` a line.

Rules are tried on a firewall with the watched host's interfaces while loading, so what is loaded can be restored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from fwtutor.course.model import Answer, LessonError, WrongAnswer
from fwtutor.course.tables import read_text, read_text_if_there, shown_name
from fwtutor.netfilter import Firewall, RuleRefused
from fwtutor.network.topology import HostSpec

MAX_WRONG = 64
"""Of one lesson's wrong answers."""
MAX_COMMANDS = 500
_FAILS = re.compile(r"# fails: ([a-z0-9-]+): (.+)")


def read_solution(folder: Path, hosts: Mapping[str, HostSpec], watch: str) -> Answer:
    names = [name for name in ("solution.rules", "solution.commands") if os.path.lexists(folder / name)]
    if names != ["solution.rules"] and os.path.lexists(folder / "solution.rules6"):
        raise LessonError(shown_name(folder, "solution.rules6"), 0, "", "stands beside no solution.rules")
    if len(names) == 2:
        raise LessonError(shown_name(folder, names[1]), 0, "", "stands beside solution.rules: keep one of the two")
    return read_answer(folder, names[0] if names else "solution.rules", hosts, watch)


def read_wrong(folder: Path, hosts: Mapping[str, HostSpec], watch: str, checks: set[str]) -> tuple[WrongAnswer, ...]:
    place = folder / "wrong"
    try:
        names = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
    except OSError as error:
        raise LessonError(shown_name(folder, "wrong"), 0, "", f"cannot be read ({error.strerror})") from None
    if not names or len(names) > MAX_WRONG:
        raise LessonError(shown_name(folder, "wrong"), 0, "", "has no answers that must fail" if not names else "has too many answers")
    found: list[WrongAnswer] = []
    for name in names:
        if name.endswith(".rules6") and name[:-1] in names:
            continue  # read with the other
        file = shown_name(folder, f"wrong/{name}")
        first = read_text(folder, f"wrong/{name}").split("\n", 1)[0]
        fails = _FAILS.match(first)
        if not fails:
            raise LessonError(file, 1, "", "does not begin with a line # fails: CHECK: why")
        if fails[1] not in checks:
            raise LessonError(file, 1, "fails", f'there is no check "{fails[1]}"')
        found.append(WrongAnswer(read_answer(folder, f"wrong/{name}", hosts, watch), fails[1], fails[2].strip()))
    return tuple(found)


def read_answer(folder: Path, name: str, hosts: Mapping[str, HostSpec], watch: str) -> Answer:
    """An answer from a .rules or .commands file of the folder. Raises LessonError."""
    file = shown_name(folder, name)
    text = read_text(folder, name)
    if name.endswith(".rules"):
        check_rules(hosts[watch], text, file)
        text6 = read_text_if_there(folder, f"{name}6")
        if text6 is not None:
            check_rules(hosts[watch], text6, f"{file}6", family=6)
        return Answer(name, rules=text, rules6=text6 or "")
    if not name.endswith(".commands"):
        wrong = "stands beside no .rules" if name.endswith(".rules6") else "is neither .rules nor .commands"
        raise LessonError(file, 0, "", wrong)
    commands: list[tuple[str, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("# "):
            continue
        host, mark, command = line.partition("# ")
        if not mark or not command.strip():
            raise LessonError(file, number, "", "is not HOST# COMMAND")
        if host.strip() not in hosts:
            raise LessonError(file, number, "", f'there is no host "{host.strip()[:40]}"')
        commands.append((host.strip(), command.strip()))
    if not commands:
        raise LessonError(file, 0, "", "has no command")
    return Answer(name, commands=tuple(commands))


def check_rules(host: HostSpec, text: str, file: str, family: int = 4) -> None:
    """Raises LessonError when these rules of the host would be refused."""
    if not text.strip():
        raise LessonError(file, 0, "", "is empty")
    firewall = bare_firewall(host)
    try:
        firewall.load(text, family=family)
    except RuleRefused as error:
        raise LessonError(file, error.line_number, "", str(error)) from None


def bare_firewall(host: HostSpec) -> Firewall:
    """The host's firewall without rules. Raises ValueError, naming the value, when an address, route or sysctl is refused."""
    interfaces = {name: list(addresses) for name, addresses in host.interfaces.items()}
    return Firewall(interfaces=interfaces, routes=dict(host.routes), sysctls=dict(host.sysctls), mtus=host.mtus)
