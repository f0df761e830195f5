"""Of packets that are alike one is tried: so the firewall must make the same of all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from itertools import product
from random import Random

import pytest

from fwtutor.course.alike import told_apart
from fwtutor.course.ground import draw_in_turn
from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.packet import ACK, SYN, Packet

PORTS = (21, 22, 53, 80, 81, 90, 91, 443, 1337, 8080, 40000)
SERVER = "203.0.113.1"


def box(*rules: str, policy: str = "DROP") -> Firewall:
    firewall = Firewall(interfaces={"wan": ["203.0.113.1/24"], "lan": ["10.0.0.1/24"]}, routes={"default": "wan"})
    for line in (f"-P INPUT {policy}", "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT", *rules):
        firewall.iptables(line)
    return firewall


def packets() -> list[Packet]:
    """Of all ports with all, from two addresses."""
    ends = product((0xCB007109, 0xC0A80014), PORTS, PORTS)
    made: list[Packet] = []
    for source, sport, dport in ends:
        made += [Packet(craft.tcp(source, 0xCB007101, sport, dport, flags, 7, flags & ACK and 9)) for flags in (SYN, ACK)]
        made.append(Packet(craft.udp(source, 0xCB007101, sport, dport, b"?")))
    return made


def outcomes(firewall: Firewall) -> dict[Hashable, set[tuple[str | None, str]]]:
    """What becomes of the packets, by what they are like."""
    key, mark = told_apart(firewall, 4), firewall.checkpoint()
    found: dict[Hashable, set[tuple[str | None, str]]] = defaultdict(set)
    for packet in packets():
        walk = firewall.receive_ns(packet, on="wan", at=firewall.now)
        found[key(packet)].add((walk.to, walk.verdict))
        firewall.rollback(mark)
    return found


SEEN = [
    ["-A INPUT -p tcp --dport 22 -j ACCEPT"],
    ["-A INPUT -p tcp ! --dport 80:90 -j ACCEPT"],
    ["-A INPUT -p udp --sport 53 -j ACCEPT"],
    ["-A INPUT -p tcp -m multiport --dports 21,80:90 -j ACCEPT", "-A INPUT -p tcp -m multiport --sports 443 -j ACCEPT"],
    ["-A INPUT -p tcp -m multiport --ports 22,8080 -j REJECT", "-A INPUT -p tcp --syn -j ACCEPT"],
    ["-N own", "-A INPUT -s 192.168.0.0/16 -j own", "-A own -p tcp --dport 1337 -m conntrack --ctstate NEW -j ACCEPT"],
    ["-t nat -A PREROUTING -p tcp --dport 80:90 -j REDIRECT --to-ports 443", "-A INPUT -p tcp --dport 443 -j ACCEPT"],
    ["-t nat -A PREROUTING -p tcp --dport 81 -j DNAT --to-destination 10.0.0.80:80", "-A FORWARD -p tcp --dport 80 -j ACCEPT",
     "-P FORWARD DROP"],
    ["-t mangle -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 1", "-A INPUT -m mark --mark 1 -j ACCEPT"],
]  # fmt: skip


@pytest.mark.parametrize("rules", SEEN)
def test_what_is_alike_is_treated_alike(rules: list[str]) -> None:
    found = outcomes(box(*rules))
    assert all(len(each) == 1 for each in found.values())
    assert len(found) < len(packets()) / 4
    assert len({outcome for each in found.values() for outcome in each}) > 1


@pytest.mark.parametrize(
    "rule",
    [
        '-A INPUT -p tcp -m u32 --u32 "20&0xFFFF=0x51" -j ACCEPT',
        "-A INPUT -p tcp -m conntrack --ctorigdstport 81 -j ACCEPT",
        "-t nat -A PREROUTING -p tcp --dport 80:90 -j REDIRECT --to-ports 81-443",
        "-t nat -A PREROUTING -p tcp -j DNAT --to-destination :81-443",
    ],
)
def test_where_a_port_may_decide_otherwise_no_two_are_alike(rule: str) -> None:
    assert len(outcomes(box(rule, "-A INPUT -p tcp --dport 81 -j ACCEPT"))) == len(packets())


def test_who_may_belong_to_a_connection_is_like_nobody_else() -> None:
    firewall = box("-A INPUT -p tcp --dport 1337 -j ACCEPT")
    firewall.receive_ns(Packet(craft.tcp(0xCB007109, 0xCB007101, 443, 1337, SYN, 7)), on="wan", at=0)
    firewall.send_ns(Packet(craft.tcp(0xCB007101, 0xCB007109, 1337, 443, SYN | ACK, 3, 8)), at=1)
    key = told_apart(firewall, 4)
    one, other, same = (Packet(craft.tcp(0xCB007109, 0xCB007101, sport, 22, SYN, 7)) for sport in (443, 80, 81))
    assert key(one) != key(other) == key(same)


def test_all_words_have_their_turn_before_one_comes_again() -> None:
    drawn = draw_in_turn({"who": "a|b|c", "door": "1-9"}, Random(7))
    rounds = [[next(drawn)["who"] for _ in "abc"] for _ in range(20)]
    assert all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert len({"".join(each) for each in rounds}) > 1
