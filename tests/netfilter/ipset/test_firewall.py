"""Sets in a box: going back in time, what refers to them, what they say, and what nobody can be asked to keep."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import craft
from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.ipset import changing
from fwtutor.netfilter.ipset.errors import SetRefused
from fwtutor.netfilter.ipset.sets import Sets
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why import why
from fwtutor.netfilter.xtables.errors import RuleRefused

BOX, STRANGER = 0xCB007101, 0xCB007109
SAVED = """\
create banned hash:ip timeout 60 counters
create nets hash:net
add nets 203.0.113.0/29
create ports hash:ip,port skbinfo
create all list:set
add all banned
add all nets
"""


def box(*rules: str, variant: str = "legacy", sets: str = SAVED) -> Firewall:
    firewall = Firewall({"wan": ["203.0.113.1/24"]}, variant=variant)
    firewall.restore_sets(sets)
    for rule in rules:
        firewall.iptables(f"-A INPUT {rule}")
    return firewall


def arrive(firewall: Firewall, at: float, source: int = STRANGER, port: int = 53) -> Walk:
    return firewall.receive(craft.udp(source, BOX, 4000, port, b"x", id=1), "wan", at)


RULES = (
    "-m set --match-set banned src", "-m set ! --match-set all src --return-nomatch", "-j SET --add-set banned src --exist --timeout 3",
    "-j SET --add-set nets src --del-set banned dst", "-j SET --del-set all src", "-j SET --add-set ports src,dst",
    "-p udp --dport 53 -j SET --del-set banned src", "-m set --match-set banned src --packets-gt 3 -j DROP",
)  # fmt: skip
COMMANDS = (
    "add banned 203.0.113.12", "add banned 203.0.113.0/30 timeout 2 -exist", "del banned 203.0.113.9 -exist", "flush banned", "flush",
    "create more hash:net", "swap banned banned", "add nets 203.0.113.9 nomatch -exist", "del all nets -exist", "destroy ports -quiet",
)  # fmt: skip
STEPS = st.one_of(
    st.tuples(st.sampled_from((STRANGER, STRANGER + 1, BOX + 2)), st.sampled_from((53, 80))),
    st.sampled_from(COMMANDS),
    st.sampled_from(tuple(f"-A INPUT {rule}" for rule in RULES) + ("-F", "-Z", "-D INPUT 1")),
)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(RULES), max_size=4), st.lists(STEPS, max_size=12), st.sampled_from(("legacy", "nft")), st.integers(0, 11))
def test_going_back_takes_everything_back(rules: list[str], steps: list[object], variant: str, from_: int) -> None:
    firewall = box(*rules, variant=variant)
    marks = []
    for number, step in enumerate(steps):
        marks.append((firewall.checkpoint(), firewall.sets, firewall.save_sets(number)))
        try:
            if isinstance(step, tuple):
                walk = arrive(firewall, number, *step)
                # Its changes alone are enough to go back over it, and forward again.
                there = firewall.sets
                firewall.state.revert(walk.changes)
                assert firewall.sets == marks[-1][1]
                firewall.state.apply([change for part in walk.steps for change in part.changes])
                assert firewall.sets == there
            elif str(step).startswith("-"):
                firewall.iptables(str(step))
            else:
                firewall.ipset(str(step))
        except (SetRefused, RuleRefused):
            pass
    for number, (mark, sets, saved) in list(enumerate(marks))[from_:][::-1]:
        firewall.rollback(mark)
        assert firewall.sets == sets
        assert firewall.save_sets(number) == saved


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_a_set_stays_when_the_rule_that_names_it_goes(variant: str) -> None:
    firewall = box("-j SET --add-set banned src", variant=variant)
    arrive(firewall, 1)
    with pytest.raises(SetRefused, match="Set cannot be destroyed: it is in use by a kernel component"):
        firewall.ipset("destroy banned")
    assert "References: 2\n" in firewall.ipset("list banned")
    firewall.iptables("-F")
    assert "203.0.113.9" in firewall.ipset("list banned")
    assert "References: 1\n" in firewall.ipset("list banned")
    firewall.ipset("del all banned")
    firewall.ipset("destroy banned")
    with pytest.raises(RuleRefused, match="Set banned doesn't exist"):
        firewall.iptables("-A INPUT -m set --match-set banned src")


def test_rules_of_ipv6_refer_to_sets_too() -> None:
    firewall = box()
    firewall.ipset("create six hash:ip family inet6")
    firewall.iptables("-A INPUT -m set --match-set six src", family=6)
    with pytest.raises(RuleRefused, match="The protocol family of set six is IPv6, which is not applicable"):
        firewall.iptables("-A INPUT -m set --match-set six src")
    with pytest.raises(SetRefused, match="in use"):
        firewall.ipset("destroy six")
    with pytest.raises(SetRefused, match="in use"):
        firewall.ipset("destroy")


def test_names_change_hands_and_rules_follow_the_name() -> None:
    firewall = box("-m set --match-set banned src -j DROP", sets="create banned hash:ip\ncreate new hash:ip\nadd new 203.0.113.9\n")
    assert arrive(firewall, 1).verdict == "ACCEPT"
    firewall.ipset("swap banned new")
    assert arrive(firewall, 2).verdict == "DROP"
    firewall.ipset("rename new old")
    assert firewall.save_sets().count("create") == 2


def test_an_element_is_there_until_its_time_is_over() -> None:
    firewall = box("-m set --match-set banned src -j DROP")
    firewall.ipset("add banned 203.0.113.9 timeout 2", at=10)
    assert [arrive(firewall, at).verdict for at in (10, 12, 12.004)] == ["DROP", "DROP", "ACCEPT"]
    assert firewall.ipset("list banned", at=11.5).splitlines()[-1] == "203.0.113.9 timeout 1 packets 2 bytes 58"
    assert firewall.ipset("list banned", at=13).splitlines()[-2:] == ["Number of entries: 0", "Members:"]


def test_what_is_restored_is_restored_as_a_whole_or_not_at_all() -> None:
    firewall = box(sets="")
    with pytest.raises(SetRefused) as refused:
        firewall.restore_sets("create a hash:ip\nadd a 1.1.1.1\n# words\n\nadd a 1.1.1.x\n")
    assert refused.value.line_number == 5
    assert refused.value.printed == "ipset v7.17: Error in line 5: Syntax error: cannot parse 1.1.1.x: resolving to IPv4 address failed\n"
    assert firewall.sets == Sets()
    firewall.restore_sets('create a hash:ip comment\nadd a 1.1.1.1 comment "two words"\nCOMMIT\n')
    saved = firewall.save_sets()
    other = box(sets=saved)
    assert other.save_sets() == saved


def test_of_many_elements_those_before_the_one_at_fault_are_added() -> None:
    firewall = box(sets="create a hash:ip maxelem 3\n")
    mark = firewall.checkpoint()
    with pytest.raises(SetRefused, match="Hash is full, cannot add more elements"):
        firewall.ipset("add a 10.0.0.1-10.0.0.9")
    assert firewall.save_sets().count("add a") == 3
    firewall.rollback(mark)
    assert firewall.save_sets().count("add a") == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("create a hash:mac", "fwtutor does not simulate sets of the type hash:mac"),
        ("create a hash:foo", "Syntax error: typename 'hash:foo' is unknown"),
        ("list -o xml", "fwtutor does not print sets as xml"),
        ("-f /etc/passwd list", "fwtutor has no files here"),
        ("restore", "there is nothing to restore here"),
        ("create a hash:ip hashsize 4294967295", "Kernel error received: Cannot allocate memory"),
    ],
)
def test_what_is_not_done_here_is_refused_by_name(line: str, words: str) -> None:
    with pytest.raises(SetRefused, match=words):
        box().ipset(line)


def test_a_script_makes_its_sets() -> None:
    firewall = Firewall({"wan": ["203.0.113.1/24"]})
    firewall.run_script(
        "ipset create -exist banned hash:ip\nipset add banned 203.0.113.9\nsudo iptables -A INPUT -m set --match-set banned src -j DROP\n"
    )
    assert arrive(firewall, 1).verdict == "DROP"
    with pytest.raises(RuleRefused) as refused:
        firewall.run_script("ipset flush banned\nipset destroy banned\n")
    assert (refused.value.line_number, str(refused.value)) == (2, "ipset: Set cannot be destroyed: it is in use by a kernel component")
    assert "203.0.113.9" in firewall.save_sets()


@pytest.mark.parametrize(
    ("rule", "source", "words"),
    [
        ("-m set --match-set nets src -j DROP", BOX + 2, "the source 203.0.113.3 is in the set nets as 203.0.113.0/29"),
        ("-m set --match-set nets src -j DROP", STRANGER, "the source 203.0.113.9 is not in the set nets"),
        ("-m set --match-set all src,dst -j DROP", BOX + 2,
         "the source 203.0.113.3 and the destination 203.0.113.1 is in the set all as 203.0.113.0/29 of nets"),
        ("-j SET --add-set banned src", STRANGER, "203.0.113.9 is put into the set banned for 60 s"),
        ("-j SET --add-set nets src", STRANGER, "203.0.113.8/29 is put into the set nets"),
        ("-j SET --del-set nets src", BOX + 2, "203.0.113.0/29 is taken out of the set nets"),
        ("-j SET --add-set nets src", BOX + 2, "it is as it should be already, and nothing changes"),
    ],
)  # fmt: skip
def test_rules_say_what_they_found_and_did(rule: str, source: int, words: str) -> None:
    firewall = box(rule)
    walk = arrive(firewall, 1, source)
    said = [why(walk, step) for step in walk.steps]
    assert any(words in text for one in said for text in (one.text, *(condition.because for condition in one.conditions)))


def test_the_largest_range_is_refused_and_a_net_of_everything_is_62_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "MOST_ELEMENTS", 20000)
    firewall = box(sets="create a hash:ip maxelem 4294967295\ncreate p hash:ip,port\ncreate n hash:net\n")
    with pytest.raises(SetRefused, match="fwtutor keeps 20000 elements of a set at most"):
        firewall.ipset("add a 1.0.0.0-200.0.0.0")
    for line in ("add p 1.0.0.0/1,tcp:0-65535", "del p 1.0.0.0/1,tcp:0-65535 -exist"):
        with pytest.raises(SetRefused):
            firewall.ipset(line)
    firewall.ipset("add n 0.0.0.1-255.255.255.254")
    assert firewall.save_sets().count("\nadd n") == 62
