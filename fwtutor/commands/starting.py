"""Starting the application: what is done before anything large is imported, so that it opens fast and stays small."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec


def start_lightly() -> None:
    """Call it first of all."""
    # What starting makes stays: to look through it for garbage is a tenth of the time it takes. The application enables it again.
    gc.disable()
    _without_openssl()


HASHES = ("_md5", "_sha1", "_sha3", "_blake2", *(("_sha256", "_sha512") if sys.version_info < (3, 12) else ("_sha2",)))
"""Python's own, which some distributions leave out."""


def _without_openssl() -> None:
    """asyncio and hashlib take OpenSSL along where there is one, and do without where there is none: 3 MB that nothing here asks for."""
    names = ["ssl", *(["_hashlib"] if all(map(find_spec, HASHES)) else [])]
    names = [name for name in names if name not in sys.modules]
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        import asyncio  # noqa: F401
        import hashlib  # noqa: F401
    finally:
        for name in names:
            del sys.modules[name]
