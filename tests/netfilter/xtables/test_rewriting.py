"""A chain written anew: the commands make it what was wanted, leave alone what stays, and lines are what a shell hands over unharmed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from fwtutor.netfilter import Firewall
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.rewriting import ChainName, Written, chain_of, chains, commands, line_of, read, rehearse, written

INPUT = ChainName(4, "filter", "INPUT")
RULES = [f"-p tcp -m tcp --dport {port} -j ACCEPT" for port in range(1, 9)]


def box(*rules: str, policy: str = "ACCEPT", variant: str = "legacy") -> Firewall:
    firewall = Firewall({"wan": ["203.0.113.1/24"]}, variant=variant)
    firewall.iptables(f"-P INPUT {policy}")
    for rule in rules:
        firewall.iptables(f"-A INPUT {rule}")
    return firewall


def made(firewall: Firewall, *lines: str, policy: str = "ACCEPT") -> list[str]:
    return commands(firewall.ruleset(), Written(INPUT, lines, policy))


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_whatever_is_wanted_the_commands_make_it_so_and_what_stays_keeps_its_identity(variant: str) -> None:
    chance = Random(7)
    for _ in range(120):
        old = chance.sample(RULES, chance.randrange(6))
        new = chance.choices([*old, *RULES[-2:], "-j DROP"], k=chance.randrange(7))
        policy = chance.choice(("ACCEPT", "DROP"))
        firewall = box(*old, variant=variant)
        before = {rule.save(): rule.id for rule in chain_of(firewall.ruleset(), INPUT).rules}
        lines = made(firewall, *new, policy=policy)
        for line in lines:
            firewall.iptables(line.removeprefix("iptables "))
        chain = chain_of(firewall.ruleset(), INPUT)
        assert [rule.save() for rule in chain.rules] == new
        assert chain.policy == policy
        if new == old:
            assert [rule.id for rule in chain.rules] == list(before.values())
        assert not made(firewall, *new, policy=policy)


def test_one_rule_moved_taken_out_put_in_or_written_otherwise_is_one_or_two_commands() -> None:
    firewall = box("-j DROP", *RULES[:3])
    a, b, c = RULES[:3]
    assert made(firewall, "-j DROP", a, c) == ["iptables -D INPUT 3"]
    assert made(firewall, "-j DROP", a, RULES[5], b, c) == [f"iptables -I INPUT 3 {RULES[5]}"]
    assert made(firewall, "-j DROP", a, b, c, RULES[5]) == [f"iptables -A INPUT {RULES[5]}"]
    assert made(firewall, "-j DROP", a, RULES[5], c) == [f"iptables -R INPUT 3 {RULES[5]}"]
    assert made(firewall, a, b, c, "-j DROP") == ["iptables -D INPUT 1", "iptables -A INPUT -j DROP"]
    assert made(firewall, "-j DROP", a, b, c, policy="DROP") == ["iptables -P INPUT DROP"]


def test_commands_name_the_tool_and_the_table() -> None:
    firewall = box()
    nat6 = ChainName(6, "nat", "POSTROUTING")
    found = commands(firewall.ruleset(6), Written(nat6, ("-o wan -j MASQUERADE",), "ACCEPT"))
    assert found == ["ip6tables -t nat -A POSTROUTING -o wan -j MASQUERADE"]
    assert nat6 in chains(firewall.ruleset(6))
    assert written(firewall.ruleset(6), nat6) == Written(nat6, (), "ACCEPT")


def test_every_rule_that_can_be_written_is_a_line_that_says_the_same() -> None:
    for line in (Path(__file__).parent / "options.txt").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        table, chain, rule = line.split(" ", 2)
        name = ChainName(4, table, chain)
        firewall, other = box(), box()
        try:
            firewall.iptables(f"-t {table} -A {chain} {rule}")
            other.restore(firewall.save())
        except RuleRefused:
            continue
        if other.save() != firewall.save():
            continue  # The tool itself saves some rules so that they are others when they are read again.
        (one, *_) = chain_of(firewall.ruleset(), name).rules
        again = read(firewall.ruleset(), name, line_of(one)).rule
        assert again is not None, line
        assert again.save() == one.save(), line


@pytest.mark.parametrize("rule", ['-m comment --comment "a \\"b\\" $(c) `d`"', '-m comment --comment "it\'s; rm -rf / #"', ""])
def test_what_a_shell_would_take_for_its_own_is_quoted(rule: str) -> None:
    firewall = box()
    firewall.restore(f"*filter\n-A INPUT {rule}\nCOMMIT\n")
    (one,) = chain_of(firewall.ruleset(), INPUT).rules
    assert read(firewall.ruleset(), INPUT, line_of(one)).rule == one


def test_a_rehearsal_finds_what_is_refused_only_in_its_place() -> None:
    firewall = box()
    firewall.iptables("-N A")
    firewall.iptables("-N B")
    firewall.iptables("-A A -j B")
    firewall.iptables("-A INPUT -j A")
    line, reason = rehearse([firewall.ruleset()], ["iptables -A B -p tcp", "iptables -A B -j A"])
    assert line == "iptables -A B -j A"
    assert reason
    assert rehearse([firewall.ruleset()], ["iptables -A B -j ACCEPT"]) == ("", "")
