"""Forwarding's own refusals, in their order: every kind of source to every kind of destination, spent or too big, with a way or without."""

from __future__ import annotations

from itertools import product

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.netfilter import craft
from tests.kernel.talk import address, box, filtering

SOURCES = (
    "203.0.113.9", "203.0.113.1", "192.168.0.20", "192.168.0.1", "127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.5", "255.255.255.255",
    "203.0.113.255", "192.168.255.255", "198.51.100.80", "203.0.113.0", "240.0.0.9",
)  # fmt: skip
DESTINATIONS = (
    "203.0.113.77", "203.0.113.1", "192.168.0.30", "192.168.0.1", "127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.2.3",
    "255.255.255.255", "203.0.113.255", "192.168.255.255", "198.51.100.53", "203.0.113.0", "240.0.0.1",
)  # fmt: skip
SIZES = ((1, 0, True), (64, 0, True), (64, 1200, True), (1, 1200, True), (64, 1200, False))
"""(TTL, bytes of data, DF). The interfaces' MTU is 1000."""
TRACKED, UNTRACKED = filtering("-A FORWARD -m state --state NEW"), filtering("-A FORWARD -p udp")


@pytest.mark.parametrize("rules", [TRACKED, UNTRACKED])
@pytest.mark.parametrize("forwards", [0, 1])
@pytest.mark.parametrize("routes", [{"default": "wan"}, {}, {"default": ("wan", "203.0.113.254")}])
def test_the_stack_refuses_in_the_same_order(kernel: Kernel, rules: str, forwards: int, routes: dict[str, str | tuple[str, str]]) -> None:
    shots = [
        Shot(craft.udp(address(src), address(dst), 4000, 53, bytes(size), id=1, ttl=ttl, df=df), on)
        for src, dst, on, (ttl, size, df) in product(SOURCES, DESTINATIONS, ("wan", "lan"), SIZES)
    ]
    sysctls = {"net.ipv4.icmp_ratelimit": 0, "net.ipv4.ip_forward": forwards}
    found = compare(kernel, Setup(box().interfaces, rules, routes, sysctls, {"lan": 1000, "wan": 1000}), shots)
    assert not found.differences, f"{found}"
