"""Where iptables-nft has the kernel decide otherwise than iptables-legacy does, and where not; each holds for kernel and engine alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Order, Setup, Shot
from fwtutor.netfilter import craft
from tests.kernel.talk import CLIENT, SERVER, Tcp, agreed, box, filtering


def nft(rules: str) -> Setup:
    return replace(box(rules), variant="nft")


def segment(size: int) -> Shot:
    """The first bytes of a TCP segment to port 80, as a packet of its own."""
    return Shot(craft.ip(CLIENT, SERVER, 6, bytes.fromhex("0fa0 0050 00000001 00000000 5002 2000 0000 0000")[:size], id=1), "lan")


SYN = Tcp().client("S")


@pytest.mark.parametrize(
    ("rule", "size", "legacy", "path"),
    [
        ("--dport 80", 3, "DROP", "policy:2"),
        ("--dport 80", 4, "DROP", "rule:1"),
        ("--dport 80", 19, "DROP", "rule:1"),
        ("--sport 4000", 2, "DROP", "rule:1"),
        ("! --dport 81", 4, "DROP", "rule:1"),
        ("! --dport 81", 3, "DROP", "policy:2"),
        ("--tcp-flags SYN SYN", 13, "DROP", "policy:2"),
        ("--tcp-flags SYN SYN", 14, "DROP", "rule:1"),
        ("! --syn", 13, "DROP", "policy:2"),
    ],
)
def test_a_header_cut_short_is_compared_as_far_as_it_goes(kernel: Kernel, rule: str, size: int, legacy: str, path: str) -> None:
    """The legacy match drops every such packet, at once and uncounted."""
    rules = filtering(f"-A FORWARD -p tcp -m tcp {rule}")
    (packet,) = agreed(kernel, box(rules), [segment(size)])
    assert (packet.verdict, packet.path) == (legacy, ())
    (packet,) = agreed(kernel, nft(rules), [segment(size)])
    assert (packet.verdict, packet.path[0]) == ("ACCEPT", f"filter:FORWARD:{path}")


@pytest.mark.parametrize("rule", ["-p tcp -m tcp", "-p tcp -m tcp --dport 80 --tcp-option 3", "-p icmp -m icmp --icmp-type 8"])
def test_what_stays_a_match_drops_a_header_cut_short(kernel: Kernel, rule: str) -> None:
    raw = segment(12).raw if "tcp" in rule else craft.ip(CLIENT, SERVER, 1, b"\x08\0", id=1)
    (packet,) = agreed(kernel, nft(filtering(f"-A FORWARD {rule}")), [Shot(raw, "lan")])
    assert (packet.verdict, packet.path) == ("DROP", ("filter:FORWARD:rule:1",)), "the trace names the rule; it has not counted it"


def test_a_fragment_that_begins_inside_the_tcp_header_is_dropped_by_the_legacy_match_alone(kernel: Kernel) -> None:
    raw = craft.ip(CLIENT, SERVER, 6, bytes(24), id=1, offset=8)
    rules = filtering("-A FORWARD -p tcp -m tcp --dport 80")
    assert [agreed(kernel, setup, [Shot(raw, "lan")])[0].verdict for setup in (box(rules), nft(rules))] == ["DROP", "ACCEPT"]


def test_after_a_negated_protocol_the_bytes_of_any_other_are_compared(kernel: Kernel) -> None:
    """A rule that iptables-legacy refuses."""
    setup = nft(filtering("-A FORWARD ! -p tcp -m tcp --dport 53 -j DROP"))
    shots = [
        Shot(craft.udp(CLIENT, SERVER, 4000, 53, b"x", id=1), "lan"),
        Shot(craft.udp(CLIENT, SERVER, 4000, 54, b"x", id=1), "lan"),
        Shot(craft.ip(CLIENT, SERVER, 253, b"\0\0\x00\x35", id=1), "lan"),
        Tcp().client("S"),
    ]
    assert [packet.verdict for packet in agreed(kernel, setup, shots)] == ["DROP", "ACCEPT", "DROP", "ACCEPT"]


def test_all_ports_negated_hold_for_every_packet(kernel: Kernel) -> None:
    """The tool leaves out what would demand nothing, and the "!" with it; in the legacy variant such a rule never matches."""
    rules = filtering("-A FORWARD -p tcp -m tcp ! --dport 0:65535 -j DROP")
    assert [agreed(kernel, setup, [SYN])[0].verdict for setup in (box(rules), nft(rules))] == ["ACCEPT", "DROP"]


def test_ports_in_two_matches_must_both_hold_though_only_one_is_listed(kernel: Kernel) -> None:
    setup = nft(filtering("-A FORWARD -p tcp -m tcp --dport 81 -m tcp --dport 80 -j DROP", "-A FORWARD -p tcp -m tcp ! --sport :80"))
    (packet,) = agreed(kernel, setup, [SYN])
    assert packet.path[0] == "filter:FORWARD:rule:2"


def test_no_interface_is_called_plus(kernel: Kernel) -> None:
    (packet,) = agreed(kernel, nft(filtering("-A FORWARD ! -i + -j DROP", "-A FORWARD -i + -o + -j ACCEPT")), [SYN])
    assert packet.path[0] == "filter:FORWARD:policy:2", "a bare ACCEPT reads like the end of the chain"


def test_a_builtin_chain_that_nothing_has_named_is_not_there(kernel: Kernel) -> None:
    rules = "*filter\n-A INPUT -j ACCEPT\nCOMMIT\n"
    (packet,) = agreed(kernel, nft(rules), [SYN])
    assert (packet.verdict, packet.path) == ("ACCEPT", ())
    (packet,) = agreed(kernel, box(rules), [SYN])
    assert packet.path == ("filter:FORWARD:policy:1",)


def test_rules_without_a_chain_are_no_rules(kernel: Kernel) -> None:
    """What is saved, which is compared at the end, has no table then."""
    rules = "*filter\nCOMMIT\n"
    agreed(kernel, nft(rules), [SYN])
    assert kernel.play(nft(rules), [SYN]).rules == ""
    assert ":FORWARD ACCEPT [1:40]" in kernel.play(box(rules), [SYN]).rules


@pytest.mark.parametrize(("order", "count"), [("-X FORWARD", 0), ("-P FORWARD DROP", 0), ("-F FORWARD", 1), ("-A FORWARD", 1), ("-Z", 0)])
def test_what_a_policy_has_counted_survives_only_some_commands(kernel: Kernel, order: str, count: int) -> None:
    comparison = agreed(kernel, nft(filtering()), [SYN, SYN, Order(order)])  # what is counted is compared at the end
    assert len(comparison) == 2


@pytest.mark.parametrize(
    ("order", "counts"),
    [
        ("-P FORWARD ACCEPT", True), ("-Z", True), ("-Z FORWARD", True), ("-L -Z", True), ("-A FORWARD -p udp", False),
        ("-F FORWARD", False), ("-Z FORWARD 1", False), ("-P INPUT DROP", False), ("-Z INPUT", False), ("-X FORWARD", False),
    ],
)  # fmt: skip
def test_the_policy_of_a_chain_made_by_a_rule_has_no_counter_until_it_is_named(kernel: Kernel, order: str, counts: bool) -> None:
    comparison = compare(kernel, nft("*filter\n-A FORWARD -p tcp\nCOMMIT\n"), [SYN, Order(order), SYN])
    assert not comparison.differences, f"{comparison}"
    assert (":FORWARD ACCEPT [1:" in comparison.observation.rules) is counts


@pytest.mark.parametrize("order", ["-X", "-N x", "-F OUTPUT", "-A FORWARD", "-P OUTPUT ACCEPT", "-Z OUTPUT", "-L -n", "-D FORWARD 9"])
@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_a_command_between_packets_does_the_same_to_all_counters(kernel: Kernel, variant: str, order: str) -> None:
    """In the legacy variant every change makes the policies forget what they counted."""
    setup = replace(box(filtering("-A FORWARD -p udp", "-A FORWARD -p tcp", output="DROP")), variant=variant)
    agreed(kernel, setup, [SYN, Order(order), SYN])


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_tracking_ends_with_the_last_rule_that_wants_it_and_begins_again_with_the_next(kernel: Kernel, variant: str) -> None:
    talk = Tcp()
    first, second, third = talk.open()
    again = Order("-A FORWARD -m conntrack --ctstate INVALID -j DROP")
    packets = agreed(kernel, replace(box(), variant=variant), [first, Order("-F"), second, again, third, talk.client("PA", 5)])
    assert [bool(packet.states) for packet in packets] == [True, False, True, True]


def test_chains_may_be_nested_only_so_deep(kernel: Kernel) -> None:
    chains = [f"u{number:02}" for number in range(16)]
    ways = [f"-A {here} -j {there}" for here, there in zip(["FORWARD", *chains], chains[:15], strict=False)]
    (packet, *_) = agreed(kernel, nft(filtering(*ways, chains=chains)), [SYN, Order(f"-A {chains[14]} -g {chains[15]}"), SYN])
    assert len(packet.path) == 31


@pytest.mark.parametrize(("ports", "matched"), [("4000 80", False), ("4000 81", True), ("4001 80", True), ("0 80", False)])
def test_two_negated_ports_are_compared_as_one_number(kernel: Kernel, ports: str, matched: bool) -> None:
    """``! --sport A ! --dport B`` then fails only what has both. Port 0 is compared by itself. Legacy: neither may be."""
    sport, dport = ports.split()
    rules = filtering(f"-A FORWARD -p tcp -m tcp ! --sport {sport} ! --dport {dport}")
    (packet,) = agreed(kernel, nft(rules), [SYN])
    assert (packet.path[0] == "filter:FORWARD:rule:1") == matched
    (packet,) = agreed(kernel, box(rules), [SYN])
    assert packet.path[0] == "filter:FORWARD:policy:2"


def test_a_match_that_drops_at_once_sends_no_answer_of_its_rules_reject(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp -m tcp --tcp-option 30 -j REJECT")
    (packet,) = agreed(kernel, nft(rules), [segment(12)])
    assert packet.out == ()


def test_a_match_that_drops_at_once_does_so_behind_a_rule_that_matched(kernel: Kernel) -> None:
    """Case 88257000708: it is told of the rule as of one that comes first."""
    rules = filtering("-A FORWARD -p tcp -j LOG\n-A FORWARD -p tcp -m tcp --tcp-option 30 -j REJECT")
    (packet,) = agreed(kernel, nft(rules), [segment(12)])
    assert packet.path == ("filter:FORWARD:rule:1", "filter:FORWARD:rule:2")


@pytest.mark.parametrize("offset", [8, 24, 1400])
@pytest.mark.parametrize("rule", ["--dport 80", "--sport 4000 --dport 80", "--tcp-flags SYN SYN", "! --dport 81"])
def test_what_a_later_fragment_holds_is_compared_as_if_it_were_a_header(kernel: Kernel, rule: str, offset: int) -> None:
    """While nothing is tracked, fragments pass singly, and their sender writes what he likes there. The legacy match is not fooled."""
    raw = craft.ip(CLIENT, SERVER, 6, SYN.raw[20:], id=1, df=False, offset=offset)
    rules = filtering(f"-A FORWARD -p tcp -m tcp {rule}")
    (packet,) = agreed(kernel, nft(rules), [Shot(raw, "lan")])
    assert packet.path[0] == "filter:FORWARD:rule:1"
    (packet,) = agreed(kernel, box(rules), [Shot(raw, "lan")])
    assert "filter:FORWARD:rule:1" not in packet.path


def test_a_match_that_drops_at_once_has_nothing_logged(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp -m tcp --tcp-option 30 -j LOG")
    (packet,) = agreed(kernel, nft(rules), [segment(12)])
    assert packet.logged == ()


def test_what_is_logged_before_a_match_drops_at_once_is_logged(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -j LOG --log-prefix before", "-A FORWARD -p tcp -m tcp --tcp-option 30")
    for setup in (box(rules), nft(rules)):
        (packet,) = agreed(kernel, setup, [segment(12)])
        assert [prefix for prefix, _ in packet.logged] == ["before"]
