"""Matches that remember from packet to packet: going back in time, hostile values and crowds, and what they say."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import craft
from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.keeping import Kept
from fwtutor.netfilter.state import State
from fwtutor.netfilter.why import why
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.matches.recent import MOST, Addresses

BOX, STRANGER = 0xCB007101, 0xCB007109
RULES = (
    "-m recent --set --name a", "-m recent --update --seconds 2 --hitcount 3 --reap --name a", "-m recent --remove --rttl --name a",
    "-m connlimit --connlimit-above 2 --connlimit-mask 24",
    "-m hashlimit --hashlimit-upto 2/sec --hashlimit-mode srcip,dstport --hashlimit-name a --hashlimit-htable-max 3",
    "-m hashlimit --hashlimit-above 1kb/s --hashlimit-burst 2kb --hashlimit-name b --hashlimit-htable-expire 300",
    "-m quota --quota 300", "-m statistic --mode nth --every 3 --packet 1",
    "-m statistic --mode random --probability 0.5", "-m connbytes --connbytes 3: --connbytes-dir both --connbytes-mode packets",
)  # fmt: skip


def box(*rules: str, variant: str = "legacy") -> Firewall:
    firewall = Firewall({"wan": ["203.0.113.1/24"]}, variant=variant)
    for rule in rules:
        firewall.iptables(f"-A INPUT {rule}")
    return firewall


def remembered(state: State) -> dict[object, object]:
    return {**state.memory, "counters": dict(state.counters), "entries": dict(state.entries)}


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 900), st.integers(0, 255)), max_size=30),
    st.integers(0, 30), st.sampled_from(["legacy", "nft"]),
    st.sampled_from(["-F", "-Z", "-A INPUT -m recent --rcheck --name a", "-D INPUT 1"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_what_was_remembered_is_as_it_was_when_time_goes_back(
    packets: list[tuple[int, int, int, int]], split: int, variant: str, line: str
) -> None:
    firewall = box(*(rule for rule in RULES if "--remove" not in rule), variant=variant)
    at = 0.0
    for number, (source, port, later, ttl) in enumerate(packets):
        if number == split:
            mark, before = firewall.checkpoint(), remembered(firewall.state)
        at += later / 1000
        walk = firewall.receive(craft.udp(STRANGER + source, BOX, 4000 + port, 53, id=1, ttl=ttl), on="wan", at=at)
        for step in walk.steps:
            why(walk, step)
    if split < len(packets):
        firewall.iptables(line)
        firewall.rollback(mark)
        assert remembered(firewall.state) == before


@given(st.sampled_from(RULES), st.lists(st.text(max_size=12), max_size=3))
@settings(max_examples=150, deadline=None)
def test_hostile_words_are_refused_or_taken_and_never_more(rule: str, words: list[str]) -> None:
    firewall = box()
    parts = rule.split()
    for number, word in enumerate(words):
        parts[2 + number % (len(parts) - 2)] = "'" + word.replace("'", "") + "'"
    try:
        firewall.iptables(f"-A INPUT {' '.join(parts)}")
    except RuleRefused:
        return
    firewall.iptables("-S")
    firewall.iptables("-nvL")
    firewall.receive(craft.udp(STRANGER, BOX, 4000, 53, id=1), on="wan", at=0)


def test_a_list_never_has_more_addresses_than_it_may() -> None:
    firewall = box("-m recent --set")
    for number in range(3 * MOST):
        firewall.receive(craft.udp(0x0A000000 + number, BOX, 4000, 53, id=1), on="wan", at=0)
    (known,) = firewall.state.memory.values()
    assert isinstance(known, Addresses)
    assert len(known.listed) == MOST


def test_a_crowd_of_addresses_leaves_no_more_lists_than_there_are_connections() -> None:
    firewall = box("-m connlimit --connlimit-upto 1 -j DROP")
    for number in range(1000):
        firewall.receive(craft.udp(0x0A000000 + number, BOX, 4000, 53, id=1), on="wan", at=number / 100)
    assert max(len(value) for value in firewall.state.memory.values() if isinstance(value, Kept)) <= 256


def test_a_table_of_buckets_never_has_more_than_it_may() -> None:
    rule = "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a"
    firewall = box(f"{rule} --hashlimit-htable-size 9 --hashlimit-htable-max 20")
    verdicts = [
        firewall.receive(craft.udp(0x0A000000 + number, BOX, 4000, 53, id=1), on="wan", at=0).verdict for number in range(100)
    ]  # fmt: skip
    assert verdicts == ["ACCEPT"] * 20 + ["DROP"] * 80


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 9), st.booleans()), max_size=200))
def test_what_is_kept_is_as_a_dictionary_has_it(steps: list[tuple[int, int, bool]]) -> None:
    kept: Kept[tuple[int, int], int] = Kept()
    plain: dict[tuple[int, int], int] = {}
    for key, value, there in steps:
        if there:
            kept, plain[key, 0] = kept.having((key, 0), value), value
        else:
            kept = kept.without((key, 0))
            plain.pop((key, 0), None)
        assert len(kept) == len(plain)
    assert dict(kept.items()) == plain
    assert all(kept.get(key) == value for key, value in plain.items())


def test_why_says_what_was_remembered() -> None:
    firewall = box("-m recent --update --seconds 60 --hitcount 2 -j DROP", "-m recent --set")
    walks = [firewall.receive(craft.udp(STRANGER, BOX, 4000, 53, id=1), on="wan", at=at) for at in (0, 1, 2)]
    said = [why(walk, next(step for step in walk.steps if type(step).__name__ == "RuleTried")).text for walk in walks]
    assert "the source 203.0.113.9 is not on the list DEFAULT" in said[0]
    assert "seen once, 1.0 s ago last; in the last 60 s: once" in said[1]
    assert "seen 2 times, 1.0 s ago last; in the last 60 s: 2 times → DROP" in said[2]
