"""Why, about any rule, and about what only the box knew: rules not reached, the clock on the wall, tables that have changed since."""

from __future__ import annotations

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, SYN
from fwtutor.netfilter.steps import LookedUp, RuleTried
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why import why
from fwtutor.netfilter.why_rule import Said, about
from fwtutor.netfilter.why_state import evidence, window
from tests.netfilter.boxes import address

A, BOX, LAN = address("203.0.113.9"), address("203.0.113.1"), address("192.168.0.20")


def box(*rules: str, **options: int) -> Firewall:
    firewall = Firewall({"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]}, {"default": "wan"}, **options)  # type: ignore[arg-type]
    for rule in rules:
        firewall.iptables(rule)
    return firewall


def syn(dport: int = 22, dst: int = BOX) -> bytes:
    return craft.tcp(A, dst, 4000, dport, SYN)


def said(firewall: Firewall, walk: Walk, chain: str, number: int, table: str = "filter") -> Said:
    rule = firewall.ruleset().tables[table].chains[chain].rules[number - 1]
    return about(walk, walk.steps, table, chain, number, rule)


def test_a_rule_behind_the_one_that_decided_would_have_said_what_it_says() -> None:
    firewall = box("-A INPUT -p tcp -j DROP", "-A INPUT -p tcp --dport 22 -j ACCEPT", "-A INPUT -p udp -j ACCEPT")
    walk = firewall.receive(syn(), "wan", at=0)
    second, third = said(firewall, walk, "INPUT", 2), said(firewall, walk, "INPUT", 3)
    assert second.text == "not reached: rule 1 decided before it: DROP"
    assert second.would == "it would have matched: ACCEPT"
    assert third.would == "it would not have matched"
    assert third.conditions[-1].because == "the protocol is tcp"


def test_a_rule_that_was_tried_says_what_it_said() -> None:
    firewall = box("-A INPUT -p tcp --dport 22 -j ACCEPT")
    found = said(firewall, firewall.receive(syn(23), "wan", at=0), "INPUT", 1)
    assert found.reached
    assert found.text == "rule 1: --dport 22 is false: the destination port is 23"


def test_a_chain_nobody_jumped_to_and_one_that_is_not_on_the_way_say_so() -> None:
    firewall = box("-N WEB", "-A WEB -p tcp -j ACCEPT", "-A INPUT -p udp -j WEB", "-A INPUT -p tcp", "-A FORWARD -j DROP")
    walk = firewall.receive(syn(), "wan", at=0)
    web, forward = said(firewall, walk, "WEB", 1), said(firewall, walk, "FORWARD", 1)
    assert web.text == "not reached: no rule that matched sent the packet to WEB"
    assert web.would == "it would have matched: ACCEPT"
    assert "FORWARD is not on this packet's way (it is for the box itself)" in forward.text
    assert not forward.would


def test_a_rule_behind_a_verdict_of_a_called_chain_names_that_rule() -> None:
    firewall = box("-N WEB", "-A WEB -p tcp -j ACCEPT", "-A INPUT -j WEB", "-A INPUT -j DROP")
    found = said(firewall, firewall.receive(syn(), "wan", at=0), "INPUT", 2)
    assert found.text == "not reached: rule 1 of WEB decided before it: ACCEPT"


def test_nat_is_asked_about_first_packets_only() -> None:
    firewall = box("-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 192.168.0.20")
    first = firewall.receive(syn(80), "wan", at=0)
    firewall.receive(craft.tcp(LAN, A, 80, 4000, SYN | ACK), "lan", at=0.1)
    third = firewall.receive(craft.tcp(A, BOX, 4000, 80, ACK), "wan", at=0.2)
    assert said(firewall, first, "PREROUTING", 1, "nat").reached
    assert "first packet of a connection only" in said(firewall, third, "PREROUTING", 1, "nat").text


def test_what_a_match_that_remembers_would_have_said_nobody_can_tell() -> None:
    firewall = box("-A INPUT -p tcp -j DROP", "-A INPUT -m limit --limit 1/min -j ACCEPT")
    found = said(firewall, firewall.receive(syn(), "wan", at=0), "INPUT", 2)
    assert "nobody can tell" in found.would


def test_a_packet_under_way_has_not_tried_what_is_ahead() -> None:
    firewall = box("-A INPUT -p udp -j ACCEPT", "-A INPUT -p tcp -j ACCEPT")
    walk = firewall.receive(syn(), "wan", at=0)
    rule = firewall.ruleset().tables["filter"].chains["INPUT"].rules[1]
    found = about(walk, walk.steps[:3], "filter", "INPUT", 2, rule)
    assert "has not been tried yet" in found.text
    assert not found.would


# --- what only the box knew ----------------------------------------------------------------------------------


def test_the_day_of_the_week_is_that_of_the_boxs_own_clock() -> None:
    # 1970-01-01 was a Thursday.
    firewall = box("-A INPUT -m time --weekdays Thu -j DROP", began=0)
    walk = firewall.receive(syn(), "wan", at=0)
    assert walk.verdict == "DROP"
    tried = next(step for step in walk.steps if isinstance(step, RuleTried))
    assert [condition.held for condition in why(walk, tried).conditions] == [True]


def test_connections_counted_by_connlimit_are_those_that_were_alive_then() -> None:
    firewall = box("-A INPUT -p tcp --syn -m connlimit --connlimit-above 2 -j DROP")
    for port in (4000, 4001, 4002):
        walk = firewall.receive(craft.tcp(A, BOX, port, 22, SYN), "wan", at=port / 1000)
    tried = next(step for step in walk.steps if isinstance(step, RuleTried))
    assert walk.verdict == "DROP"
    told = why(walk, tried).conditions[-1]
    assert told.held
    assert "3 connections" in told.because


def test_what_the_ctstate_rests_on_is_told_value_by_value() -> None:
    firewall = box("-A INPUT -m conntrack --ctstate NEW -j ACCEPT")
    firewall.receive(syn(), "wan", at=0)
    firewall.send(craft.tcp(BOX, A, 22, 4000, SYN | ACK, seq=5000, ack=1), at=0.1)
    walk = firewall.receive(craft.tcp(A, BOX, 4000, 22, ACK, seq=1, ack=99_000), "wan", at=0.2)
    looked = next(step for step in walk.steps if isinstance(step, LookedUp))
    assert looked.found is not None
    edges = window(looked.found, looked.direction)
    assert edges is not None
    told = dict(evidence(walk, walk.steps, looked))
    assert "original tuple of the entry of tcp 203.0.113.9:4000 > 203.0.113.1:22 (SYN_RECV)" in told["entry"]
    assert told["so far"] == "a reply was seen"
    assert told[""].endswith(f"to {edges.newest}")
    assert "never sent" in told["fault"]
    assert edges.newest == 5001
    assert walk.at == 0.2 * SECOND
