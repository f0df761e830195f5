"""Answers that do all that is asked, and let somebody in besides, or leave somebody out: packets aimed at their own rules find them."""

from __future__ import annotations

from functools import cache

import pytest

from fwtutor.course.checks import Judgement, judge
from fwtutor.course.loader import load_lesson
from fwtutor.course.model import Answer, Lesson
from fwtutor.course.which import lessons_folder


@cache
def lesson(name: str) -> Lesson:
    return load_lesson(lessons_folder() / name)


def judged(name: str, *lines: str) -> Judgement:
    """The lesson's solution, and then such commands."""
    solution = lesson(name).solution
    assert solution is not None
    watch = lesson(name).scenario.watch
    return judge(lesson(name), Answer("", rules=solution.rules, commands=tuple((watch, line) for line in lines)))


OPEN = [
    "-p tcp --dport 31337",
    "-p tcp --dport 1300:1400",
    "-p tcp -m multiport --dports 6000:6005",
    "-p udp --dport 31337",
    "-p tcp --sport 31337",
    "-s 192.168.0.0/8 -p tcp --dport 22",
    "-s 192.168.0.0/15 -p tcp --dport 22",
    "-s 192.168.0.0/12 -p tcp --dport 22",
    "-s 10.0.0.0/8 -p tcp --dport 22",
    "-m iprange --src-range 192.168.0.0-192.169.0.7 -p tcp --dport 22",
    "-s 203.0.113.77",
    "-s 203.0.113.77 -p icmp",
    "-p esp",
    "-p gre",
    "-p sctp",
    "-p icmp --icmp-type timestamp-request",
    "-p tcp --dport 22 -m hashlimit --hashlimit-above 1/min --hashlimit-burst 1 --hashlimit-mode srcip,dstport --hashlimit-name x",
    "-m time --datestart 2024-01-02T00:00:00",
]
"""Rules of too-open."""


@pytest.mark.parametrize("rule", OPEN)
def test_a_back_door_is_found_whatever_it_is_for(rule: str) -> None:
    judgement = judged("too-open", f"iptables -A INPUT {rule} -j ACCEPT")
    assert [failure.check.name for failure in judgement.failures] == ["strangers-stay-out"], str(judgement)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["iptables -N own", "iptables -A INPUT -s 203.0.113.77 -j own", "iptables -A own -p tcp --dport 31337 -j ACCEPT"], True),
        (["ipset create own hash:ip", "ipset add own 203.0.113.77", "iptables -A INPUT -m set --match-set own src -j ACCEPT"], True),
        ([f"iptables -A INPUT -p tcp --dport {port} -j DROP" for port in range(2000, 2200)]
         + ["iptables -A INPUT -p tcp --dport 31337 -j ACCEPT"], True),
        (["iptables -A INPUT -i lan -p tcp --dport 8080 -j ACCEPT"], False),
        (["iptables -A INPUT -p tcp --dport 1337 -j ACCEPT", "iptables -A INPUT -p tcp --dport 31337 -j DROP"], False),
    ],
)  # fmt: skip
def test_neither_chains_nor_sets_nor_many_other_rules_hide_it(lines: list[str], found: bool) -> None:
    assert judged("too-open", *lines).passed is not found


@pytest.mark.parametrize("door", ["-p tcp --dport 31337", "-s 203.0.113.77", "-p udp --sport 31337"])
def test_however_many_rules_accept_each_is_aimed_at(door: str) -> None:
    many = (f"iptables -A INPUT -i lan -p tcp --dport {2000 + number} -j ACCEPT" for number in range(1, 201))
    judgement = judged("too-open", *many, f"iptables -A INPUT {door} -j ACCEPT")
    assert [failure.check.name for failure in judgement.failures] == ["strangers-stay-out"], str(judgement)


KNOCKS = [
    ["-A INPUT -p tcp --dport 7000 -m recent --name k --set -j DROP", "-A INPUT -p tcp --dport 22 -m recent --name k --rcheck -j ACCEPT"],
    ["-A INPUT -p udp --dport 7000 -m recent --name k --set -j DROP", "-A INPUT -m recent --name k --update --seconds 10 -j ACCEPT"],
    ["-I INPUT -p tcp --sport 666 --dport 1337 -m recent --name k --set",
     "-A INPUT -p tcp --dport 22 -m recent --name k --remove -j ACCEPT"],
    ["-A INPUT -s 203.0.113.77 -p tcp --sport 666 -m recent --name k --set -j DROP",
     "-A INPUT -p tcp --dport 22 -m recent --name k --rcheck -j ACCEPT"],
    ["-A INPUT -p tcp --dport 22 -m recent --name c --rcheck -j ACCEPT",
     "-A INPUT -p tcp --dport 9000 -m recent --name b --rcheck -m recent --name c --set -j DROP",
     "-A INPUT -p tcp --dport 8000 -m recent --name a --rcheck -m recent --name b --set -j DROP",
     "-A INPUT -p tcp --dport 7000 -m recent --name a --set -j DROP"],
    ["-N one", "-N two", "-N three", "-N door",
     "-A one -p tcp --dport 9000 -m recent --name a --set -j DROP", "-A one -j DROP",
     "-A two -m recent --name a --remove", "-A two -p tcp --dport 8000 -m recent --name b --set -j DROP", "-A two -j one",
     "-A three -m recent --name b --remove", "-A three -p tcp --dport 7000 -m recent --name c --set -j DROP", "-A three -j one",
     "-A door -m recent --name c --remove", "-A door -p tcp --dport 22 -j ACCEPT", "-A door -j one",
     "-A INPUT -m recent --name c --rcheck --seconds 30 -j door", "-A INPUT -m recent --name b --rcheck --seconds 10 -j three",
     "-A INPUT -m recent --name a --rcheck --seconds 10 -j two", "-A INPUT -j one"],
]  # fmt: skip


@pytest.mark.parametrize("rules", KNOCKS)
def test_a_door_that_opens_after_knocking_is_found(rules: list[str]) -> None:
    judgement = judged("too-open", *(f"iptables {rule}" for rule in rules))
    assert [failure.check.name for failure in judgement.failures] == ["strangers-stay-out"], str(judgement)
    assert judgement.failures[0].happened.count("knocked with ") == 1


@pytest.mark.parametrize(
    "rules",
    [
        ["-I INPUT -p tcp --dport 1337 -m conntrack --ctstate NEW -m recent --name x --set",
         "-I INPUT -p tcp --dport 1337 -m conntrack --ctstate NEW -m recent --name x --update --seconds 60 --hitcount 30 -j DROP"],
        ["-A INPUT -i lan -p tcp --dport 7000 -m recent --name k --set",
         "-A INPUT -i lan -p tcp --dport 8022 -m recent --name k --rcheck -j ACCEPT"],
    ],
)  # fmt: skip
def test_whoever_only_counts_or_hears_friends_knock_has_no_back_door(rules: list[str]) -> None:
    judgement = judged("too-open", *(f"iptables {rule}" for rule in rules))
    assert judgement.passed, str(judgement)


@pytest.mark.parametrize("rule", ["-p tcp --dport 80:90", "-p tcp --dport 4444", "-p udp --dport 80", "-p esp"])
def test_a_site_has_one_port(rule: str) -> None:
    judgement = judged("first-match", f"iptables -A INPUT {rule} -j ACCEPT")
    assert [failure.check.name for failure in judgement.failures] == ["nothing-else"], str(judgement)


@pytest.mark.parametrize("banned", ["203.0.113.64/30", "203.0.113.66/31", "203.0.113.32/28"])
def test_a_ban_is_for_one(banned: str) -> None:
    judgement = judged("first-match", f"iptables -I INPUT -s {banned} -j DROP")
    assert [failure.check.name for failure in judgement.failures] == ["site"], str(judgement)


@pytest.mark.parametrize("network", ["192.168.0.0/24", "192.168.0.0/17", "192.168.0.20"])
def test_a_network_is_the_whole_of_it(network: str) -> None:
    judgement = judged("too-open", f"iptables -R INPUT 3 -s {network} -p tcp --dport 22 -j ACCEPT")
    assert [failure.check.name for failure in judgement.failures] == ["lan-ssh"], str(judgement)


@pytest.mark.parametrize(
    "lines",
    [
        ["iptables -A INPUT -p tcp --dport 25 -j ACCEPT"],
        [
            "iptables -t nat -A PREROUTING -i wan -p tcp --dport 3307 -j DNAT --to-destination 10.0.0.80:3306",
            "iptables -A FORWARD -p tcp --dport 3306 -j ACCEPT",
        ],
    ],
)
def test_one_more_port_leads_somewhere(lines: list[str]) -> None:
    judgement = judged("port-forward", *lines)
    assert "branch-only" in [failure.check.name for failure in judgement.failures], str(judgement)
