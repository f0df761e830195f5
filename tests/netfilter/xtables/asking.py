"""Asking the real tool very many commands: one process in the namespace starts it for each, without a shell in between."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.netfilter.xtables.live import Live

_ASKER = """
import json, subprocess, sys
for line in sys.stdin:
    answers = []
    for argv in json.loads(line):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True)
        said = done.stdout if done.returncode == 0 else b""
        answers.append((done.returncode, (done.stderr + said).decode(errors="surrogateescape")))
    print(json.dumps(answers), flush=True)
"""
_NO_RESOLVER = ("Temporary failure in name resolution", "Name or service not known")
"""What the tool says of a name where no name server can be asked, and where one does not know it."""


class Asker:
    """Runs commands of one tool in its namespace; each is what stands behind the tool's name, as a shell would be given it."""

    def __init__(self, live: Live, process: subprocess.Popen[str]) -> None:
        self.tool = live.tool
        self.process = process

    def ask(self, lines: list[str]) -> list[tuple[int, str]]:
        """Exit status and what was printed, of each line. Of one that was refused, what it said."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([[self.tool, *shlex.split(line)] for line in lines]) + "\n")
        self.process.stdin.flush()
        return [(status, said.replace(*_NO_RESOLVER)) for status, said in json.loads(self.process.stdout.readline())]


@contextmanager
def asker(live: Live) -> Iterator[Asker]:
    """One for the time of the test."""
    command = ["ip", "netns", "exec", live.name, sys.executable, "-c", _ASKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Asker(live, process)
        assert process.stdin is not None
        process.stdin.close()
