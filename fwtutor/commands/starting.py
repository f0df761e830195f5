"""Starting the application: what is done before anything large is imported, so that it opens fast and stays small."""

from __future__ import annotations

import gc
import sys


def start_lightly() -> None:
    """Call it first of all."""
    # What starting makes stays: to look through it for garbage is a tenth of the time it takes. The application enables it again.
    gc.disable()
    _without_openssl()


def _without_openssl() -> None:
    """asyncio and hashlib take OpenSSL along where there is one, and do without where there is none: 3 MB that nothing here asks for."""
    names = [name for name in ("ssl", "_hashlib") if name not in sys.modules]
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]
    import asyncio  # noqa: F401
    import hashlib  # noqa: F401

    for name in names:
        del sys.modules[name]
