"""What the box sends to a broadcast address, a multicast group or 0.0.0.0: it leaves, and a copy comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Setup, Shot
from fwtutor.netfilter import craft
from tests.kernel.talk import BOX, CLIENT, address, agreed, box, filtering

RULES = filtering("-A INPUT -i wan", "-A INPUT -m state --state NEW", "-A OUTPUT -m state --state NEW")
THERE_AND_BACK = ["OUTPUT", "POSTROUTING", "PREROUTING", "INPUT", "POSTROUTING"]


def to(target: str, *, ttl: int = 64) -> Shot:
    return Shot(craft.udp(BOX, address(target), 4000, 9, b"x", id=9, ttl=ttl), None)


def hooks(packet: Observed) -> list[str]:
    return [hook for hook, _ in packet.states]


@pytest.mark.parametrize("target", ["255.255.255.255", "203.0.113.255", "192.168.255.255", "224.0.0.1"])
def test_a_copy_comes_back_by_the_same_interface_before_the_packet_leaves(kernel: Kernel, target: str) -> None:
    (packet,) = agreed(kernel, box(RULES, acct=1), [to(target)])
    assert hooks(packet) == THERE_AND_BACK
    assert (packet.verdict, packet.to) == ("ACCEPT", "lan" if target.startswith("192") else "wan")
    assert packet.entry is not None
    assert packet.entry.original_counters == (1, 29), "counted once"


def test_a_group_the_box_has_not_joined_hears_nothing_of_it_here(kernel: Kernel) -> None:
    (packet,) = agreed(kernel, box(RULES), [to("239.1.2.3")])
    assert hooks(packet) == ["OUTPUT", "POSTROUTING"]


def test_0_0_0_0_is_the_box_itself_by_loopback(kernel: Kernel) -> None:
    (packet,) = agreed(kernel, box(RULES), [to("0.0.0.0")])
    assert hooks(packet) == THERE_AND_BACK[:-1]
    assert (packet.to, packet.out) == ("local", ())


@pytest.mark.parametrize("target", ["255.255.255.255", "224.0.0.1", "239.1.2.3", "203.0.113.255", "0.0.0.0"])
def test_many_need_a_route_as_everybody_does(kernel: Kernel, target: str) -> None:
    (packet,) = agreed(kernel, Setup(box().interfaces, RULES, {}), [to(target)])
    assert packet.verdict == ("ACCEPT" if target in ("203.0.113.255", "0.0.0.0") else "DISCARD")


@pytest.mark.parametrize("target", ["DROP", "REJECT"])
def test_what_input_does_to_the_copy_does_not_matter_to_the_packet(kernel: Kernel, target: str) -> None:
    (packet,) = agreed(kernel, box(filtering(f"-A INPUT -m state --state NEW -j {target}")), [to("203.0.113.255")])
    assert (packet.verdict, packet.to, len(packet.out)) == ("ACCEPT", "wan", 1)
    assert packet.entry is not None, "the copy has passed POSTROUTING first, and kept it"


def test_what_input_makes_of_the_connections_mark_the_packet_finds_when_it_leaves(kernel: Kernel) -> None:
    mangle = "*mangle\n-A INPUT -j CONNMARK --or-mark 0x6\n-A POSTROUTING -j CONNMARK --and-mark 0x5\nCOMMIT\n"
    (packet,) = agreed(kernel, box(RULES + mangle), [to("203.0.113.255")])
    assert packet.entry is not None
    assert packet.entry.mark == 4


@pytest.mark.parametrize("target", ["255.255.255.255", "224.0.0.1"])
def test_the_way_back_of_a_copy_is_always_good(kernel: Kernel, target: str) -> None:
    rules = f"{RULES}*mangle\n-A PREROUTING -m rpfilter -j ACCEPT\nCOMMIT\n"
    (packet,) = agreed(kernel, box(rules), [to(target)])
    assert "mangle:PREROUTING:rule:1" in packet.path


def test_a_packet_dropped_in_output_has_no_copy(kernel: Kernel) -> None:
    (packet,) = agreed(kernel, box(filtering("-A OUTPUT -m state --state NEW -j DROP")), [to("203.0.113.255")])
    assert hooks(packet) == ["OUTPUT"]


@pytest.mark.parametrize(("target", "out"), [("224.0.0.1", 0), ("239.1.2.3", 1), ("203.0.113.255", 1)])
def test_with_ttl_0_a_group_the_box_has_joined_is_this_box_only(kernel: Kernel, target: str, out: int) -> None:
    (packet,) = agreed(kernel, box(RULES), [to(target, ttl=0)])
    assert len(packet.out) == out


def test_reset_never_answers_what_goes_to_many(kernel: Kernel) -> None:
    rules = filtering("-A OUTPUT -p tcp -j REJECT --reject-with tcp-reset", "-A OUTPUT -m state --state NEW")
    for target in ("239.1.2.3", "224.0.0.1", "203.0.113.255"):
        (packet,) = agreed(kernel, box(rules), [Shot(craft.tcp(BOX, address(target), 1, 2, 2, 1, id=1), None)])
        assert hooks(packet) == ["OUTPUT"]


def test_an_answer_to_a_broadcast_address_leaves_before_its_copy_comes_back(kernel: Kernel) -> None:
    """The stack is at work on the packet that is answered: what comes in waits."""
    rules = filtering("-A FORWARD -j REJECT", "-A INPUT -m state --state RELATED")
    (packet,) = agreed(kernel, box(rules), [Shot(craft.udp(address("203.0.113.255"), CLIENT, 5, 6, b"x", id=1), "wan")])
    assert hooks(packet)[2:] == ["OUTPUT", "POSTROUTING", "POSTROUTING", "PREROUTING", "INPUT"]


@pytest.mark.parametrize("on", ["wan", "lan"])
def test_an_answer_to_a_group_leaves_where_its_source_is_at_home(kernel: Kernel, on: str) -> None:
    """Routes are not asked: there is none here. The box's own RST answers a packet that says it is from the group."""
    ends = address("239.1.2.3"), address("192.168.0.1" if on == "lan" else "203.0.113.1")
    setup = Setup(box().interfaces, RULES, {}, {"net.ipv4.icmp_ratelimit": 0})
    found = compare(kernel, setup, [Shot(craft.tcp(*ends, 22, 22, 18, 1, 1, id=1), None)])
    assert not found.differences, f"{found}"
    assert [(packet.verdict, packet.to) for packet in found.observation.packets] == [("ACCEPT", "local"), ("ACCEPT", on)]


AT_ONCE = ["OUTPUT", "OUTPUT", "POSTROUTING", "PREROUTING", "INPUT", "POSTROUTING"]
LATER = ["OUTPUT", "OUTPUT", "POSTROUTING", "POSTROUTING", "PREROUTING", "INPUT"]


@pytest.mark.parametrize(
    ("variant", "answer", "hooks_after"),
    [
        ("legacy", "tcp-reset", LATER), ("nft", "tcp-reset", AT_ONCE),
        ("legacy", "icmp-port-unreachable", LATER), ("nft", "icmp-port-unreachable", LATER),
    ],
)  # fmt: skip
def test_what_refuses_a_programs_packet_may_have_to_wait_for_the_rules(
    kernel: Kernel, variant: str, answer: str, hooks_after: list[str]
) -> None:
    """The answer goes to everybody. Legacy's rules are walked as a whole, and its copy has to wait; nft's are not, but ICMP is."""
    rules = filtering(f"-A OUTPUT -o lo -p tcp -j REJECT --reject-with {answer}", "-A INPUT -m state --state NEW")
    refused = Shot(craft.tcp(address("203.0.113.255"), BOX, 22, 1337, 17, 1, 1, id=1), None)
    (packet,) = agreed(kernel, replace(box(rules), variant=variant), [refused])
    assert hooks(packet) == hooks_after
