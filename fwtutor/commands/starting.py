"""Starting the application: what is done before anything large is imported, so that it opens fast, and weighs little."""

from __future__ import annotations

import gc
import sys


def start_lightly() -> None:
    """Call it first of all."""
    # What starting makes stays: to look through it for garbage is a tenth of the time it takes. The application enables it again.
    gc.disable()
    # asyncio can do without ssl, where Python has none, and nothing here opens a socket of the internet: OpenSSL is 4 MB of every session.
    if "asyncio" not in sys.modules:
        sys.modules["ssl"] = None  # type: ignore[assignment]  # "there is none": the import system's own word for it
        import asyncio  # noqa: F401

        del sys.modules["ssl"]
