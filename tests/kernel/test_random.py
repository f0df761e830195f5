"""Random firewalls and random traffic: thousands of packets, and not one difference."""

from __future__ import annotations

import pytest

from fwtutor.kernel.compare import compare, happens_again
from fwtutor.kernel.generate import case
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.shrink import reproduction, shrink

SEEDS = range(100)
PACKETS = 150
"""In a case: 15,000 in all, and some more that the kernel's own stack answers."""


@pytest.mark.parametrize("seed", SEEDS)
def test_kernel_and_engine_agree(kernel: Kernel, seed: int) -> None:
    found = compare(kernel, *case(seed, PACKETS))
    if found.differences and happens_again(kernel, found):
        small = shrink(kernel, found)
        pytest.fail(f"{small}\n\n{reproduction(small)}", pytrace=False)
