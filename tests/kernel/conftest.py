"""The kernel under the tests: one helper process for the session, or a plain word on why it cannot be asked."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.namespace import missing


@pytest.fixture(scope="session")
def kernel() -> Iterator[Kernel]:
    problem = missing()
    if problem is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"in CI the kernel must be asked, but {problem}")
        pytest.skip(problem)
    with Kernel() as running:
        yield running
