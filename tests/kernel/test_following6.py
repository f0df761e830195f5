"""IPv6 on the harness: its packets, rules and entries, beside IPv4's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from struct import pack

import pytest

from fwtutor.kernel.compare import Difference, compare
from fwtutor.kernel.generate import case
from fwtutor.kernel.in_ipv6 import INTERFACES
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import BY_ITSELF, Observed, Order, Setup, Shot
from fwtutor.kernel.shrink import shrink
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ICMPV6, TCP, UDP, Packet
from tests.kernel.talk import Tcp, address
from tests.kernel.test_following import VARIANTS, listed, without_seconds

BOX, LAN_BOX, CLIENT, SERVER, STRANGER = map(
    address, ("2001:db8:1::1", "2001:db8:2::1", "2001:db8:2::20", "2001:db8:9::80", "2001:db8:1::9")
)
ALL_NODES, ALL_ROUTERS = address("ff02::1"), address("ff02::2")
FRAGMENT, DESTINATION_OPTIONS = 44, 60
TRACKING = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A FORWARD -m conntrack --ctstate INVALID\nCOMMIT\n"


def box(rules6: str = TRACKING, variant: str = "legacy") -> Setup:
    interfaces = {"wan": ("203.0.113.1/24", "2001:db8:1::1/64"), "lan": ("192.168.0.1/16", "2001:db8:2::1/64")}
    routes = {"default": "wan", "::/0": ("wan", "2001:db8:1::fe")}
    return Setup(interfaces, "", routes, {"net.ipv6.icmp.ratelimit": 0}, variant=variant, rules6=rules6)


def tcp(src: int, dst: int, sport: int, dport: int, flags: str, on: str | None) -> Shot:
    return Shot(craft.tcp(src, dst, sport, dport, craft.flag_bits(flags), 1, 2, family=6), on)


def udp(src: int, dst: int, on: str | None, *, ttl: int = 64, size: int = 3) -> Shot:
    return Shot(craft.udp(src, dst, 5, 6, bytes(size), family=6, ttl=ttl), on)


def echo(src: int, dst: int, on: str | None) -> Shot:
    return Shot(craft.icmp(src, dst, 128, 0, 7 << 16, family=6), on)


def fragments(shot: Shot, size: int) -> list[Shot]:
    body, found = shot.raw[40:], []
    for at in range(0, len(body), size):
        header = pack("!BBHI", shot.raw[6], 0, at | (at + size < len(body)), 77)
        raw = craft.ip(Packet(shot.raw).src, Packet(shot.raw).dst, FRAGMENT, header + body[at : at + size], family=6)
        found.append(shot._replace(raw=raw))
    return found


def told(packet: Observed) -> tuple[str, str | None, str]:
    return packet.verdict, packet.to, " ".join(name for name, _ in packet.out)


@VARIANTS
def test_a_connection_through_the_box(kernel: Kernel, variant: str) -> None:
    shots = [tcp(CLIENT, SERVER, 4000, 80, "S", "lan"), tcp(SERVER, CLIENT, 80, 4000, "SA", "wan")]
    first, second = kernel.play(box(variant=variant), shots).packets
    assert (told(first), told(second)) == (("ACCEPT", "wan", "wan"), ("ACCEPT", "lan", "lan"))
    assert (first.path, first.out[0][1][7]) == (("filter:FORWARD:policy:2",), 63)
    assert first.states == (("PREROUTING", "NEW"), ("FORWARD", "NEW"), ("POSTROUTING", "NEW"))
    assert [state for _, state in second.states] == ["ESTABLISHED"] * 3
    assert second.entry is not None
    assert second.entry.reply == "src=2001:db8:9::80 dst=2001:db8:2::20 sport=80 dport=4000"


@VARIANTS
def test_what_the_box_sends_and_what_its_stack_answers(kernel: Kernel, variant: str) -> None:
    shots = [udp(BOX, STRANGER, None), tcp(STRANGER, BOX, 4000, 80, "S", "wan"), echo(STRANGER, BOX, "wan"), tcp(BOX, BOX, 1, 2, "S", None)]
    packets = kernel.play(box(variant=variant), shots).packets
    assert [packet.shot for packet in packets] == [0, 1, -1, 2, -1, 3, -1]
    assert [told(packet) for packet in packets[:3]] == [("ACCEPT", "wan", "wan"), ("ACCEPT", "local", ""), ("ACCEPT", "wan", "wan")]
    assert craft.transport_checksum(BOX, STRANGER, TCP, packets[2].raw[40:], 6) == 0
    assert str(packets[4].entry).startswith("icmpv6   58 ")
    assert [hook for hook, _ in packets[5].states] == ["OUTPUT", "POSTROUTING", "PREROUTING", "INPUT"]


def test_an_error_of_the_box_is_its_packets(kernel: Kernel) -> None:
    (spent,) = kernel.play(box(), [udp(CLIENT, SERVER, "lan", ttl=1)]).packets
    assert told(spent) == ("DISCARD", None, "lan")
    assert [hook for hook, _ in spent.states] == ["PREROUTING", "OUTPUT", "POSTROUTING"]
    (rejected,) = kernel.play(box("*filter\n-A FORWARD -j REJECT\nCOMMIT\n"), [udp(CLIENT, SERVER, "lan")]).packets
    assert told(rejected) == ("REJECT", None, "lan")
    assert Packet(rejected.out[0][1]).protocol == ICMPV6


@VARIANTS
def test_a_packet_to_all_nodes_leaves_and_comes_back_to_the_box(kernel: Kernel, variant: str) -> None:
    """After its own POSTROUTING, that of the copy."""
    sent, answer = kernel.play(box(variant=variant), [echo(BOX, ALL_NODES, None)]).packets
    assert told(sent) == ("ACCEPT", "wan", "wan")
    assert [hook for hook, _ in sent.states] == ["OUTPUT", "POSTROUTING", "POSTROUTING", "PREROUTING", "INPUT"]
    assert told(answer) == ("ACCEPT", "local", "")
    (dropped,) = kernel.play(box(TRACKING.replace("COMMIT", "-A INPUT -j DROP\nCOMMIT"), variant), [echo(BOX, ALL_NODES, None)]).packets
    assert told(dropped) == ("ACCEPT", "wan", "wan"), "what becomes of the copy is another matter"


@VARIANTS
def test_nat_of_ipv6(kernel: Kernel, variant: str) -> None:
    rules = "*nat\n-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination [2001:db8:2::20]:80\nCOMMIT\n"
    shots = [tcp(STRANGER, BOX, 4000, 8080, "S", "wan"), tcp(CLIENT, STRANGER, 80, 4000, "SA", "lan")]
    first, second = kernel.play(box(rules, variant), shots).packets
    assert first.path[0] == "nat:PREROUTING:rule:1"
    assert repr(Packet(first.out[0][1])) == "<Packet tcp 2001:db8:1::9:4000 > 2001:db8:2::20:80 SYN>"
    assert repr(Packet(second.out[0][1])) == "<Packet tcp 2001:db8:1::1:8080 > 2001:db8:1::9:4000 SYN+ACK>"
    assert first.entry is not None
    assert first.entry.reply == "src=2001:db8:2::20 dst=2001:db8:1::9 sport=80 dport=4000"


@VARIANTS
def test_extension_headers_are_looked_behind(kernel: Kernel, variant: str) -> None:
    options = bytes([UDP, 0, 1, 4, 0, 0, 0, 0])
    raw = craft.ip(CLIENT, SERVER, DESTINATION_OPTIONS, options + udp(CLIENT, SERVER, None).raw[40:], family=6)
    (packet,) = kernel.play(box(variant=variant), [Shot(raw, "lan")]).packets
    assert packet.entry is not None
    assert packet.entry.original == "src=2001:db8:2::20 dst=2001:db8:9::80 sport=5 dport=6"


@VARIANTS
def test_fragments(kernel: Kernel, variant: str) -> None:
    pieces = fragments(udp(CLIENT, SERVER, "lan", size=40), 16)
    packets = kernel.play(box(variant=variant), pieces).packets
    assert [told(packet) for packet in packets] == [("HELD", None, ""), ("HELD", None, ""), ("ACCEPT", "wan", "wan wan wan")]
    packets = kernel.play(box("", variant), pieces).packets
    assert [told(packet) for packet in packets] == [("ACCEPT", "wan", "wan")] * 3, "untracked, each goes alone"


@VARIANTS
@pytest.mark.parametrize("rules", [TRACKING, "*filter\n:OUTPUT ACCEPT\n-A OUTPUT -p udp\nCOMMIT\n"])
def test_what_a_timer_has_the_box_send(kernel: Kernel, variant: str, rules: str) -> None:
    first, *_ = fragments(udp(STRANGER, BOX, "wan", size=40), 16)
    timeouts = {"net.ipv6.ip6frag_time": 1, "net.netfilter.nf_conntrack_frag6_timeout": 1}
    setup = replace(box(rules, variant), sysctls={"net.ipv6.icmp.ratelimit": 0, **timeouts})
    packets = kernel.play(setup, [first, udp(STRANGER, LAN_BOX, "wan")._replace(at=2.2)]).packets
    told_of = [packet for packet in packets if packet.shot == BY_ITSELF]
    assert [(told(packet), Packet(packet.raw).icmp_type) for packet in told_of] == [(("ACCEPT", "wan", "wan"), 3)]


@VARIANTS
def test_the_families_have_rules_of_their_own(kernel: Kernel, variant: str) -> None:
    rules = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\nCOMMIT\n"
    setup = replace(box(rules, variant), rules="*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n")
    items = [
        Tcp().client("S"),
        udp(CLIENT, SERVER, "lan"),
        Order("-F", family=6),
        Order("-X"),
        udp(CLIENT, SERVER, "lan"),
        Tcp().client("S"),
    ]
    observation = kernel.play(setup, items)
    assert [packet.verdict for packet in observation.packets] == ["ACCEPT", "DROP", "ACCEPT", "ACCEPT"]
    assert [(order.before, order.family, order.status) for order in observation.orders] == [(2, 6, 0), (2, 4, 0)]
    assert "[2:80] -A FORWARD -j ACCEPT" in observation.rules
    assert "-A FORWARD" not in observation.rules6


@VARIANTS
def test_an_ipv6_box_sends_nothing_of_its_own_accord(kernel: Kernel, variant: str) -> None:
    """It joins groups, and would report that twice within two seconds; its counters show that it did not."""
    observation = kernel.play(box(variant=variant), [udp(CLIENT, SERVER, "lan"), udp(CLIENT, SERVER, "lan")._replace(at=2.2)])
    assert [packet.shot for packet in observation.packets] == [0, 1]
    assert ":OUTPUT ACCEPT [0:0]" in observation.rules6


def test_a_report_of_groups_that_is_played_is_not_kept_back(kernel: Kernel) -> None:
    (packet,) = kernel.play(box(), [Shot(craft.icmp(BOX, ALL_ROUTERS, 132, 0, 0, bytes(16), family=6, ttl=1), None)]).packets
    assert told(packet) == ("ACCEPT", "wan", "wan")


def test_a_link_layer_makes_no_difference(kernel: Kernel) -> None:
    """Nobody is asked for his address."""
    seen = udp(CLIENT, SERVER, "lan")._replace(mac="02:00:00:00:00:09")
    to_all = echo(CLIENT, ALL_NODES, "lan")._replace(link="multicast")
    first, second, answer, last = kernel.play(box(), [seen, to_all, udp(BOX, STRANGER, None)]).packets
    assert [told(packet) for packet in (first, second, answer, last)] == [
        ("ACCEPT", "wan", "wan"), ("ACCEPT", "local", ""), ("ACCEPT", "lan", "lan"), ("ACCEPT", "wan", "wan"),
    ]  # fmt: skip


def test_ports_are_quiet_for_both_families(kernel: Kernel) -> None:
    setup = replace(box(), quiet=(("tcp", 80), ("udp", 6)))
    assert len(kernel.play(setup, [udp(STRANGER, BOX, "wan")]).packets) == 1


def test_a_box_without_ipv6_refuses_it_unseen(kernel: Kernel) -> None:
    setup = replace(box(""), interfaces={"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}, routes={}, sysctls={})
    (packet,) = kernel.play(setup, [udp(CLIENT, SERVER, "lan")]).packets
    assert told(packet) == ("DISCARD", None, "")


@pytest.mark.skipif(shutil.which("conntrack") is None, reason="the program conntrack is missing")
def test_entries_and_expectations_of_ipv6_are_those_the_conntrack_program_lists(kernel: Kernel) -> None:
    rules = "*raw\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
    seq, shots = 2, [tcp(CLIENT, SERVER, 4000, 21, "S", "lan"), tcp(SERVER, CLIENT, 21, 4000, "SA", "wan")]
    for data in (b"USER x\r\n", b"EPRT |2|2001:db8:2::20|2561|\r\n"):
        raw = craft.tcp(CLIENT, SERVER, 4000, 21, craft.flag_bits("PA"), seq, 2, payload=data, family=6)
        shots.append(Shot(raw, "lan"))
        seq += len(data)
    observation = kernel.play(box(rules), [*shots, echo(CLIENT, SERVER, "lan")])
    assert without_seconds(observation.conntrack) == listed(kernel, "-f", "ipv6")
    assert len(observation.conntrack) == 2
    assert without_seconds(observation.expectations) == listed(kernel, "expect", "-f", "ipv6")
    assert len(observation.expectations) == 1


def test_rules_of_ipv6_are_left_out_when_a_difference_is_made_small(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwtutor.kernel.compare.hold", lambda setup, observation, walks: [Difference(0, "verdict", "one", "another")])
    rules = TRACKING.replace("COMMIT", "-A FORWARD -p udp\n-A FORWARD -p tcp\nCOMMIT")
    small = shrink(kernel, compare(kernel, box(rules), [udp(CLIENT, SERVER, "lan"), udp(SERVER, CLIENT, "wan")]))
    assert len(small.items) == 1
    assert small.setup.rules6.count("-A FORWARD") == 1, "all but the one that switches tracking on"


def test_a_case_said_in_ipv6_is_always_the_same(kernel: Kernel) -> None:
    setup, items = case(13)
    assert (setup, items) == case(13)
    assert (setup.rules, setup.interfaces) == ("", INTERFACES)
    assert all(item.family == 6 if isinstance(item, Order) else True for item in items)
    assert not compare(kernel, setup, items).differences
