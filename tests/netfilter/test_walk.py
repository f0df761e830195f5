"""The way through a box: hooks, path, counters, steps, forwarding, answers."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, NotSimulated, Walk, craft, why
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import (
    Answered,
    AnswerWithheld,
    CameBack,
    Confirmed,
    EntryForgotten,
    LookedUp,
    PolicyApplied,
    RuleTried,
    StateChanged,
)
from tests.netfilter.boxes import CLIENT, LAN_HOST, SERVER, STATEFUL, Talk, address, box


def stateless(*rules: str, policy: str = "ACCEPT") -> Firewall:
    return box(
        f"*filter\n:INPUT {policy} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        + "".join(f"{rule}\n" for rule in rules)
        + "COMMIT\n"
    )


def syn(port: int, sport: int = 4000) -> bytes:
    return craft.tcp(CLIENT, SERVER, sport, port, 2, 100)


def test_nobody_reaches_22_through_a_connection_to_1337() -> None:
    talk = Talk(box(STATEFUL))
    talk.open()
    attack = talk.firewall.receive(syn(22), on="wan", at=10)
    assert (attack.verdict, attack.states, attack.path) == (
        "DROP",
        [["PREROUTING", "NEW"], ["INPUT", "NEW"]],
        ["filter:INPUT:policy:4"],
    )
    ack = talk.firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 22, 16, 1, 1), on="wan", at=11)
    assert (ack.verdict, ack.states[-1]) == ("DROP", ["INPUT", "NEW"])
    assert talk.firewall.receive(syn(1337), on="wan", at=12).path == ["filter:INPUT:rule:1"]


def test_the_lan_reaches_22() -> None:
    walk = box(STATEFUL).receive(craft.tcp(LAN_HOST, SERVER, 4000, 22, 2), on="lan", at=0)
    assert (walk.verdict, walk.to, walk.path) == ("ACCEPT", "local", ["filter:INPUT:rule:3"])


def test_the_steps_of_a_dropped_syn_tell_the_whole_story() -> None:
    talk = Talk(box(STATEFUL))
    talk.open()
    walk = talk.firewall.receive(syn(22), on="wan", at=10)
    told = [why(walk, step, talk.firewall.state.entries.values()).text for step in walk.steps]
    assert "NEW: no entry has its tuple; the nearest entry has destination port 1337, not 22" in told
    assert "rule 2: --dport 1337 is false: the destination port is 22" in told
    assert "rule 3: -s 192.168.0.0/16 is false: the source is 203.0.113.9" in told
    assert "no rule of INPUT decided, so its policy does: DROP" in told
    tried = [(step.number, step.matched) for step in walk.steps if isinstance(step, RuleTried)]
    assert tried == [(1, False), (2, False), (3, False)]
    assert walk.rules_tried == 3
    assert any(isinstance(step, EntryForgotten) for step in walk.steps)
    assert not any(isinstance(step, Confirmed) for step in walk.steps)


def test_the_order_of_the_beats_is_lookup_rules_verdict_confirmation() -> None:
    walk = box(STATEFUL).receive(syn(1337), on="wan", at=0)
    kinds = [type(step) for step in walk.steps]
    assert kinds.index(LookedUp) < kinds.index(RuleTried) < kinds.index(Confirmed)


def test_the_changes_of_a_walk_are_those_of_its_steps() -> None:
    talk = Talk(box(STATEFUL))
    for side, flags in ((0, "S"), (1, "SA"), (0, "A"), (0, "PA")):
        walk = talk.say(side, flags)
        assert tuple(change for step in walk.steps for change in step.changes) == walk.changes
        assert walk.changes


def test_the_changes_of_a_rationed_reject_are_those_of_its_steps_too() -> None:
    firewall = stateless("-A INPUT -p udp -j REJECT")
    walks = [firewall.receive(craft.udp(CLIENT, SERVER, 1, 2), on="wan", at=0) for _ in range(8)]
    for walk in walks:
        assert tuple(change for step in walk.steps for change in step.changes) == walk.changes
    assert [any(isinstance(step, AnswerWithheld) for step in walk.steps) for walk in walks] == [False] * 6 + [True] * 2


def test_counters_tick_for_rules_that_match_and_for_the_policy() -> None:
    firewall = box(STATEFUL)
    firewall.receive(syn(1337), on="wan", at=0)
    firewall.receive(syn(22), on="wan", at=1)
    saved = firewall.save(counters=True)
    assert ":INPUT DROP [1:40]" in saved
    assert "[1:40] -A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT" in saved
    assert "[0:0] -A INPUT -m conntrack" in saved


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_a_match_that_drops_at_once_is_told_of_behind_a_rule_that_matched(variant: str) -> None:
    """And of a negated one, which legacy counts all the same, that its rule matched, but not that it led anywhere."""
    broken = craft.ip(CLIENT, SERVER, 132, bytes(12) + bytes.fromhex("0003 0000"))  # a chunk of no bytes
    for no, chain in (("", ""), ("! ", "-j one")):
        firewall = Firewall({"wan": ["203.0.113.1/24"]}, variant=variant)
        asking = f"-A INPUT -p sctp -m sctp {no}--chunk-types any DATA {chain}"
        firewall.restore(f"*filter\n:one - [0:0]\n-A INPUT -p sctp -j LOG\n{asking}\n-A one -p sctp\nCOMMIT\n")
        walk = firewall.receive(broken, on="wan", at=0)
        assert walk.verdict == "DROP"
        tried = [(step.chain, step.number, step.matched) for step in walk.steps if isinstance(step, RuleTried)]
        assert tried == [("INPUT", 1, True), ("INPUT", 2, variant == "legacy" and bool(no))]


def test_trace_words_for_user_chains_goto_and_unconditional_verdicts() -> None:
    firewall = stateless(
        ":one - [0:0]",
        ":two - [0:0]",
        "-A INPUT -p tcp -j one",
        "-A INPUT -p tcp -g two",
        "-A INPUT -j DROP",
        "-A one -p udp -j DROP",
        "-A two -j RETURN",
    )
    walk = firewall.receive(syn(22), on="wan", at=0)
    assert walk.path == [
        "filter:INPUT:rule:1",
        "filter:one:return:2",
        "filter:INPUT:rule:2",
        "filter:two:return:1",
        "filter:INPUT:policy:4",
    ]
    assert walk.verdict == "ACCEPT"
    assert isinstance([step for step in walk.steps if isinstance(step, PolicyApplied)][-1], PolicyApplied)
    unconditional = stateless("-A INPUT -j ACCEPT").receive(syn(22), on="wan", at=0)
    assert unconditional.path == ["filter:INPUT:policy:1"]
    commented = stateless('-A INPUT -m comment --comment "all" -j ACCEPT').receive(syn(22), on="wan", at=0)
    assert commented.path == ["filter:INPUT:rule:1"]


def test_a_forwarded_packet_loses_one_of_its_ttl_and_keeps_a_right_checksum() -> None:
    raw = craft.udp(CLIENT, LAN_HOST, 1, 2, b"x", ttl=9)
    walk = box().receive(raw, on="wan", at=0)
    assert (walk.verdict, walk.to) == ("ACCEPT", "lan")
    [[interface, sent]] = walk.out
    assert interface == "lan"
    assert Packet(sent).fault == ""
    assert Packet(sent).ttl == 8
    assert [hook for hook, _ in walk.states] == ["PREROUTING", "FORWARD", "POSTROUTING"]


def test_a_packet_whose_ttl_runs_out_is_discarded_and_its_sender_told() -> None:
    firewall = box()
    walk = firewall.receive(craft.udp(CLIENT, LAN_HOST, 1, 2, b"x", ttl=1), on="wan", at=0)
    assert (walk.verdict, walk.to, firewall.conntrack()) == ("DISCARD", None, "")
    assert (Packet(walk.out[0][1]).icmp_type, Packet(walk.out[0][1]).dst) == (11, CLIENT)
    assert walk.states == [["PREROUTING", "NEW"], ["OUTPUT", "RELATED"], ["POSTROUTING", "RELATED"]]


def test_a_packet_too_big_that_may_not_be_cut_is_answered_with_the_mtu() -> None:
    firewall = Firewall({"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]}, {"default": "wan"}, mtus={"lan": 1400})
    big = craft.udp(CLIENT, LAN_HOST, 1, 2, b"x" * 1450)
    walk = firewall.receive(big, on="wan", at=0)
    answer = Packet(walk.out[0][1])
    assert (walk.verdict, answer.icmp_type, answer.icmp_code, int.from_bytes(answer.raw[26:28], "big")) == ("DISCARD", 3, 4, 1400)
    cut = firewall.receive(craft.udp(CLIENT, LAN_HOST, 1, 2, b"x" * 1450, df=False), on="wan", at=1)
    assert [len(raw) for _, raw in cut.out] == [1396, 102]
    assert all(not Packet(raw).fault for _, raw in cut.out)


@pytest.mark.parametrize("source", ["203.0.113.1", "127.0.0.1", "224.0.0.5", "255.255.255.255", "0.0.0.0"])
def test_a_martian_source_ends_between_prerouting_and_input(source: str) -> None:
    walk = box().receive(craft.udp(address(source), SERVER, 1, 2), on="wan", at=0)
    assert (walk.verdict, walk.to) == ("DISCARD", None)
    assert [hook for hook, _ in walk.states] == ["PREROUTING"]


def test_a_packet_to_itself_passes_all_four_hooks_with_one_entry() -> None:
    firewall = box()
    walk = firewall.send(craft.udp(SERVER, SERVER, 1, 2), at=0)
    assert [hook for hook, _ in walk.states] == ["OUTPUT", "POSTROUTING", "PREROUTING", "INPUT"]
    assert (walk.to, walk.out, walk.delivered is not None) == ("local", [], True)
    assert len(firewall.state.entries) == 1


def test_what_is_not_simulated_says_so() -> None:
    with pytest.raises(NotSimulated, match="ip_default_ttl"):
        Firewall({}, sysctls={"net.ipv4.ip_default_ttl": 1})


def test_arguments_that_make_no_sense_are_named() -> None:
    with pytest.raises(ValueError, match="no interface 'dmz'"):
        box().receive(syn(1), on="dmz", at=0)
    firewall = box()
    firewall.receive(syn(1), on="wan", at=2)
    with pytest.raises(ValueError, match="time goes backwards"):
        firewall.receive(syn(1), on="wan", at=1)
    with pytest.raises(ValueError, match="interface wan: 'nonsense'"):
        Firewall({"wan": ["nonsense"]})
    with pytest.raises(ValueError, match="no interface 'dsl'"):
        Firewall({"wan": ["203.0.113.1/24"]}, {"default": "dsl"})


def test_a_state_that_changed_is_a_step_even_when_the_packet_is_dropped() -> None:
    talk = Talk(box(STATEFUL))
    talk.say(0, "S")
    talk.firewall.iptables("-A OUTPUT -j DROP")
    walk = talk.say(1, "SA")
    assert walk.verdict == "DROP"
    assert talk.state == "SYN_RECV"
    assert any(isinstance(step, StateChanged) for step in walk.steps)


def test_a_reject_s_answer_is_a_step_with_a_walk_of_its_own() -> None:
    firewall = stateless("-A INPUT -p tcp -j REJECT")
    walk = firewall.receive(syn(22), on="wan", at=0)
    [answered] = [step for step in walk.steps if isinstance(step, Answered)]
    assert answered.walk is walk.answers[0]
    assert answered.walk is not None
    assert answered.walk.to == "wan"


def told(walk: Walk, firewall: Firewall) -> list[str]:
    """Every step's reason, with the table as it is after the packet."""
    return [why(walk, step, firewall.state.entries.values()).text for step in walk.steps]


def test_the_nearest_entry_is_never_the_packets_own() -> None:
    firewall = box()
    walk = firewall.receive(craft.icmp(CLIENT, SERVER, 8, 0, 7 << 16), on="wan", at=0)
    assert "NEW: no entry has its tuple" in told(walk, firewall)
    again = firewall.receive(craft.icmp(CLIENT, SERVER, 8, 0, 8 << 16), on="wan", at=1)
    assert "NEW: no entry has its tuple; the nearest entry has id 7, not 8" in told(again, firewall)


def test_a_lone_ack_is_told_to_be_picked_up() -> None:
    firewall = box()
    walk = firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 22, 16, 1, 1), on="wan", at=0)
    assert any("middle of a conversation that began unseen" in text for text in told(walk, firewall))
    assert any("the TCP tracker's word is ESTABLISHED from the start" in text for text in told(walk, firewall))


def test_the_end_of_a_goto_chain_goes_back_to_the_last_jump() -> None:
    firewall = stateless(":one - [0:0]", ":two - [0:0]", "-A INPUT -p tcp -j one", "-A INPUT -p tcp -g two", "-A one -g two")
    texts = told(firewall.receive(syn(22), on="wan", at=0), firewall)
    assert "two is left: none of its rules decided; on after rule 1 of INPUT, the last jump" in texts
    assert "two is left: none of its rules decided; no jump to go back to, so the policy decides" in texts


def test_what_the_box_sends_to_many_comes_back_to_it_as_a_step_of_the_walk() -> None:
    firewall = stateless(policy="DROP")
    walk = firewall.send(craft.udp(SERVER, address("203.0.113.255"), 5, 6, b"all"), at=0)
    assert (walk.verdict, walk.to, walk.delivered) == ("ACCEPT", "wan", None)
    (step,) = [step for step in walk.steps if isinstance(step, CameBack)]
    assert step.walk is not None
    assert step.walk.verdict == "DROP"
    assert "ends on its way back" in why(walk, step).text
    assert [change.key for change in step.changes if change.kind == "counter"] == ["filter:INPUT"]
    firewall = box()
    walk = firewall.send(craft.udp(SERVER, address("203.0.113.255"), 5, 6, b"all"), at=0)
    assert walk.delivered is not None
