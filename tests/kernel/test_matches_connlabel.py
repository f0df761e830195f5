"""What the kernel does with -m connlabel, held against the engine."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Order, Shot
from fwtutor.netfilter import craft
from tests.kernel.deciding import both_ways, setup, verdicts
from tests.kernel.talk import CLIENT, SERVER, Tcp

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])


def udp(port: int, dport: int = 53) -> Shot:
    return Shot(craft.udp(CLIENT, SERVER, port, dport, b"label", id=1), "lan")


def answer(port: int, sport: int = 53) -> Shot:
    return Shot(craft.udp(SERVER, CLIENT, sport, port, b"label", id=1), "wan")


@VARIANTS
def test_every_option_decides_both_ways(kernel: Kernel, variant: str) -> None:
    draw = random.Random(7)
    items: list[Item] = [draw.choice((udp, answer))(4000 + draw.randrange(40), 50 + draw.randrange(4)) for _ in range(200)]
    items += [Tcp().client("R"), Tcp().client("SF")] * 15
    options = [
        "-p udp -m udp --dport 51 -m connlabel --label 7 --set", "-p udp -m udp --dport 52 -m connlabel --label 127 --set",
        "-m connlabel --label 7", "-m connlabel ! --label 7", "-m connlabel --label 127", "-m connlabel ! --label 127",
        "-m connlabel --label 9 --set", "-m connlabel ! --label 9 --set",
    ]  # fmt: skip
    both_ways(kernel, variant, "FORWARD", options, items)


@VARIANTS
def test_a_label_is_there_from_the_packet_on_that_was_given_it(kernel: Kernel, variant: str) -> None:
    rules = ["-A FORWARD -p udp -m udp --dport 9 -m connlabel --label 5 --set", "-A FORWARD -m connlabel --label 5 -j ACCEPT"]
    items: list[Item] = [udp(4000, 10), udp(4000, 9), answer(4000, 9), answer(4000, 10), udp(4000, 9)]
    assert verdicts(kernel, setup(variant, *rules), items) == "DAADA"


@VARIANTS
def test_what_stands_before_it_in_the_rule_decides_whether_it_is_set_and_what_stands_behind_does_not(kernel: Kernel, variant: str) -> None:
    rules = ["-A FORWARD -m connlabel --label 5 --set -m mark --mark 1", "-A FORWARD -m mark --mark 1 -m connlabel --label 6 --set",
             "-A FORWARD -m connlabel --label 6 -j DROP", "-A FORWARD -m connlabel --label 5 -j ACCEPT"]  # fmt: skip
    assert verdicts(kernel, setup(variant, *rules), [udp(4000), udp(4000)]) == "AA"


@VARIANTS
def test_connections_that_began_while_no_rule_asked_have_no_room_for_labels(kernel: Kernel, variant: str) -> None:
    state, label = "-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", "-I FORWARD -m connlabel --label 5 --set -j DROP"
    negated = "-R FORWARD 1 -m connlabel ! --label 5 --set -j DROP"
    items = [
        udp(4000),
        Order(label),
        udp(4000),
        udp(5000),
        Order(negated),
        udp(4000),
        Order("-D FORWARD 1"),
        udp(6000),
        Order(label),
        udp(6000),
    ]
    assert verdicts(kernel, setup(variant, state), items) == "AADDAA"


@VARIANTS
def test_a_rule_of_the_other_family_makes_room_too(kernel: Kernel, variant: str) -> None:
    one = setup(variant, "-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT")
    six = "*filter\n-A FORWARD -m connlabel --label 3\nCOMMIT\n"
    label = "-I FORWARD -m connlabel --label 5 --set -j DROP"
    assert verdicts(kernel, replace(one, rules6=six), [udp(4000), Order(label), udp(4000)]) == "AD"


@VARIANTS
def test_a_label_that_is_new_is_told_to_those_who_listen(kernel: Kernel, variant: str) -> None:
    rules = ["-A FORWARD -m mark --mark 1", "-A FORWARD -p udp -m length --length 34: -m connlabel --label 5 --set -j ACCEPT"]
    more = Shot(craft.udp(CLIENT, SERVER, 4000, 53, bytes(40), id=1), "lan")
    one = replace(setup(variant, *rules, "-A FORWARD -j ACCEPT"), listens=True)
    assert verdicts(kernel, one, [Shot(craft.udp(CLIENT, SERVER, 4000, 53, id=1), "lan"), more, more]) == "AAA"
