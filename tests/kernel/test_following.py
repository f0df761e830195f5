"""What the harness tells of a packet that is changed on its way: by every table, by NAT, by what helpers do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import TCP, Packet
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, Tcp, box

ALL_TABLES = """\
*raw
-A PREROUTING -p tcp -m tcp --dport 8080
COMMIT
*mangle
-A PREROUTING -p tcp -j TTL --ttl-set 9
-A FORWARD -p tcp -j TOS --set-tos 0x10
-A POSTROUTING -p tcp -j NFLOG --nflog-prefix leaves --nflog-group 5
COMMIT
*nat
-A PREROUTING -i wan -p tcp -m tcp --dport 8080 -j DNAT --to-destination 192.168.0.20:80
-A POSTROUTING -o wan -p tcp -j SNAT --to-source 203.0.113.1
COMMIT
*filter
-A FORWARD -p tcp -m tcp --dport 80 -j LOG --log-prefix passes
-A FORWARD -p tcp -m tcp --dport 9 -j REJECT --reject-with tcp-reset
COMMIT
*security
-A FORWARD -p tcp
COMMIT
"""
VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])


def played(kernel: Kernel, variant: str, *shots: Shot, rules: str = ALL_TABLES) -> tuple[Observed, ...]:
    return kernel.play(replace(box(rules), variant=variant), shots).packets


def tcp(src: int, dst: int, sport: int, dport: int, flags: str, on: str | None) -> Shot:
    return Shot(craft.tcp(src, dst, sport, dport, craft.flag_bits(flags), 1, 2, id=1), on)


def leaving(packet: Observed) -> list[str]:
    return [f"{name}: {Packet(raw)!r} ttl={raw[8]} tos={raw[1]:#x}" for name, raw in packet.out]


@VARIANTS
def test_a_packet_is_followed_through_every_table_and_both_kinds_of_nat(kernel: Kernel, variant: str) -> None:
    there, back = tcp(STRANGER, BOX, 4000, 8080, "S", "wan"), tcp(CLIENT, STRANGER, 80, 4000, "SA", "lan")
    first, second = played(kernel, variant, there, back)
    assert first.path == (
        "raw:PREROUTING:rule:1", "raw:PREROUTING:policy:2", "mangle:PREROUTING:rule:1", "mangle:PREROUTING:policy:2",
        "nat:PREROUTING:rule:1",
        "mangle:FORWARD:rule:1", "mangle:FORWARD:policy:2", "filter:FORWARD:rule:1", "filter:FORWARD:policy:3", "security:FORWARD:rule:1",
        "security:FORWARD:policy:2", "mangle:POSTROUTING:rule:1", "mangle:POSTROUTING:policy:2", "nat:POSTROUTING:policy:2",
    )  # fmt: skip
    assert (first.verdict, first.to) == ("ACCEPT", "lan")
    assert leaving(first) == ["lan: <Packet tcp 203.0.113.9:4000 > 192.168.0.20:80 SYN> ttl=8 tos=0x10"]
    assert [state for _, state in first.states] == ["NEW"] * 3
    assert leaving(second) == ["wan: <Packet tcp 203.0.113.1:8080 > 203.0.113.9:4000 SYN+ACK> ttl=8 tos=0x10"]
    assert not any("nat:" in word for word in second.path), "table nat is for the first packet of a connection"
    for packet in (first, second):  # found by the packet as it came
        assert packet.entry is not None
        assert packet.entry.original == "src=203.0.113.9 dst=203.0.113.1 sport=4000 dport=8080"
        assert packet.entry.reply == "src=192.168.0.20 dst=203.0.113.9 sport=80 dport=4000"


@VARIANTS
def test_what_is_logged_is_as_it_was_there(kernel: Kernel, variant: str) -> None:
    (packet,) = played(kernel, variant, tcp(STRANGER, BOX, 4000, 8080, "S", "wan"))
    assert [(prefix, Packet(raw).dst, raw[1], raw[8]) for prefix, raw in packet.logged] == [
        ("passes", CLIENT, 0x10, 8),
        ("leaves", CLIENT, 0x10, 8),
    ]


@pytest.mark.parametrize(("variant", "known"), [("legacy", True), ("nft", False)])
def test_between_rules_that_change_a_packet_only_the_legacy_trace_says_how_it_looked(kernel: Kernel, variant: str, known: bool) -> None:
    for last in ("-j ACCEPT", "-j DROP"):
        rules = f"*mangle\n-A PREROUTING -j TTL --ttl-set 9\n-A PREROUTING -j LOG\n-A PREROUTING {last}\nCOMMIT\n"
        (packet,) = played(kernel, variant, tcp(CLIENT, SERVER, 1, 2, "S", "lan"), rules=rules)
        assert [raw[8] if raw else None for _, raw in packet.logged] == [9 if known else None]


@VARIANTS
def test_an_answer_of_reject_is_its_packets_also_when_that_was_translated(kernel: Kernel, variant: str) -> None:
    rules = ALL_TABLES.replace("192.168.0.20:80", "192.168.0.20:9")
    (packet,) = played(kernel, variant, tcp(STRANGER, BOX, 4000, 8080, "S", "wan"), rules=rules)
    assert packet.verdict == "REJECT"
    place = packet.path.index("filter:FORWARD:rule:2")
    assert {word.split(":")[1] for word in packet.path[place + 1 :]} >= {"POSTROUTING"}
    assert leaving(packet)[0].startswith("wan: <Packet tcp 203.0.113.1:8080 > 203.0.113.9:4000 RST+ACK>")


@VARIANTS
def test_what_the_stack_answers_is_known_also_when_it_leaves_translated(kernel: Kernel, variant: str) -> None:
    rules = "*nat\n-A PREROUTING -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 99\nCOMMIT\n"
    asked, answer = played(kernel, variant, tcp(STRANGER, BOX, 4000, 8080, "S", "wan"), rules=rules)
    assert (asked.verdict, asked.to) == ("ACCEPT", "local")
    assert repr(Packet(answer.raw)) == "<Packet tcp 203.0.113.1:99 > 203.0.113.9:4000 RST+ACK>"
    assert craft.transport_checksum(BOX, STRANGER, TCP, answer.raw[20:]) == 0
    assert [repr(Packet(raw)) for _, raw in answer.out] == ["<Packet tcp 203.0.113.1:8080 > 203.0.113.9:4000 RST+ACK>"]


@VARIANTS
def test_asking_what_happened_switches_no_tracking_on(kernel: Kernel, variant: str) -> None:
    """NOTRACK does not, and neither does a table nat that translates nothing."""
    rules = "*raw\n-A PREROUTING -j NOTRACK\nCOMMIT\n*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n"
    observation = kernel.play(replace(box(rules), variant=variant), [Tcp().client("S"), tcp(BOX, STRANGER, 1, 2, "S", None)])
    assert [packet.states for packet in observation.packets] == [(), ()]
    assert observation.conntrack == ()
