"""Facts about address translation of IPv6."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, SYN, Packet
from tests.kernel.talk import address, agreed
from tests.kernel.test_following6 import BOX, CLIENT, LAN_BOX, SERVER, STRANGER, TRACKING, box

HOME, OTHER = address("::1"), address("2001:db8:2::21")
SNAT = "-A POSTROUTING -o wan -j SNAT --to-source 2001:db8:1::1"
DNAT = "-A PREROUTING -i wan -p tcp -j DNAT --to-destination [2001:db8:2::20]:8080"
BOTH = pytest.mark.parametrize("variant", ["legacy", "nft"])


def nat(*rules: str, variant: str = "legacy", filter: str = TRACKING) -> Setup:
    return box(filter + "\n".join(["*nat", *rules, "COMMIT", ""]), variant)


def tcp(src: int, dst: int, on: str | None, sport: int = 4000, dport: int = 80, flags: int = SYN) -> Shot:
    return Shot(craft.tcp(src, dst, sport, dport, flags, 1, 2, family=6), on)


def udp(src: int, dst: int, on: str | None, sport: int = 4000, dport: int = 53) -> Shot:
    return Shot(craft.udp(src, dst, sport, dport, b"abc", family=6), on)


def echo(src: int, dst: int, on: str | None, number: int = 7, kind: int = 128) -> Shot:
    return Shot(craft.icmp(src, dst, kind, 0, number << 16 | 1, b"xyz", family=6), on)


def error(src: int, dst: int, about: bytes, on: str, kind: int = 1) -> Shot:
    return Shot(craft.icmp(src, dst, kind, 0, 0, about, family=6), on)


def left(observed: Observed) -> Packet:
    ((_, raw),) = observed.out
    return Packet(raw)


@BOTH
def test_a_connection_and_its_answers(kernel: Kernel, variant: str) -> None:
    shots = [tcp(CLIENT, SERVER, "lan"), tcp(SERVER, BOX, "wan", 80, 4000, SYN | ACK), tcp(OTHER, SERVER, "lan")]
    first, answer, clash = agreed(kernel, nat(SNAT, variant=variant), shots)
    assert (left(first).src, left(answer).dst) == (BOX, CLIENT)
    assert left(clash).sport != 4000


@BOTH
def test_echo_and_the_errors_about_all_of_them(kernel: Kernel, variant: str) -> None:
    shots = [udp(CLIENT, SERVER, "lan"), tcp(CLIENT, SERVER, "lan"), echo(CLIENT, SERVER, "lan"), echo(OTHER, SERVER, "lan")]
    abouts = [shot.raw for shot in (udp(BOX, SERVER, None), tcp(BOX, SERVER, None), echo(BOX, SERVER, None))]
    errors = [error(STRANGER, BOX, about, "wan", kind) for about in abouts for kind in (1, 2, 3)]
    packets = agreed(kernel, nat(SNAT, variant=variant), [*shots, echo(SERVER, BOX, "wan", 7, 129), *errors])
    assert {left(packet).dst for packet in packets[4:]} == {CLIENT}


@BOTH
@pytest.mark.parametrize("to", ["2001:db8:1::10-2001:db8:1::90", "2001:db8:1::10-2001:db8:3:5:6::90"])
@pytest.mark.parametrize("persistent", ["", " --persistent"])
def test_an_address_of_several(kernel: Kernel, variant: str, to: str, persistent: str) -> None:
    shots = [udp(CLIENT + near, SERVER + far, "lan", 4000 + 10 * near + far) for near in range(4) for far in range(5)]
    agreed(kernel, nat(f"-A POSTROUTING -o wan -j SNAT --to-source {to}{persistent}", variant=variant), shots)
    agreed(kernel, nat(f"-A PREROUTING -i lan -j DNAT --to-destination {to}{persistent}", variant=variant), shots)


@BOTH
def test_masquerading(kernel: Kernel, variant: str) -> None:
    shots = [tcp(CLIENT, SERVER, "lan"), tcp(BOX, SERVER, None), udp(HOME, HOME, None), udp(LAN_BOX, STRANGER, None)]
    agreed(kernel, nat("-A POSTROUTING -j MASQUERADE", variant=variant), shots)


@BOTH
def test_redirect_is_to_the_box(kernel: Kernel, variant: str) -> None:
    rules = ("-A PREROUTING -p tcp -j REDIRECT --to-ports 8080", "-A OUTPUT -p tcp -j REDIRECT")
    packets = agreed(kernel, nat(*rules, variant=variant), [tcp(CLIENT, SERVER, "lan"), tcp(BOX, SERVER, None)])
    assert [packet.to for packet in packets] == ["local", "local"]


@BOTH
def test_rejected_packets_are_answered_from_where_they_were_sent(kernel: Kernel, variant: str) -> None:
    reject = TRACKING.replace("COMMIT\n", "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n-A FORWARD -j REJECT\nCOMMIT\n")
    shots = [tcp(STRANGER, BOX, "wan"), tcp(CLIENT, SERVER, "lan"), udp(CLIENT, SERVER, "lan"), echo(CLIENT, SERVER, "lan")]
    packets = agreed(kernel, nat(DNAT, SNAT, variant=variant, filter=reject), shots)
    assert left(packets[0]).src == BOX


@BOTH
def test_networks_and_sources_at_input(kernel: Kernel, variant: str) -> None:
    rules = (
        "-A PREROUTING -i wan -d 2001:db8:1::/64 -j NETMAP --to 2001:db8:2::/64",
        "-A INPUT -p udp -j SNAT --to-source 2001:db8:2::77",
    )
    agreed(kernel, nat(*rules, variant=variant), [udp(STRANGER, BOX, "wan"), udp(STRANGER, BOX + 5, "wan"), udp(BOX, BOX, None)])


@BOTH
def test_the_boxs_own_address_is_unknown_behind_a_link(kernel: Kernel, variant: str) -> None:
    setup = nat("-A PREROUTING -p udp -j DNAT --to-destination ::1", variant=variant)
    assert agreed(kernel, setup, [udp(STRANGER, BOX, "wan")])[0].to == "wan"


@BOTH
def test_what_the_box_sends_is_routed_again(kernel: Kernel, variant: str) -> None:
    setup = nat("-A OUTPUT -p udp -j DNAT --to-destination 2001:db8:2::20", variant=variant)
    assert agreed(kernel, setup, [udp(BOX, SERVER, None)])[0].to == "lan"
    agreed(kernel, setup, [udp(HOME, HOME, None)])


@BOTH
@pytest.mark.parametrize(
    "own", [("2001:db8:2::1/64",), ("2001:db8:2::1/64", "fe80::1/64"), ("fec0::1/64", "2001:db8:2::1/64"), ("fe80::1/64",)]
)
def test_redirect_takes_an_address_that_reaches_as_far(kernel: Kernel, variant: str, own: tuple[str, ...]) -> None:
    """What was for an address or a group of the link, or of the site, is redirected to an address of that scope, or dropped."""
    targets = ("ff01::1", "ff02::fb", "ff05::2", "ff08::1", "ff0e::1", "fe80::99", "fec0::5", "::1.2.3.4", "2001:db8:77::7")
    base = nat("-A PREROUTING -p udp -j REDIRECT", variant=variant)
    setup = replace(base, interfaces={**base.interfaces, "lan": own})
    source = address(own[0].partition("/")[0]) + 7
    shots = [udp(source, address(target), "lan", 4000 + number) for number, target in enumerate(targets)]
    agreed(kernel, setup, shots)
