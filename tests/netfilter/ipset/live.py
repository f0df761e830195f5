"""Asking the real ipset, in a network namespace of its own, many commands at a time."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess

import pytest

from fwtutor.netfilter.ipset.command import run
from fwtutor.netfilter.ipset.errors import VERSION
from fwtutor.netfilter.ipset.sets import NO_SETS

_LOTS = re.compile(r"initval 0x[0-9a-f]{8}|hashsize \d+|Size in memory: \d+")
_BITMASK = re.compile(r"(bitmask [0-9a-f.:]+)/\d+")
"""What stands behind it is left over from something else."""


def available() -> str:
    """Why the live tool cannot be asked here; "" when it can."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("ipset") is None or shutil.which("unshare") is None:
        return "needs ipset and unshare"
    said = subprocess.run(["ipset", "version"], capture_output=True, text=True, check=False).stdout
    return "" if said.startswith(f"ipset {VERSION},") else f"needs ipset {VERSION}, this is {said.strip()}"


def ask(sessions: list[list[str]]) -> list[list[tuple[int, str]]]:
    """Exit status and what is printed, of each command of each session."""
    reason = available()
    if reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the live tool must be asked in CI: {reason}")
        pytest.skip(reason)
    script = ""
    for session in sessions:
        script += "ipset flush; ipset destroy\n"
        script += "".join(f"ipset {line} </dev/null 2>&1; printf '\\036%d\\037' $?\n" for line in session)
    done = subprocess.run(["unshare", "-n", "bash", "-s"], input=script, capture_output=True, text=True, check=True)
    answers = iter(done.stdout.split("\037"))
    found = []
    for session in sessions:
        told = []
        for _ in session:
            said, _, status = next(answers).rpartition("\036")
            told.append((int(status), said))
        found.append(told)
    return found


def ours(session: list[str]) -> list[tuple[int, str]]:
    """The same of our ipset, where no rule names a set."""
    sets, told = NO_SETS, []
    for line in session:
        outcome = run(shlex.split(line), sets, lambda name: 0, 0)
        sets, wrong = outcome.sets, outcome.refused
        told.append((0, outcome.output) if wrong is None else (wrong.status, outcome.output + ("" if wrong.silent else wrong.printed)))
    return told


def comparable(said: str) -> str:
    """What is printed, without what is drawn by lot and what depends on that; elements of a hash are in no order,
    and of their time a little may have passed."""
    found, members = [], list[str]()
    said = re.sub(r"\btimeout (\d+)", lambda left: f"timeout {-(-int(left[1]) // 5) * 5}", said)
    lines = _BITMASK.sub(r"\1", _LOTS.sub("(lot)", said)).split("\n")
    sorting = False
    for line in lines:
        if line.startswith("add ") or (sorting and line):
            members.append(line)
            continue
        found += sorted(members)
        members = []
        sorting = line == "Members:"
        found.append(line)
    return "\n".join(found + sorted(members))
