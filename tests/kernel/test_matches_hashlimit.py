"""What the kernel does with -m hashlimit, held against the engine: every option decides both ways, as time passes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Order, Shot
from fwtutor.netfilter import craft
from tests.kernel import six
from tests.kernel.deciding import both_ways, setup, verdicts
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, address
from tests.netfilter.six import fragment, ip6

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])


def udp(source: int = STRANGER, at: float = 0.0, size: int = 8, port: int = 4000, dport: int = 53) -> Shot:
    return Shot(craft.udp(source, BOX, port, dport, bytes(size), id=1), "wan", at)


def hail(seed: int, count: int) -> list[Item]:
    """Through the box: a few sources, destinations and ports, in bursts."""
    draw = random.Random(seed)
    at, items = 0.0, list[Item]()
    for _ in range(count):
        at += draw.choices((0, 0.02, 0.7), (70, 28, 2))[0]
        src, dst = CLIENT + draw.randrange(4), SERVER + draw.randrange(3)
        sport, dport, size = 4000 + draw.randrange(3), 50 + draw.randrange(3), draw.choice((0, 4, 100, 1000))
        make = craft.udp if draw.random() < 0.6 else craft.tcp
        raw = make(src, dst, sport, dport, bytes(size), id=1) if make is craft.udp else craft.tcp(src, dst, sport, dport, 2, 1, id=1)
        items.append(Shot(raw, "lan", at))
    return items


OPTIONS = (
    "--hashlimit-upto 5/sec",
    "--hashlimit-above 5/sec",
    "--hashlimit-upto 20/sec --hashlimit-burst 30",
    "--hashlimit-upto 300/min",
    "--hashlimit-upto 5/sec --hashlimit-mode srcip",
    "--hashlimit-above 2/sec --hashlimit-mode dstip",
    "--hashlimit-upto 3/sec --hashlimit-mode srcport",
    "--hashlimit-upto 3/sec --hashlimit-mode dstport --hashlimit-burst 3",
    "--hashlimit-upto 2/sec --hashlimit-mode srcip,dstip --hashlimit-burst 2",
    "--hashlimit-upto 1/sec --hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-burst 1",
    "--hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-srcmask 31",
    "--hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-srcmask 0",
    "--hashlimit-upto 5/sec --hashlimit-mode dstip --hashlimit-dstmask 31",
    "--hashlimit-upto 5/sec --hashlimit-htable-size 3",
    "--hashlimit-upto 5/sec --hashlimit-htable-max 50",
    "--hashlimit-upto 20/hour --hashlimit-burst 40",
    "--hashlimit-upto 40/day --hashlimit-burst 60",
)  # fmt: skip


@VARIANTS
def test_every_option_decides_both_ways(kernel: Kernel, variant: str) -> None:
    both_ways(kernel, variant, "FORWARD", [f"-m hashlimit {one} --hashlimit-name t{n}" for n, one in enumerate(OPTIONS)], hail(3, 220))


@VARIANTS
def test_rates_in_bytes_decide_both_ways(kernel: Kernel, variant: str) -> None:
    """A few rules and large packets: between the rules that one packet meets the kernel's clock may tick."""
    options = ["upto 20kb/s", "above 20kb/s", "upto 20kb/s --hashlimit-mode srcip"]
    rules = [f"-m hashlimit --hashlimit-{one} --hashlimit-name b{number}" for number, one in enumerate(options)]
    raw = craft.udp(CLIENT, SERVER, 4000, 53, bytes(1400), id=1)
    both_ways(kernel, variant, "FORWARD", rules, [Shot(raw, "lan", 0.6 * round_) for round_ in range(5) for _ in range(22)])


@VARIANTS
def test_a_burst_in_bytes_fills_the_bucket_again_so_often(kernel: Kernel, variant: str) -> None:
    one = setup(variant, "-A INPUT -m hashlimit --hashlimit-upto 1kb/s --hashlimit-burst 2kb --hashlimit-name a -j ACCEPT")
    assert verdicts(kernel, one, [udp(size=272)] * 11) == "A" * 9 + "DD"


@VARIANTS
def test_a_bucket_is_full_at_first_and_gains_a_token_a_period(kernel: Kernel, variant: str) -> None:
    one = setup(
        variant, "-A INPUT -m hashlimit --hashlimit-upto 2/sec --hashlimit-burst 3 --hashlimit-mode srcip --hashlimit-name a -j ACCEPT"
    )
    items: list[Item] = [udp(at=at) for at in (0, 0, 0, 0, 0, 0.7, 0.7)]
    items += [udp(STRANGER + 1, 0.7)] * 4
    assert verdicts(kernel, one, items) == "AAADD" + "AD" + "AAAD"


@VARIANTS
def test_a_full_table_drops_whoever_is_new(kernel: Kernel, variant: str) -> None:
    rule = "-m hashlimit --hashlimit-upto 1000/sec --hashlimit-burst 1000 --hashlimit-mode srcip --hashlimit-name a"
    one = setup(variant, f"-A INPUT {rule} --hashlimit-htable-size 2 --hashlimit-htable-max 3 -j ACCEPT", "-A INPUT -j ACCEPT")
    assert verdicts(kernel, one, [udp(STRANGER + number) for number in (0, 1, 2, 3, 0, 4, 2)]) == "AAADADA"


@VARIANTS
def test_an_idle_bucket_is_forgotten_and_full_again(kernel: Kernel, variant: str) -> None:
    rule = "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-name a"
    one = setup(variant, f"-A INPUT {rule} --hashlimit-htable-expire 500 --hashlimit-htable-gcinterval 200 -j ACCEPT")
    assert verdicts(kernel, one, [udp(at=at) for at in (0, 0, 0, 0.3, 2, 2, 2)]) == "AADDAAD"


@VARIANTS
def test_rules_that_name_a_table_share_it_and_the_first_decides(kernel: Kernel, variant: str) -> None:
    end = "--hashlimit-name a -j ACCEPT"
    rules = [f"-A INPUT -p udp --dport 53 -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 3 {end}",
             f"-A INPUT -p udp --dport 54 -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 9 {end}"]  # fmt: skip
    assert verdicts(kernel, setup(variant, *rules), [udp(), udp(dport=54), udp(), udp(), udp(dport=54)]) == "AAADD"


@VARIANTS
@pytest.mark.parametrize(("line", "kept"), [("-A FORWARD -p tcp", True), ("-Z", True), ("-F", False)])
def test_a_table_stays_while_a_rule_names_it(kernel: Kernel, line: str, kept: bool, variant: str) -> None:
    rule = "-A INPUT -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-name a -j ACCEPT"
    again = [Order(rule)] if line == "-F" else []
    assert verdicts(kernel, setup(variant, rule), [udp(), udp(), Order(line), *again, udp()]) == f"AD{'D' if kept else 'A'}"


@VARIANTS
def test_packets_without_ports_share_a_bucket_and_are_not_dropped(kernel: Kernel, variant: str) -> None:
    rule = "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-mode srcport --hashlimit-name a"
    data, kinds = bytes([8, 0, 0, 0, 0, 1, 0, 1]), (1, 1, 50, 50, 253, 253, 51, 17, 17)
    shots = [Shot(craft.ip(STRANGER, BOX, kind, data, df=False, id=1), "wan") for kind in kinds]
    verdicts(kernel, setup(variant, f"-A INPUT {rule} -j ACCEPT"), shots)


@VARIANTS
@pytest.mark.parametrize("seed", [0, 2, 4, 5, 6, 7, 9, 10, 11])
def test_rates_in_bytes_as_time_passes(kernel: Kernel, variant: str, seed: int) -> None:
    draw = random.Random(seed)
    rate, burst = draw.choice((("800b", ""), ("100b", "--hashlimit-burst 4kb"), ("1kb", "--hashlimit-burst 4kb"), ("5kb", ""), ("16b", "")))
    which = f"--hashlimit-{draw.choice(('upto', 'above'))} {rate}/s {burst} {draw.choice(('', '--hashlimit-mode srcip'))}"
    at, items = 0.0, list[Item]()
    for _ in range(60):
        at += draw.choices((0, 0.02, 0.15), (70, 25, 5))[0]
        items.append(udp(STRANGER + draw.randrange(2), at, draw.choice((0, 4, 8, 100, 500, 1000, 1400))))
    said = verdicts(kernel, setup(variant, f"-A INPUT -m hashlimit {which} --hashlimit-name a -j ACCEPT"), items)
    assert set(said) == {"A", "D"}


RATES = (
    "upto 30/sec --hashlimit-burst 6", "above 30/sec --hashlimit-burst 6", "upto 45/sec", "upto 90/sec --hashlimit-rate-interval 2",
    "upto 25/min --hashlimit-rate-interval 1", "upto 12/sec --hashlimit-mode srcip --hashlimit-burst 4",
)  # fmt: skip


@VARIANTS
def test_rates_that_are_matched_decide_both_ways(kernel: Kernel, variant: str) -> None:
    rules = [
        f"-m hashlimit --hashlimit-{one} --hashlimit-rate-match --hashlimit-htable-expire 60000 --hashlimit-name r{number}"
        for number, one in enumerate(RATES)
    ]
    both_ways(kernel, variant, "FORWARD", rules, hail(3, 220))


@VARIANTS
def test_rates_in_bytes_that_are_matched_decide_both_ways(kernel: Kernel, variant: str) -> None:
    options = ["upto 30kb/s", "above 30kb/s", "upto 30kb/s --hashlimit-burst 40kb", "upto 60kb/s --hashlimit-rate-interval 2"]
    rules = [
        f"-m hashlimit --hashlimit-{one} --hashlimit-rate-match --hashlimit-htable-expire 60000 --hashlimit-name b{number}"
        for number, one in enumerate(options)
    ]
    raw = craft.udp(CLIENT, SERVER, 4000, 53, bytes(1400), id=1)
    both_ways(kernel, variant, "FORWARD", rules, [Shot(raw, "lan", at) for at in (0, 0.1, 1.2, 2.6, 2.7, 3.9) for _ in range(22)])


@VARIANTS
def test_after_too_much_in_a_while_nothing_of_the_next_while_holds(kernel: Kernel, variant: str) -> None:
    rule = (
        "-m hashlimit --hashlimit-upto 4/sec --hashlimit-burst 2 --hashlimit-rate-match --hashlimit-htable-expire 60000 --hashlimit-name a"
    )
    items: list[Item] = [udp(at=at) for at in (*[0.0] * 8, 1.1, 1.1, 2.3, 2.3, 2.4, 2.4)]
    assert verdicts(kernel, setup(variant, f"-A INPUT {rule} -j ACCEPT"), items) == "AAAAAADD" + "DD" + "AAAA"


_OPTIONS = bytes([0, 1, 4, 0, 0, 0, 0])
"""Of a header of options what follows its first byte."""
_DROPPED, _PASSES = True, False


@VARIANTS
@pytest.mark.parametrize("mode", ["srcip", "dstport", "srcip,srcport"])
@pytest.mark.parametrize(
    ("header", "payload", "dropped"),
    [
        (59, b"something", _DROPPED), (59, b"", _DROPPED), (0, b"\x3b" + _OPTIONS, _DROPPED), (60, b"\x3b" + _OPTIONS + b"more", _DROPPED),
        (0, b"\x3c" + _OPTIONS + b"\x11", _DROPPED), (0, b"\x11" + _OPTIONS + b"\0", _DROPPED), (17, bytes(8), _PASSES),
        (44, fragment(17, 64, False) + bytes(range(1, 17)), _PASSES), (44, fragment(17, 64, False) + b"\1", _PASSES),
        (44, fragment(59, 64, False) + bytes(16), _PASSES), (50, bytes(16), _PASSES),
    ],
)  # fmt: skip
def test_ports_are_looked_for_behind_all_ipv6_headers(
    kernel: Kernel, variant: str, mode: str, header: int, payload: bytes, dropped: bool
) -> None:
    """Cases 703000769 and 41907000433: what has no payload, or breaks off, is dropped at once; a later fragment counts as of port 0."""
    rules = (
        f"*filter\n-A FORWARD -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-mode {mode} --hashlimit-name h\nCOMMIT\n"
    )
    ends = (address("2001:db8:9::9"), address("2001:db8:2::80"))
    # The datagram's ports are 0, too.
    shots = [Shot(ip6(header, payload, *ends), "wan"), Shot(ip6(17, bytes(8), *ends), "wan")]
    found = compare(kernel, replace(six.box(rules), variant=variant), shots)
    assert not found.differences, f"{found}"
    dropped = dropped and mode != "srcip"
    assert [packet.verdict for packet in found.observation.packets] == ["DROP" if dropped else "ACCEPT", "ACCEPT"]
