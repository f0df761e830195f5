"""What the kernel does with -m connlimit, held against the engine."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Order, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from tests.kernel.deciding import both_ways, played, setup, verdicts
from tests.kernel.talk import BOX, CLIENT, SERVER, Tcp, box

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])
TICKS = 0.025
"""Between two packets, so that the kernel cleans up at each."""


def spaced(shots: list[Shot]) -> list[Item]:
    return [shot._replace(at=number * TICKS) for number, shot in enumerate(shots)]


def udp(port: int, source: int = CLIENT) -> Shot:
    return Shot(craft.udp(source, SERVER, port, 53, id=1), "lan")


def counted(kernel: Kernel, variant: str, items: list[Item], options: str = "--connlimit-mask 0", **sysctls: int) -> list[int]:
    """The number of connections at each packet, of 0 to 90."""
    rules = [f"-A FORWARD -m connlimit --connlimit-above {number} {options}" for number in range(12)]
    one = setup(variant, *rules, "-A FORWARD -j ACCEPT")
    named = {f"net.netfilter.nf_conntrack_{name}": value for name, value in sysctls.items()}
    packets = played(kernel, replace(one, sysctls={**one.sysctls, **named}), items)
    held = [[f"filter:FORWARD:rule:{number}" in packet.path for number in range(1, 13)] for packet in packets]
    return [0 if packet.verdict == "DROP" else sum(one) for packet, one in zip(packets, held, strict=True)]


def replied(port: int) -> Shot:
    return Shot(craft.udp(SERVER, CLIENT, 53, port, id=1), "wan")


def before_tracking(kernel: Kernel, variant: str, items: list[Item], *rules: str) -> list[int]:
    """The number at each packet, of 0 to 10, counted in raw behind these rules."""
    counting = [f"-A PREROUTING -m connlimit --connlimit-above {number} --connlimit-mask 0" for number in range(10)]
    tracked = "*filter\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n"
    text = "\n".join(["*raw", *rules, *counting, "COMMIT", tracked])
    packets = played(kernel, replace(box(text), variant=variant), items)
    places = {f"raw:PREROUTING:rule:{number}" for number in range(len(rules) + 1, len(rules) + 11)}
    return [len(places & set(packet.path)) for packet in packets]


def at_once(shots: list[Shot], at: float = 0.0) -> list[Item]:
    """Mostly all in one tick, and the times of the kernel are believed where not."""
    return [shot._replace(at=at) for shot in shots]


def crowd(seed: int, count: int) -> list[Item]:
    """Connections of some hosts that begin, speak and end."""
    draw = random.Random(seed)
    talks: list[Tcp] = []
    shots: list[Shot] = []
    for number in range(count):
        what = draw.random()
        if what < 0.25 or not talks:
            talks.append(Tcp(4000 + number))
            shots += talks[-1].open()
        elif what < 0.45:
            gone = talks.pop(draw.randrange(len(talks)))
            shots.append(gone.client("RA") if draw.random() < 0.5 else gone.server("RA"))
        elif what < 0.55:
            gone = talks.pop(draw.randrange(len(talks)))
            shots += [gone.client("FA"), gone.server("FA"), gone.client("A")]
        elif what < 0.75:
            shots.append(udp(6000 + draw.randrange(9), CLIENT + draw.randrange(3)))
        else:
            shots.append(draw.choice(talks).client("A"))
    return spaced(shots)


@VARIANTS
def test_every_option_decides_both_ways(kernel: Kernel, variant: str) -> None:
    options = [
        f"-m connlimit {limit} {mask} {side}"
        for limit in ("--connlimit-above 3", "--connlimit-upto 4", "! --connlimit-upto 2", "! --connlimit-above 4")
        for mask in ("", "--connlimit-mask 24", "--connlimit-mask 0") for side in ("--connlimit-saddr", "--connlimit-daddr")
    ]  # fmt: skip
    both_ways(kernel, variant, "FORWARD", options, crowd(4, 130))


@VARIANTS
def test_a_connection_counts_once_however_much_it_says(kernel: Kernel, variant: str) -> None:
    talks = [Tcp(4000), Tcp(4001)]
    shots = [*talks[0].open(), *talks[1].open(), talks[0].client("A"), udp(53), udp(53)]
    assert counted(kernel, variant, spaced(shots)) == [1, 1, 1, 2, 2, 2, 2, 3, 3]


@VARIANTS
def test_what_has_ended_counts_no_more_and_the_last_to_end_is_dropped(kernel: Kernel, variant: str) -> None:
    one, other = Tcp(4000), Tcp(4001)
    shots = [*one.open(), *other.open(), one.client("A")]
    shots += [other.client("RA"), other.client("RA")]
    shots += [one.client("RA"), one.client("RA"), udp(53)]
    assert counted(kernel, variant, spaced(shots)) == [1, 1, 1, 2, 2, 2, 2, 1, 1, 0, 0, 1]


@VARIANTS
def test_what_was_not_let_through_counts_no_more(kernel: Kernel, variant: str) -> None:
    rule = "-A FORWARD -m connlimit --connlimit-above 2 -j DROP"
    shots = spaced([udp(port) for port in (1, 2, 3, 4)])
    assert verdicts(kernel, setup(variant, rule, "-A FORWARD -j ACCEPT"), shots) == "AADD"


@VARIANTS
def test_a_packet_finds_its_own_connection_and_does_not_look_at_those_behind(kernel: Kernel, variant: str) -> None:
    rule = "-A FORWARD -m connlimit --connlimit-above 2 -j DROP"
    shots = spaced([udp(port) for port in (1, 2, 3, 1, 2, 4, 2)])
    assert verdicts(kernel, setup(variant, rule, "-A FORWARD -j ACCEPT"), shots) == "AADDDDD"


@VARIANTS
def test_a_syn_that_is_refused_leaves_one_to_be_counted(kernel: Kernel, variant: str) -> None:
    one = Tcp(4000)
    assert counted(kernel, variant, spaced([one.client("S"), one.server("RA"), one.server("RA"), one.client("S")])) == [1, 1, 1, 1]


@VARIANTS
def test_packets_without_a_connection_count_until_the_next_tick(kernel: Kernel, variant: str) -> None:
    assert counted(kernel, variant, spaced([Tcp().client("R"), Tcp(5000).client("SF"), udp(53)])) == [1, 1, 1]


@VARIANTS
def test_what_is_forgotten_counts_no_more_but_only_65_at_a_time(kernel: Kernel, variant: str) -> None:
    shots = [udp(4000 + number)._replace(at=0.01 * (number // 20)) for number in range(70)]
    late = [udp(6000 + number)._replace(at=2.5 + 0.1 * number) for number in range(2)]
    assert counted(kernel, variant, [*shots, *late], udp_timeout=1)[-2:] == [6, 2]


@VARIANTS
@pytest.mark.parametrize("line", ["-A INPUT -p tcp", "-I FORWARD 1 -p tcp -m connlimit --connlimit-above 0"])
def test_what_began_before_the_rule_is_counted_when_it_speaks_again(kernel: Kernel, line: str, variant: str) -> None:
    """Legacy writes all rules anew, and their lists are empty then."""
    items = [*spaced([udp(port) for port in (1, 2)]), Order(line)]
    items += [udp(port)._replace(at=0.3 + TICKS * place) for place, port in enumerate((3, 1, 2, 3))]
    rule = "-A FORWARD -m connlimit --connlimit-above 2 --connlimit-mask 0 -j DROP"
    later = "DDDD" if variant == "nft" else "AADD"
    assert verdicts(kernel, setup(variant, rule, "-A FORWARD -j ACCEPT"), items) == "AA" + later


@VARIANTS
def test_connections_of_the_box_with_itself_count_where_they_come_in(kernel: Kernel, variant: str) -> None:
    home = parse_address("127.0.0.1")[1]
    rule = "-A INPUT -i lo -m connlimit --connlimit-above 2 -j DROP"
    own = [Shot(craft.udp(home, home, port, 53, id=1), None) for port in (1, 2, 3, 1)]
    played(kernel, setup(variant, rule, "-A INPUT -j ACCEPT"), spaced(own))
    played(
        kernel, setup(variant, rule, "-A INPUT -j ACCEPT"), spaced([Shot(craft.udp(BOX, BOX, port, 53, id=1), None) for port in (1, 2, 3)])
    )


@VARIANTS
def test_a_packet_without_a_connection_is_not_put_on_a_list_where_that_which_has_its_tuple_is_assured(kernel: Kernel, variant: str) -> None:
    """It is INVALID, out of its window; the table is asked all the same."""
    talk = Tcp()
    shots = [udp(53), *talk.open(), talk.client("PA", 5, seq=500_000), talk.server("PA", 5, seq=500_000), udp(54)]
    assert counted(kernel, variant, spaced(shots)) == [1, 2, 2, 2, 2, 2, 3]


@VARIANTS
def test_where_that_is_not_assured_an_answer_that_is_invalid_counts_by_itself(kernel: Kernel, variant: str) -> None:
    talk = Tcp()
    shots = [talk.client("S"), talk.client("A", seq=500_000), talk.server("FA"), udp(53)]
    assert counted(kernel, variant, spaced(shots)) == [1, 1, 2, 3]


@VARIANTS
def test_before_tracking_an_answer_is_looked_for_even_in_the_tick_of_the_last_look(kernel: Kernel, variant: str) -> None:
    shots = [udp(1), udp(2), udp(1), replied(1), replied(1), replied(2), replied(2), udp(1)]
    assert before_tracking(kernel, variant, at_once(shots)) == [1, 2, 2, 3, 3, 4, 4, 4]


@VARIANTS
def test_a_look_that_finds_its_own_connection_does_not_put_off_the_next(kernel: Kernel, variant: str) -> None:
    rules = ["-A FORWARD -m connlimit --connlimit-above 2 --connlimit-mask 0", "-A FORWARD -p udp --sport 9 -j DROP"]
    one = setup(variant, *rules, "-A FORWARD -j ACCEPT")
    items = [*at_once([udp(1), udp(9)]), *at_once([udp(1), udp(2), udp(2), udp(3)], 0.04)]
    packets = played(kernel, one, items)
    assert ["filter:FORWARD:rule:1" in packet.path for packet in packets] == [False] * 5 + [True]


@VARIANTS
def test_what_an_assured_connection_comes_upon_is_all_struck_off_but_what_is_behind_one_that_is_alive(kernel: Kernel, variant: str) -> None:
    talk = Tcp()
    opened = at_once([*talk.open(), talk.client("PA", 5), talk.server("A")])
    gone: list[Item] = [udp(4000 + number)._replace(at=0.01 * (number // 20)) for number in range(75)]
    late: list[Item] = [talk.client("A")._replace(at=2.5 + 0.1 * number) for number in range(3)]
    assert counted(kernel, variant, [*opened, *gone, *late], udp_timeout=1)[-3:] == [1, 1, 1]
    alive = Tcp(4100).client("S")
    assert counted(kernel, variant, [*opened, *gone[:70], alive, *gone[70:], *late], udp_timeout=1)[-3:] == [7, 2, 2]


@VARIANTS
def test_before_tracking_connections_are_looked_for_in_the_zone_that_a_rule_chose(kernel: Kernel, variant: str) -> None:
    items = spaced([udp(1), udp(2), udp(1), udp(2), replied(1), replied(1)])
    assert before_tracking(kernel, variant, items, "-A PREROUTING -j CT --zone 5") == [1, 2, 2, 2, 3, 3]
    assert before_tracking(kernel, variant, items, "-A PREROUTING -p udp --sport 2 -j CT --zone 5") == [1, 1, 1, 1, 2, 2]


@VARIANTS
def test_where_a_zone_is_for_one_direction_what_has_the_other_is_never_found_on_its_list(kernel: Kernel, variant: str) -> None:
    items = spaced([udp(1), replied(1), replied(1), replied(1), udp(2), udp(2)])
    assert before_tracking(kernel, variant, items, "-A PREROUTING -p udp --sport 1 -j CT --zone-orig 5") == [1, 1, 2, 3, 4, 4]
