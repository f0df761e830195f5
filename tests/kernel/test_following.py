"""What the harness tells of a packet that is changed on its way: by every table, by NAT, by what helpers do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SEQ_ADJUST, SRC_NAT
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


# --- entries and expectations ----------------------------------------------------------------------------------------

HELPED = """\
*raw
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
-A PREROUTING -p udp -m udp --dport 69 -j CT --zone 6 --helper tftp
-A PREROUTING -p udp -m udp --dport 70 -j CT --zone 3
-A PREROUTING -p udp -m udp --dport 71 -j CT --zone-orig 4
-A PREROUTING -p udp -m udp --dport 72 -j CT --zone-reply 5
-A PREROUTING -p udp -m udp --dport 5060 -j CT --helper sip
-A OUTPUT -j CT --zone mark
COMMIT
*nat
-A POSTROUTING -o wan -p tcp -j SNAT --to-source 203.0.113.1
COMMIT
"""
REGISTER = "\r\n".join([
    "REGISTER sip:198.51.100.80 SIP/2.0", "Via: SIP/2.0/UDP 192.168.0.20:5060;branch=z9hG4bK1", "From: <sip:a@198.51.100.80>;tag=1",
    "To: <sip:a@198.51.100.80>", "Call-ID: 1@192.168.0.20", "CSeq: 1 REGISTER", "Contact: <sip:a@192.168.0.20:5060>", "Expires: 3600",
    "Content-Length: 0", "", "",
])  # fmt: skip


def ftp_control() -> list[Shot]:
    """A connection on which the client asks for one to a port of his, and is answered."""
    numbers = [1000, 5000]
    shots = []
    for side, flags, data in (
        (0, "S", b""), (1, "SA", b""), (0, "A", b""), (0, "PA", b"USER x\r\n"), (0, "PA", b"PORT 192,168,0,20,10,1\r\n"), (1, "A", b""),
    ):  # fmt: skip
        ends = (CLIENT, SERVER, 4000, 21) if side == 0 else (SERVER, BOX, 21, 4000)
        seen = numbers[1 - side] if "A" in flags else 0
        raw = craft.tcp(*ends, craft.flag_bits(flags), numbers[side], seen, payload=data, id=1)
        shots.append(Shot(raw, "lan" if side == 0 else "wan"))
        numbers[side] += len(data) + ("S" in flags) - data.startswith(b"PORT")  # of which one letter less arrives
    return shots


def udp(port: int, data: bytes = b"x", *, back: bool = False) -> Shot:
    ends = (SERVER, CLIENT, port, 5) if back else (CLIENT, SERVER, 5, port)
    return Shot(craft.udp(*ends, data, id=1), "wan" if back else "lan")


def listed(kernel: Kernel, *words: str) -> list[str]:
    """What the conntrack program lists in the namespace of what was played last, without the seconds."""
    command = ["nsenter", "-t", str(kernel.pid), "-n", "conntrack", "-L", *words]
    return without_seconds(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())


def without_seconds(lines: Iterable[object]) -> list[str]:
    return sorted(re.sub(r"^((\S+ +\d+ )?)\d+ ", r"\1", str(line)) for line in lines)


@pytest.mark.skipif(shutil.which("conntrack") is None, reason="the program conntrack is missing")
def test_entries_and_expectations_are_those_the_conntrack_program_lists(kernel: Kernel) -> None:
    shots = [*ftp_control(), udp(5060, REGISTER.encode()), udp(69, b"\0\1name\0octet\0")]
    for port in (70, 71, 72):
        shots += [udp(port), udp(port, back=True), udp(port)]
    shots.append(Shot(craft.udp(BOX, STRANGER, 1, 2, id=1), None, mark=0x50007))
    observation = kernel.play(box(HELPED, acct=1), shots)
    entries, expectations = without_seconds(observation.conntrack), without_seconds(observation.expectations)
    assert entries == listed(kernel)
    assert expectations == listed(kernel, "expect")
    text = "\n".join(entries + expectations)
    for word in (
        "helper=ftp",
        "zone=6 helper=tftp",
        "zone=3",
        "zone=7",
        "zone-orig=4",
        "zone-reply=5",
        "PERMANENT,INACTIVE class=0 helper=sip",
    ):
        assert word in text


@VARIANTS
def test_the_expectation_of_a_helper_is_there_after_the_packet_that_announced_it(kernel: Kernel, variant: str) -> None:
    *before, asked, answered = played(kernel, variant, *ftp_control(), rules=HELPED)
    assert [packet.expectations for packet in before] == [()] * 4
    assert asked.expectations is not None
    (expectation,) = asked.expectations
    assert (expectation.awaited, expectation.helper) == ("src=198.51.100.80 dst=203.0.113.1 sport=0 dport=2561", "ftp")
    assert Packet(asked.out[0][1]).payload == b"PORT 203,0,113,1,10,1\r\n", "one letter less"
    assert (Packet(answered.raw).ack, Packet(answered.out[0][1]).ack) == (1032, 1033)
    for packet in (asked, answered):
        assert packet.entry is not None
        assert packet.entry.original_adjustment == (1009, 0, -1)
        assert packet.entry.status & SEQ_ADJUST
        assert packet.entry.status & SRC_NAT


@VARIANTS
def test_a_packets_entry_is_looked_up_in_its_zone(kernel: Kernel, variant: str) -> None:
    """The same addresses and ports in two zones."""
    rules = (
        "*mangle\n-A OUTPUT -m mark --mark 0x9 -j MARK --set-mark 5\nCOMMIT\n*raw\n-A PREROUTING -i wan -j CT --zone 3\n"
        "-A PREROUTING -m ttl --ttl-eq 9 -j CT --zone-orig 4\n-A OUTPUT -j CT --zone mark\nCOMMIT\n"
    )
    packet = craft.udp(CLIENT, SERVER, 5, 70, b"x", id=1)
    shots = [Shot(packet, "wan"), Shot(packet, "lan"), Shot(craft.udp(CLIENT, SERVER, 5, 71, b"x", id=1, ttl=9), "lan"), udp(70, back=True)]
    shots.append(Shot(craft.udp(BOX, STRANGER, 1, 2, id=1), None, mark=9))
    found = [packet.entry for packet in played(kernel, variant, *shots, rules=rules)]
    assert [entry and (entry.zone, entry.original_zone) for entry in found] == [(3, 0), (0, 0), (0, 4), (3, 0), (9, 0)]
