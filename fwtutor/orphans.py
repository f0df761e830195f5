"""Processes that are not to outlive the one that began them, however that ends."""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> bool:
    """From now on this process is killed when its parent dies, in the middle of whatever it does; False: it has died already.

    Only Linux has that; elsewhere nothing is done.
    """
    if sys.platform != "linux":
        return True
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent
