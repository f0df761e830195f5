"""What is costly to make, made once."""

from __future__ import annotations

import pytest

from fwtutor.recording import Run
from tests.recording.scenes import CONNECTIONS, PACKETS, long_run


@pytest.fixture(scope="session")
def long() -> Run:
    """A run of 10,000 packets of 1,000 connections."""
    return long_run(PACKETS, CONNECTIONS)
