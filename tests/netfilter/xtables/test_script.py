"""Lists of commands, as people keep them in scripts, are read without a shell."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, RuleRefused
from fwtutor.netfilter.xtables import script
from fwtutor.netfilter.xtables.script import is_script

SCRIPT = """#!/bin/sh
# my firewall

iptables -P INPUT DROP
  sudo iptables -w -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT  # answers
/sbin/iptables -A INPUT -s 192.168.0.0/16 \\
    -p tcp --dport 22 -j ACCEPT
iptables -A INPUT -m comment --comment "costs $5; really" -j DROP
ip6tables-legacy -A INPUT -p ipv6-icmp -j ACCEPT
""".replace("$5", "\\$5")


def test_a_script_makes_rules_of_both_families() -> None:
    firewall = Firewall(interfaces={})
    lines = firewall.run_script(SCRIPT)
    assert firewall.iptables("-S INPUT").splitlines() == [
        "-P INPUT DROP",
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT",
        '-A INPUT -m comment --comment "costs $5; really" -j DROP',
    ]
    assert firewall.iptables("-S INPUT", 6).splitlines()[1:] == ["-A INPUT -p ipv6-icmp -j ACCEPT"]
    assert list(lines.values()) == [5, 6, 8, 9]


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        ("iptables -F\nIPT=/sbin/iptables\n", 2, "`IPT=/sbin/iptables' is none of iptables, ip6tables and ipset"),
        ("iptables -F\n\niptables -A INPUT -i $WAN -j DROP\n", 3, "`$' means something to a shell, and this is none"),
        ("iptables -F && iptables -X\n", 1, "`&' means something to a shell, and this is none"),
        ("iptables -F\necho done\n", 2, "`echo' is none of iptables, ip6tables and ipset"),
        ("iptables -F\niptables -A INPUT -p tcp \\\n --dprt 22 -j DROP\n", 2, 'unknown option "--dprt"'),
        ("iptables -F\niptables -A INPUT \\", 2, "the last line goes on with a backslash, and there is no other"),
        ("iptables -A INPUT -j nowhere", 1, "Couldn't load target `nowhere':No such file or directory"),
        ("iptables-restore rules.v4\n", 1, "`iptables-restore' is none of iptables, ip6tables and ipset"),
    ],
)
def test_what_needs_a_shell_is_refused_with_its_line_and_nothing_is_done(text: str, number: int, said: str) -> None:
    firewall = Firewall(interfaces={})
    firewall.iptables("-A INPUT -j DROP")
    with pytest.raises(RuleRefused) as refused:
        firewall.run_script(text)
    assert (refused.value.line_number, str(refused.value)) == (number, said)
    assert firewall.iptables("-S INPUT").splitlines()[1:] == ["-A INPUT -j DROP"]


@pytest.mark.parametrize(
    ("text", "script"),
    [("iptables -F\n", True), ("# x\n\n/sbin/iptables -F", True), ("$IPT -F", True), ("*filter\nCOMMIT\n", False), ("# a\n*nat", False),
     ("", False), ("#\n", False), (":INPUT DROP", False), ("-A INPUT", False), ("[0:0] -A INPUT", False)],
)  # fmt: skip
def test_a_text_is_a_script_when_its_first_line_begins_with_a_word(text: str, script: bool) -> None:
    assert is_script(text) == script


def test_counters_and_undoing() -> None:
    firewall = Firewall(interfaces={})
    mark = firewall.checkpoint()
    firewall.run_script("iptables -A INPUT -c 5 300 -j DROP\niptables -N own\niptables -A own -c 1 60 -j DROP\n")
    assert "[5:300] -A INPUT -j DROP" in firewall.save(counters=True)
    assert "[1:60] -A own -j DROP" in firewall.save(counters=True)
    firewall.rollback(mark)
    assert firewall.save() == ""


@pytest.mark.parametrize("variant", ["legacy", "nft"])
@pytest.mark.parametrize("last", ["-A a -j b", "-A INPUT -j nowhere", "-A INPUT -p tcp --dprt 1", "-N a", "-A b -j INPUT", "-S"])
def test_commands_run_together_say_what_they_say_one_by_one(variant: str, last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["-N a", "-N b", "-A INPUT -j a", "-P INPUT DROP -c 3 4", "-A b -j a", "-I b -p tcp -j DROP", "-P FORWARD DROP", last, "-F b"]
    text = "".join(f"iptables {line}\n" for line in lines)
    said = []
    for together in (1024, 1):
        monkeypatch.setattr(script, "MAX_TOGETHER", together)
        firewall = Firewall(interfaces={}, variant=variant)
        try:
            numbers = firewall.run_script(text)
            said.append((firewall.save(counters=True), list(numbers.values())))
        except RuleRefused as wrong:
            said.append((wrong.printed, [wrong.line_number, wrong.start, wrong.end]))
    assert said[0] == said[1]
