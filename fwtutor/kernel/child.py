"""The process that goes into the namespaces: ``python -m fwtutor.kernel.child FD PARENT`` takes jobs from a socket until it closes.

A process of its own, because a namespace is entered for good, and because whatever happens to it (or to its parent, whose
end of the socket closes with it) the kernel then takes the namespace down.
"""

from __future__ import annotations

import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.namespace import own_lock
from fwtutor.kernel.player import play
from fwtutor.orphans import end_with


def serve(connection: Connection, parent: int) -> None:
    """Answer each (setup, items) with an Observation or with the exception that kept it from being made; as long as ``parent`` lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end closes this one
    if not end_with(parent):
        return
    own_lock()
    while True:
        try:
            setup, items = connection.recv()
        except EOFError:
            return
        try:
            answer: object = play(setup, items)
        except (KernelUnavailable, RulesetRefused) as problem:
            answer = problem
        except OSError as problem:  # netlink's refusals among them: whatever it was, this kernel could not be asked
            place = f"{problem.filename}: " if problem.filename else ""
            answer = KernelUnavailable(f"{place}{problem.strerror or problem}")
        except Exception as problem:  # noqa: BLE001 - a mistake of ours, of which people see a sentence
            answer = _own_mistake(problem)
        try:
            connection.send(answer)
        except BrokenPipeError:
            return


def _own_mistake(problem: Exception) -> KernelUnavailable:
    """A sentence for the person who asked; the traceback is a note, for whoever mends it."""
    place = traceback.extract_tb(problem.__traceback__)[-1]
    what = " ".join("".join(traceback.format_exception_only(problem)).split())
    told = KernelUnavailable(f"that is a mistake of fwtutor's, please report it: {what} ({Path(place.filename).name}, line {place.lineno})")
    told.add_note(traceback.format_exc())
    return told


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
