"""ICMP redirects: told to a neighbour whose packet leaves by the interface it came in on. Kernel and engine alike."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import Packet
from tests.kernel.talk import address, agreed, filtering

GATEWAY = ("wan", "203.0.113.254")
Routes = Mapping[str, "str | tuple[str, str]"]


def box(routes: Routes, redirects: int = 1) -> Setup:
    interfaces = {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}
    return Setup(interfaces, filtering("-A FORWARD -m state --state NEW"), dict(routes), {"net.ipv4.conf.all.send_redirects": redirects})


def through(src: str, dst: str, at: float = 0.0, sport: int = 1000) -> Shot:
    return Shot(craft.udp(address(src), address(dst), sport, 53, b"x", id=1), "wan", at)


@pytest.mark.parametrize(("routes", "told"), [({"default": "wan"}, "198.51.100.7"), ({"default": GATEWAY}, "203.0.113.254")])
def test_a_neighbour_is_told_the_next_hop_and_its_packet_goes_on(kernel: Kernel, routes: Routes, told: str) -> None:
    (packet,) = agreed(kernel, box(routes), [through("203.0.113.9", "198.51.100.7")])
    redirect, forwarded = (Packet(raw) for _, raw in packet.out)
    assert (redirect.icmp_type, redirect.icmp_code, redirect.raw[24:28]) == (5, 1, address(told).to_bytes(4, "big"))
    assert forwarded.destination == "198.51.100.7"


@pytest.mark.parametrize(
    ("source", "routes"),
    [("198.51.100.9", {"default": GATEWAY}), ("192.168.0.5", {"default": GATEWAY}), ("8.8.8.8", {"198.51.100.0/24": GATEWAY})],
)
def test_who_is_no_neighbour_on_that_link_is_not_told(kernel: Kernel, source: str, routes: Routes) -> None:
    (packet,) = agreed(kernel, box(routes), [through(source, "203.0.113.77")])
    assert len(packet.out) == 1


def test_with_a_default_route_on_the_link_everybody_is_a_neighbour(kernel: Kernel) -> None:
    (packet,) = agreed(kernel, box({"default": "wan"}), [through("192.168.0.5", "203.0.113.77")])
    assert len(packet.out) == 2


def test_the_gap_between_two_redirects_doubles(kernel: Kernel) -> None:
    shots = [through("203.0.113.9", "198.51.100.7", 0.03 * number, 1000 + number) for number in range(20)]
    packets = agreed(kernel, box({"default": "wan"}), shots)
    assert 3 <= sum(len(packet.out) == 2 for packet in packets) <= 5


def test_a_broadcast_source_is_martian_only_where_a_redirect_might_be_sent(kernel: Kernel) -> None:
    shot = through("203.0.113.255", "203.0.113.77")
    (refused,) = agreed(kernel, box({"default": "wan"}), [shot])
    (passed,) = agreed(kernel, box({"default": "wan"}, redirects=0), [shot])
    assert (refused.out, len(passed.out)) == ((), 1)


def test_a_redirect_costs_what_was_saved_for_errors(kernel: Kernel) -> None:
    """Both are rationed out of one bucket: a neighbour that was told of a shorter way gets no ICMP error for a second."""
    setup = Setup(box({}).interfaces, filtering("-A INPUT -j REJECT", "-A FORWARD -m state --state NEW"), {"default": "wan"},
                  {"net.ipv4.conf.all.send_redirects": 1, "net.ipv4.icmp_ratelimit": 1000})  # fmt: skip
    rejected = through("203.0.113.9", "203.0.113.1")
    shots = [through("203.0.113.9", "198.51.100.7"), rejected, rejected._replace(at=1.2), rejected._replace(at=1.3)]
    packets = agreed(kernel, setup, shots)
    assert [len(packet.out) for packet in packets] == [2, 0, 1, 0]


@pytest.mark.parametrize(("mask", "answered"), [(0x1818, 0), (0xFFFF, 5)])
def test_where_the_mask_rations_redirects_too_the_first_fills_the_bucket(kernel: Kernel, mask: int, answered: int) -> None:
    sysctls = {"net.ipv4.conf.all.send_redirects": 1, "net.ipv4.icmp_ratelimit": 1000, "net.ipv4.icmp_ratemask": mask}
    setup = Setup(box({}).interfaces, filtering("-A INPUT -j REJECT", "-A FORWARD -m state --state NEW"), {"default": "wan"}, sysctls)
    packets = agreed(kernel, setup, [through("203.0.113.9", "198.51.100.7"), *[through("203.0.113.9", "203.0.113.1")] * 7])
    assert [len(packet.out) for packet in packets] == [2, *[1] * answered, *[0] * (7 - answered)]
