"""REJECT: what it answers, what it never answers, and what it leaves behind."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, Walk, craft
from fwtutor.netfilter.packet import SYN, Packet
from fwtutor.netfilter.steps import AnswerWithheld
from fwtutor.netfilter.why import why
from tests.netfilter.boxes import CLIENT, SERVER, Talk, address, box


def rejecting(options: str = "", head: str = "-A INPUT") -> Firewall:
    tracked = "-A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT"
    return box(
        f"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{tracked}\n{head} -j REJECT {options}\nCOMMIT\n"
    )


def answer(walk: Walk) -> Packet:
    assert walk.verdict == "REJECT"
    [[interface, raw]] = walk.out
    assert interface == "wan"
    return Packet(raw)


UDP = craft.udp(CLIENT, SERVER, 5000, 53, b"question", tos=0x10)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("net-unreach", 0),
        ("host-unreach", 1),
        ("proto-unreach", 2),
        ("port-unreach", 3),
        ("net-prohib", 9),
        ("host-prohib", 10),
        ("admin-prohib", 13),
    ],
)
def test_every_kind_of_icmp_error(kind: str, code: int) -> None:
    packet = answer(rejecting(f"--reject-with icmp-{kind}").receive(UDP, on="wan", at=0))
    assert (packet.icmp_type, packet.icmp_code, packet.src, packet.dst, packet.tos) == (3, code, SERVER, CLIENT, 0xD0)
    assert packet.raw[28:] == UDP


def test_the_default_is_port_unreachable_and_the_rejected_packet_leaves_no_entry() -> None:
    firewall = rejecting()
    walk = firewall.receive(UDP, on="wan", at=0)
    assert answer(walk).icmp_code == 3
    assert (walk.entry, firewall.conntrack()) == (None, "")
    assert walk.states == [["PREROUTING", "NEW"], ["INPUT", "NEW"], ["OUTPUT", "RELATED"], ["POSTROUTING", "RELATED"]]
    assert walk.path == ["filter:INPUT:rule:1", "filter:OUTPUT:policy:2"]


def test_an_error_quotes_at_most_548_bytes() -> None:
    packet = answer(rejecting().receive(craft.udp(CLIENT, SERVER, 1, 2, b"x" * 1000), on="wan", at=0))
    assert packet.length == 576


def test_a_reset_acknowledges_the_whole_segment_or_takes_its_number_from_the_ack() -> None:
    firewall = rejecting("--reject-with tcp-reset", "-A INPUT -p tcp")
    syn = answer(firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 22, 2, 100, payload=b"abc"), on="wan", at=0))
    assert (syn.flag_names, syn.seq, syn.ack, syn.window, syn.ttl, syn.id, syn.df) == (("RST", "ACK"), 0, 104, 0, 64, 0, True)
    ack = answer(firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 22, 16, 100, 777), on="wan", at=1))
    assert (ack.flag_names, ack.seq, ack.ack) == (("RST",), 777, 0)


def test_a_reset_closes_a_kept_connection() -> None:
    talk = Talk(box())
    talk.open()
    talk.firewall.iptables("-I INPUT -p tcp -j REJECT --reject-with tcp-reset")
    assert talk.say(0, "PA", b"x").verdict == "REJECT"
    assert talk.state == "CLOSE"


def test_no_reset_for_a_reset_or_a_bad_checksum() -> None:
    firewall = rejecting("--reject-with tcp-reset", "-A INPUT -p tcp")
    assert firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 22, 4, 100), on="wan", at=0).out == []
    damaged = bytearray(craft.tcp(CLIENT, SERVER, 4000, 22, 2, 100))
    damaged[36] ^= 1
    assert firewall.receive(bytes(damaged), on="wan", at=1).out == []


def test_no_error_about_an_error_but_about_an_echo_reply() -> None:
    firewall = rejecting()
    assert firewall.receive(craft.icmp(CLIENT, SERVER, 3, 1, 0, UDP), on="wan", at=0).out == []
    assert answer(firewall.receive(craft.icmp(CLIENT, SERVER, 0, 0, 5), on="wan", at=1)).icmp_type == 3


def test_no_error_about_a_broadcast_a_later_fragment_or_a_bad_checksum() -> None:
    firewall = rejecting()
    assert firewall.receive(craft.udp(CLIENT, address("203.0.113.255"), 1, 2), on="wan", at=0).out == []
    assert firewall.receive(craft.ip(CLIENT, SERVER, 17, b"x" * 16, df=False, offset=64), on="wan", at=1).out == []
    damaged = UDP[:-1] + b"\0"
    assert firewall.receive(damaged, on="wan", at=2).out == []


def test_of_thirty_rejects_at_once_six_are_answered_and_then_one_a_second() -> None:
    firewall = rejecting()
    assert [len(firewall.receive(UDP, on="wan", at=0).out) for _ in range(30)] == [1] * 6 + [0] * 24
    assert [len(firewall.receive(UDP, on="wan", at=1.05).out) for _ in range(10)] == [1] + [0] * 9


def test_resets_are_not_limited() -> None:
    firewall = rejecting("--reject-with tcp-reset", "-A INPUT -p tcp")
    assert all(firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 22, 2, 100), on="wan", at=0).out for _ in range(30))


def test_all_destinations_together_have_a_ration_too() -> None:
    firewall = rejecting()
    walks = [firewall.receive(craft.udp(CLIENT + number, SERVER, 1, 2), on="wan", at=0) for number in range(80)]
    assert [len(walk.out) for walk in walks] == [1] * 50 + [0] * 30
    assert any(isinstance(step, AnswerWithheld) for step in walks[-1].steps)
    later = [firewall.receive(craft.udp(CLIENT + number, SERVER, 1, 2), on="wan", at=0.03) for number in range(40)]
    assert [len(walk.out) for walk in later] == [1] * 30 + [0] * 10


def test_the_stacks_own_errors_are_withheld_by_the_same_ration() -> None:
    firewall = box()
    error = craft.icmp(SERVER, CLIENT, 3, 3, 0, UDP, df=False)
    walks = [firewall.send(error, at=0, by_stack=True) for _ in range(7)]
    assert [walk.verdict for walk in walks] == ["ACCEPT"] * 6 + ["DISCARD"]
    for walk in walks:
        assert tuple(change for step in walk.steps for change in step.changes) == walk.changes
    assert firewall.send(error, at=0).verdict == "ACCEPT", "what a program sends is its own affair"


def test_an_answer_that_output_stops_is_not_said_to_be_told() -> None:
    firewall = box(
        "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"
        "-A INPUT -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n"
    )
    walk = firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 80, SYN), "wan", 0)
    assert walk.out == []
    said = why(walk, walk.steps[-1]).text
    assert said.startswith("REJECT: it ends here, and the word to its sender, RELATED, is stopped on the way out: tcp ")
