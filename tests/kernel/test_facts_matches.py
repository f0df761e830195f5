"""What the kernel does with -m limit, -m multiport and -j LOG, said as facts; each holds for kernel and engine alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Observed, Order, Setup, Shot
from fwtutor.netfilter import craft
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, Tcp, agreed, box, filtering

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])
UDP = Shot(craft.udp(STRANGER, BOX, 4000, 53, b"question", id=1), "wan")
SYN = Shot(craft.tcp(STRANGER, BOX, 4000, 22, 2, 100, id=1), "wan")


def limited(variant: str, *rules: str) -> Setup:
    return replace(box(filtering(*rules, input="DROP")), variant=variant)


def verdicts(kernel: Kernel, setup: Setup, items: Sequence[Item]) -> str:
    """A or D, packet by packet, as kernel and engine both say."""
    comparison = compare(kernel, setup, items)
    assert not comparison.differences, f"{comparison}"
    return "".join(packet.verdict[0] for packet in comparison.observation.packets if packet.shot >= 0)


@VARIANTS
def test_a_bucket_is_full_at_first_and_gains_a_token_a_period(kernel: Kernel, variant: str) -> None:
    setup = limited(variant, "-A INPUT -m limit --limit 2/sec --limit-burst 3 -j ACCEPT")
    times = [0, 0, 0, 0, 0, 0.7, 0.7, 2.9, 2.9, 2.9, 2.9]
    assert verdicts(kernel, setup, [UDP._replace(at=at) for at in times]) == "AAADD" + "AD" + "AAAD"


def test_two_a_day_with_a_burst_of_five_lets_one_through_in_legacy(kernel: Kernel) -> None:
    assert verdicts(kernel, limited("legacy", "-A INPUT -m limit --limit 2/day -j ACCEPT"), [UDP] * 6) == "ADDDDD"
    assert verdicts(kernel, limited("nft", "-A INPUT -m limit --limit 2/day -j ACCEPT"), [UDP] * 6) == "AAAAAD"


@VARIANTS
def test_a_packet_that_a_later_match_turns_away_has_taken_its_token(kernel: Kernel, variant: str) -> None:
    setup = limited(variant, "-A INPUT -m limit --limit 1/hour --limit-burst 2 -m mark --mark 1 -j ACCEPT", "-A INPUT -p tcp -j ACCEPT")
    packets = [UDP, UDP, UDP]
    assert verdicts(kernel, setup, packets) == "DDD"
    before = limited(variant, "-A INPUT -p tcp -m limit --limit 1/hour --limit-burst 2 -j ACCEPT")
    assert verdicts(kernel, before, [UDP, UDP, SYN, SYN, SYN]) == "DDAAD"


@VARIANTS
def test_two_limits_in_one_rule_have_a_bucket_each(kernel: Kernel, variant: str) -> None:
    rule = "-A INPUT -m limit --limit 1/hour --limit-burst 3 -m limit --limit 1/hour --limit-burst 2 -j ACCEPT"
    assert verdicts(kernel, limited(variant, rule), [UDP] * 5) == "AADDD"


RULE = "-A INPUT -p udp -m limit --limit 1/hour --limit-burst 1 -j ACCEPT"
ELSEWHERE = (
    "-A FORWARD -p tcp", "-I INPUT 2 -p tcp", "-P OUTPUT ACCEPT", "-F FORWARD", "-Z FORWARD", "-N other", "-D OUTPUT 1",
    "-R OUTPUT 1 -p udp",
)  # fmt: skip


@pytest.mark.parametrize("line", [*ELSEWHERE, "-S", "-L -n", "-C INPUT -p tcp", "-D INPUT 9", "-X", "-Z", "-Z INPUT 1"])
@VARIANTS
def test_a_write_elsewhere_fills_legacys_buckets_and_leaves_nfts(kernel: Kernel, line: str, variant: str) -> None:
    setup = limited(variant, RULE, "-A OUTPUT -p tcp")
    observed = kernel.play(setup, [UDP, UDP, Order(line), UDP])
    new = observed.packets[-1].verdict == "ACCEPT"
    assert new is ((line in ELSEWHERE and variant == "legacy") or line in ("-Z", "-Z INPUT 1"))
    if variant == "legacy" or observed.orders[0].status == 0:
        assert verdicts(kernel, setup, [UDP, UDP, Order(line), UDP]) == ("ADA" if new else "ADD")


@VARIANTS
def test_nft_leaves_a_bucket_when_it_zeroes_a_rule_that_has_not_counted(kernel: Kernel, variant: str) -> None:
    rule = "-A OUTPUT -p udp -m limit --limit 1/hour --limit-burst 1 -m mark --mark 5 -j ACCEPT"
    own = Shot(craft.udp(BOX, STRANGER, 4000, 53, id=1), None)
    setup = replace(box(filtering(rule, output="DROP")), variant=variant)
    assert verdicts(kernel, setup, [own, Order("-Z"), own._replace(mark=5)]) == ("DA" if variant == "legacy" else "DD")


@pytest.mark.parametrize("line", ["-P FORWARD DROP", "-A INPUT -p tcp", "-N other", "-Z FORWARD", "-L -n"])
def test_writing_a_table_with_legacy_zeroes_its_policies(kernel: Kernel, line: str) -> None:
    setup = box(filtering("-A OUTPUT -p tcp"))
    comparison = compare(kernel, setup, [UDP, Order(line), UDP])
    assert not comparison.differences, f"{comparison}"
    assert f":INPUT ACCEPT [{'2:72' if line == '-L -n' else '1:36'}]" in comparison.observation.rules


def cut(protocol: int, size: int, offset: int = 0) -> Shot:
    return Shot(craft.ip(STRANGER, BOX, protocol, SYN.raw[20 : 20 + size], df=False, offset=offset, id=1), "wan")


@pytest.mark.parametrize(("protocol", "name"), [(6, "tcp"), (17, "udp"), (136, "udplite"), (132, "sctp"), (33, "dccp")])
def test_multiport_reads_four_bytes_and_drops_a_packet_that_ends_before_them(kernel: Kernel, protocol: int, name: str) -> None:
    setup = box(filtering(f"-A INPUT -p {name} -m multiport --dports 1,20:23 -j ACCEPT"))
    packets = agreed(kernel, setup, [cut(protocol, size) for size in (0, 3, 4, 20)])
    # Of those dropped at once no rule and no policy tells.
    assert [packet.path for packet in packets] == [(), (), ("filter:INPUT:rule:1",), ("filter:INPUT:rule:1",)]
    assert [packet.verdict for packet in packets] == ["DROP", "DROP", "ACCEPT", "ACCEPT"]
    observed = kernel.play(replace(setup, variant="nft"), [cut(protocol, size) for size in (0, 3)])
    assert {packet.verdict for packet in observed.packets} == {"DROP"}
    assert "[0:0] -A INPUT" in observed.rules


@VARIANTS
@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ("--sports 4000", True), ("--sports 22", False), ("--dports 22", True), ("--ports 4000", True), ("--ports 22,23", True),
        ("! --ports 22", False), ("! --ports 5", True), ("! --dports 4000", True), ("--dports 1:21,23:65535", False),
    ],
)  # fmt: skip
def test_multiport_looks_at_one_port_or_at_both(kernel: Kernel, options: str, fits: bool, variant: str) -> None:
    setup = limited(variant, f"-A INPUT -p tcp -m multiport {options} -j ACCEPT")
    assert verdicts(kernel, setup, [SYN]) == ("A" if fits else "D")


@VARIANTS
def test_log_goes_on_and_rules_behind_it_decide(kernel: Kernel, variant: str) -> None:
    rules = [
        '-A INPUT -j LOG --log-prefix "first: "', "-A INPUT -p tcp -j u", "-A INPUT -p udp -j REJECT", "-A u -j LOG --log-prefix second",
        "-A u -p tcp -j ACCEPT", "-A OUTPUT -j LOG --log-prefix answer --log-tcp-options",
    ]  # fmt: skip
    setup = replace(box(filtering(*rules, chains=["u"])), variant=variant)
    packets = agreed(kernel, setup, [UDP, SYN])
    assert [[prefix for prefix, _ in packet.logged] for packet in packets] == [["first: ", "answer"], ["first: ", "second"]]


@VARIANTS
def test_a_forwarded_packet_is_logged_with_its_ttl_lowered(kernel: Kernel, variant: str) -> None:
    setup = replace(box(filtering("-A FORWARD -j LOG")), variant=variant)
    packets: Sequence[Observed] = agreed(kernel, setup, Tcp().open())
    assert [logged[8] for packet in packets for _, logged in packet.logged] == [63] * 3
    assert packets[0].raw[12:16] == CLIENT.to_bytes(4, "big")
    assert packets[0].raw[16:20] == SERVER.to_bytes(4, "big")


@VARIANTS
def test_a_type_of_icmp_can_be_asked_for_with_several_codes(kernel: Kernel, variant: str) -> None:
    packets = [Shot(craft.icmp(STRANGER, BOX, 8, code, id=code), "wan") for code in (0, 1, 2, 3)]
    rules = ["-A INPUT -p icmp --icmp-type 8/1:2 -j ACCEPT", "-A INPUT -p icmp --icmp-type 8/3:2 -j ACCEPT"]
    assert verdicts(kernel, limited(variant, *rules), packets) == "DAAD"
    assert verdicts(kernel, limited(variant, "-A INPUT -p icmp ! --icmp-type 8/1:2 -j ACCEPT"), packets) == "ADDA"
