"""The reverse path filter: a packet whose source lies elsewhere is dropped behind PREROUTING. Kernel and engine alike."""

from __future__ import annotations

from itertools import product

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.netfilter import craft
from tests.kernel.talk import address, agreed, filtering

RULES = filtering("-A FORWARD -m state --state NEW", "-A INPUT -m state --state NEW")
BOX, LAN_HOST, STRANGER, ELSEWHERE = "203.0.113.1", "192.168.0.20", "8.8.8.8", "198.51.100.7"


def box(routes: dict[str, str | tuple[str, str]], **sysctls: int) -> Setup:
    interfaces = {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}
    return Setup(interfaces, RULES, routes, {name.replace("__", "."): value for name, value in sysctls.items()})


def shot(src: str, dst: str, on: str, sport: int = 1000) -> Shot:
    return Shot(craft.udp(address(src), address(dst), sport, 53, b"x", id=1), on, 0.0)


def passed(kernel: Kernel, setup: Setup, *shots: Shot) -> list[bool]:
    return [packet.verdict == "ACCEPT" for packet in agreed(kernel, setup, list(shots))]


def test_a_spoofed_lan_address_from_the_world_is_let_through_unless_the_filter_is_on(kernel: Kernel) -> None:
    spoofed = shot(LAN_HOST, BOX, "wan"), shot(LAN_HOST, "192.168.0.30", "wan")
    assert passed(kernel, box({"default": "wan"}), *spoofed) == [True, True]
    assert passed(kernel, box({"default": "wan"}, net__ipv4__conf__all__rp_filter=1), *spoofed) == [False, False]
    assert passed(kernel, box({"default": "wan"}, net__ipv4__conf__wan__rp_filter=1), *spoofed) == [False, False]
    assert passed(kernel, box({"default": "wan"}, net__ipv4__conf__lan__rp_filter=1), *spoofed) == [True, True]


def test_loose_asks_for_any_way_back_and_strict_for_this_one(kernel: Kernel) -> None:
    shots = shot(STRANGER, BOX, "wan"), shot(LAN_HOST, BOX, "wan"), shot("203.0.113.9", BOX, "wan", 7)
    for mode, fates in ((0, [True, True, True]), (1, [False, False, True]), (2, [False, True, True]), (3, [False, True, True])):
        assert passed(kernel, box({ELSEWHERE + "/32": "wan"}, net__ipv4__conf__all__rp_filter=mode), *shots) == fates


def test_the_greater_of_the_two_settings_counts(kernel: Kernel) -> None:
    spoofed = shot(LAN_HOST, BOX, "wan")
    assert passed(kernel, box({"default": "wan"}, net__ipv4__conf__all__rp_filter=1, net__ipv4__conf__wan__rp_filter=2), spoofed) == [True]
    assert passed(kernel, box({"default": "wan"}, net__ipv4__conf__all__rp_filter=2, net__ipv4__conf__wan__rp_filter=1), spoofed) == [True]


SOURCES = (LAN_HOST, STRANGER, BOX, "192.168.0.1", "203.0.113.255", "192.168.255.255", "203.0.113.9", "0.0.0.0", "0.0.0.5",
           "255.255.255.255",            "127.0.0.1", "224.0.0.5", "240.0.0.1", "203.0.113.0")  # fmt: skip
TARGETS = (BOX, LAN_HOST, ELSEWHERE, "203.0.113.255", "255.255.255.255", "224.0.0.1", "192.168.0.1", "9.9.9.9")


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("routes", [{"default": ("wan", "203.0.113.254")}, {"198.51.100.0/24": "wan"}])
def test_every_kind_of_source_and_destination(kernel: Kernel, mode: int, routes: dict[str, str | tuple[str, str]]) -> None:
    setup = box(routes, net__ipv4__conf__all__rp_filter=mode)
    shots = [shot(src, dst, on, 1000 + n) for n, (src, dst, on) in enumerate(product(SOURCES, TARGETS, ("wan", "lan")))]
    fates = passed(kernel, setup, *shots)
    assert 20 < sum(fates) < len(shots) - 20


def test_forwarding_switched_off_and_redirects_do_not_hide_it(kernel: Kernel) -> None:
    shots = [shot(src, dst, "wan", 1000 + n) for n, (src, dst) in enumerate(product(SOURCES, TARGETS))]
    for extra in ({"net__ipv4__ip_forward": 0}, {"net__ipv4__conf__all__send_redirects": 1}):
        passed(kernel, box({"default": "wan"}, net__ipv4__conf__all__rp_filter=1, **extra), *shots)
