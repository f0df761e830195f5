"""Sets of addresses on the real kernel: made in the namespace, changed by orders, read back; and held against the engine's.

How a hash is laid out depends on a number that the kernel draws by lot, and so does the order in which it tells the elements: neither
is compared. The time an element has left goes on while it is read.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.namespace import run

if TYPE_CHECKING:
    from fwtutor.netfilter.firewall import Firewall

_LAYOUT = re.compile(r" (hashsize \d+|initval 0x\w+)")
_LEFT = re.compile(r" timeout (\d+)")


class KernelSets:
    """The sets of this process's namespace."""

    def __init__(self, text: str) -> None:
        """Make those of ``text`` (as ``ipset save`` prints it). Raises RulesetRefused."""
        self._text = text
        self._used = False
        if text:
            self._restore([])

    def _restore(self, options: list[str]) -> None:
        if shutil.which("ipset") is None:
            raise KernelUnavailable("the program ipset is missing (package ipset)")
        self._used = True
        run(["ipset", *options, "restore"], self._text if self._text.endswith("\n") else self._text + "\n", RulesetRefused)

    def begin(self) -> None:
        """The time of all elements begins now."""
        if " timeout " in self._text:
            self._restore(["-exist"])

    def order(self, line: str) -> tuple[int, str]:
        """Run ipset with the words of ``line``; its exit status and what it said."""
        self._used = True
        return typed("ipset", line)

    def save(self) -> str:
        """As ``ipset save`` prints them; "" when there never were any."""
        return run(["ipset", "save"], "", RulesetRefused) if self._used else ""


def typed(program: str, line: str) -> tuple[int, str]:
    """Run a program in this namespace with the words of ``line``; its exit status and what it said."""
    try:
        words = shlex.split(line)
    except ValueError as problem:
        raise RulesetRefused(f"{line}: {problem}") from None
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise KernelUnavailable(f"the program {program} is missing (package {program})") from None
    return done.returncode, done.stdout + done.stderr


def differences(kernel: str, firewall: Firewall, earliest: float, latest: float) -> tuple[str, str]:
    """Both sides' sets, a line each, alike when they are; the kernel's were read between these times."""
    theirs = _lines(kernel)
    longest, shortest = _lines(firewall.save_sets(earliest)), _lines(firewall.save_sets(latest))
    ours = dict[str, str]()
    for key, left in longest.items():
        least = shortest.get(key)
        seen = theirs.get(key)
        if seen is None and least is None:
            continue  # its time was over while one looked
        fits = seen is not None and _seconds(least) <= _seconds(seen) <= _seconds(left)
        ours[key] = seen if seen is not None and fits and (_seconds(seen) == 0) == (_seconds(left) == 0) else left
    return "\n".join(sorted(theirs.values())), "\n".join(sorted(ours.values()))


def _lines(saved: str) -> dict[str, str]:
    """What is saved, by itself without what goes by; lists of sets keep their order."""
    found = dict[str, str]()
    lists, place = set[str](), 0
    for line in saved.splitlines():
        words = line.split()
        if words[0] == "create" and words[2] == "list:set":
            lists.add(words[1])
            place = 0
        if words[0] == "add" and words[1] in lists:
            place += 1
            line = f"{line} (place {place})"
        line = _LAYOUT.sub("", line) if words[0] == "create" else line
        found[line if words[0] == "create" else _LEFT.sub("", line)] = line
    return found


def _seconds(line: str | None) -> int:
    found = _LEFT.search(line) if line is not None else None
    return int(found[1]) if found else 0
