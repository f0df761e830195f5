"""-m limit: both variants' arithmetic, what is remembered and recorded of it, and what renews it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import Firewall, RuleRefused, Walk, craft, why
from fwtutor.netfilter.steps import Logged, RuleTried
from tests.netfilter.boxes import CLIENT, EMPTY, SERVER

UDP = craft.udp(CLIENT, SERVER, 4000, 53)
TCP = craft.tcp(CLIENT, SERVER, 4000, 22, 2)


def box(*rules: str, variant: str = "legacy") -> Firewall:
    firewall = Firewall(interfaces={"wan": ["203.0.113.1/24"]}, routes={"default": "wan"}, variant=variant)
    firewall.restore("\n".join([EMPTY.rstrip(), *rules, "COMMIT\n"]))
    return firewall


def passed(firewall: Firewall, times: list[float], raw: bytes = UDP) -> list[bool]:
    """Whether the first rule of INPUT matched, packet by packet."""
    return [firewall.receive(raw, on="wan", at=at).path[:1] == ["filter:INPUT:rule:1"] for at in times]


def said(walk: Walk) -> list[str]:
    return [why(walk, step).text for step in walk.steps if isinstance(step, RuleTried)]


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_a_bucket_gives_its_burst_and_then_what_time_brings(variant: str) -> None:
    firewall = box("-A INPUT -m limit --limit 10/sec --limit-burst 3", variant=variant)
    assert passed(firewall, [0] * 5) == [True] * 3 + [False] * 2
    assert passed(firewall, [0.112, 0.112]) == [True, False]
    assert passed(firewall, [9] * 5) == [True] * 3 + [False] * 2


def test_legacy_gives_no_more_than_a_burst_in_a_tick() -> None:
    firewall = box("-A INPUT -m limit --limit 300/sec --limit-burst 1")
    # Listed as 303 a second, it lets 250 through: one a tick.
    assert sum(passed(firewall, [number / 2000 for number in range(2000)])) == 250
    nft = box("-A INPUT -m limit --limit 300/sec --limit-burst 1", variant="nft")
    assert sum(passed(nft, [number / 2000 for number in range(2000)])) > 280


def test_two_a_day_with_a_burst_of_five_is_one_in_legacy_and_five_in_nft() -> None:
    assert [sum(passed(box("-A INPUT -m limit --limit 2/day", variant=v), [0] * 9)) for v in ("legacy", "nft")] == [1, 5]


def test_what_legacy_finds_out_of_range_nft_takes() -> None:
    for text in ("--limit 1/day", "--limit 1/day --limit-burst 4", "--limit-burst 0", "--limit 1/hour --limit-burst 38"):
        with pytest.raises(RuleRefused, match="Numerical result out of range"):
            box(f"-A INPUT -m limit {text}")
        box(f"-A INPUT -m limit {text}", variant="nft")
    assert "-m limit --limit 3/hour\n" in box("-A INPUT -m limit --limit-burst 0", variant="nft").save()


def test_after_a_long_silence_legacys_credits_overflow() -> None:
    rule = "-A INPUT -m limit --limit 1/day --limit-burst 1"
    assert passed(box(rule), [13 * 3600]) == [True]
    assert passed(box(rule), [13.4 * 3600]) == [False]
    assert passed(box(rule, variant="nft"), [13.4 * 3600]) == [True]


def test_all_matches_before_it_keep_packets_from_the_bucket_and_none_behind_it() -> None:
    rules = "-A INPUT -p tcp -m tcp --dport 22 -m limit --limit 1/hour --limit-burst 1 -m mark --mark 1"
    firewall = box(rules, *["-A INPUT -s 10.0.0.1/32"] * 40)
    (key,) = firewall.state.memory
    assert all(change.kind != "memory" for change in firewall.receive(UDP, on="wan", at=0).changes)
    before = firewall.state.memory[key]
    (change,) = (change for change in firewall.receive(TCP, on="wan", at=0).changes if change.kind == "memory")
    assert (change.key, change.before) == (key, before)
    assert firewall.state.memory[key] == change.after != before


def test_why_tells_the_numbers_as_they_were() -> None:
    firewall = box("-A INPUT -m limit --limit 2/sec --limit-burst 5 -j LOG")
    walks = [firewall.receive(UDP, on="wan", at=at) for at in (0, 0, 0.1, 0.1, 0.1, 0.1)]
    assert said(walks[0]) == ["rule 1 matches: 5 of 5 tokens left; one costs 1 → LOG, and on to the next rule"]
    assert said(walks[2]) == ["rule 1 matches: 3.2 of 5 tokens left; one costs 1 → LOG, and on to the next rule"]
    assert said(walks[5]) == ["rule 1: --limit 2/sec is false: 0.2 of 5 tokens left; one costs 1, and there is one in 0.4 s"]
    assert [len(walk.logged) for walk in walks] == [1] * 5 + [0]
    (logged,) = (step for step in walks[0].steps if isinstance(step, Logged))
    assert why(walks[0], logged).text.startswith("logged, level warn: IN=wan OUT= MAC= SRC=203.0.113.9 DST=203.0.113.1 LEN=28 ")


def test_a_match_that_was_not_reached_is_not_asked() -> None:
    firewall = box("-A INPUT -m mark --mark 1 -m limit --limit 2/sec")
    walk = firewall.receive(UDP, on="wan", at=0)
    (step,) = (step for step in walk.steps if isinstance(step, RuleTried))
    assert step.rule is not None
    assert step.context is not None
    assert step.rule.conditions(step.context)[-1] == ("-m limit --limit 2/sec", False, "it is not asked")
    assert not step.changes


def test_a_rule_met_twice_by_one_packet_is_evaluated_twice() -> None:
    firewall = box(":u - [0:0]", "-A INPUT -j u", "-A INPUT -j u", "-A u -m limit --limit 1/hour --limit-burst 1 -m comment --comment x")
    walk = firewall.receive(UDP, on="wan", at=0)
    assert [step.matched for step in walk.steps if isinstance(step, RuleTried) and step.chain == "u"] == [True, False]
    assert tuple(change for step in walk.steps for change in step.changes) == walk.changes


LIMITED = "-A INPUT -m limit --limit 1/hour --limit-burst 1"


@pytest.mark.parametrize(
    ("line", "legacy", "nft"),
    [
        ("-S", False, False), ("-L -n", False, False), ("-C INPUT -p tcp", False, False), ("-A FORWARD -p tcp", True, False),
        ("-I INPUT 2 -p tcp", True, False), ("-P OUTPUT ACCEPT", True, False), ("-N x", True, False), ("-X", False, False),
        ("-F FORWARD", True, False), ("-Z FORWARD", True, False), ("-Z", True, True), ("-Z INPUT 1", True, True),
        ("-R INPUT 1 -m limit --limit 1/hour --limit-burst 1", True, True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_writing_the_table_renews_legacys_buckets_but_of_nfts_only_those_of_the_rules_written(
    line: str, legacy: bool, nft: bool, variant: str
) -> None:
    firewall = box(LIMITED, variant=variant)
    assert passed(firewall, [0, 0]) == [True, False]
    if line.startswith("-C"):
        with pytest.raises(RuleRefused):
            firewall.iptables(line)
    else:
        firewall.iptables(line)
    assert passed(firewall, [1]) == [legacy if variant == "legacy" else nft]


def test_nft_zeroes_no_rule_that_has_not_counted() -> None:
    firewall = box("-A INPUT -m limit --limit 1/hour --limit-burst 1 -m mark --mark 1", variant="nft")
    (before,) = firewall.state.memory.values()
    firewall.receive(UDP, on="wan", at=0)
    firewall.iptables("-Z")
    assert list(firewall.state.memory.values()) != [before]


def test_a_bucket_goes_with_its_rule() -> None:
    firewall = box(LIMITED)
    firewall.iptables("-D INPUT 1")
    assert not firewall.state.memory


def test_writing_a_table_with_legacy_zeroes_its_policies_counters() -> None:
    firewall = box("-A INPUT -p tcp")
    firewall.receive(UDP, on="wan", at=0)
    assert ":INPUT ACCEPT [1:28]" in firewall.save(counters=True)
    firewall.iptables("-N x")
    assert ":INPUT ACCEPT [0:0]" in firewall.save(counters=True)


Step = tuple[float, bool, str]
RULES = (
    "-m limit --limit 2/sec --limit-burst 2",
    "-p udp -m limit --limit 7/min --limit-burst 3 -j LOG",
    "-m limit -m limit --limit 1/sec",
)
steps = st.lists(
    st.tuples(st.floats(0, 3), st.booleans(), st.sampled_from(["", "", "", "-Z", "-A FORWARD", "-I INPUT -m limit", "-D INPUT 1", "-F"])),
    max_size=12,
)


def play(firewall: Firewall, run: list[Step]) -> list[object]:
    told: list[object] = []
    for wait, tcp, line in run:
        at = firewall.now / 1e9 + wait
        firewall.advance(at)
        if line:
            try:
                firewall.iptables(line)
            except RuleRefused as refused:
                told.append(str(refused))
        walk = firewall.receive(TCP if tcp else UDP, on="wan", at=at)
        told.append((walk.path, walk.changes, [step.line for step in walk.logged]))
    return told


@given(steps, steps, st.sampled_from(["legacy", "nft"]))
@settings(max_examples=60, deadline=None)
def test_rolling_back_gives_the_buckets_back(first: list[Step], second: list[Step], variant: str) -> None:
    firewall = box(*(f"-A INPUT {rule}" for rule in RULES), variant=variant)
    play(firewall, first)
    mark = firewall.checkpoint()
    before = (dict(firewall.state.memory), dict(firewall.state.counters))
    once = play(firewall, second)
    firewall.rollback(mark)
    assert (firewall.state.memory, firewall.state.counters) == before
    assert play(firewall, second) == once
