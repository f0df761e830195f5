"""What somebody made to break a reader of rulesets is refused with its line, or taken at a bounded cost."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, RuleRefused, craft
from fwtutor.netfilter.xtables import compiled, edit
from fwtutor.netfilter.xtables.tokens import MAX_LINE
from tests.netfilter.boxes import CLIENT, SERVER, box

BOTH = pytest.mark.parametrize("variant", ["legacy", "nft"])


def refusal(*lines: str, variant: str = "legacy") -> RuleRefused:
    with pytest.raises(RuleRefused) as caught:
        Firewall(interfaces={}, variant=variant).restore("\n".join(["*filter", *lines, "COMMIT", ""]))
    return caught.value


@BOTH
@pytest.mark.parametrize(
    "line",
    [
        "-A INPUT -m comment --comment " + "x" * (1 << 20), "-A INPUT -s 1.2.3.4\0", "-A INPUT -j " + "x" * 29, ":" + "x" * 29 + " - [0:0]",
        "-A " + "x" * 29 + " -j DROP", "-A INPUT -m " + "x" * 29, "-A INPUT -i " + "x" * 16, "-N " + "x" * 29, "-A INPUT -s " + "1" * 1000,
        "-A INPUT -p tcp -m multiport --dports " + ",".join(map(str, range(16))), "-A INPUT -p tcp --dport " + "9" * 1000,
        "-A INPUT -m comment --comment " + "é" * 512, '-A INPUT -m comment --comment "' + "\\" * 2048, "-A INPUT -p " + "x" * 1000,
    ],
    ids=lambda line: line[:40],
)  # fmt: skip
def test_what_is_too_long_is_refused_with_its_line(line: str, variant: str) -> None:
    wrong = refusal("-A INPUT -j ACCEPT", line, variant=variant)
    assert wrong.line_number == 3
    assert len(wrong.line) <= MAX_LINE


@BOTH
def test_chains_and_rules_are_counted_while_they_are_made(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit, "MAX_CHAINS", 50)
    monkeypatch.setattr(edit, "MAX_RULES", 20)
    assert refusal(*(f":c{n} - [0:0]" for n in range(60)), variant=variant).line_number == 49
    for letter in "AI":
        wrong = refusal(*[f"-{letter} INPUT -j ACCEPT"] * 30, variant=variant)
        assert (wrong.line_number, str(wrong)) == (22, "fwtutor holds 20 rules in a chain, no more")


def test_counters_without_end_hold_what_the_tool_holds() -> None:
    firewall = Firewall(interfaces={})
    firewall.restore(f"*filter\n:INPUT DROP [{'9' * 400}:18446744073709551615]\nCOMMIT\n", counters=True)
    assert firewall.counters["filter:INPUT"] == (2**64 - 1, 2**64 - 1)


def test_a_packet_has_only_those_rules_compiled_that_may_match_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    own = compiled.compile_rule
    monkeypatch.setattr(compiled, "compile_rule", lambda rule, *rest: made.append(rule.id) or own(rule, *rest))
    blocked = "".join(f"-A INPUT -s 10.{n >> 8}.{n & 255}.1/32 -j DROP\n" for n in range(3000))
    firewall = box(f"*filter\n{blocked}-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -p udp -j DROP\nCOMMIT\n")
    assert not made
    assert firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 22, 2), on="wan", at=0).verdict == "ACCEPT"
    assert len(made) == 1


def test_going_on_behind_a_chain_tries_no_rule_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that jumps is left behind when its chain returns, however many do."""
    asked = []
    own = compiled.CompiledChain._candidates

    def counted(chain: compiled.CompiledChain, context: compiled.Context, start: int) -> list[int]:
        found = list(own(chain, context, start))
        asked.append((start, found[:1]))
        return found

    monkeypatch.setattr(compiled.CompiledChain, "_candidates", counted)
    firewall = box("*filter\n:c - [0:0]\n" + "-A INPUT -j c\n" * 100 + "COMMIT\n")
    firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 22, 2), on="wan", at=0)
    assert asked[:100] == [(start, [start]) for start in range(100)]
