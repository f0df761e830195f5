"""What acting targets change is told in words, and what was tried before stays as it was shown."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.changing import with_new_mss
from fwtutor.netfilter.packet import SYN, Packet
from fwtutor.netfilter.steps import Acted, CopySent, Logged, RuleTried
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why import why
from tests.netfilter.xtables.live import Ours

A, B = 0xC0A80014, 0xC6336450


def walk(*rules: str, raw: bytes = b"") -> Walk:
    firewall = Firewall({"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}, {"default": "wan"}, {"net.ipv4.ip_forward": 1})
    for rule in rules:
        firewall.iptables(f"-t mangle -A FORWARD {rule}")
    return firewall.receive(raw or craft.tcp(A, B, 4000, 80, SYN, options=b"\x02\x04\x05\xb4"), "lan", 0.0)


@pytest.mark.parametrize(
    ("target", "words"),
    [("MARK --set-mark 1", "its mark becomes 0x1 (it was 0x0)"), ("TTL --ttl-set 5", "its TTL becomes 5 (it was 63)"),
     ("TOS --set-tos 0x10", "its TOS byte becomes 0x10 (it was 0x00)"),
     ("CLASSIFY --set-class 1:2", "its class becomes 0001:0002 (it was 0000:0000)"),
     ("CONNMARK --set-mark 7", "its connection's mark becomes 0x7 (it was 0x0)"),
     ("MARK --and-mark 0", "it is as it should be already, and nothing changes")],
)  # fmt: skip
def test_what_changes_is_said(target: str, words: str) -> None:
    found = walk(f"-j {target}")
    (step,) = (step for step in found.steps if isinstance(step, Acted))
    assert why(found, step).text == words


def test_a_smaller_mss_is_said() -> None:
    found = walk("-p tcp --syn -j TCPMSS --set-mss 1000")
    (step,) = (step for step in found.steps if isinstance(step, Acted))
    assert why(found, step).text == "its MSS becomes 1000 (it was 1460)"


def test_rules_see_what_those_before_them_left() -> None:
    found = walk("-j MARK --set-mark 1", "-m mark --mark 1", "-j MARK --set-mark 2", "-m mark --mark 1")
    tried = [step for step in found.steps if isinstance(step, RuleTried)]
    assert [step.matched for step in tried] == [True, True, True, False]
    assert [step.context.mark for step in tried if step.context] == [0, 1, 1, 2]


def test_nflog_hands_on_and_writes_no_line_of_the_log() -> None:
    found = walk('-j NFLOG --nflog-group 5 --nflog-prefix "hm "')
    (step,) = (step for step in found.steps if isinstance(step, Logged))
    assert (step.group, step.prefix) == (5, "hm ")
    assert why(found, step).text.startswith("handed to the programs that listen to NFLOG group 5: hm IN=lan OUT=wan")


def test_a_header_of_an_impossible_size_is_dropped_by_tcpmss() -> None:
    raw = bytearray(craft.tcp(A, B, 4000, 80, SYN))
    raw[32] = 4 << 4
    found = walk("-p tcp --tcp-flags SYN SYN -j TCPMSS --set-mss 1000", raw=bytes(raw))
    assert found.verdict == "DROP"


def test_what_has_no_length_to_say_for_one_option_more_gets_none() -> None:
    """Headers of 2 KB each make a datagram that long of a SYN without data; it comes in fragments."""
    behind = craft.tcp_segment(1, 2, 4000, 80, SYN, family=6)
    sizes = [2048] * 31 + [2024]
    for size, following in zip(reversed(sizes), [6, *[60] * 31], strict=True):
        behind = bytes([following, size // 8 - 1]) + bytes(size - 2) + behind
    long = Packet(craft.ip(1, 2, 60, behind, family=6))
    assert (long.protocol, long.length) == (6, 40 + 65532)
    assert with_new_mss(long, 1220) is long


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_a_jump_that_leads_to_a_rule_from_the_wrong_hook_is_refused(variant: str) -> None:
    ours = Ours(variant)
    assert ours.run("-N u")[0] == ours.run("-A u -m owner --uid-owner 0")[0] == ours.run("-A OUTPUT -j u")[0] == 0
    assert ours.run("-A FORWARD -j u")[0] == (1 if variant == "legacy" else 4)
    assert ours.run("-A OUTPUT -j ACCEPT")[0] == 0


def test_behind_an_unconditional_verdict_legacy_takes_what_it_would_refuse() -> None:
    ours = Ours()
    assert ours.run("-A INPUT -j ACCEPT")[0] == ours.run("-A INPUT -m owner --uid-owner 0")[0] == 0
    assert ours.run("-D INPUT 1")[0] == 1


def test_what_a_copy_and_a_label_changed_is_as_it_was_when_time_goes_back() -> None:
    firewall = Firewall({"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]}, {"default": "wan"})
    for line in ("-t mangle -A PREROUTING -j TEE --gateway 192.168.0.9", "-t mangle -A POSTROUTING -m limit --limit 1/hour",
                 "-A FORWARD -m connlabel --label 5 --set", "-A FORWARD -m connlabel ! --label 6 -j ACCEPT"):  # fmt: skip
        firewall.iptables(line)

    def state() -> tuple[object, ...]:
        return dict(firewall.state.memory), dict(firewall.counters), dict(firewall.state.entries)

    def pass_through(at: int) -> Walk:
        return firewall.receive(craft.udp(0xC0A80014, 0xC6336450, 4000, 53, b"x"), on="lan", at=at)

    pass_through(0)
    mark, before = firewall.checkpoint(), state()
    walk = pass_through(1)
    assert [name for name, _ in walk.out] == ["lan", "wan"]
    assert state() != before
    changed = state()
    firewall.state.revert(walk.changes)
    assert state() == before
    firewall.state.apply(walk.changes)
    assert state() == changed
    firewall.rollback(mark)
    assert state() == before


def test_why_of_labels_is_told_as_each_rule_saw_them() -> None:
    firewall = Firewall({"wan": ["203.0.113.1/24"]})
    for line in ("-A INPUT -m connlabel --label 5 --set", "-A INPUT -m connlabel --label 5", "-A INPUT -m connlabel --label 6"):
        firewall.iptables(line)
    walk = firewall.receive(craft.udp(0xCB007109, 0xCB007101, 4000, 53, b"x"), on="wan", at=0)
    said = [why(walk, step).conditions[0].because for step in walk.steps if isinstance(step, RuleTried)]
    assert said == ["its connection has no label; it is given 5", "its connection has the labels 5", "its connection has the labels 5"]


def test_what_tee_does_is_said() -> None:
    firewall = Firewall({"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]}, {"default": "wan"})
    firewall.iptables("-t mangle -A PREROUTING -j TEE --gateway 192.168.0.9")
    walk = firewall.receive(craft.udp(0xCB007109, 0xCB007101, 4000, 53, b"x"), on="wan", at=0)
    (step,) = [step for step in walk.steps if isinstance(step, CopySent)]
    assert why(walk, step).text == "a copy of it, which nobody tracks, passes OUTPUT and POSTROUTING, and leaves by lan"
