"""IP options, held for kernel and engine alike: refused, filled in, sent back, cut into fragments."""

from __future__ import annotations

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.kernel.random_options import with_ip_options
from fwtutor.netfilter import craft
from fwtutor.netfilter.answers import fragments
from fwtutor.netfilter.packet import ICMP, TCP, UDP, Packet
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, agreed, box, filtering
from tests.netfilter.test_ipoptions import FAULTS

LOGGING = filtering("-A INPUT -j LOG", "-A FORWARD -j LOG", "-A OUTPUT -j LOG")
RECORD = b"\7\x0b\4" + bytes(9)


def stamp(pointer: int, asked: int, *addresses: int) -> bytes:
    return bytes([68, 20, pointer, asked]) + b"".join(one.to_bytes(4, "big") for one in addresses).ljust(16, b"\0")


def through(options: bytes, ttl: int = 64) -> Shot:
    return Shot(with_ip_options(craft.udp(CLIENT, SERVER, 4000, 53, b"hello", id=1, ttl=ttl), options), "lan")


def to_the_box(options: bytes) -> Shot:
    return Shot(with_ip_options(craft.udp(STRANGER, BOX, 4000, 9, b"hello", id=1), options), "wan")


@pytest.mark.parametrize(("options", "byte"), FAULTS)
def test_a_fault_is_told_by_its_byte(kernel: Kernel, options: bytes, byte: int) -> None:
    for shot in (through(options), to_the_box(options)):
        (packet,) = agreed(kernel, box(LOGGING), [shot])
        error = Packet(packet.out[0][1])
        assert (packet.verdict, error.icmp_type, error.raw[error.l4 + 4]) == ("DISCARD", 12, byte)


def test_a_fault_is_told_by_who_does_not_forward_too(kernel: Kernel) -> None:
    setup = box(LOGGING)
    closed = Setup(setup.interfaces, setup.rules, setup.routes, {**setup.sysctls, "net.ipv4.ip_forward": 0})
    assert [len(packet.out) for packet in agreed(kernel, closed, [through(b"\7\2\4\0"), through(RECORD)])] == [1, 0]


def test_faults_are_rationed(kernel: Kernel) -> None:
    setup = box(LOGGING)
    rationed = Setup(setup.interfaces, setup.rules, setup.routes, {"net.ipv4.icmp_ratelimit": 1000})
    assert sum(len(packet.out) for packet in agreed(kernel, rationed, [through(b"\7\2\4\0")] * 8)) == 6


@pytest.mark.parametrize("options", [b"\x83\7\4\xcb\0\x71\1\0", b"\x89\7\4\xcb\0\x71\1\0", b"\x83\7\x08\1\2\3\4\0", b"\x89\3\4\0"])
def test_no_source_route_is_followed_and_nobody_told(kernel: Kernel, options: bytes) -> None:
    packets = agreed(kernel, box(LOGGING), [through(options), to_the_box(options)])
    assert [(packet.verdict, packet.out) for packet in packets] == [("DISCARD", ())] * 2


PASSING = [
    RECORD, b"\7\7\x08\1\2\3\4\0", b"\0\1\2\3", b"\x94\4\0\0", b"\x82\3\0\0", stamp(5, 0), stamp(5, 1), stamp(21, 0), stamp(21, 1),
    stamp(21, 0xE1), stamp(5, 3, BOX), stamp(5, 3, SERVER), stamp(13, 3, SERVER, 0, BOX), stamp(21, 3), stamp(5, 2), stamp(5, 15),
    RECORD + stamp(5, 1),
]  # fmt: skip


@pytest.mark.parametrize("options", PASSING)
def test_what_is_filled_in_and_when(kernel: Kernel, options: bytes) -> None:
    """To the box, through it, and back with an error: the log shows it at the hooks, what leaves afterwards."""
    shots = [through(options), to_the_box(options), through(options, ttl=1)]
    assert [packet.verdict for packet in agreed(kernel, box(LOGGING), shots)] == ["ACCEPT", "ACCEPT", "DISCARD"]


def test_the_box_reads_no_options_of_what_its_programs_send(kernel: Kernel) -> None:
    rules = filtering("-A OUTPUT -p udp -j REJECT")
    shot = Shot(with_ip_options(craft.udp(BOX, STRANGER, 4000, 53, b"x", id=1), RECORD), None)
    (packet,) = agreed(kernel, box(rules), [shot])
    assert packet.verdict == "REJECT"


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("kind", ["icmp-port-unreachable", "tcp-reset"])
def test_whom_reject_answers_when_the_header_was_written_into(kernel: Kernel, kind: str, tracked: bool) -> None:
    """Those whose checksum connection tracking had verified; with a reset only in INPUT. UDP-Lite (136) is never verified."""
    only = "-p tcp -m tcp " if kind == "tcp-reset" else ""
    rules = [f"-A {chain} {only}-j REJECT --reject-with {kind}" for chain in ("INPUT", "FORWARD")]
    rules += ["-A OUTPUT -m conntrack --ctstate INVALID"] * tracked
    protocols = (TCP,) if only else (TCP, UDP, ICMP, 253, 136)
    answered = {}
    for chain, src, dst, on in (("INPUT", STRANGER, BOX, "wan"), ("FORWARD", CLIENT, SERVER, "lan")):
        for protocol in protocols:
            raw = {
                TCP: craft.tcp(src, dst, 1, 2, 2, 5, id=1), UDP: craft.udp(src, dst, 1, 2, b"x", id=1),
                ICMP: craft.icmp(src, dst, 8, 0, 1, b"x", id=1),
            }.get(protocol) or craft.ip(src, dst, protocol, b"\1\2\xfe\xfd", id=1)  # fmt: skip
            (packet,) = agreed(kernel, box(filtering(*rules)), [Shot(with_ip_options(raw, RECORD), on)])
            answered[chain, protocol] = len(packet.out) == 1
    expected = {(chain, protocol) for chain, protocol in answered if protocol == 136 or (tracked and protocol != 253)}
    if only:
        expected -= {("FORWARD", TCP)}
    assert {key for key, yes in answered.items() if yes} == expected


@pytest.mark.parametrize("rules", [LOGGING, box().rules])
def test_which_options_later_fragments_have(kernel: Kernel, rules: str) -> None:
    """Cut by the box for the first time, those that are not copied become no-operations; cut again, all stay as they are."""
    setup = Setup(box().interfaces, rules, {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 0}, {"wan": 576})
    options = b"\1\x82\3\5\7\7\4\0\0\0\0\x94\4\0\0\x09\3\1\0\x99"
    whole = with_ip_options(craft.udp(CLIENT, SERVER, 1, 2, bytes(1000), id=1, df=False), options)
    for shots in ([whole], fragments(whole, 700, known=False), fragments(whole, 300, known=False)):
        packets = agreed(kernel, setup, [Shot(raw, "lan") for raw in shots])
        assert packets[-1].verdict == "ACCEPT"
    own = with_ip_options(craft.udp(BOX, SERVER, 1, 2, bytes(1000), id=7, df=False), options)
    agreed(kernel, setup, [Shot(raw, None) for raw in fragments(own, 500, known=False)])


def test_a_datagram_with_a_wrong_length_was_not_verified(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -j REJECT", "-A OUTPUT -m conntrack --ctstate INVALID")
    datagram = b"\0\x16\x0f\xa1\0\0\0\0"
    total = craft.transport_checksum(CLIENT, SERVER, UDP, datagram)
    raw = craft.ip(CLIENT, SERVER, UDP, datagram[:6] + total.to_bytes(2, "big"), id=1)
    packets = agreed(kernel, box(rules), [Shot(with_ip_options(raw, RECORD), "lan"), Shot(with_ip_options(raw, b"\1" * 4), "lan")])
    assert [len(packet.out) for packet in packets] == [0, 1]
