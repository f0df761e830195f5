"""What packets aimed at real rulesets found, each as small as it could be made."""

from __future__ import annotations

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from tests.kernel.test_following import VARIANTS

BOX = {"eth0": ("2001:db8:1::1/64",), "eth1": ("2001:db8:2::1/64",)}


def agree(kernel: Kernel, rules: str, shots: list[Shot], variant: str) -> None:
    found = compare(kernel, Setup(BOX, "", {"::/0": "eth0"}, {"net.ipv6.icmp.ratelimit": 0}, {}, variant, rules6=rules), shots)
    assert not found.differences, str(found)


def datagram(src: str, dst: str) -> bytes:
    return craft.udp(parse_address(src)[1], parse_address(dst)[1], 5000, 69, b"x", family=6)


@VARIANTS
@pytest.mark.parametrize("options", ["--invert", "--loose --invert", "--validmark"])
def test_the_way_back_is_that_of_the_longest_prefix_though_the_default_route_leaves_by_the_interface(
    kernel: Kernel, variant: str, options: str
) -> None:
    sources = ("2001:db8:1::9", "2001:db8:2::9", "2001:db8:9::9", "2001:db8:1::1", "fe80::9")
    shots = [Shot(datagram(src, "2001:db8:2::1"), on) for src in sources for on in BOX]
    agree(kernel, f"*raw\n-A PREROUTING -m rpfilter {options} -j DROP\nCOMMIT\n", shots, variant)


@VARIANTS
@pytest.mark.parametrize("tracked", [False, True])
def test_what_goes_to_a_group_that_reaches_no_further_than_the_box_is_lost_behind_postrouting(
    kernel: Kernel, variant: str, tracked: bool
) -> None:
    groups = ("ff00::1", "ff01::1", "ff01::5", "ff02::5", "ff10::5", "ff30::1", "ff0e::5")
    rules = f"*filter\n-A OUTPUT {'-m conntrack --ctstate NEW ' if tracked else ''}-j ACCEPT\nCOMMIT\n"
    agree(kernel, rules, [Shot(datagram("2001:db8:2::1", group), None) for group in groups * 2], variant)


@VARIANTS
@pytest.mark.parametrize("options", ["--probability 0.5", "! --probability 0.9", "--probability 0", "--probability 1"])
def test_on_which_rule_a_lot_falls_is_the_kernels_to_say(kernel: Kernel, variant: str, options: str) -> None:
    rules = f"*filter\n:a - [0:0]\n-A INPUT -m statistic --mode random {options} -j a\n-A INPUT -j DROP\nCOMMIT\n"
    agree(kernel, rules, [Shot(datagram("2001:db8:2::9", "2001:db8:2::1"), "eth1")] * 40, variant)


@VARIANTS
@pytest.mark.parametrize("hook", ["INPUT", "OUTPUT"])
@pytest.mark.parametrize("kind", ["icmp6-port-unreachable", "tcp-reset"])
def test_what_came_by_loopback_for_a_link_local_address_is_not_refused_from_there(
    kernel: Kernel, variant: str, hook: str, kind: str
) -> None:
    sources = ("2001:db8:9::9", "2001:db8:1::1", "fe80::1", "fe80::9", "::1")
    targets = ("fe80::1", "2001:db8:1::1", "2001:db8:2::1", "::1", "2001:db8:1::")
    box = {**BOX, "eth0": ("2001:db8:1::1/64", "fe80::1/64")}
    rules = f"*filter\n-A {hook} -p tcp -d ::/0 -j REJECT --reject-with {kind}\n-A INPUT -m conntrack --ctstate INVALID\nCOMMIT\n"
    pairs = [(parse_address(source)[1], parse_address(target)[1]) for source in sources for target in targets]
    shots = [Shot(craft.tcp(src, dst, 5000, 80, 2, 1, family=6), None) for src, dst in pairs]
    setup = Setup(box, "", {"::/0": "eth0"}, {"net.ipv6.icmp.ratelimit": 0}, {}, variant, rules6=rules)
    found = compare(kernel, setup, shots)
    assert not found.differences, str(found)
