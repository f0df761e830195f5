"""What the kernel does with -m recent, held against the engine: every option decides both ways, at its edges and as time passes."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Order, Shot
from fwtutor.netfilter import craft
from tests.kernel.deciding import played, setup, verdicts
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, box

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])


def udp(source: int = STRANGER, at: float = 0.0, port: int = 53, ttl: int = 64) -> Shot:
    return Shot(craft.udp(source, BOX, 4000, port, b"question", id=1, ttl=ttl), "wan", at)


def hail(seed: int, count: int, step: float = 0.0, sources: int = 6) -> list[Item]:
    """Packets of a few sources to ports 50, 51 and 53, with a TTL of 63 or 64, ``step`` seconds apart on the average."""
    draw = random.Random(seed)
    at, items = 0.0, list[Item]()
    for _ in range(count):
        at += draw.choices((0, step, 40 * step), (60, 40, 2))[0]
        items.append(udp(STRANGER + draw.randrange(sources), at, draw.choices((50, 51, 53), (6, 4, 1))[0], 63 + draw.randrange(2)))
    return items


ASKING = (
    "--rcheck", "! --rcheck", "--update", "! --update", "--remove", "! --remove", "--rcheck --seconds 1", "--update --seconds 1",
    "! --rcheck --seconds 1", "! --update --seconds 1", "--rcheck --hitcount 4", "--update --hitcount 4",
    "--rcheck --hitcount 3 --seconds 1",
    "--update --hitcount 3 --seconds 1", "! --update --hitcount 3", "--rcheck --rttl", "--update --rttl", "! --rcheck --rttl",
    "--rcheck --mask 255.255.255.252", "--rcheck --mask 255.255.255.252 --hitcount 7", "--rcheck --rdest --hitcount 40",
    "--update --seconds 1 --reap", "--rcheck --seconds 1 --reap", "! --update --seconds 1 --reap", "--rcheck --hitcount 3 --rsource",
)  # fmt: skip
"""Asked of all packets but those to port 51, which are put on the list; those to port 53 are taken off it first."""


@VARIANTS
def test_every_option_decides_both_ways(kernel: Kernel, variant: str) -> None:
    rules = []
    for number, options in enumerate(ASKING):
        words = " ".join(re.findall(r"--mask \S+|--rdest", options))
        rules += [
            f"-A INPUT -p udp --dport 51 -m recent --set {words} --name l{number}",
            f"-A INPUT -p udp --dport 53 -m recent --remove --name l{number}",
            f"-A INPUT -p udp ! --dport 51 -m recent {options} --name l{number}",
        ]
    asked = [packet for packet in played(kernel, setup(variant, *rules), hail(8, 330, 0.02)) if packet.raw[23] != 51]
    for number, options in enumerate(ASKING):
        held = sum(f"filter:INPUT:rule:{3 * number + 3}" in packet.path for packet in asked)
        assert 20 <= held <= len(asked) - 20, (options, held, len(asked))


@VARIANTS
def test_what_is_set_always_holds_and_negated_never(kernel: Kernel, variant: str) -> None:
    assert verdicts(kernel, setup(variant, "-A INPUT -m recent --set -j ACCEPT"), hail(1, 25)) == "A" * 25
    assert verdicts(kernel, setup(variant, "-A INPUT -m recent ! --set -j ACCEPT"), hail(1, 25)) == "D" * 25


@VARIANTS
def test_of_101_addresses_the_one_silent_for_longest_is_forgotten(kernel: Kernel, variant: str) -> None:
    rules = ["-A INPUT -p udp --dport 51 -m recent --set -j ACCEPT", "-A INPUT -m recent --rcheck -j ACCEPT"]
    first = [udp(STRANGER + number, port=51) for number in range(100)]
    items = [*first, udp(port=51), udp(STRANGER + 100, port=51), udp(), udp(STRANGER + 1), udp(STRANGER + 2), udp(STRANGER + 100)]
    assert verdicts(kernel, setup(variant, *rules), items) == "A" * 102 + "ADAA"


@VARIANTS
@pytest.mark.parametrize(("hits", "room"), [(3, 4), (4, 4), (5, 8), (20, 32), (33, 64)])
def test_an_address_has_room_for_as_many_times_as_the_power_of_two_above(kernel: Kernel, hits: int, room: int, variant: str) -> None:
    rules = ["-A INPUT -p udp --dport 51 -m recent --set", f"-A INPUT -p udp --dport 53 -m recent --rcheck --hitcount {hits} -j ACCEPT"]
    items = [packet for _ in range(room + 2) for packet in (udp(port=51), udp())]
    assert verdicts(kernel, setup(variant, *rules), items)[1::2] == "D" * (hits - 1) + "A" * (room + 3 - hits)


@VARIANTS
def test_old_times_make_room_for_new_ones(kernel: Kernel, variant: str) -> None:
    """With room for four, of five times the first is lost: then only two are within the second."""
    rules = ["-A INPUT -p udp --dport 51 -m recent --set", "-A INPUT -p udp --dport 53 -m recent --rcheck --hitcount 4 -j ACCEPT",
             "-A INPUT -p udp --dport 52 -m recent --rcheck --seconds 1 --hitcount 4 -j ACCEPT"]  # fmt: skip
    times = [udp(port=51, at=at) for at in (0, 0.1, 0.2, 1.3, 1.4)]
    items = [*times[:3], udp(port=52, at=0.3), times[3], udp(port=52, at=1.31), udp(at=1.31), times[4], udp(at=1.5), udp(port=52, at=1.5)]
    assert verdicts(kernel, setup(variant, *rules), items) == "DDDD" + "DDA" + "DAD"


@VARIANTS
def test_the_mask_is_that_of_the_rule_that_came_first(kernel: Kernel, variant: str) -> None:
    rules = ["-A INPUT -p udp --dport 51 -m recent --set --mask 255.255.255.0", "-A INPUT -p udp --dport 53 -m recent --rcheck -j ACCEPT"]
    assert verdicts(kernel, setup(variant, *rules), [udp(port=51), udp(STRANGER + 5)]) == "DA"
    assert verdicts(kernel, setup(variant, rules[1], rules[0]), [udp(port=51), udp(STRANGER + 5), udp()]) == "DDA"


@VARIANTS
def test_a_list_is_shared_by_all_tables_and_by_nobody_of_another_name(kernel: Kernel, variant: str) -> None:
    mangle = "*mangle\n-A PREROUTING -p udp --dport 51 -m recent --set --name knock\nCOMMIT\n"
    rules = ["-A INPUT -p udp --dport 53 -m recent --rcheck --name knock -j ACCEPT",
             "-A INPUT -p udp --dport 52 -m recent --rcheck -j ACCEPT",
             "-A INPUT -p udp --dport 1 -m recent --set"]  # fmt: skip
    one = replace(setup(variant, *rules), rules=mangle + setup(variant, *rules).rules)
    assert verdicts(kernel, one, [udp(), udp(port=51), udp(), udp(port=52)]) == "DDAD"


@VARIANTS
@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("-A INPUT -p tcp", True), ("-Z", True), ("-D INPUT 1", True), ("-A FORWARD -m recent --rcheck --name seen --hitcount 32", True),
        ("-A FORWARD -m recent --rcheck --name seen --hitcount 33", False),
        ("-I INPUT -m recent --rcheck --name seen --mask 255.0.0.0", True),
        ("-F", False),
    ],
)  # fmt: skip
def test_a_list_stays_while_there_is_a_rule_that_names_it(kernel: Kernel, line: str, kept: bool, variant: str) -> None:
    rules = [
        "-A INPUT -p udp --dport 51 -m recent --set --name seen",
        "-A INPUT -p udp --dport 53 -m recent --rcheck --name seen -j ACCEPT",
    ]
    again = [Order(f"-A INPUT {rules[1][9:]}")] if line == "-F" else []
    items: list[Item] = [udp(port=51), udp(), Order(line), *again, udp()]
    assert verdicts(kernel, setup(variant, *rules), items) == f"DA{'A' if kept else 'D'}"


@VARIANTS
def test_the_ttl_counts_as_it_was_before_the_box_took_one_off(kernel: Kernel, variant: str) -> None:
    mangle = "*mangle\n-A PREROUTING -m recent --set --name way\nCOMMIT\n"
    rules = ["-A FORWARD -m recent --rcheck --rttl --name way -j ACCEPT"]
    one = replace(setup(variant, *rules), rules=mangle + setup(variant, *rules).rules)
    assert verdicts(kernel, one, [Shot(craft.udp(CLIENT, SERVER, 4000, 53, id=1, ttl=ttl), "lan") for ttl in (2, 64, 255)]) == "AAA"


@VARIANTS
def test_own_packets_count_with_the_ttl_they_have(kernel: Kernel, variant: str) -> None:
    mangle = "*mangle\n-A OUTPUT -m recent --set --name way\n-A POSTROUTING -m recent ! --rcheck --rttl --name way\nCOMMIT\n"
    own = [Shot(craft.udp(BOX, STRANGER, 4000, 53, id=1, ttl=ttl), None) for ttl in (1, 64, 255)]
    assert verdicts(kernel, replace(box(mangle), variant=variant), [*own, udp(), SYN]) == "AAAAA"


SYN = Shot(craft.tcp(STRANGER, BOX, 4000, 22, 2, 100, id=1), "wan")


@VARIANTS
def test_two_questions_about_one_list_in_one_rule(kernel: Kernel, variant: str) -> None:
    rule = "-A INPUT -m recent --set --name twice -m recent --rcheck --hitcount 3 --name twice -j ACCEPT"
    assert verdicts(kernel, setup(variant, rule), [udp()] * 5) == "DDAAA"
