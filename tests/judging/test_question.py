"""From what a person gives to what the kernel is asked: packets in words, captures, a lesson's run. The kernel has no part in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fwtutor.badinput import BadInput
from fwtutor.course.loader import find_lesson
from fwtutor.judging.conversation import Conversation
from fwtutor.judging.question import PATIENCE, Question, from_file, from_words, setup_for, shortened, the_box
from fwtutor.judging.recorded import NO_RULES, from_run
from fwtutor.kernel.observation import Order, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, ICMP, RST, SYN, Packet
from fwtutor.netfilter.xtables.script import CONNTRACK
from fwtutor.recording import Run, Scenario, Scripted
from tests.capture.files import RAW, pcap

ROOT = Path(__file__).parents[2]


def usual(*rules: str) -> Setup:
    return setup_for(the_box((), (), ()), "legacy", None, rules, lambda text: None)


def shots(question: Question) -> list[Shot]:
    return [item for item in question.items if isinstance(item, Shot)]


def test_numbers_go_on_from_packet_to_packet() -> None:
    talk = Conversation()
    syn, answer, last = (
        Packet(talk.packet(text)[0])
        for text in (
            "tcp 192.168.0.20:4000 > 198.51.100.80:80 SYN",
            "tcp 198.51.100.80:80 > 192.168.0.20:4000 SYN+ACK",
            "tcp 192.168.0.20:4000 > 198.51.100.80:80 ACK data=hello",
        )
    )
    assert answer.ack == syn.seq + 1
    assert (last.seq, last.ack) == (syn.seq + 1, answer.seq + 1)


def test_an_error_quotes_the_packet_that_was_sent() -> None:
    talk = Conversation()
    syn, _ = talk.packet("tcp 192.168.0.20:4000 > 198.51.100.80:80 SYN")
    error, _ = talk.packet("icmp 203.0.113.254 > 192.168.0.20 3/1 about tcp 192.168.0.20:4000 > 198.51.100.80:80")
    assert error[28:56] == syn[:28]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@x tcp 1.1.1.1:1 > 2.2.2.2:2 SYN", "after @ stands a time"),
        ("@-1 tcp 1.1.1.1:1 > 2.2.2.2:2 SYN", "after @ stands a time"),
        ("tcp 1.1.1.1:1 > 2.2.2.2:2 SYNN", "'SYNN' is none of the flags"),
        ("sctp 1.1.1.1:1 > 2.2.2.2:2", "none of tcp, udp, icmp"),
        ("", "none of tcp, udp, icmp"),
    ],
)
def test_a_packet_nobody_can_read_is_named(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=f"--send .*{said}"):
        Conversation().packet(text)


def test_time_in_words_only_goes_forward() -> None:
    talk = Conversation()
    assert talk.packet("@2.5 udp 1.1.1.1:1 > 2.2.2.2:2")[1] == 2.5
    assert talk.packet("udp 1.1.1.1:1 > 2.2.2.2:2")[1] == 2.5
    with pytest.raises(BadInput, match="only goes forward"):
        talk.packet("@1 udp 1.1.1.1:1 > 2.2.2.2:2")


def test_a_packet_comes_in_where_its_source_is_and_from_the_box_it_goes_out() -> None:
    texts = ["192.168.7.7:1 > 8.8.8.8", "8.8.8.8:1 > 192.168.7.7", "203.0.113.1:53 > 8.8.8.8"]
    question = from_words(usual(), [f"udp {text}:9" for text in texts])
    assert [shot.on for shot in shots(question)] == ["lan", "wan", None]
    assert question.setup.quiet == (("udp", 53),)


def test_without_a_route_back_nobody_knows_where_it_came_in() -> None:
    setup = setup_for(the_box(("lan=10.0.0.1/8",), (), ()), "legacy", None, (), lambda text: None)
    with pytest.raises(BadInput, match=r"no route leads back to 8\.8\.8\.8"):
        from_words(setup, ["udp 8.8.8.8:1 > 10.0.0.1:9"])


def test_rules_in_words_are_commands() -> None:
    assert "-A FORWARD -j DROP" in usual("-A FORWARD -j DROP", "-P INPUT DROP").rules
    with pytest.raises(BadInput, match=r"--rule '-A NOWHERE -j DROP': .*\n.*NOWHERE"):
        usual("-A NOWHERE -j DROP")


def test_without_rules_tracking_is_on() -> None:
    assert "ctstate" in usual().rules


def test_what_a_program_of_the_box_sent_in_a_capture_is_played() -> None:
    notes: list[str] = []
    question = from_file(usual(), ROOT / "assets" / "handshake.pcap", None, notes.append)
    assert question.setup.quiet == (("tcp", 1337),)
    assert [shot.on for shot in shots(question)].count(None) == 4
    assert not notes


def test_the_answers_of_the_stack_in_a_capture_are_left_to_the_kernel(tmp_path: Path) -> None:
    """The kernel will reset what comes to a closed port by itself."""
    notes: list[str] = []
    capture = tmp_path / "refused.pcap"
    client, server = 0xCB007109, 0xCB007101
    syn, reset = craft.tcp(client, server, 4000, 22, SYN, seq=7), craft.tcp(server, client, 22, 4000, RST | ACK, ack=8, window=0)
    capture.write_bytes(pcap(syn, reset, link=RAW))
    question = from_file(usual(), capture, None, notes.append)
    assert [shot.raw for shot in shots(question)] == [syn]
    assert question.setup.quiet == ()
    assert "left out 1 of the box's own packets" in notes[0]


def test_a_short_run_keeps_its_times_and_a_long_one_is_shortened() -> None:
    notes: list[str] = []
    texts = ("udp 8.8.8.8:1 > 203.0.113.1:9", "@0.5 udp 8.8.8.8:1 > 203.0.113.1:9", "@4 udp 8.8.8.8:1 > 203.0.113.1:9")
    question = from_words(usual(), texts)
    assert shortened(question, notes.append, fast=False) == question
    assert not notes
    longer = from_words(usual(), (*texts, "@100 udp 8.8.8.8:1 > 203.0.113.1:9"))
    times = [item.at for item in shortened(longer, notes.append, fast=False).items]
    assert times == [0.0, 0.5, 2.75, PATIENCE]
    assert "2 gaps between packets shortened to 2.25 s" in notes[0]
    assert [item.at for item in shortened(longer, notes.append, fast=True).items] == [0.0] * 4


def test_a_lesson_becomes_what_its_watched_host_saw() -> None:
    lesson = find_lesson("three-packets")
    question = from_run(Run(lesson.scenario))
    assert question.setup.interfaces == {"wan": ("203.0.113.1/24",)}
    assert question.setup.quiet == (("tcp", 22), ("tcp", 1337))
    assert [item.line for item in question.items if isinstance(item, Order)] == ["-D INPUT 1"]
    assert [shot.on for shot in shots(question)][:4] == ["wan", None, "wan", None]


def lesson_with(*lines: str) -> Run:
    scenario = find_lesson("three-packets").scenario
    script = tuple(Scripted(0, *line.split("# ", 1), at=number) for number, line in enumerate(lines))  # type: ignore[arg-type, misc]
    return Run(Scenario(scenario.topology, script, scenario.watch))


def test_what_the_stack_of_the_watched_host_answers_is_left_to_the_kernel() -> None:
    run = lesson_with(
        "server# iptables -F", "server# iptables -P INPUT ACCEPT", "visitor# send tcp 203.0.113.7:1 > 203.0.113.1:99 SYN",
        "visitor# send icmp 203.0.113.7 > 203.0.113.1 echo", "server# iptables -L",
    )  # fmt: skip
    question = from_run(run)
    assert [shot.on for shot in shots(question)] == ["wan", "wan"], "neither the reset nor the echo reply is played"
    assert Packet(shots(question)[1].raw).protocol == ICMP
    assert [item.line for item in question.items if isinstance(item, Order)] == ["-F", "-P INPUT ACCEPT"], "looking is no order"


def test_sets_of_a_run_are_made_by_its_commands() -> None:
    lines = ("ipset create banned hash:ip", "iptables -I INPUT -m set --match-set banned src -j DROP", "ipset list")
    question = from_run(lesson_with(*(f"server# {line}" for line in lines)))
    orders = [(item.line, item.family) for item in question.items if isinstance(item, Order)]
    assert orders == [("create banned hash:ip", 0), ("-I INPUT -m set --match-set banned src -j DROP", 4)]


def test_rules_and_sets_of_a_script_are_what_the_kernel_gets(tmp_path: Path) -> None:
    script, sets = tmp_path / "script", tmp_path / "sets"
    script.write_text("ipset add banned 203.0.113.9\niptables -A INPUT -m set --match-set banned src -j DROP\n")
    sets.write_text("create banned hash:ip initval 0x1\n")
    setup = setup_for(the_box((), (), ()), "legacy", script, (), lambda text: None, sets)
    assert "-A INPUT -m set --match-set banned src -j DROP\n" in setup.rules
    assert setup.sets.splitlines()[-1] == "add banned 203.0.113.9"


def test_a_run_is_asked_up_to_the_first_sysctl() -> None:
    notes: list[str] = []
    run = lesson_with(
        "visitor# send udp 203.0.113.7:1 > 203.0.113.1:99", "server# sysctl net.ipv4.ip_forward=0", "visitor# connect 203.0.113.1:1337"
    )
    question = from_run(run, notes.append)
    assert len(question.items) == 1
    assert "asked up to the command 'sysctl" in notes[0]


def test_what_is_done_to_the_entries_is_done_on_the_kernel_too() -> None:
    question = from_run(lesson_with("visitor# connect 203.0.113.1:1337", "server# conntrack -L", "server# conntrack -D -p tcp"))
    assert [(item.line, item.family) for item in question.items if isinstance(item, Order)] == [("-D -p tcp", CONNTRACK)]


@pytest.mark.parametrize("line", ["iptables-restore < /etc/some.rules", "netfilter-persistent reload"])
def test_what_cannot_be_done_on_the_kernel_ends_the_question(line: str) -> None:
    """Otherwise the kernel would agree to another history than the one on the screen."""
    scenario = find_lesson("three-packets").scenario
    server = replace(scenario.topology.host("server"), files={"/etc/some.rules": NO_RULES, "/etc/iptables/rules.v4": NO_RULES})
    hosts = tuple(server if host.name == "server" else host for host in scenario.topology.hosts)
    script = (Scripted(0, "server", line), Scripted(0, "visitor", "connect 203.0.113.1:1337", at=1))
    notes: list[str] = []
    question = from_run(Run(Scenario(replace(scenario.topology, hosts=hosts), script, "server")), notes.append)
    assert not question.items
    assert f"asked up to the command '{line}'" in notes[0]


def test_a_run_with_ipv6_is_asked_of_a_box_that_has_it() -> None:
    """It once was asked of one without, which threw everything away, and both sides agreed."""
    notes: list[str] = []
    question = from_run(Run(find_lesson("icmpv6").scenario), notes.append)
    assert question.setup.ipv6
    assert all(Packet(shot.raw).icmp_type not in range(133, 138) for shot in shots(question))
    assert "packets of neighbour discovery" in notes[0]
    assert {item.family for item in question.items if isinstance(item, Order)} <= {4, 6}


def test_a_run_can_be_asked_up_to_a_place() -> None:
    run = Run(find_lesson("three-packets").scenario)
    first = next(index for index in run.stops if run.records[index].host == "server")
    assert len(from_run(run, last=first).items) == 1
