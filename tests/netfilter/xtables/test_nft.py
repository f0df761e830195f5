"""The nft variant's own ways: what is there, what is listed, and how what is refused points at its place. The words are held elsewhere."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.savefile import save
from tests.netfilter.xtables.live import Ours


def ours(*lines: str) -> Ours:
    box = Ours("nft")
    for line in lines:
        assert box.run(line)[0] == 0, line
    return box


def refusal(text: str, noflush: bool = False) -> RuleRefused:
    box = ours("-N uc", "-A INPUT -j uc")
    before = box.ruleset
    with pytest.raises(RuleRefused) as caught:
        box.restore(text, noflush=noflush)
    assert box.ruleset is before
    return caught.value


def test_a_table_is_there_when_something_is_in_it() -> None:
    assert save(ours("-S", "-L", "-F", "-X", "-Z").ruleset) == ""
    assert ":FORWARD ACCEPT [0:0]" in save(ours("-N uc").ruleset)


def test_a_builtin_chain_is_there_once_something_was_put_into_it() -> None:
    chains = ours("-A INPUT -j ACCEPT", "-P OUTPUT ACCEPT").ruleset.tables["filter"].chains
    assert {name: chain.there for name, chain in chains.items()} == {"INPUT": True, "FORWARD": False, "OUTPUT": True}
    chains = ours("-A INPUT -j ACCEPT", "-P OUTPUT ACCEPT", "-X").ruleset.tables["filter"].chains
    assert not chains["OUTPUT"].there


def test_the_text_of_a_save_file_without_rules_takes_the_table_away() -> None:
    box = ours("-A INPUT -j ACCEPT")
    box.restore("*filter\nCOMMIT\n")
    assert box.ruleset.tables == {}


def test_a_rule_is_kept_as_it_is_listed_and_found_by_that() -> None:
    box = ours("-A INPUT -p tcp --dport 5 -m tcp ! --sport :9 -j DROP")
    assert box.run("-S INPUT")[1].endswith("-A INPUT -p tcp -m tcp --sport 10:65535 --dport 5 -j DROP\n")
    assert box.run("-D INPUT -p tcp -m tcp --sport 10:65535 --dport 5 -j DROP") == (0, "")


def test_what_the_kernel_refuses_comes_after_all_that_the_tool_refuses() -> None:
    wrong = refusal("*filter\n-A INPUT -m tcp\n-A NOPE\n-A INPUT --frob\nCOMMIT\n")
    assert (wrong.line_number, wrong.message) == (4, 'unknown option "--frob"')
    wrong = refusal("*filter\n-A INPUT -m tcp\n-A NOPE\nCOMMIT\n")
    assert (wrong.line_number, wrong.message) == (3, "No chain/target/match by that name.")
    wrong = refusal("*filter\n-A INPUT -m tcp\nCOMMIT\n")
    assert (wrong.line_number, wrong.message) == (2, "RULE_APPEND failed (Invalid argument): rule in chain INPUT")
    assert wrong.line[wrong.start : wrong.end] == "tcp"


def test_a_loop_is_blamed_on_the_rule_that_closed_it() -> None:
    wrong = refusal("*filter\n:a - [0:0]\n-A INPUT -j a\n-A INPUT -j uc\n-A a -j uc\n-A uc -g a\n-A uc -j ACCEPT\nCOMMIT\n", noflush=True)
    assert (wrong.line_number, wrong.line, wrong.line[wrong.start : wrong.end]) == (6, "-A uc -g a", "a")
    assert wrong.hint == "a packet could go round and round through uc -> a -> uc"


def test_a_refusal_of_the_kernel_is_printed_as_the_tool_prints_it() -> None:
    status, said = ours("-A INPUT -j ACCEPT").run("-A INPUT -j INPUT")
    assert status == 4
    assert said == "iptables v1.8.9 (nf_tables):  RULE_APPEND failed (Operation not supported): rule in chain INPUT\n"


def test_a_firewall_adds_to_its_rules_without_flush() -> None:
    for variant in ("legacy", "nft"):
        firewall = Firewall(interfaces={}, variant=variant)
        firewall.restore("*filter\n:uc - [0:0]\n[1:2] -A INPUT -j uc\nCOMMIT\n", counters=True)
        firewall.restore("*filter\n[3:4] -A uc -j ACCEPT\nCOMMIT\n", counters=True, noflush=True)
        assert "[1:2] -A INPUT -j uc\n[3:4] -A uc -j ACCEPT\n" in firewall.save(counters=True)


def test_a_refused_text_changes_nothing_even_behind_a_table_that_was_fine() -> None:
    text = "*filter\n-A INPUT -j DROP\nCOMMIT\n*filter\n-A NOPE\nCOMMIT\n"
    for variant in ("legacy", "nft"):
        firewall = Firewall(interfaces={}, variant=variant)
        with pytest.raises(RuleRefused):
            firewall.restore(text)
        assert firewall.save() == ""


def test_a_rule_says_why_in_the_bytes_it_compares() -> None:
    from fwtutor.netfilter import craft
    from fwtutor.netfilter.packet import Packet
    from fwtutor.netfilter.xtables.context import Context

    box = ours("-A INPUT ! -p tcp -m tcp --dport 53 --tcp-flags SYN SYN")
    (rule,) = box.ruleset.tables["filter"].chains["INPUT"].rules
    conditions = rule.conditions(Context(Packet(craft.udp(1, 2, 4000, 53, b"x" * 9)), 0))
    assert [(c.text, c.held) for c in conditions[1:]] == [("--dport 53", True), ("--tcp-flags SYN SYN", False)]
    assert conditions[1].because == "the bytes where a destination port would be say 53"
    (_, port, flags) = rule.conditions(Context(Packet(craft.ip(1, 2, 253, b"\0\0\0\x35")), 0))
    assert (port.held, flags.held, flags.because) == (True, False, "the header is cut short before it")
