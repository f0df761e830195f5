"""The real kernel, asked: packets through a firewall in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType

from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.namespace import missing
from fwtutor.kernel.observation import Item, Observation, Setup


class Kernel:
    """A helper process that plays packets on the kernel, each run in a fresh namespace. A context manager.

    Raises KernelUnavailable, saying what is missing, when this machine cannot be asked.
    """

    def __init__(self) -> None:
        problem = missing()
        if problem is not None:
            raise KernelUnavailable(problem)
        self._connection, theirs = Pipe()
        # The helper must be this very fwtutor, however the parent came to find it.
        search = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fwtutor.kernel.child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": search},
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of the helper process."""
        return self._process.pid

    def play(self, setup: Setup, items: Sequence[Item]) -> Observation:
        """Play ``items`` at the box ``setup``. Raises RulesetRefused with iptables' own words, or KernelUnavailable."""
        try:
            self._connection.send((setup, list(items)))
            answer = self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as problem:
            raise KernelUnavailable(f"the process asking the kernel died (exit code {self._process.wait()})") from problem
        if isinstance(answer, (KernelUnavailable, RulesetRefused)):
            raise answer
        assert isinstance(answer, Observation)
        return answer

    def close(self) -> None:
        """End the helper process, and with it everything it made."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()
