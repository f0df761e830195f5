"""Fragments in and out of order, doubled, missing, overlapping, mangled: kernel and engine put the same datagrams together."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.kernel.pools import Ends
from fwtutor.kernel.random_fragments import datagrams
from tests.kernel.talk import BOX, CLIENT, STRANGER, filtering

TRACKED = filtering("-A FORWARD -m state --state NEW", "-A FORWARD -p udp -m udp --dport 53 -j ACCEPT", "-A INPUT -p icmp -j REJECT")
UNTRACKED = filtering("-A FORWARD -p udp -m udp --dport 53 -j ACCEPT", "-A FORWARD -f -j ACCEPT")
THROUGH: Ends = (STRANGER, "wan"), (CLIENT, "lan")
TO_THE_BOX: Ends = (STRANGER, "wan"), (BOX, None)


def case(seed: int) -> tuple[Setup, list[Shot]]:
    random = Random(seed)
    interfaces = {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}
    mtus = random.choice([{}, {}, {"lan": 576}, {"wan": 1000}])
    # Untracked, what is for the box passes PREROUTING in pieces and INPUT whole.
    rules, ends = random.choice([(TRACKED, THROUGH), (TRACKED, TO_THE_BOX), (UNTRACKED, THROUGH), (UNTRACKED, TO_THE_BOX)])
    # What the box itself sends has to fit, or the socket refuses it.
    shots = [shot for shot in islice(datagrams(random, ends), 60) if shot.on is not None or len(shot.raw) <= mtus.get("wan", 1500)]
    return Setup(interfaces, rules, {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 0}, mtus), shots


@pytest.mark.parametrize("seed", range(25))
def test_kernel_and_engine_put_the_same_datagrams_together(kernel: Kernel, seed: int) -> None:
    comparison = compare(kernel, *case(seed))
    assert not comparison.differences, f"{comparison}"


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_fragment_is_the_largest_with_the_header_it_came_with(kernel: Kernel, seed: int) -> None:
    random = Random(seed)
    setup = Setup({"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}, TRACKED, {"default": "wan"}, {}, {"lan": 576})
    shots = list(islice(datagrams(random, (THROUGH[1], THROUGH[0]), with_options=True), 60))
    comparison = compare(kernel, setup, shots)
    assert not comparison.differences, f"{comparison}"
