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
from fwtutor.kernel.namespace import UNSHARE, missing
from fwtutor.kernel.observation import Item, Observation, Setup


class Kernel:
    """A helper process that plays packets on the kernel, each run in a fresh namespace. A context manager.

    Raises KernelUnavailable, saying what is missing, when this machine cannot be asked.
    """

    def __init__(self, *, user_namespace: bool = False) -> None:
        """``user_namespace``: the helper makes itself root of one, for whom is nobody outside."""
        problem = missing(user_namespace=user_namespace)
        if problem is not None:
            raise KernelUnavailable(problem)
        self._connection, theirs = Pipe()
        # The helper must be this very fwtutor, however the parent came to find it.
        search = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        before = [UNSHARE, "-rn"] if user_namespace else []
        with theirs:
            self._process = subprocess.Popen(
                [*before, sys.executable, "-m", "fwtutor.kernel.child", str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "PYTHONPATH": search},
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
            raise KernelUnavailable(self._end()) from problem
        if isinstance(answer, (KernelUnavailable, RulesetRefused)):
            raise answer
        assert isinstance(answer, Observation)
        return answer

    def _end(self) -> str:
        """Why the helper is no more."""
        code = self._process.wait()
        lines = self._process.stderr.read().splitlines() if self._process.stderr is not None else []
        if lines and lines[-1].startswith(f"{UNSHARE}:"):
            return f"it wants root, and here nobody else may make a namespace to be root in ({lines[-1]})"
        return f"the process asking the kernel died (exit code {code}){': ' if lines else ''}{lines[-1] if lines else ''}"

    def stop(self) -> None:
        """End the helper process; whoever waits for its answer in another thread hears that it died."""
        self._process.kill()

    def close(self) -> None:
        """End the helper process, and with it everything it made."""
        self._connection.close()
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()
