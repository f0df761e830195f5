"""The process that goes into the namespaces: ``python -m fwtutor.kernel.child FD`` takes jobs from a socket until it closes.

A process of its own, because a namespace is entered for good, and because whatever happens to it (or to its parent, whose
end of the socket closes with it) the kernel then takes the namespace down.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from multiprocessing.connection import Connection

from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.namespace import own_lock
from fwtutor.kernel.player import play

_PR_SET_PDEATHSIG = 1


def serve(connection: Connection) -> None:
    """Answer each (setup, items) with an Observation or with the exception that kept it from being made."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end closes this one
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # also in the middle of a job
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
        try:
            connection.send(answer)
        except BrokenPipeError:
            return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
