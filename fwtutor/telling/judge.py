"""The one module, but for judging itself, that asks the real kernel, when a person says so: what happened so far, played there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from fwtutor.badinput import BadInput
from fwtutor.recording import Run

if TYPE_CHECKING:
    from fwtutor.kernel.compare import Comparison
    from fwtutor.kernel.kernel import Kernel

PATIENCE = 3.0
"""Seconds a person waits; longer gaps between packets are shortened."""


@dataclass(slots=True, frozen=True)
class Judgement:
    """What came of asking."""

    comparison: Comparison | None
    """None: the kernel could not be asked, or there was nothing to ask."""
    problem: str = ""
    """Why, as a sentence."""
    notes: tuple[str, ...] = ()
    """What was shortened or left out."""
    logged: tuple[tuple[str, ...], ...] = ()
    """For each packet up to the first difference, the lines that LOG rules wrote."""
    lengths: tuple[Mapping[str, int], ...] = ()
    """For each packet how many rules the chains had then, by ``"filter:INPUT"``."""


class Judge:
    """One question. ``ask`` blocks, and is for a thread; the kernel is asked in a process of its own, which ``stop`` ends."""

    def __init__(self, run: Run, last: int) -> None:
        """``last``: the index of the last record that is played."""
        self._run, self._last = run, last
        self._lock = Lock()
        self._kernel: Kernel | None = None
        self._stopped = False

    def ask(self) -> Judgement:
        """Play it, and hold the engine against it."""
        # Here and not above: nothing of the kernel's side is loaded by a lab in which nobody asks.
        from fwtutor.judging.bare import chain_lengths
        from fwtutor.judging.judge import in_reach, put
        from fwtutor.judging.logged import log_lines
        from fwtutor.judging.question import shortened
        from fwtutor.judging.recorded import from_run

        notes: list[str] = []
        question = from_run(self._run, notes.append, last=self._last)
        if not question.items:
            return Judgement(None, "Nothing has come to this host yet: step to a packet, and ask again.")
        question = shortened(question, notes.append, patience=PATIENCE)
        try:
            with in_reach() as kernel:
                if self._begin(kernel):
                    found = put(kernel, question)
                    return Judgement(found, notes=tuple(notes), logged=log_lines(found), lengths=chain_lengths(found))
        except BadInput as problem:
            return Judgement(None, str(problem))
        return Judgement(None, "stopped")

    def _begin(self, kernel: Kernel) -> bool:
        with self._lock:
            self._kernel = kernel
            return not self._stopped

    def stop(self) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self._stopped = True
            if self._kernel is not None:
                self._kernel.stop()
