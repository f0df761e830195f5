"""No test reaches a network or a name server, but those that ask the kernel in namespaces of their own (tests/kernel)."""

from __future__ import annotations

import gc
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is no bug, and CI tries the same examples every time: a red run there is never bad luck.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

KERNEL = Path(__file__).parent / "kernel"


class InternetForbidden(AssertionError):
    """Something opened an internet socket, or asked for a name."""


class LocalSocket(socket.socket):
    """What ``socket.socket`` is during a test: everything but the internet's families."""

    def __init__(self, family: int = -1, *args: Any, **kwargs: Any) -> None:
        if family in (-1, socket.AF_INET, socket.AF_INET6) and kwargs.get("fileno") is None and len(args) < 3:
            raise InternetForbidden(f"a socket of family {family}")
        super().__init__(family, *args, **kwargs)


def _no_names(*args: Any, **kwargs: Any) -> Any:
    raise InternetForbidden(f"a name was looked up: {args[:1]}")


@pytest.fixture(autouse=True)
def no_internet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks AF_INET and AF_INET6."""
    if KERNEL not in request.path.parents:
        monkeypatch.setattr(socket, "socket", LocalSocket)
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
            monkeypatch.setattr(socket, name, _no_names)


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it for garbage, again and again, takes a sixth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
